mod spill;

use proptest::prelude::*;

use super::*;

/// The stream as one vector, and the cursors as numbers into it.
struct Twin {
    start: u64,
    stream: Vec<u8>,
    size: u64,
    /// Where the window starts: it never goes back, however large it is made.
    window: usize,
    cursors: Vec<(Cursor, usize)>,
}

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Add(u16),
    Read(usize, u16),
    Share(usize, u16),
    Drop(usize),
    Resize(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..40usize).prop_map(Op::Append),
        1 => (40..700usize).prop_map(Op::Append),
        2 => any::<u16>().prop_map(Op::Add),
        4 => (any::<usize>(), any::<u16>()).prop_map(|(i, n)| Op::Read(i, n)),
        1 => (any::<usize>(), 0..90u16).prop_map(|(i, n)| Op::Share(i, n)),
        1 => any::<usize>().prop_map(Op::Drop),
        1 => (0..400u64).prop_map(Op::Resize),
    ]
}

const BLOCK: usize = 32;

impl Twin {
    fn run(&mut self, backlog: &mut Backlog, op: Op) {
        self.op(backlog, op);
        self.window = self.window.max(self.stream.len().saturating_sub(self.size as usize));
    }

    fn op(&mut self, backlog: &mut Backlog, op: Op) {
        let count = self.cursors.len();
        match op {
            Op::Append(n) => {
                let more: Vec<u8> = (0..n).map(|i| (self.stream.len() + i * 7) as u8).collect();
                backlog.append(&more);
                self.stream.extend(more);
            }
            Op::Add(n) => self.add(backlog, n),
            Op::Read(i, n) if count > 0 => {
                let (cursor, at) = &mut self.cursors[i % count];
                let n = usize::from(n) % (self.stream.len() - *at + 1);
                backlog.advance(cursor, n as u64);
                *at += n;
            }
            Op::Share(i, max) if count > 0 => {
                let (cursor, at) = &self.cursors[i % count];
                let shared = backlog.share(cursor, usize::from(max));
                assert!(shared.len() <= usize::from(max));
                assert_eq!(self.stream[*at..][..shared.len()], shared);
                assert_eq!(shared.is_empty(), max == 0 || *at == self.stream.len());
            }
            Op::Drop(i) if count > 0 => backlog.release(self.cursors.remove(i % count).0),
            Op::Resize(size) => {
                backlog.resize(size);
                backlog.block_size = BLOCK;
                self.size = size;
            }
            Op::Read(..) | Op::Share(..) | Op::Drop(_) => {}
        }
    }

    fn add(&mut self, backlog: &mut Backlog, n: u16) {
        let at = usize::from(n) % (self.stream.len() + 40);
        let offset = Offset::new(self.start + at as u64).unwrap();
        let held = backlog.first() <= offset && offset <= backlog.end();
        let cursor = backlog.cursor_at(offset);
        assert_eq!(cursor.is_some(), held);
        self.cursors.extend(cursor.map(|cursor| (cursor, at)));
    }

    fn check(&self, backlog: &Backlog) {
        let len = self.stream.len();
        assert_eq!(backlog.end().get(), self.start + len as u64);
        let first = (backlog.first().get() - self.start) as usize;
        let slowest = self.cursors.iter().map(|(_, at)| *at).min().unwrap_or(len);
        assert!(first <= self.window.min(slowest), "held from {first} on, needed earlier");
        // A cursor at the end of a full block still counts as in it: two blocks of rounding.
        let block = backlog.closed.iter().map(|block| block.bytes().len() as u64);
        let block = block.fold(BLOCK as u64, u64::max);
        let most = self.size.max((len - slowest) as u64) + 2 * block;
        assert!(backlog.len() <= most, "{} bytes held, at most {most} needed", backlog.len());
        for (cursor, at) in &self.cursors {
            assert_eq!(cursor.offset().get(), self.start + *at as u64);
            assert_eq!(backlog.unread(cursor), (len - at) as u64);
            assert_eq!(backlog.pinned_by(cursor), ((len - at) as u64).saturating_sub(self.size));
            let chunks: Vec<&[u8]> = backlog.chunks(cursor).collect();
            assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
            assert_eq!(chunks.concat(), self.stream[*at..]);
        }
        let mut held: Vec<u8> =
            backlog.closed.iter().flat_map(|block| block.bytes().to_vec()).collect();
        held.extend(backlog.open.bytes());
        assert_eq!(held, self.stream[first..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_a_plain_vector(
        start in prop_oneof![Just(0u64), 0..1u64 << 60],
        size in 0..300u64,
        ops in prop::collection::vec(op(), 0..120),
    ) {
        let mut backlog = Backlog::with_blocks(Offset::new(start).unwrap(), size, BLOCK);
        let mut twin = Twin { start, stream: Vec::new(), size, window: 0, cursors: Vec::new() };
        for op in ops {
            twin.run(&mut backlog, op);
            twin.check(&backlog);
        }
    }
}

#[test]
fn blocks_of_a_full_window_are_used_again() {
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    for _ in 0..100 {
        backlog.append(&[7; 100_000]);
    }
    assert!(backlog.len() >= 1 << 20);
    let allocated = backlog.allocated();
    assert!(allocated <= (1 << 20) + 3 * BLOCK_MAX as u64, "{allocated} bytes allocated");
}

#[test]
fn a_huge_append_holds_no_more_than_the_window() {
    let mut backlog = Backlog::new(Offset::ZERO, 64 << 10);
    backlog.append(&vec![1; 8 << 20]);
    assert!(backlog.allocated() <= 128 << 10, "{} bytes allocated", backlog.allocated());
}

#[test]
fn a_stalled_cursor_pins_and_its_release_frees() {
    let mut backlog = Backlog::new(Offset::ZERO, 64 << 10);
    let cursor = backlog.cursor_at(Offset::ZERO).unwrap();
    backlog.append(&vec![1; 1 << 20]);
    assert_eq!(backlog.pinned_by(&cursor), (1 << 20) - (64 << 10));
    assert_eq!(backlog.beyond_window(), (1 << 20) - (64 << 10));
    backlog.release(cursor);
    assert!(backlog.beyond_window() <= 4 << 10);
}

#[test]
fn bytes_shared_with_another_thread_stay_as_they_are() {
    let mut backlog = Backlog::with_blocks(Offset::ZERO, 0, 4);
    backlog.append(b"abcdefgh");
    let cursor = backlog.cursor_at(backlog.first()).unwrap();
    let shared = backlog.share(&cursor, 10);
    backlog.release(cursor);
    backlog.append(b"0123456789");
    assert_eq!(shared, b"efgh"[..]);
}

#[test]
fn a_link_costs_tens_of_bytes() {
    assert!(size_of::<Cursor>() <= 32);
}
