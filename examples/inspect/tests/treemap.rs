//! The page of `memory --html` in a real browser: Chromium without a window, where it is installed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Names that a browser of the family goes by.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The first of them on PATH.
fn browser() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&path).any(|dir| dir.join(name).is_file());
    let found = BROWSERS.into_iter().find(|name| is_there(name));
    if found.is_none() {
        eprintln!("SKIPPED treemap: none of {BROWSERS:?} on PATH");
    }
    found
}

/// The page after its scripts have run, as the browser has it.
fn rendered(browser: &str, page: &Path, profile: &Path) -> String {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800"])
        .arg(format!("--user-data-dir={}", profile.display()))
        // Whatever it asked a network for would fail.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A file of string keys with values of these lengths.
fn rdb(path: &Path, keys: &[(&str, u8)]) {
    let mut bytes = b"REDIS0009\xfe\x00".to_vec();
    for (key, len) in keys {
        bytes.extend([0, key.len() as u8]);
        bytes.extend(key.as_bytes());
        bytes.push(*len);
        bytes.extend(vec![b'x'; usize::from(*len)]);
    }
    bytes.extend([0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_browser_shows_a_box_for_each_prefix_and_key() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let hostile = "</script><b id=bad>&amp;";
    rdb(&at("a.rdb"), &[("user:1", 60), ("user:2", 50), ("cart:1", 40), (hostile, 60)]);
    let status = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"))
        .args(["memory", "--html"])
        .arg(at("a.rdb"))
        .arg("-o")
        .arg(at("page.html"))
        .status()
        .unwrap();
    assert!(status.success());
    let page = fs::read_to_string(at("page.html")).unwrap();
    assert!(!page.contains("http"), "it needs a network");
    let shown = rendered(browser, &at("page.html"), &at("profile"));
    // The database, two prefixes, three keys in them, and the key that would be a script's end.
    assert_eq!(shown.matches("class=\"box\"").count(), 7, "{shown}");
    for title in ["db 0\n", "user:\n", "cart:\n", "1\n", "2\n"] {
        assert!(shown.contains(&format!("title=\"{title}")), "{title:?}: {shown}");
    }
    assert!(shown.contains("&lt;/script&gt;&lt;b id=bad&gt;&amp;amp;"), "{shown}");
    assert!(!shown.contains("<b id"), "{shown}");
}
