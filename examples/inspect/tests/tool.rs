//! The tool as its users run it: outputs, exit statuses, damaged input, failing outputs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../crates/rdb/tests/support/sha256.rs"]
mod sha256;

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

fn tool(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_redwire-inspect")).args(args).output().unwrap()
}

/// What a run that must succeed wrote.
fn ok(args: &[&str]) -> Vec<u8> {
    let output = tool(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    output.stdout
}

fn corpus(part: &str) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("REDWIRE_CORPUS").map_or(beside, PathBuf::from).join(part);
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED {part}: no RDB corpus at {} (set REDWIRE_CORPUS)", folder.display());
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rdb"));
    files.sort();
    files
}

/// A file that holds these bytes behind a magic of version 9, without a checksum.
fn rdb(folder: &Path, body: &[u8]) -> String {
    let path = folder.join("made.rdb");
    let end = [&b"\xff"[..], &[0; 8]].concat();
    fs::write(&path, [&b"REDIS0009\xfe\x00"[..], body, &end].concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

const HELLO: &[u8] = b"\x00\x05hello\x05world";

fn base64(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        bits = bits << 6 | digits.iter().position(|known| *known == digit).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

fn bytes(json: &Json) -> Vec<u8> {
    match json.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => base64(json["b64"].as_str().unwrap()),
    }
}

/// The bytes of which the truth has the digest.
enum Tree {
    Bytes(Vec<u8>),
    List(Vec<Tree>),
}

impl Tree {
    fn list(json: &Json, item: impl Fn(&Json) -> Tree) -> Tree {
        Tree::List(json.as_array().unwrap().iter().map(item).collect())
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Bytes(bytes) => {
                out.extend(format!("${}:", bytes.len()).as_bytes());
                out.extend(bytes);
            }
            Tree::List(items) => {
                out.extend(format!("*{}:", items.len()).as_bytes());
                items.iter().for_each(|item| item.write(out));
            }
        }
    }
}

/// A number as Python prints it.
fn python(number: f64) -> String {
    let magnitude = number.abs();
    if number.is_infinite() || magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap();
    let exponent: i32 = exponent.parse().unwrap();
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn score(json: &Json) -> f64 {
    json.as_str().map_or_else(|| json.as_f64().unwrap(), |text| text.parse().unwrap())
}

fn digest(key: &Json, zero: f64) -> Option<String> {
    let leaf = |json: &Json| Tree::Bytes(bytes(json));
    let value = &key["value"];
    let tree = match key["type"].as_str().unwrap() {
        "string" => leaf(value),
        "list" => Tree::list(value, leaf),
        "set" => {
            let mut members: Vec<_> = value.as_array().unwrap().iter().map(bytes).collect();
            members.sort();
            Tree::List(members.into_iter().map(Tree::Bytes).collect())
        }
        "hash" => {
            let fields = value.as_array().unwrap();
            let mut pairs: Vec<_> = fields.iter().map(|f| (bytes(&f[0]), bytes(&f[1]))).collect();
            pairs.sort();
            let pair = |(f, v)| Tree::List(vec![Tree::Bytes(f), Tree::Bytes(v)]);
            Tree::List(pairs.into_iter().map(pair).collect())
        }
        "zset" => {
            let members = value.as_array().unwrap();
            let mut pairs: Vec<_> =
                members.iter().map(|item| (bytes(&item[0]), score(&item[1]) + zero)).collect();
            pairs.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
            let pair = |(member, score): (Vec<u8>, f64)| {
                Tree::List(vec![Tree::Bytes(member), Tree::Bytes(python(score).into_bytes())])
            };
            Tree::List(pairs.into_iter().map(pair).collect())
        }
        "stream" => Tree::list(&value["entries"], |entry| {
            Tree::List(vec![leaf(&entry[0]), Tree::list(&entry[1], leaf)])
        }),
        _ => return None,
    };
    let mut out = Vec::new();
    tree.write(&mut out);
    Some(sha256::hex(&out))
}

fn compare(path: &Path, truth: &Json) -> usize {
    let name = path.display();
    let text = ok(&["json", "--keys-only", path.to_str().unwrap()]);
    let mut keys = HashMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let key: Json = serde_json::from_slice(line).unwrap();
        let (db, bytes) = (key["db"].as_u64().unwrap(), bytes(&key["key"]));
        // Long names stand in the truth as their digest.
        keys.insert((db, sha256::hex(&bytes)), key.clone());
    }
    let mut compared = 0;
    for (db, entries) in truth["dbs"].as_object().unwrap() {
        let db: u64 = db.parse().unwrap();
        for entry in entries["keys"].as_array().unwrap() {
            let told = &entry["key"];
            // Written by the AOF's other part.
            if told.as_str().is_some_and(|key| key.starts_with("tail:")) {
                continue;
            }
            let id =
                told["sha256"].as_str().map_or_else(|| sha256::hex(&bytes(told)), String::from);
            let key = keys.get(&(db, id)).unwrap_or_else(|| panic!("{name}: no key {told}"));
            let expire = key["expire_ms"].as_i64().unwrap_or(-1);
            assert_eq!(expire, entry["pexpiretime"].as_i64().unwrap(), "{name}: {told}");
            // Servers turn -0 into 0 in some conversions.
            let told_digest = entry["sha256"].as_str().unwrap().to_owned();
            let digests = [digest(key, -0.0), digest(key, 0.0)];
            assert!(digests.contains(&Some(told_digest)), "{name}: {told}");
            compared += 1;
        }
    }
    compared
}

#[test]
fn json_equals_the_truth_that_servers_told() {
    let mut compared = 0;
    for path in corpus("gen").into_iter().chain(corpus("old")) {
        let truth = path.with_extension("rdb.json");
        let Ok(truth) = fs::read_to_string(truth) else { continue };
        let truth: Json = serde_json::from_str(&truth).unwrap();
        // Loaded by 6.0 alone, which reads a zipmap's long form of a length otherwise than its writer.
        if truth.get("dbs").is_some() && !path.ends_with("hdt_zipmap_big_len.rdb") {
            compared += compare(&path, &truth);
        }
    }
    eprintln!("{compared} keys compared");
    assert!(compared > 500 || corpus("gen").is_empty());
}

#[test]
fn json_goes_back_into_an_equal_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for path in corpus("gen") {
        let path = path.to_str().unwrap();
        ok(&["json", path, "-o", &at("a.json")]);
        ok(&["from-json", &at("a.json"), "-o", &at("b.rdb")]);
        ok(&["check", &at("b.rdb")]);
        // Exit status 0: no difference.
        ok(&["diff", path, &at("b.rdb")]);
        ok(&["json", &at("b.rdb"), "-o", &at("b.json")]);
        let sorted = |name: &str| {
            let mut bytes = fs::read(at(name)).unwrap();
            bytes.sort_unstable();
            bytes
        };
        // Small sorted sets may come in another order; not a byte may be another.
        assert!(sorted("a.json") == sorted("b.json"), "{path}");
    }
}

#[test]
fn damaged_files_are_refused_and_repaired_into_sound_ones() {
    let fine = ["empty_list", "lp_count_unknown_ok", "quicklist_zero_nodes", "resizedb_huge"];
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.rdb");
    for path in corpus("corrupt") {
        let well = fine.contains(&path.file_stem().unwrap().to_str().unwrap());
        let path = path.to_str().unwrap();
        let status = tool(&["check", path]).status.code();
        assert_eq!(status, Some(i32::from(!well)), "{path}");
        let _ = fs::remove_file(&new);
        let repair = tool(&["repair", path, "-o", new.to_str().unwrap()]);
        assert!(matches!(repair.status.code(), Some(0 | 1)), "{path}");
        if new.exists() {
            ok(&["check", "--no-duplicates", new.to_str().unwrap()]);
        }
    }
}

#[test]
fn exit_statuses_are_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let file = rdb(folder.path(), HELLO);
    let other = folder.path().join("other.rdb");
    fs::copy(&file, &other).unwrap();
    rdb(folder.path(), b"\x00\x05hello\x05there");
    let status = |args: &[&str]| tool(args).status.code().unwrap();
    assert_eq!(status(&["check", &file]), 0);
    assert_eq!(status(&["diff", &file, &file]), 0);
    assert_eq!(status(&["diff", other.to_str().unwrap(), &file]), 1);
    assert_eq!(status(&["check", "--nonsense", &file]), 2);
    assert_eq!(status(&["convert", "--to", "nonsense", &file, "-o", "x"]), 2);
    // What a server sends has no end.
    assert_eq!(status(&["repair", "redis://127.0.0.1:1", "-o", "x"]), 2);
    assert_eq!(status(&["from-json", "redis://127.0.0.1:1", "-o", "x"]), 2);
    assert_eq!(status(&["check", "no such file"]), 3);
    assert_eq!(status(&["json", &file, "-o", "no such folder/x"]), 3);
    rdb(folder.path(), b"\x63\x05hello");
    let refused = tool(&["check", &file]);
    assert_eq!(refused.status.code(), Some(1));
    let line = String::from_utf8(refused.stderr).unwrap();
    assert!(line.contains("type 99 at offset 11"), "{line}");
}

/// A file with a string key of `len` bytes, and another key.
fn long_string(folder: &Path, len: usize) -> (String, Vec<u8>) {
    let value: Vec<u8> = (0..len).map(|at| (at * 31 % 251) as u8).collect();
    let mut body = b"\x00\x04long\x80".to_vec();
    body.extend_from_slice(&u32::try_from(len).unwrap().to_be_bytes());
    body.extend_from_slice(&value);
    body.extend_from_slice(HELLO);
    (rdb(folder, &body), value)
}

#[test]
fn a_string_that_comes_in_pieces_comes_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (file, value) = long_string(folder.path(), 3_000_001);
    let resp = ok(&["resp", &file]);
    let command = b"*3\r\n$3\r\nSET\r\n$4\r\nlong\r\n$3000001\r\n";
    let expected = [command, &value[..], b"\r\n*3\r\n$3\r\nSET\r\n$5\r\nhello"].concat();
    let start = resp.windows(4).position(|bytes| bytes == b"*3\r\n").unwrap();
    assert!(resp[start..].starts_with(&expected));
    let memory = String::from_utf8(ok(&["memory", &file])).unwrap();
    assert!(memory.contains(",3000001,"), "{memory}");
    assert!(String::from_utf8(ok(&["check", &file])).unwrap().contains(": well, "));
    // Filtered by size: held until its size is known, and gone.
    let resp = ok(&["resp", "--max-size", "1000", &file]);
    assert!(resp.ends_with(b"$5\r\nhello\r\n$5\r\nworld\r\n") && resp.len() < 1000);
}

#[test]
fn a_version_that_is_read_by_report_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = rdb(folder.path(), &[HELLO, b"\x1c\x01a\x01\x00\x00\x00\x01x"].concat());
    let mut bytes = fs::read(&path).unwrap();
    assert_eq!(tool(&["summary", &path]).status.code(), Some(1));
    bytes[..9].copy_from_slice(b"REDIS0014");
    fs::write(&path, bytes).unwrap();
    let page = String::from_utf8(ok(&["summary", &path])).unwrap();
    assert!(page.contains("by report") && page.contains("array"), "{page}");
    let json = ok(&["json", &path]);
    let line = json.split(|byte| *byte == b'\n').find(|line| line.ends_with(b"=\"}")).unwrap();
    let json: Json = serde_json::from_slice(line).unwrap();
    assert_eq!((&json["type"], json.get("value")), (&Json::from("array"), None));
    // Back into a file that has the type, and into none that has it not.
    let (lines, back) = (folder.path().join("lines"), folder.path().join("back.rdb"));
    let (lines, back) = (lines.to_str().unwrap(), back.to_str().unwrap());
    ok(&["json", &path, "-o", lines]);
    ok(&["from-json", lines, "-o", back]);
    ok(&["diff", &path, back]);
    assert_eq!(tool(&["convert", &path, "--to", "8.6", "-o", back]).status.code(), Some(1));
}

/// The magic of what `convert` makes without a target, and its input by standard input the same.
fn oldest(path: &str, filter: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.rdb");
    let new = new.to_str().unwrap();
    ok(&[&["convert", path, "-o", new], filter].concat());
    let bytes = fs::read(new).unwrap();
    let magic = bytes[..9].to_vec();
    if filter.is_empty() {
        ok(&["diff", path, new]);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"));
    command.args(["convert", "-", "-o", new]).args(filter);
    // Standard input as a pipe is no file to seek in.
    let mut piped = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::copy(&mut File::open(path).unwrap(), &mut piped.stdin.take().unwrap()).unwrap();
    assert!(piped.wait().unwrap().success());
    assert!(fs::read(new).unwrap() == bytes, "{path}");
    String::from_utf8(magic).unwrap()
}

#[test]
fn without_a_target_the_oldest_that_holds_the_data_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let expiring = b"\x18\x01h\x01\0\0\0\0\x01\0\0\x01\x01\x01f\x01v";
    let path = rdb(folder.path(), &[HELLO, expiring].concat());
    let mut bytes = fs::read(&path).unwrap();
    bytes[..9].copy_from_slice(b"REDIS0012");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(oldest(&path, &[]), "REDIS0012");
    assert_eq!(oldest(&path, &["--type", "string"]), "REDIS0009");
    // By report only, and then by nobody that is known.
    let array = b"\x1c\x01a\x01\x00\x00\x00\x01x";
    let path = rdb(folder.path(), &[HELLO, array].concat());
    let mut bytes = fs::read(&path).unwrap();
    bytes[..9].copy_from_slice(b"REDIS0014");
    fs::write(&path, &bytes).unwrap();
    assert_eq!(oldest(&path, &[]), "REDIS0014");

    for path in corpus("gen") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let magic = oldest(path.to_str().unwrap(), &[]);
        // With streams, functions, and from 8.0 on fields that expire.
        let expected = match name.split_once('_').unwrap() {
            (_, kind) if kind == "empty" || kind.contains("-l") || kind == "nochecksum" => {
                "REDIS0009"
            }
            ("redis70", _) => "REDIS0010",
            ("redis80", _) => "REDIS0012",
            _ => "VALKEY080",
        };
        assert_eq!(magic, expected, "{name}");
    }
}

#[test]
fn what_comes_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for body in [[HELLO, HELLO].concat(), b"\x02\x01s\x02\x01a\x01a".to_vec()] {
        let output = tool(&["check", &rdb(folder.path(), &body)]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(": duplicate "));
    }
}

#[test]
fn a_failing_output_leaves_the_old_file_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = rdb(folder.path(), HELLO);
    if Path::new("/dev/full").exists() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"));
        let output = command.args(["json", &file]).stdout(full).stderr(Stdio::piped());
        let output = output.spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
    }
    let old = folder.path().join("old");
    fs::write(&old, "old").unwrap();
    rdb(folder.path(), &[HELLO, b"\x63"].concat());
    assert_eq!(tool(&["json", &file, "-o", old.to_str().unwrap()]).status.code(), Some(1));
    assert_eq!(fs::read(&old).unwrap(), b"old");
    // Neither is a temporary file left.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let value = [&b"\x80\x00\x40\x00\x00"[..], &vec![b'x'; 4 << 20]].concat();
    let file = rdb(folder.path(), &[b"\x00\x01k", &value[..]].concat());
    let mut command = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"));
    command.args(["json", &file]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}

/// The keys of an RDB file that a filter chooses.
fn keys(file: &str, filter: &[&str]) -> Vec<String> {
    let text = String::from_utf8(ok(&[&["json", "--keys-only", file], filter].concat())).unwrap();
    let key =
        |line| serde_json::from_str::<Json>(line).unwrap()["key"].as_str().unwrap().to_owned();
    text.lines().map(key).collect()
}

#[test]
fn filters_choose_keys() {
    let folder = tempfile::tempdir().unwrap();
    let expiring = b"\xfc\x01\0\0\0\0\0\0\0\x00\x04gone\x01x";
    let set = b"\xfe\x03\x02\x03set\x01\x01a";
    let file = rdb(folder.path(), &[HELLO, expiring, set].concat());
    let names = |args: &[&str]| keys(&file, args).join(" ");
    assert_eq!(names(&[]), "hello gone set");
    assert_eq!(names(&["--key", "h*"]), "hello");
    assert_eq!(names(&["--key-regex", "o$|^se"]), "hello set");
    assert_eq!(names(&["--type", "set"]), "set");
    assert_eq!(names(&["--db", "0"]), "hello gone");
    assert_eq!(names(&["--expiry", "expired"]), "gone");
    assert_eq!(names(&["--expiry", "never"]), "hello set");
    assert_eq!(names(&["--min-size", "10"]), "hello gone");
    assert_eq!(names(&["--max-size", "9"]), "set");
}

#[test]
fn a_preamble_is_followed_by_its_commands() {
    let folder = tempfile::tempdir().unwrap();
    let file = rdb(folder.path(), HELLO);
    let tail = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*2\r\n$3\r\nDEL\r\n$5\r\nhello\r\n";
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend(tail);
    fs::write(&file, bytes).unwrap();
    assert!(ok(&["resp", &file]).ends_with(tail));
    assert!(String::from_utf8_lossy(&ok(&["summary", &file])).contains("AOF commands"));

    let noted = [&fs::read(&file).unwrap()[..], b"#TS:1700000000\r\n", tail, b"*1\r\n$4\r\nPI"];
    fs::write(&file, noted.concat()).unwrap();
    let output = tool(&["resp", &file]);
    assert!(output.stdout.ends_with(&[&tail[..], tail].concat()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("10 bytes at the end"));

    fs::write(&file, [&noted.concat()[..], b"NGNG"].concat()).unwrap();
    let refused = tool(&["resp", &file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("behind the RDB"));
}

#[test]
fn a_split_makes_its_folder_and_every_key_is_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let [json, whole] = ["all.json", "all.rdb"].map(|name| folder.path().join(name));
    // Of slots 12182, 5061, 12182, 866, 6657, 10850 and 16287, in databases 0 and 1 by turns.
    let lines = ["foo", "bar", "{foo}bar", "hello", "key:1", "key:2", "x"].iter().enumerate();
    let lines = lines.map(|(number, key)| {
        let value =
            serde_json::json!({"db": number % 2, "key": key, "type": "string", "value": "v"});
        format!("{value}\n")
    });
    fs::write(&json, lines.collect::<String>()).unwrap();
    ok(&["from-json", json.to_str().unwrap(), "-o", whole.to_str().unwrap()]);
    let by_slot = [
        ("slots-00000-05461.rdb", vec!["bar", "hello"]),
        ("slots-05462-10922.rdb", vec!["key:1", "key:2"]),
        ("slots-10923-16383.rdb", vec!["foo", "x", "{foo}bar"]),
    ];
    let by_db = [
        ("db-0.rdb", vec!["foo", "key:1", "x", "{foo}bar"]),
        ("db-1.rdb", vec!["bar", "hello", "key:2"]),
    ];
    for (how, files) in [(&["--by-slot", "3"][..], &by_slot[..]), (&["--by-db"], &by_db)] {
        let made = folder.path().join(how[0]).join("deeper");
        ok(&[&["split", whole.to_str().unwrap(), "-o", made.to_str().unwrap()], how].concat());
        for (name, expected) in files {
            let mut keys = keys(made.join(name).to_str().unwrap(), &[]);
            keys.sort();
            assert_eq!(&keys, expected, "{name}");
        }
        assert_eq!(fs::read_dir(&made).unwrap().count(), files.len());
    }
}

#[test]
fn a_json_line_has_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, file) = (folder.path().join("lines"), folder.path().join("made.rdb"));
    let line = r#"{"key":"hello","type":"string","value":"world"}"#;
    fs::write(&lines, format!("{line}\n{line} \n")).unwrap();
    let (lines, file) = (lines.to_str().unwrap(), file.to_str().unwrap());
    let limit = line.len().to_string();
    let refused = tool(&["from-json", lines, "-o", file, "--max-line", &limit]);
    assert_eq!(refused.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("line 2") && errors.contains("--max-line"), "{errors}");
    assert!(!Path::new(file).exists());

    fs::write(lines, line).unwrap();
    ok(&["from-json", lines, "-o", file, "--max-line", &limit]);
    assert!(Path::new(file).exists());
}

#[test]
fn a_dump_in_json_is_of_a_value_that_only_a_dump_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, file) = (folder.path().join("lines"), folder.path().join("made.rdb"));
    // The payload of a string, whose checksum is right.
    let line = r#"{"key":"hello","type":"stream","dump":"AAVoZWxsbwsACq1iBZiryYM="}"#;
    fs::write(&lines, line).unwrap();
    let refused = tool(&["from-json", lines.to_str().unwrap(), "-o", file.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert!(errors.contains("line 1: dump: "), "{errors}");
    assert!(!file.exists());
}

#[test]
fn what_stands_behind_the_value_of_a_dump_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, file) = (folder.path().join("lines"), folder.path().join("made.rdb"));
    // A module's value, and a word that RESTORE would not look at.
    let line = r#"{"key":"hello","type":"module","dump":"BwEAdHJhaWxpbmcLAFIu4tg12lWH"}"#;
    fs::write(&lines, line).unwrap();
    let file = file.to_str().unwrap();
    ok(&["from-json", lines.to_str().unwrap(), "-o", file]);
    ok(&["check", file]);
}
