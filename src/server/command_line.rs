//! What can be asked of the program on its command line.

use std::io::{BufRead, IsTerminal, Write};

use chrono_tz::Tz;

use super::{
    clock::Clock,
    config::{Config, Settings},
    identity::{self, AddUserError, Email, NewUser, Passwords, Role},
    ledger::{Ledger, VerifyError},
    observability::start_logging,
    serve::{self, StartError},
};

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
    /// Recompute every balance from the entries, and name the first row that disagrees
    Verify,
    /// People who sign in
    #[command(subcommand)]
    User(UserCommand),
}

#[derive(clap::Subcommand)]
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
    /// Something doesn't add up.
    #[error("The ledger could not be verified: {0}.")]
    Verify(#[from] VerifyError),
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
            Command::Verify => {
                let database = serve::connect(&config).await?;
                let verified = Ledger::start(database, Clock::default()).verify().await?;
                writeln!(std::io::stdout(), "{verified}").map_err(CommandError::Output)?;
            }
            Command::User(UserCommand::Add(new)) => add_user(&config, new).await?,
        }
        Ok(())
    }
}

async fn add_user(config: &Config, new: AddUser) -> Result<(), CommandError> {
    let AddUser { email, name, role, zone } = new;
    let password = read_password().map_err(CommandError::Input)?;
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    let passwords = Passwords::new().map_err(AddUserError::from)?;
    let password_hash = passwords.hash(&password).await.map_err(AddUserError::from)?;
    let new = NewUser { email, name, role, zone, password_hash };
    let now = Clock::default().now();
    if let Some(account) = identity::add(&database, new, now).await? {
        writeln!(std::io::stdout(), "{account}").map_err(CommandError::Output)?;
    }
    Ok(())
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
