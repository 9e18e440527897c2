use clap::Parser;

use super::*;

/// A command line with the settings only, so that the environment of the test run has no say.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn config(flags: &[&str]) -> Result<Config, ConfigError> {
    let line = Line::try_parse_from(std::iter::once(&"recharge").chain(flags));
    Config::new(line.unwrap_or_else(|error| panic!("{error}")).settings)
}

fn problem(flags: &[&str]) -> String {
    config(flags).expect_err("these settings can't be used").to_string()
}

const KEY: &str = "--stripe-secret-key=sk_test_1";
const LIVE_KEY: &str = "--stripe-secret-key=sk_live_1";
const SECRET: &str = "--stripe-webhook-secret=whsec_1";
const SIMULATOR: &str = "--stripe-api-base=http://127.0.0.1:12111";
const PRODUCTION: &str = "--environment=PROD";

#[test]
fn without_keys_purchases_are_off() {
    let config = config(&["--stripe-secret-key=", "--stripe-webhook-secret="]);
    assert_eq!(config.expect("good settings").stripe, None);
}

#[test]
fn one_key_without_the_other_is_refused() {
    assert!(problem(&[KEY]).starts_with("STRIPE_WEBHOOK_SECRET is missing"));
    assert!(problem(&[SECRET]).starts_with("STRIPE_SECRET_KEY is missing"));
}

#[test]
fn several_webhook_secrets_are_read() {
    let config = config(&[KEY, "--stripe-webhook-secret=whsec_new, whsec_old"]);
    let keys = config.expect("good settings").stripe.expect("keys");
    let secrets: Vec<_> = keys.webhook_secrets.iter().map(Secret::reveal).collect();
    assert_eq!(secrets, ["whsec_new", "whsec_old"]);
}

#[test]
fn a_live_key_never_goes_to_a_simulator() {
    for key in [LIVE_KEY, "--stripe-secret-key=rk_live_1"] {
        assert!(problem(&[key, SECRET, SIMULATOR]).contains("is a live key"));
    }
    assert!(config(&[LIVE_KEY, SECRET]).is_ok());
}

#[test]
fn a_test_key_never_sells_in_production() {
    assert!(problem(&[KEY, SECRET, PRODUCTION]).contains("is a test key"));
    assert!(config(&[LIVE_KEY, SECRET, PRODUCTION]).is_ok());
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    let shown = problem(&["--stripe-secret-key=canary", SECRET]);
    assert!(shown.starts_with("STRIPE_SECRET_KEY must start with") && !shown.contains("canary"));
    let shown = problem(&[KEY, "--stripe-webhook-secret=canary"]);
    assert!(shown.starts_with("STRIPE_WEBHOOK_SECRET must") && !shown.contains("canary"));
}

#[test]
fn debug_shows_no_secret() {
    let flags = [
        "--stripe-secret-key=sk_test_canary",
        "--stripe-webhook-secret=whsec_canary",
        "--database-url=postgres://recharge:canary@db/recharge",
    ];
    let shown = format!("{:?}", config(&flags).expect("good settings"));
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn bad_addresses_are_named() {
    assert!(problem(&["--public-url=credits.example"]).starts_with("PUBLIC_URL (credits.example)"));
    assert!(problem(&["--public-url=ftp://credits.example"]).contains("http:// or https://"));
    assert!(problem(&["--site-addr=3000"]).starts_with("LEPTOS_SITE_ADDR (3000)"));
    assert!(problem(&["--environment=staging"]).starts_with("LEPTOS_ENV (staging)"));
    assert!(problem(&["--client-address-header=x real ip"]).starts_with("CLIENT_ADDRESS_HEADER"));
}

#[test]
fn a_clock_runs_ahead_only_beside_the_simulator() {
    let refused = problem(&["--clock-ahead-days=12"]);
    assert!(refused.starts_with("CLOCK_AHEAD_DAYS is for rehearsals"), "{refused}");
    let simulator = "--stripe-api-base=http://127.0.0.1:12111";
    let rehearsing = config(&["--clock-ahead-days=12", simulator]).expect("good settings");
    assert_eq!(rehearsing.clock_ahead, TimeDelta::days(12));
    assert_eq!(config(&[]).expect("good settings").clock_ahead, TimeDelta::zero());
}

#[test]
fn payments_happen_at_stripe_or_at_the_simulator() {
    let origin = |flags: &[&str]| config(flags).expect("good settings").checkout_origin();
    assert_eq!(origin(&["--stripe-api-base=https://api.stripe.com/"]), STRIPE_CHECKOUT);
    assert_eq!(origin(&["--stripe-api-base=http://127.0.0.1:12111/x/"]), "http://127.0.0.1:12111");
}
