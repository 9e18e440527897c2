//! The settings as the operator writes them: flags of the command line, or the environment.

use std::{num::NonZeroU32, path::PathBuf};

use super::STRIPE;

/// The settings as the operator writes them.
#[derive(clap::Args)]
#[expect(clippy::doc_markdown, reason = "what stands here is shown by --help")]
pub struct Settings {
    /// The database: sqlite://PATH (made where it is missing) or postgres://USER:PASSWORD@HOST/NAME,
    /// with HOST,HOST where one of several can be written to, and ?pool_mode=transaction behind a
    /// pooler such as PgBouncer
    #[arg(
        long,
        env,
        global = true,
        default_value = "sqlite://data/recharge.db",
        hide_env_values = true
    )]
    pub database_url: String,

    /// The way past a pooler, for migrations; needed where DATABASE_URL says pool_mode=transaction
    #[arg(long, env, global = true, hide_env_values = true)]
    pub database_direct_url: Option<String>,

    /// Where visitors reach the site; over https, cookies are Secure and named __Host-…
    #[arg(long, env, global = true, default_value = "http://127.0.0.1:3000")]
    pub public_url: String,

    /// Stripe's secret key, sk_… or rk_…; without it the site serves and purchases are off
    #[arg(long, env, global = true, hide_env_values = true)]
    pub stripe_secret_key: Option<String>,

    /// The secrets that sign Stripe's webhooks, whsec_…; several, comma-separated, while one
    /// replaces another
    #[arg(long, env, global = true, value_delimiter = ',', hide_env_values = true)]
    pub stripe_webhook_secret: Vec<String>,

    /// Where Stripe's API answers; the simulator is http://127.0.0.1:12111
    #[arg(long, env, global = true, default_value = STRIPE)]
    pub stripe_api_base: String,

    /// A TOML file with packages, prices and rates to publish; without it what is published holds
    #[arg(long, env, global = true, value_name = "FILE")]
    pub catalogue: Option<PathBuf>,

    /// The page with the terms that a customer accepts when buying
    #[arg(long, env, global = true)]
    pub terms_url: Option<String>,

    /// The mail server: smtp://USER:PASSWORD@HOST:PORT, or smtps:// for encryption from the first
    /// byte; ?ca=FILE trusts an authority of your own; without it every mail is a file in
    /// MAIL_FOLDER
    #[arg(long, env, global = true, hide_env_values = true)]
    pub smtp_url: Option<String>,

    /// From whom mail comes: Recharge <credits@example.com>
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    pub mail_from: Option<String>,

    /// Where mail is written without a mail server
    #[arg(long, env, global = true, default_value = "data/mail", value_name = "FOLDER")]
    pub mail_folder: PathBuf,

    /// Where it is written outside the database what was acknowledged; without it beside the SQLite
    /// file, and for PostgreSQL in data
    #[arg(long, env, global = true, value_name = "FOLDER")]
    pub acknowledged_folder: Option<PathBuf>,

    /// The address to listen on
    #[arg(
        long = "site-addr",
        env = "LEPTOS_SITE_ADDR",
        global = true,
        default_value = "127.0.0.1:3000"
    )]
    pub site_addr: String,

    /// How long a connection may be without a request, or take to send the head of one; longer than
    /// a reverse proxy in front keeps an unused connection
    #[arg(long, env, global = true, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=600), value_name = "SECONDS")]
    pub idle_seconds: u16,

    /// How long the program goes on serving when it is asked to end, while /readyz says that it
    /// does: so long a balancer takes to notice; 5 in PROD, else 0
    #[arg(long, env, global = true, value_parser = clap::value_parser!(u16).range(..=600), value_name = "SECONDS")]
    pub drain_seconds: Option<u16>,

    /// The folder with the browser's files: pkg/recharge.css, pkg/recharge.js, …
    #[arg(
        long = "site-root",
        env = "LEPTOS_SITE_ROOT",
        global = true,
        default_value = "target/site",
        value_name = "FOLDER"
    )]
    pub site_root: String,

    /// Whether the browser's files carry a hash in their names (hash.txt stands beside the program)
    #[arg(long = "hash-files", env = "LEPTOS_HASH_FILES", global = true, default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub hash_files: bool,

    /// PROD or DEV: in PROD logs are JSON and Stripe's test keys are refused
    #[arg(
        long = "environment",
        env = "LEPTOS_ENV",
        global = true,
        default_value = "DEV",
        value_name = "ENV"
    )]
    pub environment: String,

    /// What is logged, as a filter: "info", "warn,recharge=debug"
    #[arg(
        long = "log",
        env = "RUST_LOG",
        global = true,
        default_value = "info",
        value_name = "FILTER"
    )]
    pub log: String,

    /// The header in which a reverse proxy in front of Recharge writes the visitor's address, such
    /// as x-real-ip; without it the address of the connection counts. Set it only where every
    /// visitor comes through that proxy
    #[arg(long, env, global = true, value_name = "HEADER")]
    pub client_address_header: Option<String>,

    /// What a collector of metrics shows at /metrics as its bearer token; without it they are open,
    /// and in PROD absent
    #[arg(long, env, global = true, hide_env_values = true)]
    pub metrics_token: Option<String>,

    /// Requests a second that one API key of an account may make; twice as many after a rest
    #[arg(long, env, global = true, default_value = "50", value_name = "PER_SECOND")]
    pub api_rate: NonZeroU32,

    /// Requests a second that one API key of a service may make; twice as many after a rest
    #[arg(long, env, global = true, default_value = "5000", value_name = "PER_SECOND")]
    pub api_service_rate: NonZeroU32,

    /// Whether webhooks may go to private addresses and over http: for development only, since it
    /// lets whoever adds an endpoint reach this machine's neighbours
    #[arg(long, env, global = true, default_value_t = false, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub webhook_allow_private: bool,

    /// Days that the server's clock runs ahead: shows today what will expire, to those who rehearse.
    /// Refused where payments go to Stripe itself
    #[arg(long, env, global = true, default_value_t = 0, value_name = "DAYS")]
    pub clock_ahead_days: u16,
}
