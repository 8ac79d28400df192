//! A real server loads what is written here, and has the same data: run by hand with
//! `cargo test -p redwire-rdb --test redis_server -- --ignored` where redis-server 7.0 or later is
//! on PATH. `REDWIRE_SERVER` names another server, `REDWIRE_TARGETS` the versions to write, `6.0,7.0`
//! otherwise, `REDWIRE_LAST_VERSION` the last version that the server reads, 10 otherwise. (The interop tests of the workspace do the same over the network.)

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use redwire_rdb::{EncodeOptions, Encoder, KeyMeta, Version};
use support::{
    Contents, Value, corpus, decode, files,
    write::{write, write_in_pieces},
};

/// A server that has loaded a file.
struct Server {
    process: Child,
    connection: BufReader<TcpStream>,
    folder: PathBuf,
}

impl Server {
    fn load(name: &str, file: &[u8]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("redwire-rdb-{port}"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("dump.rdb"), file).unwrap();
        let server = std::env::var_os("REDWIRE_SERVER").unwrap_or("redis-server".into());
        let process = Command::new(server)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--enable-debug-command", "yes", "--sanitize-dump-payload", "yes"])
            // Else it turns -0 into 0 in some of the sorted sets.
            .args(["--zset-max-listpack-entries", "0"])
            .args(["--databases", "64", "--logfile", "log", "--dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        let mut tries = 0;
        let connection = loop {
            if let Ok(connection) = TcpStream::connect(("127.0.0.1", port)) {
                break BufReader::new(connection);
            }
            tries += 1;
            assert!(tries < 3000, "{name} is not loaded: {}", log());
            std::thread::yield_now();
            #[allow(clippy::disallowed_methods, reason = "waits for another process")]
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        let mut server = Self { process, connection, folder };
        while server.ask(&[b"PING"]) != "+PONG" {}
        server
    }

    fn ask(&mut self, words: &[&[u8]]) -> String {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.connection.get_mut().write_all(&request).unwrap();
        let mut line = String::new();
        self.connection.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The digest of all data but streams, and but hashes whose fields expire, where a target
    /// cannot hold them.
    fn digest(mut self, contents: &Contents) -> String {
        let expiring =
            targets().iter().all(|version| version.holds_type(24) || version.holds_type(22));
        for key in &contents.keys {
            let left_out = match &key.value {
                Value::Opaque(form, _) => targets().iter().any(|to| !to.holds_type(*form)),
                Value::Hash(items) => !expiring && items.iter().any(|item| item.2.is_some()),
                _ => false,
            };
            if left_out {
                self.ask(&[b"SELECT", key.db.to_string().as_bytes()]);
                self.ask(&[b"DEL", &key.name]);
            }
        }
        self.ask(&[b"DEBUG", b"DIGEST"])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn encode(contents: &Contents, options: EncodeOptions, pieces: bool) -> Vec<u8> {
    let mut encoder = Encoder::new(options);
    let mut out = Vec::new();
    encoder.start(&mut out);
    for (db, keys) in contents.by_db() {
        encoder.select_db(&mut out, db, keys.len() as u64, 0);
        for (name, key) in keys {
            let meta = KeyMeta { expire_ms: key.expire_ms, ..KeyMeta::new(name) };
            let mut value = key.value.clone();
            if let Value::Zset(items) = &mut value {
                items.sort_by(|a, b| a.1.partial_cmp(&b.1).unwrap().then_with(|| a.0.cmp(&b.0)));
            }
            let write = if pieces { write_in_pieces } else { write };
            write(&mut encoder, &mut out, &meta, &value);
        }
    }
    encoder.end(&mut out);
    out
}

fn targets() -> Vec<Version> {
    let names = std::env::var("REDWIRE_TARGETS").unwrap_or("6.0,7.0".to_owned());
    names.split(',').map(|name| name.parse().unwrap()).collect()
}

/// Writes the file's data for both kinds of targets and compares what the server makes of it.
fn check(name: &str, file: &[u8], contents: &Contents) {
    let told = Server::load(name, file).digest(contents);
    for target in targets() {
        for (compress, pieces) in [(true, false), (false, false), (true, true)] {
            let options = EncodeOptions { target, compress, ..EncodeOptions::default() };
            let written = encode(contents, options, pieces);
            let label = format!("{name} for {target}, compress {compress}, pieces {pieces}");
            assert_eq!(Server::load(&label, &written).digest(contents), told, "{label}");
        }
    }
}

#[test]
#[ignore = "starts a real redis-server for each file"]
fn a_server_has_the_same_data() {
    let Some(corpus) = corpus("a real server") else { return };
    let all = [files(&corpus.join("gen")), files(&corpus.join("old"))].concat();
    for (name, file) in all {
        let Ok(contents) = decode(&file) else { continue };
        let modules = contents.keys.iter().any(|key| key.type_byte == 7);
        let version: u16 = std::str::from_utf8(&file[6..9]).unwrap().parse().unwrap();
        let last: u16 =
            std::env::var("REDWIRE_LAST_VERSION").map_or(10, |number| number.parse().unwrap());
        // Valkey 9.1 refuses a stream whose length is not that of its entries.
        let odd = name == "hdt_stream_listpacks_1.rdb" || name == "redisevent_dump-stream.rdb";
        let foreign = last >= 80 && (12..80).contains(&version);
        if odd || foreign || version > last || modules || !contents.spans.is_empty() {
            continue;
        }
        println!("{name}");
        check(&name, &file, &contents);
    }
}

/// Numbers without a pattern.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 20
}

fn text(state: &mut u64) -> Vec<u8> {
    match random(state) % 5 {
        0 => random(state).to_string().into_bytes(),
        1 => (random(state) as i16).to_string().into_bytes(),
        2 => format!("user:{}:name", random(state)).into_bytes(),
        3 => b"abcdefgh ".repeat(random(state) as usize % 40),
        _ => (0..random(state) % 90).map(|_| random(state) as u8).collect(),
    }
}

/// Large collections of each type, and small ones around the thresholds.
fn invented() -> Contents {
    let state = &mut 42;
    let mut contents = Contents::default();
    let mut add = |name: String, value| {
        contents.keys.push(support::Key {
            db: 5,
            name: name.into_bytes(),
            expire_ms: None,
            idle: None,
            freq: None,
            type_byte: 0,
            value,
        });
    };
    for len in [1i64, 2, 100, 127, 128, 129, 500, 511, 512, 513, 100_000] {
        let mut names: Vec<Vec<u8>> =
            (0..len).map(|n| [text(state), format!("{n}").into()].concat()).collect();
        add(format!("list{len}"), Value::List(names.clone()));
        add(format!("set{len}"), Value::Set(names.clone()));
        add(format!("short{len}"), Value::Set((0..len).map(|n| format!("m{n}").into()).collect()));
        add(
            format!("ints{len}"),
            Value::Set((0..len).map(|n| (n * n - 99).to_string().into()).collect()),
        );
        let hash = names.iter().map(|name| (name.clone(), text(state), None)).collect();
        add(format!("hash{len}"), Value::Hash(hash));
        let small =
            (0..len).map(|n| (format!("f{n}").into(), n.to_string().into(), None)).collect();
        add(format!("small{len}"), Value::Hash(small));
        let scored =
            |state: &mut u64| random(state) as i32 as f64 / [1.0, 3.0][random(state) as usize % 2];
        names.truncate(20_000);
        let zset = names.into_iter().map(|name| (name, scored(state))).collect();
        add(format!("zset{len}"), Value::Zset(zset));
    }
    let huge = (0..40).map(|n| vec![b'a' + n % 3; 1000 * n as usize]).collect();
    add("huge".to_owned(), Value::List(huge));
    for n in 0..20_000 {
        add(format!("string{n}"), Value::String(text(state)));
    }
    contents
}

#[test]
#[ignore = "starts a real redis-server several times"]
fn a_server_has_the_invented_data() {
    let contents = invented();
    let plain = EncodeOptions { compress: false, ..EncodeOptions::default() };
    let file = encode(&contents, plain, true);
    assert_eq!(decode(&file).unwrap().keys.len(), contents.keys.len());
    check("invented", &file, &contents);
}
