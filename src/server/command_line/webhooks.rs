//! The platform's endpoints, for operators: `recharge webhook …`.

use std::fmt::Write;

use sea_orm::DbErr;

use crate::server::{
    config::Config,
    serve::{self, StartError},
    webhooks::{
        AddError, Deliveries, Delivery, Endpoint, Kinds, ResendError, Tested, UnknownKind, Webhooks,
    },
};

#[derive(clap::Subcommand)]
pub(super) enum WebhookCommand {
    /// Add an endpoint and print its id and secret; this is the only time that the secret is shown
    Add(AddEndpoint),
    /// List the endpoints
    List,
    /// Remove an endpoint; what still waits for it is given up
    Remove(NamedEndpoint),
    /// Send an endpoint a message of the type webhook.test, once, and tell what it answers
    Test(NamedEndpoint),
    /// Give an endpoint a new secret and print it; the old one signs beside it for 24 hours
    Rotate(NamedEndpoint),
    /// Take up an endpoint again that answered 410 Gone
    Enable(NamedEndpoint),
    /// List what was sent to an endpoint or is to be, the newest first, 25 at a time
    Deliveries(ListDeliveries),
    /// Send a message again, and try it for three days
    Resend(Resend),
}

impl WebhookCommand {
    /// Returns whether the command needs a right clock. Removing an endpoint doesn't: it must work
    /// even if the clock is wrong.
    const fn writes_by_the_clock(&self) -> bool {
        !matches!(self, Self::List | Self::Deliveries(_) | Self::Remove(_))
    }
}

#[derive(clap::Args)]
pub(super) struct AddEndpoint {
    /// Where to: a public address, over https
    url: String,
    /// Which events, with commas between them; all where nothing is said
    #[arg(long, value_delimiter = ',')]
    events: Vec<String>,
}

#[derive(clap::Args)]
pub(super) struct NamedEndpoint {
    /// The endpoint: whe_…
    id: String,
}

#[derive(clap::Args)]
pub(super) struct ListDeliveries {
    /// The endpoint: whe_…
    id: String,
    /// Only those older than this one
    #[arg(long, value_name = "MESSAGE")]
    before: Option<String>,
}

#[derive(clap::Args)]
pub(super) struct Resend {
    /// The message: msg_…
    id: String,
}

/// Why a command about webhooks failed, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// An endpoint is not fit for use.
    #[error("No endpoint was added: {0}.")]
    Add(#[from] AddError),
    /// It asks for what is not sent.
    #[error("No endpoint was added: {0}.")]
    Kind(#[from] UnknownKind),
    /// There is no such endpoint.
    #[error("There is no endpoint {0}.")]
    Unknown(String),
    /// The endpoint does not take messages.
    #[error("The endpoint did not take the message: {0}.")]
    NotTaken(String),
    /// A message can't be sent again.
    #[error("Nothing is sent: {0}.")]
    Resend(#[from] ResendError),
    /// The database failed.
    #[error("The database failed: {0}.")]
    Database(#[from] DbErr),
}

/// Runs the command, and returns the text to print.
pub(super) async fn run(config: &Config, command: WebhookCommand) -> Result<String, WebhookError> {
    let database = serve::connect(config).await?;
    serve::migrate(config, &database).await?;
    let clock = if command.writes_by_the_clock() {
        serve::trusted_clock(config, &database).await?
    } else {
        serve::clock(config)
    };
    let webhooks = serve::open_webhooks(config, &database, &clock)?;
    let unknown = |id: String| WebhookError::Unknown(id);
    match command {
        WebhookCommand::Add(AddEndpoint { url, events }) => {
            let kinds = Kinds::named(events.iter().map(|event| event.trim()))?;
            let added = webhooks.add(&url, kinds, None).await?;
            Ok(format!("{} {}", added.endpoint.id, added.secret.reveal()))
        }
        WebhookCommand::List => {
            let lines: Vec<_> = webhooks.list().await?.iter().map(line).collect();
            Ok(if lines.is_empty() { "There is no endpoint.".to_owned() } else { lines.join("\n") })
        }
        WebhookCommand::Remove(NamedEndpoint { id }) => {
            let removed = webhooks.remove(&id).await?;
            removed.then(|| format!("The endpoint {id} is removed.")).ok_or_else(|| unknown(id))
        }
        WebhookCommand::Test(NamedEndpoint { id }) => {
            let tested = webhooks.test(&id).await?.ok_or_else(|| unknown(id))?;
            tell(tested)
        }
        WebhookCommand::Rotate(NamedEndpoint { id }) => {
            let rotated = webhooks.rotate(&id).await?.ok_or_else(|| unknown(id))?;
            Ok(rotated.secret.reveal().to_owned())
        }
        WebhookCommand::Enable(NamedEndpoint { id }) => {
            let enabled = webhooks.switch(&id, true).await?;
            enabled.then(|| format!("The endpoint {id} is enabled.")).ok_or_else(|| unknown(id))
        }
        WebhookCommand::Deliveries(asked) => list(&webhooks, asked).await,
        WebhookCommand::Resend(Resend { id }) => {
            let due_at = webhooks.resend(&id, None).await?.due_at.format("%Y-%m-%d %H:%M:%S UTC");
            Ok(format!(
                "The message {id} will be sent by a running server, at {due_at} at the latest."
            ))
        }
    }
}

fn line(endpoint: &Endpoint) -> String {
    let Endpoint { id, url, kinds, created_at, disabled_at, .. } = endpoint;
    let since =
        disabled_at.map(|at| format!("  disabled since {}", at.format("%Y-%m-%d %H:%M UTC")));
    let added = created_at.format("%Y-%m-%d");
    format!("{id}  {url}  {kinds}  added {added}{}", since.unwrap_or_default())
}

fn tell(tested: Tested) -> Result<String, WebhookError> {
    let took = tested.took.as_millis();
    match tested.answer {
        Ok(answer) if answer.is_taken() => {
            Ok(format!("The endpoint answered {} in {took} ms.", answer.status))
        }
        Ok(answer) => Err(WebhookError::NotTaken(format!("it answered {}", answer.status))),
        Err(error) => Err(WebhookError::NotTaken(error.to_string())),
    }
}

async fn list(webhooks: &Webhooks, asked: ListDeliveries) -> Result<String, WebhookError> {
    let ListDeliveries { id, before } = asked;
    let page = webhooks.deliveries(&id, before.as_deref()).await?;
    let Deliveries { deliveries, next } = page.ok_or(WebhookError::Unknown(id))?;
    let mut text = deliveries.iter().map(delivery).collect::<Vec<_>>().join("\n");
    if text.is_empty() {
        text.push_str("Nothing was sent, and nothing waits.");
    }
    if let Some(next) = next {
        let _ = write!(text, "\nOlder ones: --before {next}");
    }
    Ok(text)
}

fn delivery(delivery: &Delivery) -> String {
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S");
    let mut text = format!(
        "{}  {}  {}  {}  {}",
        delivery.id,
        at(delivery.created_at),
        delivery.kind,
        delivery.account,
        delivery.state.id(),
    );
    if let Some(next) = delivery.next_at {
        let _ = write!(text, ", next at {}", at(next));
    }
    for tried in &delivery.tries {
        let status = tried.status.map_or_else(|| "no answer".to_owned(), |it| it.to_string());
        let _ = write!(
            text,
            "\n    {}  {status}  {} ms  {}",
            at(tried.at),
            tried.duration_ms,
            tried.note
        );
    }
    text
}
