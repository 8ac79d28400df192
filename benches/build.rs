//! Finds hiredis, the C client, where its library is installed: it then takes part as a peer.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(hiredis)");
    if pkg_config::Config::new().atleast_version("0.14").probe("hiredis").is_ok() {
        println!("cargo::rustc-cfg=hiredis");
    }
}
