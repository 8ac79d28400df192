use std::collections::BTreeSet;

use super::*;

/// Values that a parameter takes, with how CONFIG GET shows each.
fn samples(parameter: &Parameter) -> Vec<(String, String)> {
    let same =
        |texts: &[&str]| texts.iter().map(|text| (text.to_string(), text.to_string())).collect();
    if let Store::Fixed(only) = parameter.store {
        return same(&[only]);
    }
    match (parameter.name, parameter.syntax) {
        ("save", _) => same(&["900 1 60 10000", "5 0", ""]),
        ("bind", _) => same(&["* -::*", "10.0.0.1 -::1 example.org", ""]),
        ("replicaof", _) => same(&["10.0.0.1 6380", "::1 1"]),
        ("client-output-buffer-limit", _) => same(&["normal 1 2 3 slave 4 5 6 pubsub 7 8 9"]),
        ("maxmemory-clients", _) => same(&["0", "5%", "100%", "1048576"]),
        ("notify-keyspace-events", _) => same(&["AKE", "g$lK", ""]),
        ("dir", _) => same(&["/", "/tmp"]),
        ("dbfilename", _) => same(&["other.rdb", "with space"]),
        ("hz", _) => same(&["1", "100", "500"]),
        (_, Syntax::Switch) => same(&["yes", "no"]),
        (_, Syntax::Name(names)) => same(names),
        (_, Syntax::Text) => same(&["text", "with \"quotes\" and\nmore"]),
        (_, Syntax::Words) => same(&["0 1 2"]),
        ("repl-backlog-size", Syntax::Memory { .. }) => vec![("1mb".into(), "1048576".into())],
        (_, Syntax::Memory { min, max }) => [(min, min), (max, max), (1 << 30, 1 << 30)]
            .map(|(text, shown)| (text.to_string(), shown.to_string()))
            .into_iter()
            .chain([("64mb".to_owned(), "67108864".to_owned())])
            .collect(),
        (_, Syntax::Number { min, max }) => {
            [min, max, min + 1].map(|n| (n.to_string(), n.to_string())).to_vec()
        }
        (_, Syntax::Octal { .. }) => same(&["0", "700", "777"]),
    }
}

#[test]
fn every_parameter_gives_what_it_was_set_to() {
    for parameter in PARAMETERS {
        let mut config = Config::default();
        for (text, shown) in samples(parameter) {
            let set = parameter.replace(&mut config, &[text.as_bytes()]);
            assert_eq!(set, Ok(()), "{} {text}", parameter.name);
            let got = parameter.get(&config);
            assert_eq!(String::from_utf8(got).unwrap(), shown, "{}", parameter.name);
        }
    }
}

#[test]
fn the_lines_of_a_file_set_what_they_were_made_from() {
    for parameter in PARAMETERS {
        for (text, _) in samples(parameter) {
            let mut config = Config::default();
            parameter.replace(&mut config, &[text.as_bytes()]).unwrap();
            let mut again = Config::default();
            parameter.set(&mut again, &[]).ok();
            for line in parameter.file_lines(&config) {
                let words = grammar::words(&line).unwrap();
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                parameter.set(&mut again, &words).unwrap();
            }
            assert_eq!(again, config, "{} {text}", parameter.name);
        }
    }
}

#[test]
fn names_are_unique_and_lower_case() {
    let mut seen = BTreeSet::new();
    for name in PARAMETERS.iter().flat_map(Parameter::names) {
        assert!(seen.insert(name), "{name} stands twice");
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(Parameter::find(name.to_uppercase().as_bytes()).is_some());
    }
}

#[test]
fn defaults_are_those_of_redis() {
    // CONFIG GET * of redis-server 7.0.15 but for dir, pidfile and the TLS options.
    let reference = include_str!("redis-7.0.15-config-get.tsv");
    for line in reference.lines() {
        let (name, default) = line.split_once('\t').unwrap();
        let parameter = Parameter::find(name.as_bytes());
        let parameter = parameter.unwrap_or_else(|| panic!("{name} is not in the table"));
        let expected = if name == "bind" { "127.0.0.1 -::1" } else { default };
        let shown = parameter.get(&Config::default());
        assert_eq!(String::from_utf8(shown).unwrap(), expected, "{name}");
    }
}

#[test]
fn a_bad_value_is_refused_with_redis_text() {
    let one_of = "argument(s) must be one of the following:";
    let cases = [
        ("port", "abc", "argument couldn't be parsed into an integer"),
        ("port", "99999", "argument must be between 0 and 65535 inclusive"),
        ("unixsocketperm", "999", "argument couldn't be parsed as an octal number"),
        ("unixsocketperm", "1000", "argument must be between 0 and 777 inclusive"),
        ("maxmemory", "1xb", "argument must be a memory value"),
        ("appendonly", "maybe", "argument must be 'yes' or 'no'"),
        ("loglevel", "foo", &format!("{one_of} debug, verbose, notice, warning")),
        ("repl-diskless-load", "foo", &format!("{one_of} disabled, on-empty-db, swapdb")),
        ("save", "1 a", "Invalid save parameters"),
        ("save", "1", "Invalid save parameters"),
        ("save", "0 5", "Invalid save parameters"),
        ("save", "1 2  3 4", "Invalid save parameters"),
        ("replicaof", "a", "wrong number of arguments"),
        ("replicaof", "a 70000", "Invalid master port"),
        ("dbfilename", "a/b", "dbfilename can't be a path, just a filename"),
        ("dir", "/nonexistent", "No such file or directory"),
        ("dir", "/dev/null", "Not a directory"),
        ("dir", "", "No such file or directory"),
        ("bind", "1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", "Too many bind addresses specified."),
        ("hz", "-1", "argument must be between 0 and 2147483647 inclusive"),
        (
            "client-output-buffer-limit",
            "foo 1 2 3",
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1",
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            "client-output-buffer-limit",
            "normal 1kb 2kb -3",
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        ("appendonly", "yes", "redwire does not support this yet: the only value accepted is 'no'"),
    ];
    for (name, value, text) in cases {
        let mut config = Config::default();
        let parameter = Parameter::find(name.as_bytes()).unwrap();
        let error = parameter.set(&mut config, &[value.as_bytes()]).unwrap_err();
        assert_eq!(error.to_string(), text, "{name} {value}");
        assert_eq!(config, Config::default(), "{name} {value}");
    }
}

#[test]
fn values_are_brought_into_the_range_that_works() {
    for (name, value, shown) in
        [("hz", "0", "1"), ("hz", "1000", "500"), ("repl-backlog-size", "5", "16384")]
    {
        let mut config = Config::default();
        let parameter = Parameter::find(name.as_bytes()).unwrap();
        parameter.set(&mut config, &[value.as_bytes()]).unwrap();
        assert_eq!(parameter.get(&config), shown.as_bytes());
    }
}

#[test]
fn hints_are_listed_while_they_are_not_the_default() {
    let mut config = Config::default();
    let parameter = Parameter::find(b"lazyfree-lazy-expire").unwrap();
    parameter.set(&mut config, &[b"YES"]).unwrap();
    let hints: Vec<_> = config.without_effect().collect();
    assert_eq!(hints, [("lazyfree-lazy-expire", &b"yes"[..])]);
    parameter.set(&mut config, &[b"no"]).unwrap();
    assert_eq!(config, Config::default());
}
