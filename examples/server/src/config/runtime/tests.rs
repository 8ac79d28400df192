use proptest::prelude::*;

use super::*;

fn set(config: &Config, arguments: &[&str]) -> Result<Update, SetError> {
    let arguments: Vec<&[u8]> = arguments.iter().map(|text| text.as_bytes()).collect();
    config.updated(&arguments, true)
}

fn get(config: &Config, patterns: &[&str]) -> Vec<(String, String)> {
    let patterns: Vec<&[u8]> = patterns.iter().map(|text| text.as_bytes()).collect();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    config.get(&patterns).into_iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn get_takes_names_and_patterns() {
    let config = Config::default();
    assert_eq!(get(&config, &["PORT"]), [pair("PORT", "6379")]);
    assert_eq!(get(&config, &["PO*"]), [pair("port", "6379")]);
    assert_eq!(get(&config, &["port", "p?rt", "nosuch"]), [pair("port", "6379")]);
    let slowlog = [pair("slowlog-log-slower-than", "10000"), pair("slowlog-max-len", "128")];
    assert_eq!(get(&config, &["slowlog*"]), slowlog);
    let both = [pair("replica-priority", "100"), pair("slave-priority", "100")];
    assert_eq!(get(&config, &["*-priority"]), both);
    let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
    let name = "client-output-buffer-limit";
    assert_eq!(get(&config, &[name]), [pair(name, limits)]);
    assert_eq!(get(&config, &["save"]), [pair("save", "3600 1 300 100 60 10000")]);
    assert!(get(&config, &["*"]).len() > PARAMETERS.len());
}

#[test]
fn set_changes_all_or_nothing() {
    let config = Config::default();
    let update = set(&config, &["timeout", "5", "slave-priority", "7"]).unwrap();
    assert_eq!(update.names, ["timeout", "replica-priority"]);
    assert_eq!(update.config.timeout.as_secs(), 5);
    assert_eq!(update.config.replica_priority, 7);
    assert!(set(&config, &["timeout", "5", "hz", "abc"]).is_err());
}

#[test]
fn set_replaces_save_points_and_keeps_unnamed_classes() {
    let config = Config::default();
    let update = set(&config, &["save", "5 6", "client-output-buffer-limit", "pubsub 1kb 2 3"]);
    let config = update.unwrap().config;
    assert_eq!(get(&config, &["save"]), [pair("save", "5 6")]);
    let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 1024 2 3";
    assert_eq!(get(&config, &["client-output*"])[0].1, limits);
    let config = set(&config, &["save", ""]).unwrap().config;
    assert_eq!(get(&config, &["save"]), [pair("save", "")]);
}

#[test]
fn errors_are_those_of_redis() {
    let failed = |name, reason| {
        format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}")
    };
    let unknown = "Unknown option or number of arguments for CONFIG SET - 'foo'".to_owned();
    let immutable = "can't set immutable config";
    let cases: [(&[&str], String); 8] = [
        (&["foo", "bar"], unknown.clone()),
        (&["port", "abc", "foo", "bar"], unknown.clone()),
        (&["databases", "3", "foo", "bar"], unknown),
        (&["port", "7391", "foo"], "syntax error".to_owned()),
        (&["port", "abc"], failed("port", "argument couldn't be parsed into an integer")),
        (&["databases", "3"], failed("databases", immutable)),
        (&["slaveof", "a 1"], failed("slaveof", immutable)),
        (&["timeout", "1", "TIMEOUT", "2"], failed("TIMEOUT", "duplicate parameter")),
    ];
    for (arguments, text) in cases {
        let error = set(&Config::default(), arguments).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn protected_parameters_want_permission() {
    let mut config = Config::default();
    let error = set(&config, &["dbfilename", "x.rdb"]).unwrap_err();
    assert_eq!(error, SetError::refused("dbfilename", "can't set protected config"));
    config.enable_protected_configs = super::super::DebugAccess::Local;
    assert!(config.updated(&[b"dbfilename", b"x.rdb"], true).is_ok());
    assert!(config.updated(&[b"dbfilename", b"x.rdb"], false).is_err());
}

proptest! {
    #[test]
    fn any_arguments_are_answered(arguments in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let config = Config::default();
        let _ = config.updated(&arguments, true);
        let _ = config.get(&arguments);
    }

    #[test]
    fn any_value_is_answered(index in any::<prop::sample::Index>(), value in any::<Vec<u8>>()) {
        let parameter = index.get(PARAMETERS);
        let _ = parameter.replace(&mut Config::default(), &[&value]);
    }
}
