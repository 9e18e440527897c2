//! What the program's command line makes for programs: keys, and prices.

use tempfile::TempDir;

use crate::program::{fails_with, free_port, recharge, run, text};

#[test]
fn a_key_is_printed_once_and_ends_when_it_is_revoked() {
    let folder = TempDir::new().unwrap();
    let key = |arguments: &[&str]| run(folder.path(), &[&["api-key"], arguments].concat());
    let add = |arguments: &[&str]| key(&[&["add", "--name=Worker"], arguments].concat());
    let service = add(&["--service", "--scope=read", "--scope=grant", "--ceiling=100"]);
    assert!(service.status.success(), "{}", text(&service.stderr));
    let printed = text(&service.stdout);
    let parts: Vec<_> = printed.trim_end().split('_').collect();
    assert_eq!((parts.len(), parts[0], parts[2].len()), (3, "rcg", 64), "{printed}");
    assert!(!text(&service.stderr).contains(parts[2]), "the log doesn't tell the secret");

    let customer = ["--email=ada@recharge.test", "--scope=read"];
    fails_with(&add(&customer), "ada@recharge.test has no account");
    let mut user = recharge(folder.path());
    user.args(["user", "add", "--name=Ada", "--email=ada@recharge.test"]);
    assert!(user.env("RECHARGE_PASSWORD", "a long password").output().unwrap().status.success());
    assert!(add(&customer).status.success());
    fails_with(&add(&[&customer, ["--scope=grant"].as_slice()].concat()), "scope grant");
    fails_with(&add(&["--service", "--scope=read", "--ceiling=0"]), "more than 0");
    for wrong in [["--scope=read"].as_slice(), &["--service"], &["--service", "--scope=buy"]] {
        assert_eq!(add(wrong).status.code(), Some(2), "{wrong:?}");
    }

    fails_with(&key(&["revoke", "unknown"]), "no key unknown");
    let revoked = key(&["revoke", parts[1]]);
    assert!(revoked.status.success() && text(&revoked.stdout).contains(parts[1]));
}

#[test]
fn a_catalogue_is_published_once_and_never_changed() {
    let folder = TempDir::new().unwrap();
    let embedded = include_str!("../server/catalogue/catalogue.toml");
    let write = |name: &str, content: String| {
        std::fs::write(folder.path().join(name), content).unwrap();
    };
    write("new.toml", embedded.replace("2026-11", "2027-01"));
    write("changed.toml", embedded.replace("2026-11", "2027-01").replace("6.25", "6.5"));
    write("bad.toml", embedded.replace("price = \"6.25\"", "price = \"-6.25\""));
    let publish =
        |arguments: &[&str]| run(folder.path(), &[&["catalogue", "publish"], arguments].concat());

    let start = "--effective-from=2099-01-01T00:00:00+01:00";
    let published = publish(&["new.toml", start]);
    let said = text(&published.stdout);
    assert_eq!(said, "published version 2027-01, in effect from 2098-12-31T23:00:00Z\n");
    let again = text(&publish(&["new.toml"]).stdout);
    assert!(again.ends_with("nothing was written\n") && again.lines().count() == 1, "{again}");
    fails_with(&publish(&["changed.toml"]), "published already with other content");
    fails_with(&publish(&["bad.toml"]), "operation strategy can't be priced");
    fails_with(&publish(&["missing.toml"]), "missing.toml");
    let past = "--effective-from=2020-01-01T00:00:00Z";
    fails_with(&publish(&["new.toml", past]), "2098-12-31T23:00:00Z");
    write("third.toml", embedded.replace("2026-11", "third"));
    fails_with(&publish(&["third.toml", past]), "which is past");
    let port = format!("--site-addr=127.0.0.1:{}", free_port());
    let start = run(folder.path(), &["--catalogue=changed.toml", &port]);
    fails_with(&start, "give this one a new version");
}
