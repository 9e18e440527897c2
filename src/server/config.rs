//! The settings: flags and environment, read once, checked once.
//!
//! [`Settings`] is what the operator wrote, [`Config`] what the program believes. Whatever is
//! wrong stops the start with one sentence.

mod settings;

use std::{fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use axum::http::HeaderName;
use chrono::TimeDelta;
use leptos::config::{Env, LeptosOptions};
use url::Url;

pub use settings::Settings;

use super::{notices::MailSettings, secret::Secret};

/// The name of the browser part's files; Leptos asks for `/pkg/recharge.js`.
const OUTPUT_NAME: &str = "recharge";
/// Where the real Stripe answers.
const STRIPE: &str = "https://api.stripe.com";
/// Where the real Stripe shows its payment page.
const STRIPE_CHECKOUT: &str = "https://checkout.stripe.com";

/// The keys to Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeKeys {
    /// Opens the API.
    pub secret_key: Secret,
    /// Sign the webhooks; never empty.
    pub webhook_secrets: Vec<Secret>,
}

/// Requests a second that each program may make.
#[derive(Clone, Copy, Debug)]
pub struct Paces {
    /// With the key of an account.
    pub of_account: NonZeroU32,
    /// With the key of a service.
    pub of_service: NonZeroU32,
}

/// The settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `sqlite://…` or `postgres://…`; may contain a password.
    pub database_url: Secret,
    /// The way past a pooler, for migrations; may contain a password.
    pub database_direct_url: Option<Secret>,
    /// Where visitors reach the site.
    pub public_url: Url,
    /// None: purchases are off.
    pub stripe: Option<StripeKeys>,
    /// Where Stripe's API answers.
    pub stripe_api_base: Url,
    /// None: the embedded catalogue.
    pub catalogue: Option<PathBuf>,
    /// The page with the terms.
    pub terms_url: Option<Url>,
    /// Where visitors' addresses stand behind a reverse proxy.
    pub client_address_header: Option<HeaderName>,
    /// Opens the metrics; none: they are open, and absent in production.
    pub metrics_token: Option<Secret>,
    /// How fast each program may ask.
    pub paces: Paces,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// How long the server goes on serving after a signal to end.
    pub drain: Duration,
    /// How mail goes out.
    pub mail: MailSettings,
    /// Whether webhooks may go to private addresses, and over http.
    pub webhook_allow_private: bool,
    /// How far the server's clock runs ahead.
    pub clock_ahead: TimeDelta,
    /// The folder for the files of acknowledged commands; `None` means beside the database.
    pub acknowledged_folder: Option<PathBuf>,
    /// What is logged.
    pub log: String,
    /// What Leptos needs to know.
    pub leptos: LeptosOptions,
}

/// A setting that can't be used, and why, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}.")]
pub struct ConfigError {
    /// The setting's name in the environment.
    pub setting: &'static str,
    /// What is wrong with it; never its value where that is secret.
    pub problem: String,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first one that can't be used.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let public_url = web_address("PUBLIC_URL", &settings.public_url)?;
        let stripe_api_base = web_address("STRIPE_API_BASE", &settings.stripe_api_base)?;
        if settings.clock_ahead_days > 0 && is_stripe(&stripe_api_base) {
            let reason = "is for rehearsals with the simulator: set STRIPE_API_BASE to its address";
            return Err(fail("CLOCK_AHEAD_DAYS", reason));
        }
        let leptos = leptos_options(&settings)?;
        let stripe = stripe_keys(&settings)?;
        if let Some(keys) = &stripe {
            check_keys(keys, is_stripe(&stripe_api_base), leptos.env == Env::PROD)?;
        }
        let terms_url = settings.terms_url.as_deref().filter(|url| !url.is_empty());
        let terms_url = terms_url.map(|url| web_address("TERMS_URL", url)).transpose()?;
        let header = settings.client_address_header.as_deref().filter(|name| !name.is_empty());
        let client_address_header = header
            .map(|name| {
                name.parse().map_err(|_| fail("CLIENT_ADDRESS_HEADER", "is no name of a header"))
            })
            .transpose()?;
        let (smtp, from) = (settings.smtp_url.as_deref(), settings.mail_from.as_deref());
        let mail = MailSettings::new(smtp, from, settings.mail_folder, &public_url)
            .map_err(|(setting, problem)| fail(setting, problem))?;
        let direct_url = settings.database_direct_url.as_deref().filter(|url| !url.is_empty());
        let metrics_token = settings.metrics_token.as_deref().filter(|token| !token.is_empty());
        let drain_seconds =
            settings.drain_seconds.unwrap_or(if leptos.env == Env::PROD { 5 } else { 0 });
        Ok(Self {
            idle: Duration::from_secs(u64::from(settings.idle_seconds)),
            drain: Duration::from_secs(u64::from(drain_seconds)),
            mail,
            database_url: Secret::new(&settings.database_url),
            database_direct_url: direct_url.map(Secret::new),
            public_url,
            stripe,
            stripe_api_base,
            catalogue: settings.catalogue.filter(|path| !path.as_os_str().is_empty()),
            terms_url,
            client_address_header,
            metrics_token: metrics_token.map(Secret::new),
            paces: Paces { of_account: settings.api_rate, of_service: settings.api_service_rate },
            webhook_allow_private: settings.webhook_allow_private,
            clock_ahead: TimeDelta::days(i64::from(settings.clock_ahead_days)),
            acknowledged_folder: settings
                .acknowledged_folder
                .filter(|path| !path.as_os_str().is_empty()),
            log: settings.log,
            leptos,
        })
    }

    /// Whether visitors come over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Whether this is the production environment.
    #[must_use]
    pub fn is_production(&self) -> bool {
        self.leptos.env == Env::PROD
    }

    /// The origin of the site as a browser writes it: no path, no default port.
    #[must_use]
    pub fn public_origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// The origin of the page where customers pay: Stripe's, or the simulator's.
    #[must_use]
    pub fn checkout_origin(&self) -> String {
        if is_stripe(&self.stripe_api_base) {
            return STRIPE_CHECKOUT.to_owned();
        }
        self.stripe_api_base.origin().ascii_serialization()
    }
}

fn fail(setting: &'static str, problem: impl fmt::Display) -> ConfigError {
    ConfigError { setting, problem: problem.to_string() }
}

fn is_stripe(api_base: &Url) -> bool {
    api_base.origin().ascii_serialization() == STRIPE
}

fn web_address(setting: &'static str, text: &str) -> Result<Url, ConfigError> {
    let url = Url::parse(text.trim())
        .map_err(|error| fail(setting, format!("({text}) is no web address: {error}")))?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !is_web {
        return Err(fail(setting, format!("({text}) must start with http:// or https://")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail(setting, "must not contain a user name or password"));
    }
    Ok(url)
}

fn leptos_options(settings: &Settings) -> Result<LeptosOptions, ConfigError> {
    let text = &settings.site_addr;
    let site_addr: SocketAddr = text.parse().map_err(|_| {
        fail("LEPTOS_SITE_ADDR", format!("({text}) must be ADDRESS:PORT, such as 127.0.0.1:3000"))
    })?;
    let env = match settings.environment.to_ascii_lowercase().as_str() {
        "prod" | "production" => Env::PROD,
        "dev" | "development" => Env::DEV,
        other => return Err(fail("LEPTOS_ENV", format!("({other}) must be PROD or DEV"))),
    };
    let mut options = LeptosOptions::builder()
        .output_name(OUTPUT_NAME)
        .site_root(settings.site_root.as_str())
        .site_addr(site_addr)
        .env(env)
        .build();
    options.hash_files = settings.hash_files;
    Ok(options)
}

fn stripe_keys(settings: &Settings) -> Result<Option<StripeKeys>, ConfigError> {
    let secret_key = settings.stripe_secret_key.as_deref().map(str::trim).unwrap_or_default();
    let secrets = settings.stripe_webhook_secret.iter().filter(|secret| !secret.trim().is_empty());
    let webhook_secrets: Vec<_> = secrets.map(|secret| Secret::new(secret)).collect();
    match (secret_key.is_empty(), webhook_secrets.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(fail(
            "STRIPE_SECRET_KEY",
            "is missing although STRIPE_WEBHOOK_SECRET is set: set both to sell, none to keep purchases off",
        )),
        (false, true) => Err(fail(
            "STRIPE_WEBHOOK_SECRET",
            "is missing although STRIPE_SECRET_KEY is set: set both to sell, none to keep purchases off",
        )),
        (false, false) => {
            Ok(Some(StripeKeys { secret_key: Secret::new(secret_key), webhook_secrets }))
        }
    }
}

/// A live key never goes to a simulator, a test key never sells in production.
fn check_keys(keys: &StripeKeys, is_stripe: bool, is_production: bool) -> Result<(), ConfigError> {
    let key = keys.secret_key.reveal();
    let is_live = key.starts_with("sk_live_") || key.starts_with("rk_live_");
    let is_test = key.starts_with("sk_test_") || key.starts_with("rk_test_");
    if !is_live && !is_test {
        let problem = "must start with sk_test_, sk_live_, rk_test_ or rk_live_";
        return Err(fail("STRIPE_SECRET_KEY", problem));
    }
    if is_live && !is_stripe {
        let problem = "is a live key, but STRIPE_API_BASE is not Stripe: live keys go to https://api.stripe.com only";
        return Err(fail("STRIPE_SECRET_KEY", problem));
    }
    if is_test && is_production {
        let problem = "is a test key, but LEPTOS_ENV is PROD: credits would be sold for no money";
        return Err(fail("STRIPE_SECRET_KEY", problem));
    }
    if keys.webhook_secrets.iter().any(|secret| !secret.reveal().starts_with("whsec_")) {
        return Err(fail("STRIPE_WEBHOOK_SECRET", "must start with whsec_"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
