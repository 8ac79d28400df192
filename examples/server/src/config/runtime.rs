//! CONFIG GET and CONFIG SET.

use super::Config;
use super::glob;
use super::parameters::PARAMETERS;
use super::setting::ValueError;
use super::table::{Change, Parameter};

/// A configuration with the changes of one CONFIG SET, not in force yet.
///
/// Whoever asked for it applies what follows from the changes (a new port to
/// listen on, say) and puts `config` in the place of the old one, or answers
/// with [`SetError::refused`] and keeps the old one: CONFIG SET is atomic.
#[derive(Debug)]
pub(crate) struct Update {
    /// The whole configuration as it will be.
    pub(crate) config: Config,
    /// The names, never aliases, of the parameters that were given.
    pub(crate) names: Vec<&'static str>,
}

/// Why CONFIG SET changed nothing. The texts are Redis', to be sent after `ERR`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SetError {
    /// A name without a value.
    #[error("syntax error")]
    Unpaired,
    /// There is no such parameter.
    #[error("Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// One parameter did not take its value.
    #[error("CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Failed {
        /// The name as the client gave it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl SetError {
    /// What to answer when a change could not be put in force.
    pub(crate) fn refused(name: impl Into<String>, reason: impl ToString) -> Self {
        Self::Failed { name: name.into(), reason: reason.to_string() }
    }
}

impl Config {
    /// The parameters that match any of these names and patterns, whatever their
    /// case, with their values: the reply of CONFIG GET.
    ///
    /// A plain name comes back as it was asked for, as Redis does.
    pub(crate) fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            let lower = pattern.to_ascii_lowercase();
            let plain = !glob::is_pattern(pattern);
            for parameter in PARAMETERS {
                for name in parameter.names() {
                    let shown = if plain { pattern } else { name.as_bytes() };
                    if glob::matches(&lower, name.as_bytes())
                        && !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(shown))
                    {
                        found.push((shown.to_vec(), parameter.get(self)));
                    }
                }
            }
        }
        found
    }

    /// This configuration with the changes of one CONFIG SET: names and values
    /// in turn.
    ///
    /// `client_is_local` counts for the parameters that
    /// `enable-protected-configs` guards.
    ///
    /// # Errors
    ///
    /// If any of the pairs is refused; then all of them are.
    pub(crate) fn updated(
        &self,
        arguments: &[&[u8]],
        client_is_local: bool,
    ) -> Result<Update, SetError> {
        let (pairs, []) = arguments.as_chunks::<2>() else { return Err(SetError::Unpaired) };
        let mut parameters: Vec<&'static Parameter> = Vec::with_capacity(pairs.len());
        let mut doubtful = None;
        for [name, _] in pairs {
            let text = || String::from_utf8_lossy(name).into_owned();
            let parameter = Parameter::find(name).ok_or_else(|| SetError::Unknown(text()))?;
            let reason = if parameter.change == Change::AtStart {
                Some("can't set immutable config")
            } else if !self.may_change(parameter, client_is_local) {
                Some("can't set protected config")
            } else if parameters.iter().any(|known| known.name == parameter.name) {
                Some("duplicate parameter")
            } else {
                None
            };
            // An unknown name further on is what Redis reports before this.
            if let Some(reason) = reason {
                doubtful.get_or_insert_with(|| SetError::refused(text(), reason));
            }
            parameters.push(parameter);
        }
        if let Some(error) = doubtful {
            return Err(error);
        }
        let mut config = self.clone();
        for (parameter, [name, value]) in parameters.iter().zip(pairs) {
            let failed = |error| SetError::refused(String::from_utf8_lossy(name), error);
            parameter.replace(&mut config, &[value]).map_err(failed)?;
        }
        Ok(Update { config, names: parameters.iter().map(|parameter| parameter.name).collect() })
    }

    fn may_change(&self, parameter: &Parameter, client_is_local: bool) -> bool {
        parameter.change != Change::Protected
            || self.enable_protected_configs.allows(client_is_local)
    }
}

impl Parameter {
    /// Sets the parameter to this value alone, whatever it was before.
    pub(super) fn replace(&self, config: &mut Config, words: &[&[u8]]) -> Result<(), ValueError> {
        if self.accumulates {
            self.set(config, &[])?;
        }
        self.set(config, words)
    }
}

#[cfg(test)]
mod tests;
