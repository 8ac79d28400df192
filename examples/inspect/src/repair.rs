//! `repair`: what can be read of a damaged file, into a new one, and a report of what was lost.

use redwire_rdb::{
    DecodeOptions,
    entry::Item,
    salvage::{Lost, Salvage, Salvaged},
};
use redwire_tools::{Failure, text};

use crate::{convert::Converter, filter::Filter};

/// What became of a file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lost: Vec<Lost>,
    /// What is wrong with the checksum.
    checksum: Option<String>,
    keys: u64,
    /// Keys left out because they came before.
    repeated: u64,
    /// Members and fields likewise.
    twice: u64,
}

/// Reads what can be read of `bytes`, which come from the input `name`, into `converter`.
pub(crate) fn run(
    name: &str,
    bytes: &[u8],
    filter: &Filter,
    converter: &mut Converter,
) -> Result<Report, Failure> {
    let mut salvage = Salvage::new(bytes, DecodeOptions::default())
        .map_err(|error| Failure::Damaged { name: name.to_owned(), error })?;
    converter.start(salvage.version());
    let mut report = Report::default();
    while let Some(salvaged) = salvage.next() {
        match salvaged {
            Salvaged::Item(Item::Entry(entry)) => {
                report.keys += 1;
                report.twice += entry.repeated;
                if filter.admits_entry(&entry) {
                    converter.entry(&entry)?;
                }
            }
            Salvaged::Item(Item::Between(event)) => converter.between(&event)?,
            Salvaged::Repeated { .. } => report.repeated += 1,
            Salvaged::Lost(lost) => report.lost.push(lost),
            Salvaged::Checksum(error) => report.checksum = Some(error.to_string()),
        }
    }
    Ok(report)
}

impl Report {
    /// Whether something is lost or may be.
    pub(crate) fn is_damaged(&self) -> bool {
        !self.lost.is_empty() || self.checksum.is_some()
    }

    /// The report for people.
    pub(crate) fn lines(&self) -> String {
        let mut page = format!("{} keys read\n", self.keys);
        for Lost { bytes, error } in &self.lost {
            let size = text::size(bytes.end - bytes.start);
            page += &format!("lost bytes {} to {} ({size}): {error}\n", bytes.start, bytes.end);
        }
        if self.repeated > 0 {
            page += &format!("{} keys came twice: the first was kept\n", self.repeated);
        }
        if self.twice > 0 {
            page += &format!("{} elements came twice: the first was kept\n", self.twice);
        }
        if let Some(error) = &self.checksum {
            page += &format!("{error}: a value may be damaged though its form is right\n");
        }
        if !self.is_damaged() {
            page += "nothing lost\n";
        }
        page
    }
}
