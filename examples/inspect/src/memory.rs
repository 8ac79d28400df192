//! `memory`: a line of CSV for each key, or a page with a treemap.

use std::collections::BTreeMap;

use redwire_tools::{Failure, text};

use crate::{
    measure::{Weighed, Weight},
    output::Output,
};

/// Writes a line of CSV for each key.
pub(crate) struct Csv {
    output: Output,
    out: Vec<u8>,
}

const HEADER: &[u8] =
    b"database,type,key,size_in_bytes,memory_about,encoding,num_elements,len_largest_element,expire_ms\n";

impl Csv {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, out: HEADER.to_vec() }
    }

    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.output.write(&self.out)?;
        self.output.finish()
    }
}

/// A field that may hold anything: in quotes where it must be.
fn quoted(out: &mut Vec<u8>, field: &str) {
    if field.contains(['"', ',', ';']) {
        out.extend_from_slice(format!("\"{}\"", field.replace('"', "\"\"")).as_bytes());
    } else {
        out.extend_from_slice(field.as_bytes());
    }
}

impl Weighed for Csv {
    fn weight(&mut self, weight: Weight) -> Result<(), Failure> {
        self.out.extend_from_slice(format!("{},{},", weight.db, weight.kind.name()).as_bytes());
        quoted(&mut self.out, &text::shown(&weight.key));
        let expiry = weight.expire_ms.map(|at| at.to_string()).unwrap_or_default();
        let rest = format!(
            ",{},{},{},{},{},{expiry}\n",
            weight.bytes, weight.memory, weight.encoding, weight.elements, weight.largest
        );
        self.out.extend_from_slice(rest.as_bytes());
        if self.out.len() >= 1 << 17 {
            self.output.write(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}

/// A part of the treemap.
#[derive(Debug, Default)]
struct Node {
    memory: u64,
    keys: u64,
    children: BTreeMap<String, Node>,
}

/// Gathers the treemap: prefixes as boxes in boxes, single keys as the innermost.
pub(crate) struct Treemap {
    separator: u8,
    nodes: usize,
    root: BTreeMap<String, Node>,
}

/// Boxes that are gathered; what comes after counts for its parent's box only.
const MAX_NODES: usize = 200_000;
/// Boxes within a box that are written, the largest; the others as one.
const MAX_CHILDREN: usize = 200;
/// Boxes in boxes.
const MAX_DEPTH: usize = 6;

impl Treemap {
    pub(crate) fn new(separator: u8) -> Self {
        Self { separator, nodes: 0, root: BTreeMap::new() }
    }

    fn add(&mut self, db: u32, key: &[u8], memory: u64) {
        let mut names = vec![format!("db {db}")];
        let mut start = 0;
        for end in memchr::memchr_iter(self.separator, key).take(MAX_DEPTH) {
            names.push(text::shown(&key[start..=end]));
            start = end + 1;
        }
        names.push(text::shown(&key[start..]));
        let mut level = &mut self.root;
        for name in names {
            if !level.contains_key(&name) {
                if self.nodes >= MAX_NODES {
                    return;
                }
                self.nodes += 1;
            }
            let node = level.entry(name).or_default();
            node.memory += memory;
            node.keys += 1;
            level = &mut node.children;
        }
    }

    /// Writes the page; it needs nothing but itself.
    pub(crate) fn write(&self, mut output: Output, name: &str) -> Result<(), Failure> {
        let mut json = Vec::new();
        children(&mut json, &self.root);
        // Within a script element, `</` would end it.
        let json = String::from_utf8_lossy(&json).replace('<', "\\u003c");
        let title = name.replace('&', "&amp;").replace('<', "&lt;");
        let page = include_str!("treemap.html").replace("@TITLE@", &title).replace("@DATA@", &json);
        output.write(page.as_bytes())?;
        output.finish()
    }
}

/// Appends `[[name, memory, keys, [children]], ...]`, the largest first.
fn children(out: &mut Vec<u8>, nodes: &BTreeMap<String, Node>) {
    let mut sorted: Vec<_> = nodes.iter().collect();
    sorted.sort_by_key(|(_, node)| std::cmp::Reverse(node.memory));
    let rest = sorted.split_off(sorted.len().min(MAX_CHILDREN));
    out.push(b'[');
    for (index, (name, node)) in sorted.into_iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",[" } else { b"[" });
        text::json(out, name.as_bytes());
        out.extend_from_slice(format!(",{},{},", node.memory, node.keys).as_bytes());
        children(out, &node.children);
        out.push(b']');
    }
    if !rest.is_empty() {
        let memory: u64 = rest.iter().map(|(_, node)| node.memory).sum();
        let keys: u64 = rest.iter().map(|(_, node)| node.keys).sum();
        out.extend_from_slice(format!(",[\"{} more\",{memory},{keys},[]]", rest.len()).as_bytes());
    }
    out.push(b']');
}

impl Weighed for Treemap {
    fn weight(&mut self, weight: Weight) -> Result<(), Failure> {
        self.add(weight.db, &weight.key, weight.memory);
        Ok(())
    }
}
