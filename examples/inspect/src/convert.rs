//! RDB to RDB: `convert` to another version, and `split` into several files.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use redwire_keyspace::{SLOTS, key_slot};
use redwire_rdb::{Encoder, Event, KeyMeta, Version, entry::Entry};
use redwire_tools::Failure;

use crate::{output::Output, value};

/// Which file a key goes to.
pub(crate) enum Rule {
    /// All to one.
    One(PathBuf),
    /// A file for each database, in a folder.
    ByDb(PathBuf),
    /// The 16384 slots in so many equal parts, in a folder.
    BySlot(PathBuf, u16),
}

/// An RDB file being written.
struct Target {
    output: Output,
    out: Vec<u8>,
    encoder: Encoder,
    db: Option<u32>,
    keys: u64,
}

/// Writes keys into files of a version.
pub(crate) struct Converter {
    rule: Rule,
    version: Option<Version>,
    targets: BTreeMap<String, Target>,
    /// Aux fields and functions, for each file that begins.
    notes: Vec<Note>,
    /// What was left out, counted by what it is.
    pub(crate) dropped: BTreeMap<&'static str, u64>,
}

enum Note {
    Aux(Vec<u8>, Vec<u8>),
    Function(Vec<u8>),
    Module(Vec<u8>),
}

const FLUSH: usize = 256 << 10;

impl Converter {
    /// Without a `version`, that of the input, 6.0's at least.
    pub(crate) fn new(rule: Rule, version: Option<Version>) -> Self {
        Self {
            rule,
            version,
            targets: BTreeMap::new(),
            notes: Vec::new(),
            dropped: BTreeMap::new(),
        }
    }

    /// Puts all files in place; their names and keys.
    pub(crate) fn finish(mut self) -> Result<Vec<(String, u64)>, Failure> {
        if let Rule::One(path) = &self.rule {
            let name = path.display().to_string();
            self.target(&name)?;
        }
        let mut written = Vec::new();
        for (name, mut target) in self.targets {
            target.encoder.end(&mut target.out);
            target.output.write(&target.out)?;
            target.output.finish()?;
            written.push((name, target.keys));
        }
        Ok(written)
    }

    fn path(&self, db: u32, key: &[u8]) -> PathBuf {
        match &self.rule {
            Rule::One(path) => path.clone(),
            Rule::ByDb(folder) => folder.join(format!("db-{db}.rdb")),
            Rule::BySlot(folder, parts) => {
                let parts = usize::from(*parts);
                let part = usize::from(key_slot(key)) * parts / SLOTS;
                let (first, end) =
                    ((part * SLOTS).div_ceil(parts), ((part + 1) * SLOTS).div_ceil(parts));
                folder.join(format!("slots-{first:05}-{:05}.rdb", end - 1))
            }
        }
    }

    fn target(&mut self, name: &str) -> Result<&mut Target, Failure> {
        if !self.targets.contains_key(name) {
            if self.targets.is_empty()
                && let Rule::ByDb(folder) | Rule::BySlot(folder, _) = &self.rule
            {
                let failed = Failure::io(folder.display().to_string());
                fs::create_dir_all(folder).map_err(failed)?;
            }
            let output = Output::open(Some(name.as_ref()))?;
            let version = self.version.unwrap_or(Version::REDIS_6_0);
            let mut target = Target {
                output,
                out: Vec::new(),
                encoder: Encoder::new(value::options(version)),
                db: None,
                keys: 0,
            };
            target.encoder.start(&mut target.out);
            for note in &self.notes {
                target.note(note)?;
            }
            self.targets.insert(name.to_owned(), target);
        }
        self.targets.get_mut(name).ok_or_else(|| Failure::Refused(format!("no output {name}")))
    }
}

impl Target {
    fn note(&mut self, note: &Note) -> Result<(), Failure> {
        match note {
            Note::Aux(key, value) => self.encoder.aux(&mut self.out, key, value),
            Note::Function(code) => {
                self.encoder.function(&mut self.out, code).map_err(Failure::Target)?;
            }
            Note::Module(body) => self.encoder.module_aux(&mut self.out, body),
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        if self.db != Some(entry.db) {
            self.db = Some(entry.db);
            self.encoder.select_db(&mut self.out, entry.db, 0, 0);
        }
        let meta = KeyMeta::from(entry.header);
        self.encoder.value(&mut self.out, &meta, &entry.value).map_err(Failure::Target)?;
        self.keys += 1;
        if self.out.len() >= FLUSH {
            self.output.write(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }
}

impl Converter {
    /// The input is of this version.
    pub(crate) fn start(&mut self, version: Version) {
        let least = version.number().max(Version::REDIS_6_0.number());
        self.version = self.version.or(Version::from_number(least));
    }

    /// What stands between keys.
    pub(crate) fn between(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Start(version) => self.start(*version),
            Event::Aux { key, value } => self.notes.push(Note::Aux(key.to_vec(), value.to_vec())),
            Event::Function(code) => self.notes.push(Note::Function(code.to_vec())),
            Event::ModuleAux(body) => self.notes.push(Note::Module(body.to_vec())),
            Event::KeyMeta(_) => *self.dropped.entry("module metadata of a key").or_default() += 1,
            Event::SlotImport(_) => *self.dropped.entry("slot import").or_default() += 1,
            _ => {}
        }
        // Modules' data can follow the keys, too.
        if let (Event::ModuleAux(_), Some(note)) = (event, self.notes.last()) {
            for target in self.targets.values_mut() {
                target.note(note)?;
            }
        }
        Ok(())
    }

    /// A key, which is written unless servers would drop it when they load it.
    pub(crate) fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Failure> {
        if entry.value.is_empty() {
            return Ok(());
        }
        let name = self.path(entry.db, entry.header.key).display().to_string();
        self.target(&name)?.entry(entry)
    }
}
