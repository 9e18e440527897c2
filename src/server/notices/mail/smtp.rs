//! A conversation with a mail server, one message after the other over one connection.
//!
//! A refusal of the recipient or of the message is told from a server that can't be used: only the
//! first concerns that one message. A connection on which anything else went wrong, or took too
//! long, is not used again: its next answer could be meant for the message before.

use std::time::Duration;

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::DEFAULT_MECHANISMS,
        client::AsyncSmtpConnection,
        commands::{Data, Mail, Rcpt, Rset},
    },
};
use tokio::time::timeout;

use super::settings::{Encryption, Server};

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It never will be.
    Refused(String),
    /// Not now; others may be.
    Later(String),
    /// The server can't be used now.
    Away(String),
    /// It can't be used after this message, and may be for another.
    HungUp(String),
    /// It hung up on those before, so this one was not tried.
    Untried(String),
}

impl Failure {
    /// What happened.
    pub fn words(&self) -> &str {
        match self {
            Self::Refused(why)
            | Self::Later(why)
            | Self::Away(why)
            | Self::HungUp(why)
            | Self::Untried(why) => why,
        }
    }
}

/// An open conversation.
pub(super) struct Conversation {
    connection: AsyncSmtpConnection,
    patience: Duration,
}

impl Conversation {
    /// Connects, encrypts and signs in.
    pub async fn open(server: &Server) -> Result<Self, Failure> {
        match timeout(server.patience, connect(server)).await {
            Ok(Ok(connection)) => Ok(Self { connection, patience: server.patience }),
            Ok(Err(error)) => Err(Failure::Away(words(&error))),
            Err(_) => Err(Failure::Away("it did not answer in time".to_owned())),
        }
    }

    /// Hands over a message.
    pub async fn send(
        &mut self,
        from: &Address,
        to: &Address,
        letter: &[u8],
    ) -> Result<(), Failure> {
        match timeout(self.patience, self.hand_over(from, to, letter)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Away("it did not answer in time".to_owned())),
        }
    }

    /// Says goodbye, whether or not it is heard.
    pub async fn close(mut self) {
        timeout(self.patience, self.connection.quit()).await.ok();
    }

    async fn hand_over(
        &mut self,
        from: &Address,
        to: &Address,
        letter: &[u8],
    ) -> Result<(), Failure> {
        let connection = &mut self.connection;
        // Who may not send at all is no fault of this message.
        let from = Mail::new(Some(from.clone()), Vec::new());
        connection.command(from).await.map_err(|error| Failure::Away(words(&error)))?;
        let taken = match connection.command(Rcpt::new(to.clone(), Vec::new())).await {
            Ok(_) => match connection.command(Data).await {
                Ok(_) => connection.message(letter).await,
                refused => refused,
            },
            refused => refused,
        };
        let Err(error) = taken else { return Ok(()) };
        let failure = judged(&error);
        if !matches!(failure, Failure::Away(_)) {
            connection.command(Rset).await.map_err(|error| Failure::Away(words(&error)))?;
        }
        Err(failure)
    }
}

async fn connect(server: &Server) -> Result<AsyncSmtpConnection, Error> {
    let first = match server.encryption {
        Encryption::Always => Some(server.tls()?),
        Encryption::Required | Encryption::Offered => None,
    };
    let address = (server.host.as_str(), server.port);
    let mut connection = AsyncSmtpConnection::connect_tokio1(
        address,
        Some(server.patience),
        &server.hello,
        first,
        None,
    )
    .await?;
    let starts = match server.encryption {
        Encryption::Always => false,
        Encryption::Required => true,
        Encryption::Offered => connection.can_starttls(),
    };
    if starts {
        connection.starttls(server.tls()?, &server.hello).await?;
    }
    if let Some(credentials) = server.credentials() {
        connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
    }
    Ok(connection)
}

/// 421 and 530 speak of us; other answers of the message.
fn judged(error: &Error) -> Failure {
    let code = error.status().map(u16::from);
    match code {
        Some(421 | 530) | None => Failure::Away(words(error)),
        Some(_) if error.is_permanent() => Failure::Refused(words(error)),
        Some(_) => Failure::Later(words(error)),
    }
}

/// What happened, with its causes.
fn words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = inner.source();
    }
    words
}
