//! Secrets in requests: what `MONITOR` and `SLOWLOG` show in their place.

use redwire_resp::Request;

use super::is;

const REDACTED: &[u8] = b"(redacted)";

/// Parameters whose values nobody is shown.
const SECRETS: [&str; 5] =
    ["masterauth", "masteruser", "primaryauth", "primaryuser", "requirepass"];

/// The arguments of `request`, passwords left out, the way Redis leaves them out.
pub(super) fn redacted(request: Request<'_>) -> impl Iterator<Item = &[u8]> {
    let secret = secret_rule(request);
    request.iter().enumerate().map(move |(at, arg)| if secret(at) { REDACTED } else { arg })
}

/// Which positions of `request` hold a secret.
fn secret_rule(request: Request<'_>) -> impl Fn(usize) -> bool {
    let name = request.name();
    let auth = is(name, "auth");
    let acl = is(name, "acl") && request.arg(1).is_some_and(|word| is(word, "setuser"));
    let hello = is(name, "hello").then(|| hello_secrets(request)).flatten();
    let migrate = is(name, "migrate").then(|| migrate_secrets(request));
    let config =
        is(name, "config") && request.arg(1).is_some_and(|subcommand| is(subcommand, "set"));
    move |at| {
        (auth && at > 0)
            || (acl && at > 1)
            || migrate.as_ref().is_some_and(|secrets| secrets.contains(&at))
            || hello.is_some_and(|first| at == first || at == first + 1)
            || (config && at > 2 && at % 2 == 1 && is_secret_name(&request[at - 1]))
    }
}

/// Where user and password stand in `HELLO <proto> ... AUTH <user> <password> ...`.
fn hello_secrets(request: Request<'_>) -> Option<usize> {
    (2..request.len()).find(|at| is(&request[*at], "auth")).map(|at| at + 1)
}

/// Where users and passwords stand among the options of `MIGRATE`.
fn migrate_secrets(request: Request<'_>) -> Vec<usize> {
    let (mut at, mut secrets) = (6, Vec::new());
    while let Some(option) = request.arg(at).filter(|option| !is(option, "keys")) {
        let count = [("auth", 1), ("auth2", 2)].into_iter().find(|(name, _)| is(option, name));
        let count = count.map_or(0, |(_, count)| count);
        secrets.extend(at + 1..=at + count);
        at += 1 + count;
    }
    secrets
}

fn is_secret_name(name: &[u8]) -> bool {
    SECRETS.iter().any(|secret| is(name, secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redwire_resp::RequestBuf;

    #[test]
    fn secrets_are_left_out_and_nothing_else() {
        let cases = [
            ("AUTH pw", "AUTH (redacted)"),
            ("auth user pw", "auth (redacted) (redacted)"),
            ("ACL SETUSER u >pw", "ACL SETUSER (redacted) (redacted)"),
            ("ACL GETUSER u", "ACL GETUSER u"),
            ("HELLO 3", "HELLO 3"),
            ("HELLO 3 AUTH default pw SETNAME me", "HELLO 3 AUTH (redacted) (redacted) SETNAME me"),
            ("HELLO 3 SETNAME me", "HELLO 3 SETNAME me"),
            (
                "CONFIG SET maxclients 3 RequirePass pw",
                "CONFIG SET maxclients 3 RequirePass (redacted)",
            ),
            ("CONFIG SET masterauth pw dir /", "CONFIG SET masterauth (redacted) dir /"),
            ("CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("SET auth pw", "SET auth pw"),
        ];
        for (given, shown) in cases {
            let request = RequestBuf::from_args(given.split(' '));
            let args: Vec<&[u8]> = redacted(request.as_request()).collect();
            assert_eq!(args.join(&b' '), shown.as_bytes());
        }
    }
}
