//! `stripe-simulator`: the simulator as a program of its own.
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use stripe_simulator::{Config, Endpoint, Simulator};
use tracing_subscriber::EnvFilter;

/// A stand-in for Stripe on this machine: its HTTP API, its hosted payment page, its webhooks. No real payment.
///
/// Point the application's Stripe base URL at the address, give it any test key (`sk_test_…`), and the same webhook
/// secret on both sides. Tests steer it by the controls that GET /_control lists.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Loopback address and port to listen on
    #[arg(long, env = "SIMULATOR_ADDR", default_value = "127.0.0.1:12111")]
    addr: String,

    /// Where events are posted, http:// on this machine; may be given several times
    #[arg(long = "webhook", value_name = "URL")]
    webhooks: Vec<String>,

    /// Signing secret: one for all webhooks, or one for each in the same order
    #[arg(
        long = "secret",
        value_name = "WHSEC",
        env = "STRIPE_WEBHOOK_SECRET",
        hide_env_values = true,
        default_value = "whsec_simulator",
        value_delimiter = ','
    )]
    secrets: Vec<String>,

    /// The only secret key to accept; any `sk_test_…` or `rk_test_…` when left out
    #[arg(long, value_name = "SK_TEST", hide_env_values = true)]
    key: Option<String>,

    /// Name that the hosted page shows
    #[arg(long, default_value = "Recharge")]
    merchant: String,

    /// Terms of service that customers agree to; a page of the simulator when left out
    #[arg(long, value_name = "URL")]
    terms_url: Option<String>,

    /// Address of the simulator in links, when browsers reach it under another one
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,

    /// Seconds after which a delayed payment settles by itself
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    settle_after: u64,

    /// Leave delayed payments to the controls
    #[arg(long, conflicts_with = "settle_after")]
    settle_by_control: bool,

    /// Longest wait for the webhook's 2xx before the customer is sent back, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    redirect_wait_ms: u64,

    /// Wait before a webhook is sent again the first time, in milliseconds; it doubles from there
    #[arg(long, value_name = "MS", default_value_t = 500)]
    retry_wait_ms: u64,
}

impl Arguments {
    fn config(self) -> Result<Config, String> {
        let secret = |index: usize| match self.secrets.as_slice() {
            [only] => Ok(only.clone()),
            all if all.len() == self.webhooks.len() => Ok(all[index].clone()),
            all => Err(format!(
                "{} webhooks but {} secrets: give one secret, or one for each webhook",
                self.webhooks.len(),
                all.len()
            )),
        };
        let endpoints = self
            .webhooks
            .iter()
            .enumerate()
            .map(|(index, url)| Ok(Endpoint { url: url.clone(), secret: secret(index)? }));
        let mut config = Config {
            webhooks: endpoints.collect::<Result<_, String>>()?,
            addr: self.addr,
            secret_key: self.key,
            merchant: self.merchant,
            public_url: self.public_url,
            redirect_wait: Duration::from_millis(self.redirect_wait_ms),
            settle_after: (!self.settle_by_control).then(|| Duration::from_secs(self.settle_after)),
            ..Config::default()
        };
        config.terms_of_service_url = self.terms_url.or(config.terms_of_service_url);
        config.retry.first_wait = Duration::from_millis(self.retry_wait_ms);
        Ok(config)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("stripe-simulator: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let config = arguments.config()?;
    let webhooks: Vec<String> =
        config.webhooks.iter().map(|endpoint| endpoint.url.clone()).collect();
    let simulator = Simulator::start(config).await.map_err(|error| with_causes(&error))?;
    println!(
        "Stripe simulator at {} (no real payment; controls at /_control)",
        simulator.base_url()
    );
    for url in webhooks {
        println!("  webhooks to {url}");
    }
    stopped().await;
    Ok(())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

/// Waits for Ctrl-C or the end signal of a supervisor.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
