use std::collections::BTreeSet;

use redwire_resp::RequestBuf;

use super::log::{Context, Entry};
use super::*;
use crate::UnixMs;
use crate::command_table::CommandTable;

fn acl(users: &[(&str, &str)]) -> Acl {
    let mut acl = Acl::new(&[]);
    for (name, rules) in users {
        set(&mut acl, name, rules).unwrap();
    }
    acl
}

fn set(acl: &mut Acl, name: &str, rules: &str) -> Result<(), RuleError> {
    let rules: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    acl.set_user(name.as_bytes(), &rules).map(drop)
}

/// What `user` lacks for a request, words parted by blanks: nothing, or the reason and the word.
fn lacks(acl: &Acl, user: &str, line: &str) -> Option<(Reason, String)> {
    let request = RequestBuf::from_args(line.split(' '));
    let request = request.as_request();
    let command = CommandTable::shared().find(request.name(), |_| None).unwrap();
    let user = acl.user(user.as_bytes()).unwrap();
    let denied = user.check(command, request).err()?;
    Some((denied.reason, String::from_utf8_lossy(&request[denied.position]).into_owned()))
}

#[test]
fn the_default_user_may_do_everything() {
    let acl = acl(&[]);
    let user = acl.user(DEFAULT_USER).unwrap();
    assert!(user.is_unrestricted() && acl.is_open());
    assert_eq!(user.line(), b"user default on nopass ~* &* +@all");
}

#[test]
fn rules_describe_themselves() {
    for (rules, line) in [
        ("off", "off resetchannels -@all"),
        ("+get -get +@read", "off resetchannels -@all -get +@read"),
        ("+object|freq +object -object|help", "off resetchannels -@all +object -object|help"),
        ("allkeys allchannels allcommands -@write", "off ~* &* +@all -@write"),
        ("%R~a %W~b ~c %W~a &x &x", "off ~a %W~b ~c resetchannels &x -@all"),
        ("+select|0 +SELECT|1", "off resetchannels -@all +select|0 +select|1"),
        ("(~a +get) (%R~b", ""),
        (
            "on nopass (+get %R~k &c) ()",
            "on nopass resetchannels -@all (%R~k resetchannels &c -@all +get) (resetchannels -@all)",
        ),
        (
            ">a",
            "off #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb resetchannels -@all",
        ),
    ] {
        let mut acl = acl(&[]);
        let result = set(&mut acl, "u", rules);
        if line.is_empty() {
            assert!(result.is_err(), "{rules}");
            continue;
        }
        let text = String::from_utf8(acl.user(b"u").unwrap().line()).unwrap();
        assert_eq!(text, format!("user u {line}"), "{rules}");
        // Read back, they are the same.
        let mut again = Acl::new(&[]);
        again.load(text.as_bytes()).unwrap();
        assert_eq!(again.user(b"u").unwrap().line(), text.as_bytes());
    }
}

#[test]
fn a_wrong_rule_changes_nothing() {
    let mut acl = acl(&[("u", "on nopass ~* +get")]);
    let before = acl.user(b"u").unwrap().line();
    for rules in ["-get foo", "-get +nosuch", "resetkeys ~x %X~y", "off (+get"] {
        set(&mut acl, "u", rules).unwrap_err();
        assert_eq!(acl.user(b"u").unwrap().line(), before, "{rules}");
    }
    let errors = acl.load(b"user a on\nuser b +nosuch\n\nnouser\nuser a off").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(acl.user(b"u").unwrap().line(), before);
}

#[test]
fn what_is_missing_is_told() {
    use Reason::{Command, Key};
    let acl = acl(&[
        ("u", "on ~k* %R~r* %W~w* +@all -object|freq -select +select|0"),
        ("two", "(+get ~g*) (+set ~s*)"),
    ]);
    let cases = [
        ("u", "GET x", Some((Key, "x"))),
        ("u", "GET k1", None),
        ("u", "SET r1 v", Some((Key, "r1"))),
        ("u", "SET w1 v", None),
        ("u", "SET w1 v GET", Some((Key, "w1"))),
        ("u", "MGET k1 r1 w1 k2", Some((Key, "w1"))),
        ("u", "STRLEN w1", None),
        ("u", "ZUNIONSTORE k1 2 r1 w1", Some((Key, "w1"))),
        ("u", "ZUNIONSTORE k1 9 r1 w1", None),
        ("u", "BITFIELD r1 GET u8 0", None),
        ("u", "BITFIELD r1 SET u8 0 1", Some((Key, "r1"))),
        ("u", "COPY r1 w1", None),
        ("u", "RENAME r1 w1", Some((Key, "r1"))),
        ("u", "OBJECT FREQ k", Some((Command, "OBJECT"))),
        ("u", "OBJECT ENCODING k", None),
        ("u", "OBJECT NOSUCH k", None),
        ("u", "SELECT 0", None),
        ("u", "SELECT 1", Some((Command, "SELECT"))),
        ("two", "GET g", None),
        ("two", "SET s 1", None),
        ("two", "GET s", Some((Key, "s"))),
        ("two", "SET g 1", Some((Key, "g"))),
        ("two", "DEL g", Some((Command, "DEL"))),
    ];
    for (user, line, missing) in cases {
        let missing = missing.map(|(reason, word)| (reason, word.to_owned()));
        assert_eq!(lacks(&acl, user, line), missing, "{user}: {line}");
    }
}

#[test]
fn categories_are_those_of_redis() {
    let recorded = include_str!("../../tests/recorded/acl_categories.txt");
    let acl = Acl::new(&[]);
    let mut known = 0;
    for line in recorded.lines().filter(|line| !line.starts_with('#')) {
        let (name, categories) = line.split_once(' ').unwrap();
        let found: BTreeSet<_> = Categories::names()
            .filter(|category| {
                let category = Categories::named(category.as_bytes()).unwrap();
                acl.commands_of(category).any(|command| command == name)
            })
            .collect();
        if found.is_empty() {
            continue;
        }
        known += 1;
        assert_eq!(found, categories.split(',').collect::<BTreeSet<_>>(), "{name}");
    }
    assert!(known > 200, "{known}");
}

#[test]
fn denials_that_are_alike_are_one_entry() {
    let mut log = AclLog::default();
    let entry = |object: &[u8], at| {
        Entry::new(Some(Reason::Key), Context::Toplevel, object, b"u", UnixMs(at))
    };
    log.add(entry(b"a", 0), 2);
    log.add(entry(b"b", 1), 2);
    log.add(entry(b"a", 60_000), 2);
    let seen = |log: &AclLog| {
        log.entries().map(|it| (it.object.clone(), it.count, it.id)).collect::<Vec<_>>()
    };
    assert_eq!(seen(&log), [(b"a".to_vec(), 2, 0), (b"b".to_vec(), 1, 1)]);
    log.add(entry(b"a", 120_001), 2);
    assert_eq!(seen(&log), [(b"a".to_vec(), 1, 2), (b"a".to_vec(), 2, 0)]);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn rule() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "get",
            "set",
            "select",
            "object",
            "object|freq",
            "OBJECT|help",
            "xgroup",
            "select|0",
            "get|A",
            "@read",
            "@write",
            "@fast",
            "@ALL",
            "mget",
        ]);
        let command = ("[+-]", name).prop_map(|(sign, name)| format!("{sign}{name}"));
        let word = prop::sample::select(vec![
            "on",
            "off",
            "nopass",
            "resetpass",
            "reset",
            "allkeys",
            "resetkeys",
            "allchannels",
            "resetchannels",
            "allcommands",
            "nocommands",
            "clearselectors",
            ">pw",
            ">other",
            "<pw",
            "sanitize-payload",
            "skip-sanitize-payload",
            "(+get ~a)",
            "(%R~b* +@all -set)",
            "()",
        ]);
        prop_oneof![
            3 => command,
            1 => "(~|%R~|%W~|%RW~|&)[ab*]{1,3}",
            2 => word.prop_map(str::to_owned),
        ]
    }

    proptest! {
        /// What a user is told to be makes the same user: the same line, the same rights.
        #[test]
        fn a_line_makes_the_same_user(rules in prop::collection::vec(rule(), 0..12)) {
            let mut one = Acl::new(&[]);
            for rule in &rules {
                let _ = one.set_user(b"u", &[rule.as_bytes()]);
            }
            one.set_user(b"u", &[]).unwrap();
            let line = one.user(b"u").unwrap().line();
            let mut other = Acl::new(&[]);
            other.load(&line).unwrap();
            let line_of = |acl: &Acl| String::from_utf8(acl.user(b"u").unwrap().line()).unwrap();
            prop_assert_eq!(line_of(&one), line_of(&other));
            for request in [
                "GET a", "GET ba", "SET a 1", "SET b 1", "SELECT 0", "SELECT 1", "GET A",
                "OBJECT FREQ a", "OBJECT HELP", "XGROUP CREATE a g 0", "MGET a b", "PING",
            ] {
                prop_assert_eq!(lacks(&one, "u", request), lacks(&other, "u", request));
            }
        }
    }
}
