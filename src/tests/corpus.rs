//! Every address of the program, and what nobody in their right mind would send to it.
//!
//! The addresses come from the sources, so that a new one can't be forgotten: pages from the route
//! table of `src/app.rs`, forms and files from each `.route(…)`, the API from its description.

use std::{collections::BTreeSet, fs, path::Path};

use crate::api_contract;

/// What stands in a `.route(…)` that is no literal.
const NAMED: [(&str, &str); 5] = [
    ("PATH", "/settings/auto-recharge"),
    ("&to(\"off\")", "/settings/auto-recharge/off"),
    ("&to(\"resume\")", "/settings/auto-recharge/resume"),
    ("&to(\"card\")", "/settings/auto-recharge/card"),
    ("&to(\"card/remove\")", "/settings/auto-recharge/card/remove"),
];
/// Names in addresses and forms that stand in no page's source.
const MORE_NAMES: [&str; 12] = [
    "before", "after", "open", "problem", "revoked", "saved", "estimate", "q", "group", "limit",
    "notice", "zone",
];

pub const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"];

/// Values that no field expects, percent-encoded as in an address or a form.
pub const VALUES: [&str; 16] = [
    "%00",
    "a%00b",
    "%0d%0aset-cookie%3a%20a%3db",
    "%1b%5b31m%7f%c2%85",
    "%ff%fe",
    "%c0%80%ed%a0%80",
    "%2500%252e%252e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%",
    "%zz",
    "99999999999999999999999999999999",
    "-9223372036854775808",
    "1e309",
    "'%20OR%201%3d1%20--%20%3cscript%3e",
    "%f0%9f%92%a9%e2%80%ae",
    "%20",
];

/// The longest head that a request can have is 16 kB.
pub fn long() -> String {
    "a".repeat(16_000)
}

/// All addresses, with `{…}` for what is different each time.
pub fn addresses() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found =
        BTreeSet::from(["/".to_owned(), "/pkg/recharge.js".into(), "/robots.txt".into()]);
    let table = fs::read_to_string(root.join("src/app.rs")).unwrap();
    for page in table.split("path!(\"").skip(1) {
        let page = page.split('"').next().unwrap();
        let parts = page.split('/').map(|part| match part.strip_prefix(':') {
            Some(name) => format!("{{{name}}}"),
            None => part.to_owned(),
        });
        found.insert(parts.collect::<Vec<_>>().join("/"));
    }
    for source in sources(&root.join("src/server")) {
        let source = source.split("#[cfg(test)]").next().unwrap();
        for route in source.split(".route(").skip(1).map(str::trim_start) {
            found.insert(match route.strip_prefix('"') {
                Some(literal) => literal.split('"').next().unwrap().to_owned(),
                None => named(route.split(',').next().unwrap()).to_owned(),
            });
        }
    }
    found.extend(api_contract::routes().iter().map(|route| format!("/api/v1{}", route.template)));
    assert!(found.len() > 60, "the sources are read: {found:?}");
    found
}

fn named(expression: &str) -> &'static str {
    let known = NAMED.iter().find(|(name, _)| *name == expression);
    known.unwrap_or_else(|| panic!("which address is {expression}? Say it in NAMED.")).1
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false => fs::read_to_string(&path).into_iter().collect(),
    };
    entries.flat_map(read).collect()
}

/// The names of all fields of all forms.
pub fn names() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: BTreeSet<String> = MORE_NAMES.iter().map(|name| (*name).to_owned()).collect();
    for source in sources(&root.join("src/pages")) {
        let fields = source.split("name=\"").skip(1);
        found.extend(fields.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    found
}

/// An address with this in each place that is different each time.
pub fn filled(address: &str, with: &str) -> String {
    let mut parts = address.split('/').map(|part| if part.starts_with('{') { with } else { part });
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| path + "/" + part)
}

/// Ways to write an address that are not that address.
pub fn disguises(path: &str) -> Vec<String> {
    let (first, rest) = path[1..].split_at(path.len().min(2) - 1);
    vec![
        format!("/.{path}"),
        format!("/x/..{path}"),
        format!("/%2e{path}"),
        format!("/%2e%2e{path}"),
        format!("/{path}"),
        format!("{path}/"),
        format!("{path}/."),
        format!("{path}//"),
        format!("{path};a=b"),
        format!("{path}%00"),
        format!("{path}%2f"),
        format!("{path}%20"),
        format!("{path}{}", "/x".repeat(5_000)),
        format!("{path}{}", "/..".repeat(5_000)),
        format!("/{}{rest}", first.to_uppercase()),
        format!("/{}", path.replace('/', "\\")),
    ]
}

/// Queries for an address that reads these names.
pub fn queries(names: &BTreeSet<String>) -> Vec<String> {
    let all = |value: &str| {
        let pairs: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
        pairs.join("&")
    };
    let mut queries: Vec<_> = VALUES.iter().map(|value| all(value)).collect();
    // Some at a time: one that is refused hides the others.
    for part in 0..5 {
        let pairs = names.iter().skip(part).step_by(5).map(|name| format!("{name}=a%00%ff"));
        queries.push(pairs.collect::<Vec<_>>().join("&"));
    }
    queries.extend([
        "%00=%00&&&==;".to_owned(),
        "a=1&".repeat(10_000),
        "?".repeat(100),
        "%".to_owned(),
        format!("text={}", long()),
        format!("{}=1", long()),
    ]);
    queries
}

/// Bodies with their types, for a form that has these fields.
pub fn bodies(names: &BTreeSet<String>) -> Vec<(&'static str, Vec<u8>)> {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let filled = |value: &str| {
        let pairs: Vec<_> = names.iter().map(|name| format!("{name}={value}")).collect();
        (FORM, pairs.join("&").into_bytes())
    };
    let mut bodies: Vec<_> = VALUES.iter().map(|value| filled(value)).collect();
    bodies.extend([
        (FORM, Vec::new()),
        (FORM, vec![0xff; 100]),
        (FORM, vec![0; 100]),
        (FORM, vec![b'a'; 64 * 1024]),
        (FORM, vec![b'a'; 300 * 1024]),
        (FORM, b"{}".to_vec()),
        (JSON, b"amount=1".to_vec()),
        (JSON, b"\"\\u0000\"".to_vec()),
        (JSON, [b"[".repeat(60_000), b"]".repeat(60_000)].concat()),
        (JSON, vec![0xff; 10]),
        ("multipart/form-data", b"--x\r\n".to_vec()),
        ("multipart/form-data; boundary=", b"--\r\n".to_vec()),
        ("text/plain", b"amount=1".to_vec()),
        ("application/x-www-form-urlencoded; charset=utf-16", vec![0xfe, 0xff, 0, 0x61]),
        ("\u{7f}", b"amount=1".to_vec()),
        ("", b"amount=1".to_vec()),
    ]);
    bodies
}

/// Headers that say nonsense.
pub const HEADERS: [(&str, &[u8]); 20] = [
    ("accept", b"\xff\xfe"),
    ("accept", b"text/event-stream"),
    ("accept-encoding", b"gzip;q=9, br;q=nonsense, \xff"),
    ("accept-language", b"\xff;q=1e9"),
    ("authorization", b"Bearer \xff\xfe"),
    ("authorization", b"Bearer rcg_%00_%00"),
    ("authorization", b"Basic ======"),
    ("content-length", b"-1"),
    ("content-type", b"\xff/\xfe; charset=\xff"),
    ("cookie", b"id=\xff; ==;;; id=%00; session"),
    ("cookie", b"recharge=AAAAAAAAAAAAAAAAAAAAAA; recharge=%ff"),
    ("host", b"\xff:99999"),
    ("idempotency-key", b"\xff\t\xfe"),
    ("if-none-match", b"\"\xff\", W/"),
    ("if-modified-since", b"Thu, 99 Foo 0000 99:99:99 GMT"),
    ("last-event-id", b"\xff-1"),
    ("origin", b"null://\xff"),
    ("range", b"bytes=99999999999999999999-0,-"),
    ("stripe-signature", b"t=-1,v1=\xff"),
    ("x-request-id", b"\xff\x09\xfe"),
];
