//! Command lines of every command that a server has, made of what its `COMMAND DOCS` tells of the
//! arguments.

use crate::{Client, Command, Reply, Rng};

/// A command or subcommand, as `COMMAND DOCS` and `COMMAND INFO` tell of it.
#[derive(Debug)]
pub struct Shape {
    /// The whole name: `config|get`.
    pub name: String,
    group: String,
    arguments: Vec<Argument>,
    /// Whether it may block the connection.
    pub blocks: bool,
}

#[derive(Debug)]
struct Argument {
    name: String,
    kind: String,
    token: Option<String>,
    optional: bool,
    multiple: bool,
    inner: Vec<Argument>,
}

/// What stands at a place of a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The name of the command, or a word that its grammar wants.
    Word,
    /// The name of a key.
    Key,
    /// A number, or what may be one: an argument that comes once.
    Number,
    /// Anything else.
    Other,
}

/// A command line, and what each of its words is.
#[derive(Debug, Default)]
pub struct Line {
    /// The line.
    pub words: Command,
    /// One for each word.
    pub roles: Vec<Role>,
}

impl Line {
    fn push(&mut self, word: impl Into<Vec<u8>>, role: Role) {
        self.words.push(word.into());
        self.roles.push(role);
    }
}

/// Every command of a server, containers as their subcommands. The client is to speak RESP3.
///
/// # Panics
///
/// When the server does not tell of its commands as Redis 7.0 does.
pub fn shapes(client: &mut Client) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let Reply::Map(docs) = client.ok(&["COMMAND", "DOCS"]) else { panic!("no map") };
    for (name, doc) in docs {
        let info = client.ok(&["COMMAND", "INFO", &name.text()]);
        let blocks = info.elements()[0].elements()[2].elements();
        let blocks = blocks.iter().any(|flag| flag.text() == "blocking");
        add(&mut shapes, name.text(), &doc, blocks);
    }
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    shapes
}

fn add(shapes: &mut Vec<Shape>, name: String, doc: &Reply, blocks: bool) {
    if let Some(Reply::Map(inner)) = field(doc, "subcommands") {
        inner.iter().for_each(|(name, doc)| add(shapes, name.text(), doc, blocks));
        return;
    }
    let group = field(doc, "group").map(Reply::text).unwrap_or_default();
    let arguments = field(doc, "arguments").map(arguments).unwrap_or_default();
    shapes.push(Shape { name, group, arguments, blocks });
}

fn field<'a>(map: &'a Reply, name: &str) -> Option<&'a Reply> {
    let Reply::Map(pairs) = map else { return None };
    pairs.iter().find(|(key, _)| key.text() == name).map(|(_, value)| value)
}

fn arguments(of: &Reply) -> Vec<Argument> {
    let read = |argument: &Reply| {
        let text = |name| field(argument, name).map(Reply::text);
        let flags = field(argument, "flags").map(Reply::elements).unwrap_or_default();
        let has = |name: &str| flags.iter().any(|flag| flag.text() == name);
        Argument {
            name: text("name").unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            token: text("token"),
            optional: has("optional"),
            multiple: has("multiple"),
            inner: field(argument, "arguments").map(arguments).unwrap_or_default(),
        }
    };
    of.elements().iter().map(read).collect()
}

impl Shape {
    /// A line of this command that its grammar allows; which options it has is left to chance.
    #[must_use]
    pub fn line(&self, rng: &mut Rng) -> Line {
        let mut line = Line::default();
        self.name.split('|').for_each(|word| line.push(word, Role::Word));
        self.arguments.iter().for_each(|it| self.write(it, rng, &mut line));
        line
    }

    fn write(&self, argument: &Argument, rng: &mut Rng, line: &mut Line) {
        if argument.optional && rng.one_in(2) {
            return;
        }
        if let Some(token) = argument.token.as_deref() {
            // A word that is to stand for nothing has an empty one.
            line.push(if token == "\"\"" { "" } else { token }, Role::Word);
        }
        let counted = ["numkeys", "numfields", "numids"].contains(&argument.name.as_str());
        match &*argument.kind {
            "pure-token" => {}
            "oneof" => {
                let at = rng.below(argument.inner.len() as u64) as usize;
                self.write(&argument.inner[at], rng, line);
            }
            "block" => argument.inner.iter().for_each(|it| self.write(it, rng, line)),
            "key" => line.push(self.key(), Role::Key),
            "integer" | "unix-time" | "double" if counted => line.push("1", Role::Number),
            "integer" => line.push(rng.pick(&["0", "1", "2"]), Role::Number),
            "unix-time" => line.push("4102444800", Role::Number),
            "double" => line.push(rng.pick(&["0", "1.5"]), Role::Number),
            "pattern" => line.push("*", Role::Other),
            _ => {
                let role = if argument.multiple { Role::Other } else { Role::Number };
                line.push(self.text(&argument.name), role);
            }
        }
    }

    /// The key of the type that the command is about.
    fn key(&self) -> &'static str {
        match &*self.group {
            "hash" => "h",
            "list" => "l",
            "set" => "s",
            "sorted-set" | "sorted_set" => "z",
            "geo" => "g",
            "stream" => "x",
            "hyperloglog" => "p",
            _ => "k",
        }
    }

    /// Something that is neither key nor number, by what it is called.
    fn text(&self, name: &str) -> &'static str {
        match (&*self.group, name) {
            ("stream", "id" | "start" | "end" | "last-id" | "lastid" | "min-idle-time") => "1-1",
            ("stream", "group") => "g",
            ("stream", "consumer") => "c",
            ("sorted-set" | "sorted_set", "min") => "[a",
            ("sorted-set" | "sorted_set", "max") => "[z",
            _ => "a",
        }
    }
}
