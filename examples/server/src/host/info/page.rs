//! [`Page`]: the text of `INFO` as it grows.

use std::fmt::{Display, Write as _};

/// Sections of `name:value` lines.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins a section; a blank line parts it from the one before.
    pub(super) fn title(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push_str("\r\n");
        }
        self.push(format_args!("# {title}"));
    }

    pub(super) fn field(&mut self, name: impl Display, value: impl Display) {
        self.push(format_args!("{name}:{value}"));
    }

    /// A yes or no, as 1 or 0.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.field(name, u8::from(value));
    }

    /// Bytes, and the same for people to read.
    pub(super) fn bytes(&mut self, name: &str, bytes: u64) {
        self.field(name, bytes);
        self.field(format_args!("{name}_human"), human(bytes));
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        let written = write!(self.text, "{line}\r\n");
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}

/// A size with the unit that suits it, as Redis prints it: `1.50K`.
fn human(bytes: u64) -> String {
    let units = ["K", "M", "G", "T", "P"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let (mut size, mut unit) = (bytes as f64 / 1024.0, 0);
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.2}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (bytes, text) in [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.00K"),
            (1_089_088, "1.04M"),
            (12_447_744, "11.87M"),
            (25_276_502_016, "23.54G"),
            (1 << 50, "1.00P"),
            (1 << 62, "4096.00P"),
        ] {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn sections_are_parted_by_a_blank_line() {
        let mut page = Page::default();
        page.title("One");
        page.field("a", 1);
        page.title("Two");
        page.flag("b", true);
        assert_eq!(page.into_text(), "# One\r\na:1\r\n\r\n# Two\r\nb:1\r\n");
    }
}
