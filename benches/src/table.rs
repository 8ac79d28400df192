use std::fmt::{self, Display};

/// A table that prints as Markdown, to be put into `RESULTS.md` as it is.
#[derive(Clone, Debug, Default)]
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub fn new<T: Display>(title: &str, heads: impl IntoIterator<Item = T>) -> Table {
        let mut table = Table { title: title.to_owned(), rows: Vec::new() };
        table.row(heads);
        table
    }

    /// Adds a row.
    pub fn row<T: Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
    }

    fn width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n**{}**\n", self.title)?;
        let columns = self.rows.first().map_or(0, Vec::len);
        let widths: Vec<_> = (0..columns).map(|column| self.width(column).max(3)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                match column {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if number == 0 {
                let line = widths.iter().enumerate();
                let line = line.map(|(i, w)| {
                    format!("{}{}", "-".repeat(w + 1), if i == 0 { '-' } else { ':' })
                });
                writeln!(f, "|{}|", line.collect::<Vec<_>>().join("|"))?;
            }
        }
        Ok(())
    }
}

/// How many times `ours` is better than `theirs`, as `2.31x`; a dash without both figures.
/// Pass rates as they are and times the other way round.
#[must_use]
pub fn ratio(ours: f64, theirs: f64) -> String {
    let ratio = ours / theirs;
    if ratio.is_finite() { format!("{ratio:.2}x") } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_markdown() {
        let mut table = Table::new("Speed", ["what", "ours"]);
        table.row(["GET", "1"]);
        let lines = "\n**Speed**\n\n| what | ours |\n|------|-----:|\n| GET  |    1 |\n";
        assert_eq!(table.to_string(), lines);
        assert_eq!((ratio(3.0, 2.0), ratio(f64::NAN, 2.0)), ("1.50x".into(), "-".into()));
    }
}
