//! The program itself: its command line, and what its commands say.

use std::{
    io::Write,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use recharge::server::database::Database;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;

/// The program with nothing from the environment of the test run.
pub fn recharge(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recharge"));
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    recharge(folder).args(arguments).output().unwrap()
}

/// The same on the database of a test, in a folder that ends with it.
pub fn run_on(url: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &[&["--database-url", url], arguments].concat())
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Holds that the program ends with 1 and one sentence that contains this.
#[track_caller]
pub fn fails_with(output: &Output, part: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    assert!(said.starts_with("recharge: ") && said.contains(part), "{said}");
}

/// A port on which nothing listens, below those that systems give to outgoing connections: nobody
/// else comes by it until it is used.
pub fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| rand::random_range(22_000..28_000));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

#[test]
fn help_explains_every_setting() {
    let folder = TempDir::new().unwrap();
    let help = text(&run(folder.path(), &["--help"]).stdout);
    for setting in [
        "DATABASE_URL",
        "PUBLIC_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_API_BASE",
        "CATALOGUE",
        "TERMS_URL",
        "METRICS_TOKEN",
        "LEPTOS_SITE_ADDR",
        "LEPTOS_SITE_ROOT",
        "LEPTOS_ENV",
        "RUST_LOG",
    ] {
        assert!(help.contains(&format!("[env: {setting}")), "{setting} in {help}");
    }
    let commands = [
        "serve",
        "migrate",
        "doctor",
        "seed",
        "verify",
        "backup",
        "restore",
        "reconcile",
        "jobs",
        "user",
        "api-key",
        "webhook",
        "catalogue",
        "openapi",
        "simulate-load",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command}")), "{command} in {help}");
    }
}

#[test]
fn what_is_wrong_at_the_start_is_one_sentence() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("bad.toml"), "version = \"1\"\nminimum = nine\n").unwrap();
    let port = format!("--site-addr=127.0.0.1:{}", free_port());
    for (arguments, part) in [
        (["--database-url=mysql://db/x"].as_slice(), "DATABASE_URL"),
        (&["--database-url=sqlite:///proc/nowhere/recharge.db"], "DATABASE_URL"),
        (
            &["--database-url=postgres://recharge:canary@127.0.0.1:1/recharge"],
            "postgres://127.0.0.1:1/recharge",
        ),
        (&["--catalogue=bad.toml"], "line 2"),
        (&["--catalogue=missing.toml"], "missing.toml"),
        (&["--public-url=here"], "PUBLIC_URL"),
        (&["--stripe-secret-key=sk_test_canary"], "STRIPE_WEBHOOK_SECRET"),
        (&["--log=recharge=loud"], "RUST_LOG"),
    ] {
        let output = run(folder.path(), &[&[port.as_str()], arguments].concat());
        fails_with(&output, part);
        assert!(!text(&output.stderr).contains("canary"), "no secret is shown");
    }
}

#[test]
fn a_misspelt_option_of_the_database_shows_its_value_nowhere() {
    let url = "postgres://recharge@127.0.0.1:1/recharge?pasword=canary&channel_binding=canary";
    let output = run_on(url, &["migrate"]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(said.contains("options of the database's URL are unknown"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn load_is_not_driven_where_nobody_answers() {
    let folder = TempDir::new().unwrap();
    let url = format!("http://127.0.0.1:{}", free_port());
    let output = recharge(folder.path())
        .args(["simulate-load", "--url", &url])
        .env("RECHARGE_KEY", "rcg_canary_canary")
        .output()
        .unwrap();
    fails_with(&output, "GET /catalogue had no answer: Connection refused");
    let without_key = run(folder.path(), &["simulate-load"]);
    assert_eq!(without_key.status.code(), Some(2));
    assert!(text(&without_key.stderr).contains("--key"), "{}", text(&without_key.stderr));
}

#[test]
fn keys_that_do_not_belong_here_stop_the_start() {
    let folder = TempDir::new().unwrap();
    let secret = "--stripe-webhook-secret=whsec_canary";
    let live = run(
        folder.path(),
        &["--stripe-secret-key=sk_live_canary", secret, "--stripe-api-base=http://127.0.0.1:12111"],
    );
    fails_with(&live, "is a live key");
    let test =
        run(folder.path(), &["--stripe-secret-key=rk_test_canary", secret, "--environment=PROD"]);
    fails_with(&test, "is a test key");
}

#[test]
fn a_taken_port_is_named_and_the_database_left_alone() {
    let folder = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(folder.path(), &["--site-addr", &address]);
    fails_with(&output, &address);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_person_is_added_once_and_the_books_verify() {
    let folder = TempDir::new().unwrap();
    let add = |email: &str, more: &[&str], password: &str| {
        let mut command = recharge(folder.path());
        command.args(["user", "add", "--name", "Ada Example", "--email", email]).args(more);
        command.env("RECHARGE_PASSWORD", password).output().unwrap()
    };
    let added = add("Ada@Recharge.test", &["--zone", "Europe/Berlin"], "a long password");
    assert!(added.status.success(), "{}", text(&added.stderr));
    let account = text(&added.stdout);
    assert!(account.starts_with("acc_") && account.lines().count() == 1, "{account}");
    fails_with(&add("ada@recharge.test", &[], "a long password"), "can sign in already");
    fails_with(&add("new@recharge.test", &[], "short"), "10 to 1000 characters");
    let staff = add("support@recharge.test", &["--role", "support"], "a long password");
    assert!(staff.status.success() && staff.stdout.is_empty(), "staff have no account");

    let verified = run(folder.path(), &["verify"]);
    assert!(verified.status.success());
    assert_eq!(text(&verified.stdout).lines().count(), 1);
    assert!(text(&verified.stdout).contains("1 account"), "{}", text(&verified.stdout));
}

#[tokio::test]
async fn verify_names_the_first_bad_row_and_fails() {
    let folder = TempDir::new().unwrap();
    let seeded = run(folder.path(), &["seed"]);
    assert!(seeded.status.success(), "{}", text(&seeded.stderr));
    let url = format!("sqlite://{}/data/recharge.db", folder.path().display());
    let database = Database::connect(&url).await.unwrap();
    let corrupt = "UPDATE usage_daily SET credits = credits + 1 WHERE operation = 'backtest'";
    database.writer().execute_unprepared(corrupt).await.unwrap();
    fails_with(&run(folder.path(), &["verify"]), "usage_daily acc_");
}

#[test]
fn the_password_may_come_from_the_input() {
    let folder = TempDir::new().unwrap();
    let mut command = recharge(folder.path());
    command.args(["user", "add", "--name", "Ada", "--email", "ada@recharge.test"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    child.stdin.take().unwrap().write_all(b"a long password\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && text(&output.stdout).starts_with("acc_"));
}
