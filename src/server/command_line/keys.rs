//! Keys of programs, for operators: `recharge api-key add` and `recharge api-key revoke`.

use sea_orm::DbErr;

use crate::{
    credits::{AccountId, Credits},
    server::{
        config::Config,
        database::Database,
        identity::{
            ApiKeys, Email, Scope,
            api_keys::{MakeKeyError, NewApiKey},
            owner_with_email,
        },
        serve::{self, StartError},
    },
};

#[derive(clap::Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key and print it; this is the only time that it is shown
    Add(AddKey),
    /// End a key: within a second no process accepts it any more
    Revoke(RevokeKey),
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("owner").required(true).args(["service", "email"]))]
pub(super) struct AddKey {
    /// For the platform's own services: it acts for every account
    #[arg(long)]
    service: bool,
    /// For the account of the customer who signs in with this address
    #[arg(long)]
    email: Option<Email>,
    /// What it is called in lists
    #[arg(long)]
    name: String,
    /// What it may do; several times for several. Only a service may grant
    #[arg(long = "scope", value_enum, required = true)]
    scopes: Vec<Scope>,
    /// The most credits that one run may cost
    #[arg(long, value_name = "CREDITS")]
    ceiling: Option<Credits>,
}

#[derive(clap::Args)]
pub(super) struct RevokeKey {
    /// The key's public half: what stands between rcg_ and the next underscore
    id: String,
}

/// Why a key was not made or revoked, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Something about it is wrong.
    #[error("No key was made: {0}.")]
    Make(#[from] MakeKeyError),
    /// Nobody has this address, or no account.
    #[error("No key was made: {0} has no account.")]
    NoAccount(Email),
    /// There is no such key.
    #[error("No key was revoked: there is no key {0}.")]
    NoKey(String),
    /// The database failed.
    #[error("The database failed: {0}.")]
    Database(#[from] DbErr),
}

/// Runs the command, and returns the text to print.
pub(super) async fn run(config: &Config, command: KeyCommand) -> Result<String, KeyError> {
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    let clock = match command {
        KeyCommand::Add(_) => serve::trusted_clock(config, &database).await?,
        // A leaked key must end even if the clock is wrong.
        KeyCommand::Revoke(_) => serve::clock(config),
    };
    let keys = ApiKeys::new(database.clone(), clock);
    match command {
        KeyCommand::Add(AddKey { email, name, scopes, ceiling, .. }) => {
            let account = match email {
                Some(email) => Some(account_of(&database, email).await?),
                None => None,
            };
            let scopes = scopes.into_iter().collect();
            let new = NewApiKey { name, account, scopes, ceiling, intent: None };
            Ok(keys.make(new).await?.text.reveal().to_owned())
        }
        KeyCommand::Revoke(RevokeKey { id }) if keys.revoke_any(&id).await? => {
            Ok(format!("The key {id} is revoked."))
        }
        KeyCommand::Revoke(RevokeKey { id }) => Err(KeyError::NoKey(id)),
    }
}

async fn account_of(database: &Database, email: Email) -> Result<AccountId, KeyError> {
    let owner = owner_with_email(database, &email).await?;
    owner.map(|owner| owner.account).ok_or(KeyError::NoAccount(email))
}
