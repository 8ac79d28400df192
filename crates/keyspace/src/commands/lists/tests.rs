//! Lists: replies, effects and key events as redis-server 7.0.15 gave them, and a naive twin.

use std::collections::VecDeque;

use proptest::prelude::*;

use crate::commands::testing::Rig;

#[test]
fn replies() {
    Rig::new().check(&[
        ("RPUSH l a b c", ":3"),
        ("LPUSH l x y", ":5"),
        ("LRANGE l 0 -1", "*5 $1 y $1 x $1 a $1 b $1 c"),
        ("LLEN l", ":5"),
        ("LLEN none", ":0"),
        ("RPUSHX none a", ":0"),
        ("LPUSHX l z", ":6"),
        ("LRANGE l -3 1", "*0"),
        ("LRANGE l -2 100", "*2 $1 b $1 c"),
        ("LRANGE l 4 2", "*0"),
        ("LRANGE l a 0", "-ERR value is not an integer or out of range"),
        ("LRANGE none 0 -1", "*0"),
        ("LINDEX l 0", "$1 z"),
        ("LINDEX l -1", "$1 c"),
        ("LINDEX l -9223372036854775808", "$-1"),
        ("LINDEX l 6", "$-1"),
        ("LINDEX none x", "$-1"),
        ("LINDEX l x", "-ERR value is not an integer or out of range"),
        ("LSET l -1 C", "+OK"),
        ("LSET l 6 x", "-ERR index out of range"),
        ("LSET l -7 x", "-ERR index out of range"),
        ("LSET none 0 x", "-ERR no such key"),
        ("LPOP l", "$1 z"),
        ("RPOP l 2", "*2 $1 C $1 b"),
        ("LPOP l 0", "*0"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("LPOP l x", "-ERR value is out of range, must be positive"),
        ("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"),
        ("LPOP none", "$-1"),
        ("LPOP none 1", "*-1"),
        ("LPOP l 9223372036854775807", "*3 $1 y $1 x $1 a"),
        ("LLEN l", ":0"),
        ("RPUSH l a b a c a", ":5"),
        ("LREM l 1 a", ":1"),
        ("LREM l -1 a", ":1"),
        ("LRANGE l 0 -1", "*3 $1 b $1 a $1 c"),
        ("LREM l 0 x", ":0"),
        ("LREM l x a", "-ERR value is not an integer or out of range"),
        ("LREM none 1 a", ":0"),
        ("LINSERT l BEFORE c 1", ":4"),
        ("LINSERT l after c 2", ":5"),
        ("LINSERT l AFTER x 2", ":-1"),
        ("LINSERT none AFTER x 2", ":0"),
        ("LINSERT l AROUND c 2", "-ERR syntax error"),
        ("LRANGE l 0 -1", "*5 $1 b $1 a $1 1 $1 c $1 2"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*3 $1 a $1 1 $1 c"),
        ("LTRIM l 5 6", "+OK"),
        ("LLEN l", ":0"),
        ("LTRIM none 0 0", "+OK"),
        ("LTRIM l x 0", "-ERR value is not an integer or out of range"),
    ]);
}

#[test]
fn positions() {
    Rig::new().check(&[
        ("RPUSH l a b c 1 2 3 c c", ":8"),
        ("LPOS l c", ":2"),
        ("LPOS l x", "$-1"),
        ("LPOS none c", "$-1"),
        ("LPOS l c RANK 2", ":6"),
        ("LPOS l c RANK -1", ":7"),
        ("LPOS l c RANK 4", "$-1"),
        ("LPOS l c COUNT 2", "*2 :2 :6"),
        ("LPOS l c COUNT 0", "*3 :2 :6 :7"),
        ("LPOS l c RANK -1 COUNT 2", "*2 :7 :6"),
        ("LPOS l c RANK 9223372036854775807 COUNT 9223372036854775807", "*0"),
        ("LPOS l x COUNT 1", "*0"),
        ("LPOS none c COUNT 1", "*0"),
        ("LPOS l c COUNT 0 MAXLEN 3", "*1 :2"),
        ("LPOS l c COUNT 0 MAXLEN 2", "*0"),
        ("LPOS l c RANK -1 COUNT 0 MAXLEN 2", "*2 :7 :6"),
        ("LPOS l c RANK 0", "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"),
        ("LPOS l c COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS l c MAXLEN -1", "-ERR MAXLEN can't be negative"),
        ("LPOS l c COUNT x", "-ERR COUNT can't be negative"),
        ("LPOS l c RANK x", "-ERR value is not an integer or out of range"),
        ("LPOS l c RANK", "-ERR syntax error"),
        ("LPOS l c FOO 1", "-ERR syntax error"),
    ]);
}

#[test]
fn moves() {
    Rig::new().check(&[
        ("RPUSH l a b c", ":3"),
        ("RPOPLPUSH l m", "$1 c"),
        ("RPOPLPUSH none m", "$-1"),
        ("RPOPLPUSH l l", "$1 b"),
        ("LMOVE l m LEFT RIGHT", "$1 b"),
        ("LRANGE m 0 -1", "*2 $1 c $1 b"),
        ("LMOVE l m LEFT UP", "-ERR syntax error"),
        ("HSET h f v", ":1"),
        ("RPOPLPUSH l h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("RPOPLPUSH h l", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("RPOPLPUSH none h", "$-1"),
        ("RPUSH h x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("LMPOP 2 none m LEFT", "*2 $1 m *1 $1 c"),
        ("LMPOP 2 none m right COUNT 10", "*2 $1 m *1 $1 b"),
        ("LMPOP 1 m LEFT", "*-1"),
        ("LMPOP 0 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP -1 l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x l LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 l LEFT", "-ERR syntax error"),
        ("LMPOP 1 l UP", "-ERR syntax error"),
        ("LMPOP 1 l LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 l LEFT COUNT", "-ERR syntax error"),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 1", "-ERR syntax error"),
        ("LMPOP 1 l LEFT SIZE 1", "-ERR syntax error"),
        ("LMPOP 2 h l LEFT", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn effects_and_events() {
    Rig::new().check_traces(&[
        ("LPUSH l a b", &["LPUSH l a b"], &["lpush l"]),
        ("RPUSH l c d", &["RPUSH l c d"], &["rpush l"]),
        ("RPUSHX none x", &[], &[]),
        ("LPUSHX l e", &["LPUSHX l e"], &["lpush l"]),
        ("LSET l 0 E", &["LSET l 0 E"], &["lset l"]),
        ("LSET l 9 x", &[], &[]),
        ("LTRIM l 0 -1", &[], &["ltrim l"]),
        ("LTRIM l 1 -1", &["LTRIM l 1 -1"], &["ltrim l"]),
        ("LINSERT l BEFORE c C", &["LINSERT l BEFORE c C"], &["linsert l"]),
        ("LINSERT l BEFORE none C", &[], &[]),
        ("LREM l 0 none", &[], &[]),
        ("LREM l 0 c", &["LREM l 0 c"], &["lrem l"]),
        ("RPOPLPUSH l m", &["RPOPLPUSH l m"], &["lpush m", "rpop l"]),
        ("LMOVE l m LEFT RIGHT", &["LMOVE l m LEFT RIGHT"], &["rpush m", "lpop l"]),
        ("RPOPLPUSH none m", &[], &[]),
        ("RPOPLPUSH m m", &["RPOPLPUSH m m"], &["lpush m", "rpop m"]),
        ("LMPOP 2 none m LEFT COUNT 1", &["LPOP m 1"], &["lpop m"]),
        ("LMPOP 1 l RIGHT COUNT 9", &["RPOP l 2"], &["rpop l", "del l"]),
        ("LMPOP 1 l RIGHT", &[], &[]),
        ("LPOP m 0", &[], &[]),
        ("LPOP m", &["LPOP m"], &["lpop m", "del m"]),
        ("RPUSH m a b c", &["RPUSH m a b c"], &["rpush m"]),
        ("RPOP m 9", &["RPOP m 9"], &["rpop m", "del m"]),
        ("RPUSH l a a", &["RPUSH l a a"], &["rpush l"]),
        ("LREM l 0 a", &["LREM l 0 a"], &["lrem l", "del l"]),
        ("RPUSH l a a", &["RPUSH l a a"], &["rpush l"]),
        ("LTRIM l 5 6", &["LTRIM l 5 6"], &["ltrim l", "del l"]),
        ("RPUSH l a", &["RPUSH l a"], &["rpush l"]),
        ("RPOPLPUSH l m", &["RPOPLPUSH l m"], &["lpush m", "rpop l", "del l"]),
    ]);
}

#[test]
fn nulls_in_resp3() {
    let mut rig = Rig::resp3();
    rig.check(&[
        ("LPOP none", "_"),
        ("LPOP none 1", "_"),
        ("LINDEX none 0", "_"),
        ("LPOS none x", "_"),
        ("LMPOP 1 none LEFT", "_"),
        ("RPOPLPUSH none none", "_"),
    ]);
}

#[test]
fn a_look_at_few_elements_costs_little() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        rig.call([b"RPUSH".as_slice(), b"l"].into_iter().chain([b"x".as_slice(); 1000]));
    }
    rig.check(&[
        ("LLEN l", ":100000"),
        ("LPOS l y MAXLEN 2", "$-1"),
        ("LPOS l x RANK -1 COUNT 1 MAXLEN 1", "*1 :99999"),
        ("LTRIM l 0 99989", "+OK"),
    ]);
    assert_eq!(rig.run("LPOP l 99980"), format!("*99980{}", " $1 x".repeat(99_980)));
    assert_eq!(rig.run("LLEN l"), ":10");
}

/// What a step does to both twins.
#[derive(Debug, Clone)]
enum Step {
    Push { left: bool, items: Vec<u8> },
    Pop { left: bool, count: Option<usize> },
    Trim(i64, i64),
    Rem(i64, u8),
    Insert { after: bool, pivot: u8, item: u8 },
    Set(i64, u8),
    Index(i64),
    Range(i64, i64),
    Pos { item: u8, rank: i64, count: usize, max_len: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let item = || 0_u8..5;
    let index = || -30_i64..30;
    prop_oneof![
        4 => (any::<bool>(), proptest::collection::vec(item(), 1..12))
            .prop_map(|(left, items)| Step::Push { left, items }),
        1 => (any::<bool>(), proptest::option::of(0_usize..24))
            .prop_map(|(left, count)| Step::Pop { left, count }),
        1 => (0_i64..3, -3_i64..60).prop_map(|(start, stop)| Step::Trim(start, stop)),
        1 => (-3_i64..4, item()).prop_map(|(count, item)| Step::Rem(count, item)),
        1 => (any::<bool>(), item(), item())
            .prop_map(|(after, pivot, item)| Step::Insert { after, pivot, item }),
        1 => (index(), item()).prop_map(|(index, item)| Step::Set(index, item)),
        1 => index().prop_map(Step::Index),
        1 => (index(), index()).prop_map(|(start, stop)| Step::Range(start, stop)),
        1 => (item(), prop_oneof![-4_i64..0, 1_i64..5], 0_usize..4, 0_usize..20)
            .prop_map(|(item, rank, count, max_len)| Step::Pos { item, rank, count, max_len }),
    ]
}

/// The list as a `VecDeque`, each command written down as its manual has it.
#[derive(Debug, Default)]
struct Naive(VecDeque<u8>);

impl Naive {
    fn absolute(&self, index: i64) -> i64 {
        if index < 0 { index + self.0.len() as i64 } else { index }
    }

    fn within(&self, start: i64, stop: i64) -> Vec<u8> {
        let (start, stop) = (self.absolute(start), self.absolute(stop));
        let inside = |index: usize| start <= index as i64 && index as i64 <= stop;
        (0..self.0.len()).filter(|index| inside(*index)).map(|index| self.0[index]).collect()
    }

    fn rem(&mut self, count: i64, item: u8) -> usize {
        let mut left = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
        let mut keep = |other: &u8| {
            let gone = *other == item && left > 0;
            left -= usize::from(gone);
            !gone
        };
        let before = self.0.len();
        if count < 0 {
            let mut kept: Vec<u8> = self.0.iter().copied().rev().filter(&mut keep).collect();
            kept.reverse();
            self.0 = kept.into();
        } else {
            self.0.retain(keep);
        }
        before - self.0.len()
    }

    fn pos(&self, item: u8, rank: i64, count: usize, max_len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        if rank < 0 {
            order.reverse();
        }
        order.truncate(if max_len == 0 { usize::MAX } else { max_len });
        order.retain(|index| self.0[*index] == item);
        order.drain(..order.len().min(rank.unsigned_abs() as usize - 1));
        order.truncate(if count == 0 { usize::MAX } else { count });
        order
    }

    fn run(&mut self, step: &Step) -> String {
        let bulk = |item: Option<u8>| item.map_or("$-1".into(), |item| format!("$1 {item}"));
        let array = |items: &[u8]| {
            let items = items.iter().map(|item| format!(" $1 {item}")).collect::<String>();
            format!("*{}{items}", items.len() / " $1 x".len())
        };
        match step {
            Step::Push { left, items } => {
                for item in items {
                    if *left { self.0.push_front(*item) } else { self.0.push_back(*item) }
                }
                format!(":{}", self.0.len())
            }
            Step::Pop { left, count } => {
                let was_there = !self.0.is_empty();
                let mut pop = || if *left { self.0.pop_front() } else { self.0.pop_back() };
                match count {
                    None => bulk(pop()),
                    Some(_) if !was_there => "*-1".into(),
                    Some(count) => array(&(0..*count).map_while(|_| pop()).collect::<Vec<_>>()),
                }
            }
            Step::Trim(start, stop) => {
                self.0 = self.within(*start, *stop).into();
                "+OK".into()
            }
            Step::Rem(count, item) => format!(":{}", self.rem(*count, *item)),
            Step::Insert { after, pivot, item } => {
                match self.0.iter().position(|other| other == pivot) {
                    _ if self.0.is_empty() => ":0".into(),
                    None => ":-1".into(),
                    Some(index) => {
                        self.0.insert(index + usize::from(*after), *item);
                        format!(":{}", self.0.len())
                    }
                }
            }
            Step::Set(index, item) => {
                let index = usize::try_from(self.absolute(*index)).unwrap_or(usize::MAX);
                let is_there = !self.0.is_empty();
                match self.0.get_mut(index) {
                    Some(place) => {
                        *place = *item;
                        "+OK".into()
                    }
                    None if is_there => "-ERR index out of range".into(),
                    None => "-ERR no such key".into(),
                }
            }
            Step::Index(index) => bulk(self.within(*index, *index).first().copied()),
            Step::Range(start, stop) => array(&self.within(*start, *stop)),
            Step::Pos { item, rank, count, max_len } => {
                let found = self.pos(*item, *rank, *count, *max_len);
                let shown: String = found.iter().map(|index| format!(" :{index}")).collect();
                format!("*{}{shown}", found.len())
            }
        }
    }
}

fn request(step: &Step) -> String {
    let side = |left: bool| if left { 'L' } else { 'R' };
    match step {
        Step::Push { left, items } => {
            let items: String = items.iter().map(|item| format!(" {item}")).collect();
            format!("{}PUSH l{items}", side(*left))
        }
        Step::Pop { left, count: None } => format!("{}POP l", side(*left)),
        Step::Pop { left, count: Some(count) } => format!("{}POP l {count}", side(*left)),
        Step::Trim(start, stop) => format!("LTRIM l {start} {stop}"),
        Step::Rem(count, item) => format!("LREM l {count} {item}"),
        Step::Insert { after, pivot, item } => {
            format!("LINSERT l {} {pivot} {item}", if *after { "AFTER" } else { "BEFORE" })
        }
        Step::Set(index, item) => format!("LSET l {index} {item}"),
        Step::Index(index) => format!("LINDEX l {index}"),
        Step::Range(start, stop) => format!("LRANGE l {start} {stop}"),
        Step::Pos { item, rank, count, max_len } => {
            format!("LPOS l {item} RANK {rank} COUNT {count} MAXLEN {max_len}")
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_deque(steps in proptest::collection::vec(step(), 0..60)) {
        let mut rig = Rig::new();
        let mut naive = Naive::default();
        for step in &steps {
            let line = request(step);
            prop_assert_eq!(rig.run(&line), naive.run(step), "{}", line);
            // A key whose last element went is gone.
            prop_assert_eq!(rig.keyspace.data().len(0), usize::from(!naive.0.is_empty()));
        }
        prop_assert_eq!(rig.run("LRANGE l 0 -1"), naive.run(&Step::Range(0, -1)));
    }
}
