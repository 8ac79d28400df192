use std::collections::BTreeMap;
use std::env;
use std::str::FromStr;

use crate::Outcome;

/// The options of a benchmark's command line: `--quick`, and `--name value` for the others.
#[derive(Clone, Debug, Default)]
pub struct Options {
    quick: bool,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Reads the command line. `known` are the names that the benchmark has beside `quick`, each
    /// with a line of help.
    ///
    /// # Errors
    /// If a name is unknown or its value is missing; the text lists what there is. `--help` is
    /// answered in the same way.
    pub fn parse(known: &[(&str, &str)]) -> Outcome<Options> {
        Options::from_args(env::args().skip(1), known)
    }

    fn from_args(
        mut args: impl Iterator<Item = String>,
        known: &[(&str, &str)],
    ) -> Outcome<Options> {
        let mut options = Options::default();
        while let Some(arg) = args.next() {
            let name = arg.strip_prefix("--").unwrap_or_default();
            if name == "quick" {
                options.quick = true;
            } else if known.iter().any(|(known, _)| *known == name) {
                let value = args.next().ok_or_else(|| format!("{arg} wants a value"))?;
                options.values.insert(name.to_owned(), value);
            } else if arg != "--bench" {
                return Err(usage(&arg, known).into());
            }
        }
        Ok(options)
    }

    /// Whether sizes shall be tiny: to see that everything runs, not to measure.
    #[must_use]
    pub fn quick(&self) -> bool {
        self.quick
    }

    /// The value of an option, or else `full`, or `quick` in a quick run.
    ///
    /// # Errors
    /// If the value given cannot be read.
    pub fn value<T: FromStr>(&self, name: &str, full: T, quick: T) -> Outcome<T> {
        match self.values.get(name) {
            Some(text) => {
                text.parse().map_err(|_| format!("--{name} {text}: no such value").into())
            }
            None if self.quick => Ok(quick),
            None => Ok(full),
        }
    }

    /// Whether the list that an option gives, separated by commas, has a word that `text` contains.
    /// Without the option all is chosen.
    #[must_use]
    pub fn chooses(&self, name: &str, text: &str) -> bool {
        let text = text.to_lowercase();
        let words = self.values.get(name).map(|list| list.to_lowercase());
        words.is_none_or(|list| list.split(',').any(|word| text.contains(word)))
    }
}

fn usage(arg: &str, known: &[(&str, &str)]) -> String {
    let mut text = format!("{arg}: the options are\n  --quick: tiny sizes, to see that it runs");
    for (name, help) in known {
        text.push_str(&format!("\n  --{name} {help}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Outcome<Options> {
        Options::from_args(
            line.split_whitespace().map(str::to_owned),
            &[("keys", "N"), ("only", "X")],
        )
    }

    #[test]
    fn reads_values_and_defaults() {
        let full = options("--keys 5").unwrap();
        assert_eq!(full.value("keys", 1, 2).unwrap(), 5);
        assert_eq!(full.value("only", 1, 2).unwrap(), 1);
        assert_eq!(options("--quick").unwrap().value("keys", 1, 2).unwrap(), 2);
        assert!(options("--keys x").unwrap().value("keys", 1, 2).is_err());
        assert!(options("--keys").is_err());
        assert!(options("--nonsense 1").is_err());
    }

    #[test]
    fn chooses_by_parts_of_names() {
        let some = options("--only set,GET").unwrap();
        assert!(some.chooses("only", "HSET P16") && some.chooses("only", "get P1"));
        assert!(!some.chooses("only", "INCR P16"));
        assert!(options("").unwrap().chooses("only", "INCR P16"));
    }
}
