//! The walk through a file of which only faults are wanted.

use super::{AfterBlob, Flow, Machine, Pending, State};
use crate::{
    decode::{
        Found,
        check::Tally,
        input::{Halt, Input},
        text::plain_string,
    },
    types::{opcode, type_byte},
};

impl Machine {
    /// Goes on to the end of the file, or until `run` bytes or more are passed.
    pub(crate) fn pass(
        &mut self,
        input: &mut Input<'_>,
        run: usize,
        tally: &mut Tally,
    ) -> Result<(), Halt> {
        while input.at < run {
            match self.state {
                State::Top if self.straight => self.pass_strings(input, run, tally),
                State::Blob { .. } => self.pass_blob(input)?,
                _ => {}
            }
            if self.step(input)? == Flow::Go {
                continue;
            }
            match self.found {
                Found::Key(_) => {
                    self.pending = Pending::default();
                    tally.keys += 1;
                }
                Found::KeyEnd { empty } => tally.empty += u64::from(empty),
                Found::End(_) => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Passes string keys as long as they are there whole, with lengths of the two short forms:
    /// most files are mostly that.
    #[inline(never)]
    fn pass_strings(&mut self, input: &mut Input<'_>, run: usize, tally: &mut Tally) {
        let max = self.options.limits.max_string;
        let mut at = input.at;
        let mut keys = 0;
        while at < run {
            let key = match input.bytes.get(at) {
                Some(&type_byte::STRING) => at + 1,
                Some(&opcode::EXPIRE_MS) if input.bytes.get(at + 9) == Some(&type_byte::STRING) => {
                    at + 10
                }
                _ => break,
            };
            let Some((_, value)) = plain_string(input.bytes, key, max) else { break };
            let Some((_, end)) = plain_string(input.bytes, value, max) else { break };
            at = end;
            keys += 1;
        }
        if keys > 0 {
            self.pending = Pending::default();
            tally.keys += keys;
            input.at = at;
        }
    }

    /// Passes what is left of a packed value.
    #[inline(never)]
    fn pass_blob(&mut self, input: &mut Input<'_>) -> Result<(), Halt> {
        let State::Blob { blob, after } = &mut self.state else { return Ok(()) };
        let some = blob.pass(input, &self.texts, &mut self.seen)?;
        self.empty &= !some;
        self.state = match *after {
            AfterBlob::KeyEnd => State::KeyEnd,
            AfterBlob::Node { contained, left } => State::Node { contained, left },
        };
        Ok(())
    }
}
