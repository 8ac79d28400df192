use super::*;

fn of(arguments: &[&str]) -> Invocation {
    Invocation::of(&arguments.iter().map(OsString::from).collect::<Vec<_>>())
}

fn options(arguments: &[&str]) -> String {
    let Invocation::Run { options, .. } = of(arguments) else { panic!("not a run") };
    String::from_utf8(options).unwrap()
}

fn load(arguments: &[&str], input: &str) -> Result<Config, LoadError> {
    of(arguments).load(&mut input.as_bytes()).map(|loaded| loaded.config)
}

fn load_file(text: &str, arguments: &[&str]) -> Result<Config, LoadError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.conf");
    fs::write(&path, text).unwrap();
    load(&[&[path.to_str().unwrap()], arguments].concat(), "")
}

/// The text of an error after its headline.
fn complaint(result: Result<Config, LoadError>) -> String {
    let text = result.unwrap_err().to_string();
    let headline = format!("\n{}\nReading the configuration file, ", fatal());
    text.strip_prefix(&headline).unwrap_or(&text).to_owned()
}

#[test]
fn options_become_lines() {
    assert_eq!(options(&["--port", "7777", "--hz", "5"]), "port \"7777\"\nhz \"5\"");
    assert_eq!(options(&["--save", "900", "1", "--save", ""]), "save \"900\" \"1\"\nsave \"\"");
    assert_eq!(options(&["--save", "--port", "1"]), "save \"\"\nport \"1\"");
    assert_eq!(options(&["--port", "1", "--save"]), "port \"1\"\nsave \"\"");
    assert_eq!(options(&["--port", "--hz"]), "port \"--hz\"");
    assert_eq!(options(&["--port 7", "--hz 8"]), "port 7\nhz 8");
    assert_eq!(options(&["--bind", "127.0.0.1", "-::1"]), "bind \"127.0.0.1\" \"-::1\"");
}

#[test]
fn the_first_argument_may_be_a_file_and_a_dash_the_input() {
    let run = |file: Option<&str>, stdin, options: &str| Invocation::Run {
        file: file.map(PathBuf::from),
        stdin,
        options: options.into(),
    };
    assert_eq!(of(&[]), run(None, false, ""));
    assert_eq!(of(&["x.conf"]), run(Some("x.conf"), false, ""));
    assert_eq!(of(&["-"]), run(None, true, ""));
    assert_eq!(of(&["-", "--hz", "1"]), run(None, true, "hz \"1\""));
    assert_eq!(of(&["x.conf", "--hz", "1", "-"]), run(Some("x.conf"), true, "hz \"1\""));
    assert_eq!(of(&["x.conf", "-", "--hz", "1"]), run(Some("x.conf"), false, " \"-\"\nhz \"1\""));
    assert_eq!(of(&["-v"]), Invocation::Version);
    assert_eq!(of(&["--help"]), Invocation::Help);
}

#[test]
fn file_input_and_options_apply_in_this_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.conf");
    fs::write(&path, "port 1\ntimeout 1\nhz 1").unwrap();
    let arguments = [path.to_str().unwrap(), "--hz", "3", "-"];
    let config = load(&arguments, "\ntimeout 2\nhz 2").unwrap();
    assert_eq!((config.port, config.timeout.as_secs(), config.hz), (1, 2, 3));
    assert_eq!(config.config_file, Some(path));
}

#[test]
fn save_lines_replace_the_default_and_add_up() {
    let save = |text: &str, arguments: &[&str]| {
        let points = load_file(text, arguments).unwrap().save;
        points.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    assert_eq!(save("", &[]), "3600 1,300 100,60 10000");
    assert_eq!(save("save 900 1\nsave 60 5 1 1", &[]), "900 1,60 5,1 1");
    assert_eq!(save("save 900 1", &["--save", "1 2"]), "900 1,1 2");
    assert_eq!(save("save 900 1", &["--save", ""]), "");
    assert_eq!(save("save \"\"\nsave 5 6", &[]), "5 6");
}

#[test]
fn errors_name_the_line_as_redis_does() {
    let cases = [
        (
            "# hi\nport 7392\n\n  foo bar  baz\n",
            "at line 4\n>>> 'foo bar  baz'\nBad directive or wrong number of arguments",
        ),
        ("port abc", "at line 1\n>>> 'port abc'\nargument couldn't be parsed into an integer"),
        (
            "port 7392 \"unbal\n",
            "at line 1\n>>> 'port 7392 \"unbal'\nUnbalanced quotes in configuration line",
        ),
        ("port", "at line 1\n>>> 'port'\nwrong number of arguments"),
        ("save", "at line 1\n>>> 'save'\nwrong number of arguments"),
        ("include a b", "at line 1\n>>> 'include a b'\nBad directive or wrong number of arguments"),
        (
            "loadmodule x.so",
            "at line 1\n>>> 'loadmodule x.so'\nredwire does not support 'loadmodule' yet",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(complaint(load_file(text, &[])), expected);
    }
    let option = complaint(load(&["--port", "abc", "--save", "900", "1"], ""));
    assert_eq!(
        option,
        "at line 2\n>>> 'port \"abc\"'\nargument couldn't be parsed into an integer"
    );
    let after_file = complaint(load_file("port 1", &["--port", "a"]));
    assert!(after_file.starts_with("at line 2\n"), "{after_file}");
    assert_eq!(
        complaint(load(&["--databases", "0"], "")),
        "at line 2\n>>> 'databases \"0\"'\nargument must be between 1 and 2147483647 inclusive"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    assert_eq!(
        complaint(load(&["/nonexistent.conf"], "")),
        "Fatal error, can't open config file '/nonexistent.conf': No such file or directory"
    );
    let log = complaint(load(&["--logfile", "/nonexistent/log"], ""));
    assert_eq!(log, format!("\n{}\nCan't open the log file: No such file or directory", fatal()));
}

#[test]
fn includes_are_read_where_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("a.inc", "hz 1\ntimeout 1\nsave 1 1");
    write("b.inc", "hz 2\nsave 2 2");
    let at = dir.path().display();
    let text = format!("hz 3\ndir {at}\ninclude *.inc\ntimeout 9\ninclude none*.inc\nsave 3 3");
    let config = load_file(&text, &[]).unwrap();
    assert_eq!((config.hz, config.timeout.as_secs(), config.save.len()), (2, 9, 3));

    write("bad.conf", "port 1\nhz x");
    let path = dir.path().join("bad.conf");
    let text = complaint(load_file(&format!("include {}", path.display()), &[]));
    let expected = format!(
        "at line 2 of {}\n>>> 'hz x'\nargument couldn't be parsed into an integer",
        path.display()
    );
    assert_eq!(text, expected);
}

#[test]
fn a_file_that_includes_itself_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("redis.conf");
    fs::write(&path, format!("include {}", path.display())).unwrap();
    let text = complaint(load(&[path.to_str().unwrap()], ""));
    assert!(text.ends_with("Files include one another more than 16 deep"), "{text}");
}

#[test]
fn relative_folders_are_seen_from_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    let config = load(&["--dir", dir.path().to_str().unwrap(), "--dir", "sub"], "").unwrap();
    let full = fs::canonicalize(dir.path()).unwrap().join("sub");
    assert_eq!(config.rdb_path(), full.join("dump.rdb"));
}

#[test]
fn what_debian_ships_is_accepted() {
    // The settings of Debian's redis.conf for 7.0 that have no path of the system in them.
    let config = load_file(include_str!("debian-7.0.conf"), &[]).unwrap();
    let without_effect: Vec<_> = config.without_effect().collect();
    assert!(without_effect.is_empty(), "{without_effect:?}");
}
