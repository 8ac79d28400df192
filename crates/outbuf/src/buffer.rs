//! A client's queue of reply bytes.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

/// Bytes of the tail that do not count against limits: what every client may have at hand, as
/// Redis' static reply buffer.
const RESIDENT: usize = 16 << 10;
/// The tail becomes a chunk when it holds this much (bytes), so that its memory is freed as it is
/// sent; and an empty tail keeps no more than this for the next replies.
const TAIL_MAX: usize = 64 << 10;
/// Up to this size (bytes) copying is cheaper than another chunk.
const COPY_MAX: usize = 1 << 10;
/// Up to this size (bytes) a tail that must become a chunk is copied, and keeps its own memory.
const SEAL_COPY_MAX: usize = 4 << 10;

/// Reply bytes on their way to a socket: shared chunks that are not copied, and behind them an
/// owned tail that encoders append to.
///
/// ```
/// use redwire_outbuf::OutputBuffer;
///
/// let mut output = OutputBuffer::new();
/// output.tail().extend_from_slice(b"+PONG\r\n");
/// let value = bytes::Bytes::from(vec![b'x'; 100_000]);
/// output.push(b"$100000\r\n");
/// output.push_shared(value);
/// output.push(b"\r\n");
///
/// // std::io::IoSlice::new on each of the first few makes a vectored write ...
/// assert_eq!(output.chunks().map(<[u8]>::len).collect::<Vec<_>>(), [16, 100_000, 2]);
/// output.advance(60_000); // ... that took this much
/// assert_eq!(output.len(), 40_018);
/// ```
#[derive(Debug, Default)]
pub struct OutputBuffer {
    chunks: VecDeque<Chunk>,
    /// Unsent bytes in `chunks`.
    queued: usize,
    /// Memory that `chunks` hold.
    held: usize,
    tail: Vec<u8>,
    /// Bytes of `tail` that are sent already.
    tail_sent: usize,
}

#[derive(Debug)]
struct Chunk {
    /// Unsent bytes; none is empty.
    bytes: Bytes,
    /// Memory that it holds until it is sent whole.
    held: usize,
}

impl OutputBuffer {
    /// An empty queue that holds no memory.
    pub fn new() -> OutputBuffer {
        OutputBuffer::default()
    }

    /// The owned end of the queue, for encoders to append to. What it holds already must stay as
    /// it is.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.len() >= TAIL_MAX {
            self.seal_tail();
        } else if self.tail_sent >= SEAL_COPY_MAX && self.tail_sent * 2 >= self.tail.len() {
            self.tail.drain(..self.tail_sent);
            self.tail_sent = 0;
        }
        &mut self.tail
    }

    /// Copies `bytes` to the end of the queue.
    pub fn push(&mut self, bytes: &[u8]) {
        self.tail().extend_from_slice(bytes);
    }

    /// Puts a chunk at the end of the queue, without copying it unless it is small. Shared memory
    /// counts in full at each client that it is queued for.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() <= COPY_MAX {
            return self.push(&bytes);
        }
        self.seal_tail();
        let held = bytes.len();
        self.push_chunk(bytes, held);
    }

    /// The unsent bytes as slices, in order; none is empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        let tail = self.unsent_tail();
        self.chunks.iter().map(|chunk| &chunk.bytes[..]).chain((!tail.is_empty()).then_some(tail))
    }

    /// `n` bytes were sent: they leave the queue.
    ///
    /// # Panics
    /// When `n` is more than [`len`](OutputBuffer::len).
    pub fn advance(&mut self, mut n: usize) {
        assert!(n <= self.len(), "advanced beyond the end of the queue");
        while let Some(front) = self.chunks.front_mut().filter(|_| n > 0) {
            let step = n.min(front.bytes.len());
            front.bytes.advance(step);
            self.queued -= step;
            n -= step;
            if front.bytes.is_empty() {
                self.held -= front.held;
                self.chunks.pop_front();
            }
        }
        self.tail_sent += n;
        if self.tail_sent >= self.tail.len() {
            self.tail_sent = 0;
            self.tail.clear();
            if self.tail.capacity() > TAIL_MAX {
                // Shrunk in place it would pin what lies around it: a thousand clients that once had
                // 500 KB kept 460 MB resident by 64 KB each.
                self.tail = Vec::new();
            }
        }
    }

    /// Unsent bytes.
    pub fn len(&self) -> usize {
        self.queued + self.unsent_tail().len()
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Chunks that are queued ahead of the tail (`oll` in CLIENT LIST).
    pub fn chunk_count(&self) -> usize {
        self.chunks.len()
    }

    /// Unsent bytes that are in no chunk yet (`obl` in CLIENT LIST).
    pub fn tail_len(&self) -> usize {
        self.unsent_tail().len()
    }

    /// Bytes reserved for what is in no chunk yet (`rbs` in CLIENT LIST).
    pub fn tail_capacity(&self) -> usize {
        self.tail.capacity()
    }

    /// Drops all unsent bytes, and the memory they took.
    pub fn clear(&mut self) {
        *self = OutputBuffer::new();
    }

    /// Frees memory that is kept for the next replies. For clients that were idle for a while.
    pub fn shrink(&mut self) {
        self.tail.shrink_to_fit();
        self.chunks.shrink_to_fit();
    }

    /// Memory that counts against limits, in bytes (`omem` in CLIENT LIST): queued chunks until
    /// they are sent whole, and of the tail what is reserved beyond 16 KiB. 0 when all is sent.
    pub fn omem(&self) -> u64 {
        if self.is_empty() {
            return 0;
        }
        let tail = self.tail.capacity().saturating_sub(RESIDENT);
        (self.held + self.chunks.len() * size_of::<Chunk>() + tail) as u64
    }

    /// All memory of the queue, in bytes, kept for later or in use: its share of `tot-mem`.
    pub fn memory(&self) -> u64 {
        let slots = self.chunks.capacity() * size_of::<Chunk>();
        (self.held + slots + self.tail.capacity()) as u64
    }

    fn unsent_tail(&self) -> &[u8] {
        self.tail.get(self.tail_sent..).unwrap_or_default()
    }

    /// Makes a chunk of the tail.
    fn seal_tail(&mut self) {
        let unsent = self.unsent_tail();
        if unsent.len() <= SEAL_COPY_MAX {
            let copy = Bytes::copy_from_slice(unsent);
            self.tail.clear();
            self.tail_sent = 0;
            return self.push_chunk(copy, 0);
        }
        let held = self.tail.capacity();
        let mut bytes = Bytes::from(std::mem::take(&mut self.tail));
        bytes.advance(std::mem::take(&mut self.tail_sent));
        self.push_chunk(bytes, held);
    }

    /// `held` is at least what the chunk has.
    fn push_chunk(&mut self, bytes: Bytes, held: usize) {
        if bytes.is_empty() {
            return;
        }
        let held = held.max(bytes.len());
        self.queued += bytes.len();
        self.held += held;
        self.chunks.push_back(Chunk { bytes, held });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize),
        Tail(usize),
        Shared(usize),
        Advance(usize),
        Shrink,
        Clear,
    }

    fn op() -> impl Strategy<Value = Op> {
        let size =
            || prop_oneof![0..200usize, 900..1200usize, 0..20_000usize, 60_000..140_000usize];
        prop_oneof![
            6 => size().prop_map(Op::Push),
            3 => size().prop_map(Op::Tail),
            3 => size().prop_map(Op::Shared),
            8 => prop_oneof![0..100usize, any::<usize>()].prop_map(Op::Advance),
            1 => Just(Op::Shrink),
            1 => Just(Op::Clear),
        ]
    }

    /// Bytes that differ from place to place.
    fn bytes(len: usize, from: &mut u32) -> Vec<u8> {
        (0..len)
            .map(|_| {
                *from = from.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (*from >> 24) as u8
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn agrees_with_a_plain_queue(ops in prop::collection::vec(op(), 0..60)) {
            let (mut output, mut twin, mut random) = (OutputBuffer::new(), Vec::new(), 1);
            for op in ops {
                match op {
                    Op::Push(n) | Op::Tail(n) | Op::Shared(n) => {
                        let more = bytes(n, &mut random);
                        twin.extend_from_slice(&more);
                        match op {
                            Op::Push(_) => output.push(&more),
                            Op::Tail(_) => output.tail().extend_from_slice(&more),
                            _ => output.push_shared(more.into()),
                        }
                    }
                    Op::Advance(n) => {
                        let n = n % (twin.len() + 1);
                        output.advance(n);
                        twin.drain(..n);
                    }
                    Op::Shrink => output.shrink(),
                    Op::Clear => {
                        output.clear();
                        twin.clear();
                    }
                }
                let chunks: Vec<&[u8]> = output.chunks().collect();
                prop_assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
                prop_assert!(chunks.concat() == twin);
                prop_assert_eq!(output.len(), twin.len());
                let queued: usize = chunks.iter().take(output.chunk_count()).map(|it| it.len()).sum();
                prop_assert_eq!(output.tail_len(), twin.len() - queued);
                prop_assert!(output.tail_len() <= output.tail_capacity());
                prop_assert_eq!(output.is_empty(), twin.is_empty());
                let (omem, memory) = (output.omem(), output.memory());
                prop_assert!(omem <= memory && twin.len() as u64 <= memory);
                prop_assert!(twin.len() as u64 <= omem + RESIDENT as u64);
                prop_assert!(!twin.is_empty() || (omem == 0 && memory <= 80_000), "{memory}");
                // What is sent stays for a while, but not without bound.
                let most = 2 * twin.len() as u64 + 300_000;
                prop_assert!(omem <= most, "{omem} for {} bytes", twin.len());
            }
        }
    }

    #[test]
    fn an_idle_client_costs_nothing() {
        let mut output = OutputBuffer::new();
        assert_eq!(output.memory(), 0);
        output.push(&[b'x'; 50_000]);
        output.advance(50_000);
        assert_eq!(output.omem(), 0);
        assert!(output.memory() >= 50_000, "kept for the next replies");
        output.shrink();
        assert_eq!(output.memory(), 0);
    }

    #[test]
    fn one_value_for_many_clients_is_one_copy() {
        let value = Bytes::from(vec![7; 1 << 20]);
        let mut outputs: Vec<OutputBuffer> = (0..100).map(|_| OutputBuffer::new()).collect();
        for output in &mut outputs {
            output.push_shared(value.clone());
            assert_eq!(output.chunks().next().unwrap().as_ptr(), value.as_ptr());
            assert!(output.omem() >= 1 << 20, "each is charged for it");
        }
    }

    #[test]
    fn a_reader_that_never_catches_up_holds_no_more_than_it_has_to_read() {
        let mut output = OutputBuffer::new();
        output.push(&[b'x'; 10_000]);
        for _ in 0..10_000 {
            output.push(&[b'x'; 1000]);
            output.advance(1000);
            assert!(output.memory() < 200_000, "{} bytes for {}", output.memory(), output.len());
        }
    }
}
