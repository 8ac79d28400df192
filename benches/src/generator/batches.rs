use redwire_resp::encode_request;

use super::Expect;

/// Requests ready to be sent, in batches of as many as the pipeline is deep.
#[derive(Clone, Debug)]
pub struct Batches {
    bytes: Vec<u8>,
    /// Where each batch ends in `bytes`, and how many commands it has.
    ends: Vec<(usize, usize)>,
    expect: Expect,
}

impl Batches {
    /// Takes commands in batches of `pipeline`. Every reply must be as `expect` says.
    pub fn new<C>(pipeline: usize, expect: Expect, commands: C) -> Batches
    where
        C: IntoIterator<Item = Vec<Vec<u8>>>,
    {
        let mut batches = Batches { bytes: Vec::new(), ends: Vec::new(), expect };
        let mut commands = commands.into_iter().peekable();
        while commands.peek().is_some() {
            let mut count = 0;
            for command in commands.by_ref().take(pipeline) {
                encode_request(&mut batches.bytes, command.iter().map(Vec::as_slice));
                count += 1;
            }
            batches.ends.push((batches.bytes.len(), count));
        }
        batches
    }

    /// Number of batches.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What the replies are.
    #[must_use]
    pub fn expect(&self) -> Expect {
        self.expect
    }

    /// The bytes of a batch.
    #[must_use]
    pub fn bytes(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        &self.bytes[start..self.ends[index].0]
    }

    /// How many commands a batch has.
    #[must_use]
    pub fn commands(&self, index: usize) -> usize {
        self.ends[index].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_all_commands_in_order() {
        let commands = (b'a'..=b'e').map(|name| vec![vec![name]]);
        let batches = Batches::new(2, Expect::Status, commands);
        assert_eq!(batches.len(), 3);
        assert_eq!(batches.bytes(0), b"*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n");
        assert_eq!(batches.bytes(2), b"*1\r\n$1\r\ne\r\n");
        assert_eq!([0, 1, 2].map(|i| batches.commands(i)), [2, 2, 1]);
    }
}
