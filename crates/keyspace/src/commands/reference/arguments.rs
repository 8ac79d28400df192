//! The arguments of commands, as `COMMAND DOCS` tells of them.
//!
//! Their notation: `name` (in quotes if it has to be), or `name:type` if it is no string. Behind it, in this order, what applies:
//! `(...)` the arguments that a block or a choice (`oneof`) is made of, `#n` the key specification that
//! it is of, `="TOKEN"` the word before it, `?` for optional, `+` for one that may come several times,
//! `*` for one whose token comes each time, `@version` and `!version` for when it came and when it was
//! deprecated.

use redwire_resp::Encoder;

/// An argument.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in super::super) struct Argument {
    name: &'static str,
    kind: &'static str,
    inner: Vec<Argument>,
    key_spec: Option<i64>,
    token: Option<&'static str>,
    flags: Vec<&'static str>,
    since: Option<&'static str>,
    deprecated: Option<&'static str>,
}

/// Reads arguments; `None` if they are not of this notation.
pub(in super::super) fn parse(text: &'static str) -> Option<Vec<Argument>> {
    let mut rest = text;
    let arguments = list(&mut rest)?;
    rest.is_empty().then_some(arguments)
}

/// Arguments up to the end, or to a bracket that closes.
fn list(rest: &mut &'static str) -> Option<Vec<Argument>> {
    let mut arguments = Vec::new();
    loop {
        *rest = rest.trim_start_matches(' ');
        if rest.is_empty() || rest.starts_with(')') {
            return Some(arguments);
        }
        arguments.push(argument(rest)?);
    }
}

fn argument(rest: &mut &'static str) -> Option<Argument> {
    let name = quoted(rest).unwrap_or_else(|| word(rest));
    let mut argument = Argument { name, kind: "string", ..Argument::default() };
    if argument.name.is_empty() {
        return None;
    }
    if take(rest, ':') {
        argument.kind = word(rest);
    }
    if take(rest, '(') {
        argument.inner = list(rest)?;
        take(rest, ')').then_some(())?;
    }
    if take(rest, '#') {
        argument.key_spec = Some(word(rest).parse().ok()?);
    }
    if take(rest, '=') {
        argument.token = Some(quoted(rest)?);
    }
    for (mark, flag) in [('?', "optional"), ('+', "multiple"), ('*', "multiple_token")] {
        if take(rest, mark) {
            argument.flags.push(flag);
        }
    }
    argument.since = take(rest, '@').then(|| word(rest));
    argument.deprecated = take(rest, '!').then(|| word(rest));
    Some(argument)
}

fn take(rest: &mut &'static str, mark: char) -> bool {
    let stripped = rest.strip_prefix(mark);
    *rest = stripped.unwrap_or(rest);
    stripped.is_some()
}

/// What stands in quotes, if anything does.
fn quoted(rest: &mut &'static str) -> Option<&'static str> {
    let (text, behind) = rest.strip_prefix('"')?.split_once('"')?;
    *rest = behind;
    Some(text)
}

/// A name, a type, a number or a version.
fn word(rest: &mut &'static str) -> &'static str {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    *rest = behind;
    word
}

/// Writes them as Redis 7.0 does.
pub(in super::super) fn write(reply: &mut Encoder<'_>, arguments: &[Argument]) {
    reply.array(arguments.len());
    for argument in arguments {
        let texts = [
            ("token", argument.token),
            ("since", argument.since),
            ("deprecated_since", argument.deprecated),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let nested =
            [argument.key_spec.is_some(), !argument.flags.is_empty(), !argument.inner.is_empty()];
        reply.map(2 + texts.clone().count() + nested.into_iter().filter(|it| *it).count());
        text(reply, "name", argument.name);
        text(reply, "type", argument.kind);
        if let Some(index) = argument.key_spec {
            reply.bulk(b"key_spec_index");
            reply.integer(index);
        }
        texts.for_each(|(name, value)| text(reply, name, value));
        if !argument.flags.is_empty() {
            reply.bulk(b"flags");
            reply.set(argument.flags.len());
            argument.flags.iter().for_each(|flag| reply.simple(flag));
        }
        if !argument.inner.is_empty() {
            reply.bulk(b"arguments");
            write(reply, &argument.inner);
        }
    }
}

fn text(reply: &mut Encoder<'_>, name: &str, value: &str) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_read() {
        let text = "key:key#0 trim:block(op:oneof(eq:pure-token=\"=\" ap:pure-token=\"~\")? n:integer)\
                    ?@6.2.0!7.0.0 get:pattern#1=\"GET\"?+* field+";
        let arguments = parse(text).unwrap();
        let names: Vec<_> = arguments.iter().map(|it| (it.name, it.kind, it.key_spec)).collect();
        let expected = [
            ("key", "key", Some(0)),
            ("trim", "block", None),
            ("get", "pattern", Some(1)),
            ("field", "string", None),
        ];
        assert_eq!(names, expected);
        let trim = &arguments[1];
        assert_eq!((trim.since, trim.deprecated), (Some("6.2.0"), Some("7.0.0")));
        let tokens: Vec<_> = trim.inner[0].inner.iter().map(|it| it.token).collect();
        assert_eq!(tokens, [Some("="), Some("~")]);
        assert_eq!(arguments[2].flags, ["optional", "multiple", "multiple_token"]);
        for wrong in ["(", "a(b", "a#x", "a=\"b", ":b", "a)"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
