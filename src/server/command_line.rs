//! The commands of the program.

mod backup;
mod books;
mod catalogue;
mod doctor;
mod keys;
mod verify;
mod webhooks;

use std::io::{BufRead, IsTerminal, Write};

use chrono_tz::Tz;
use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;

use super::{
    catalogue::{Catalogues, PublishError, file},
    config::{Config, Settings},
    http,
    identity::{self, AddUserError, Email, NewUser, Passwords, Role},
    jobs,
    ledger::Ledger,
    observability::start_logging,
    seed::{self, SeedError},
    serve::{self, StartError},
    simulate_load::{Load, LoadError, simulate},
};
use backup::{BackupCommand, BackupCommandError};
use books::BooksError;
use catalogue::CatalogueCommand;
use doctor::Unwell;
use keys::{KeyCommand, KeyError};
use verify::{Verify, VerifyFailed};
use webhooks::{WebhookCommand, WebhookError};

/// Recharge: credits for an AI trading platform.
///
/// Every setting can be given as an option or in the environment.
#[derive(clap::Parser)]
#[command(name = "recharge", version, max_term_width = 100)]
pub struct CommandLine {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Bring the tables up to date and serve until SIGINT or SIGTERM (what happens without a command)
    Serve,
    /// Bring the tables up to date
    Migrate,
    /// Examine the database, the disk, the clock, the tables, the settings of durability and the
    /// limits, change nothing, and say what to do; fails if something is wrong
    Doctor,
    /// Recompute every balance from the entries, and name the rows that disagree
    Verify(Verify),
    #[command(flatten)]
    Backup(BackupCommand),
    /// Write the demo people with a year and a half of history; everybody's password is recharge-demo
    Seed(Seed),
    /// Compare with Stripe once, and mend what is behind; fails if a person must look at something,
    /// or something could not be dealt with
    Reconcile,
    /// Accept this machine's clock although the SQLite database has later rows; for use after a
    /// clock that ran ahead has been corrected
    AcceptClock,
    /// Show the state of the scheduled jobs: the last slot of each, how long it took, what it did,
    /// what failed and how late it is
    Jobs,
    /// People who sign in
    #[command(subcommand)]
    User(UserCommand),
    /// Keys with which programs ask
    #[command(subcommand)]
    ApiKey(KeyCommand),
    /// Endpoints of the platform that are told what happens
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// What can be bought, and what operations cost
    #[command(subcommand)]
    Catalogue(CatalogueCommand),
    /// Print the description of the API: OpenAPI 3.1, as JSON
    Openapi,
    /// Spend through the HTTP API of a running server, as a platform would: for the demo and for
    /// soak tests
    ///
    /// Operations of the live catalogue are priced, their credits set aside, then captured or, where
    /// the work fails, released; some are charged directly. Requests that are cut off or told to wait
    /// are sent again with the same Idempotency-Key. At the end the books are compared with what the
    /// server told; where they differ, this fails.
    SimulateLoad(Load),
}

#[derive(clap::Args)]
struct Seed {
    /// Another number makes another history
    #[arg(long, default_value_t = 7)]
    number: u64,
}

#[derive(clap::Subcommand)]
#[expect(clippy::doc_markdown, reason = "what stands here is shown by --help")]
enum UserCommand {
    /// Add somebody and print the id of their account; the password comes from RECHARGE_PASSWORD,
    /// or is the first line of the input
    Add(AddUser),
}

#[derive(clap::Args)]
struct AddUser {
    /// The address they sign in with
    #[arg(long)]
    email: Email,
    /// Their name on screen
    #[arg(long)]
    name: String,
    /// What they may do
    #[arg(long, value_enum, default_value = "customer")]
    role: Role,
    /// The time zone of their billing cycle
    #[arg(long, default_value = "UTC")]
    zone: Tz,
}

/// Why a command failed, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Somebody could not be added.
    #[error("Nobody was added: {0}.")]
    AddUser(#[from] AddUserError),
    /// A key could not be made or revoked.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something about webhooks failed.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Something is wrong here.
    #[error(transparent)]
    Doctor(#[from] Unwell),
    /// Something doesn't add up.
    #[error(transparent)]
    Verify(#[from] VerifyFailed),
    /// Something about backups failed.
    #[error(transparent)]
    Backup(#[from] BackupCommandError),
    /// The books don't agree with Stripe's.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The demo data could not be written.
    #[error("The demo data could not be written: {0}.")]
    Seed(#[from] SeedError),
    /// Everybody knows the demo's password.
    #[error("The demo people have a public password: they are not added to a site in production.")]
    SeedInProduction,
    /// A catalogue is not fit for use, or its version is taken.
    #[error("Nothing was published: {0}.")]
    Publish(#[from] PublishError),
    /// The database is away.
    #[error("The jobs could not be read: {0}.")]
    Jobs(DbErr),
    /// The load could not be driven, or the books are not as told.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There was no password.
    #[error("Nobody was added: the password could not be read: {0}.")]
    Input(std::io::Error),
    /// Nobody listens.
    #[error("The result could not be written: {0}.")]
    Output(std::io::Error),
}

impl CommandLine {
    /// Does what was asked.
    ///
    /// # Errors
    /// What went wrong, in one sentence for the operator.
    pub async fn run(self) -> Result<(), CommandError> {
        let config = Config::new(self.settings).map_err(StartError::from)?;
        start_logging(&config).map_err(StartError::from)?;
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::serve(config).await?,
            Command::Migrate => {
                let database = serve::connect(&config).await?;
                serve::migrate(&config, &database).await?;
            }
            Command::Doctor => {
                let (report, healthy) = doctor::run(&config).await;
                say(report)?;
                healthy?;
            }
            Command::Verify(command) => say(verify::run(&config, command).await?)?,
            Command::Backup(command) => say(backup::run(&config, command).await?)?,
            Command::Seed(Seed { number }) => seed(config, number).await?,
            Command::Reconcile => {
                let (report, agreed) = books::reconcile(config).await?;
                say(report)?;
                agreed?;
            }
            Command::AcceptClock => say(books::accept_clock(&config).await?)?,
            Command::Jobs => tell_jobs(&config).await?,
            Command::User(UserCommand::Add(new)) => add_user(&config, new).await?,
            Command::ApiKey(command) => say(keys::run(&config, command).await?)?,
            Command::Webhook(command) => say(webhooks::run(&config, command).await?)?,
            Command::Catalogue(command) => say(catalogue::run(&config, command).await?)?,
            Command::Openapi => {
                let text = http::api::description_text();
                write!(std::io::stdout(), "{text}").map_err(CommandError::Output)?;
            }
            Command::SimulateLoad(load) => simulate_load(load).await?,
        }
        Ok(())
    }
}

/// Until Ctrl-C; a second one ends it at once.
async fn simulate_load(load: Load) -> Result<(), LoadError> {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            asked.cancel();
            tokio::signal::ctrl_c().await.ok();
            std::process::exit(130);
        }
    });
    simulate(load, stop, &mut std::io::stdout()).await
}

async fn seed(config: Config, number: u64) -> Result<(), CommandError> {
    if config.is_production() || config.is_https() {
        return Err(CommandError::SeedInProduction);
    }
    let catalogue = file::load(config.catalogue.as_deref()).map_err(StartError::from)?;
    let database = serve::connect(&config).await?;
    serve::migrate(&config, &database).await?;
    let clock = serve::trusted_clock(&config, &database).await?;
    let catalogues = Catalogues::open(database.clone(), clock.clone(), &catalogue).await;
    let catalogue = catalogues.map_err(StartError::from)?.current();
    let ledger = Ledger::start(database.clone(), clock.clone());
    let seeded = seed::run(&database, &clock, &ledger, &catalogue, number).await?;
    ledger.close().await;
    say(seeded)
}

async fn tell_jobs(config: &Config) -> Result<(), CommandError> {
    let database = serve::connect(config).await?;
    let standings = jobs::standings(&database, serve::clock(config).now()).await;
    let lines: Vec<_> =
        standings.map_err(CommandError::Jobs)?.iter().map(ToString::to_string).collect();
    let text = if lines.is_empty() { "No job has run yet.".to_owned() } else { lines.join("\n") };
    say(text)
}

async fn add_user(config: &Config, new: AddUser) -> Result<(), CommandError> {
    let AddUser { email, name, role, zone } = new;
    let password = read_password().map_err(CommandError::Input)?;
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    let passwords = Passwords::new().map_err(AddUserError::from)?;
    let password_hash = passwords.hash(&password).await.map_err(AddUserError::from)?;
    let new = NewUser { email, name, role, zone, password_hash };
    let now = serve::trusted_clock(config, &database).await?.now();
    if let Some(account) = identity::add(&database, new, now).await? {
        say(account)?;
    }
    Ok(())
}

fn say(what: impl std::fmt::Display) -> Result<(), CommandError> {
    writeln!(std::io::stdout(), "{what}").map_err(CommandError::Output)
}

fn read_password() -> Result<String, std::io::Error> {
    if let Ok(password) = std::env::var("RECHARGE_PASSWORD") {
        return Ok(password);
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        write!(std::io::stderr(), "Password (it is shown while you type): ")?;
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
