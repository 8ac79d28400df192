//! Finds C libraries that are peers, where they are installed: hiredis and librdb.

fn main() {
    for (library, least) in [("hiredis", "0.14"), ("librdb", "2.0")] {
        println!("cargo::rustc-check-cfg=cfg({library})");
        if pkg_config::Config::new().atleast_version(least).probe(library).is_ok() {
            println!("cargo::rustc-cfg={library}");
        }
    }
}
