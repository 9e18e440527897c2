//! Tells customers what happened: in their inbox, and by mail.
//!
//! # Shape
//! ```text
//! a cause writes an event in its own transaction     (`server::events`)
//!   → telling: is it still so, does its customer want to hear of it, were they told a moment ago?
//!   → a notice for the inbox, a mail in the outbox   (one transaction)
//!   → mail: leased, sent, tried again, given up
//! ```
//! [`words`] says each event once, for the inbox and the mail alike; [`preferences`] are what
//! customers chose, [`pace`] turns their days of runway into credits, [`prices`] finds whom a new
//! rate card concerns, [`unsubscribe`] signs the link that ends a kind of mail.
//!
//! # What must hold
//! - An event is one notice and one mail, or none: whoever tells, and however often.
//! - A balance that goes up and down is told of once a day; what is still so then is not forgotten.
//! - Nobody is told of what is over.
//! - What concerns a customer's money always reaches them.

mod customers;
mod inbox;
mod mail;
mod pace;
mod preferences;
mod prices;
mod relevance;
mod telling;
mod unsubscribe;
mod words;

use std::sync::Arc;

pub use inbox::{Inbox, Notice, Place};
pub use mail::{Counters, Delivered, MailSettings, Via};
pub use preferences::{LowBalance, MOST_DAYS, Preferences, USUAL_DAYS};
pub use unsubscribe::{NoLink, Unsubscribe};
pub use words::Words;

use super::{catalogue::Catalogues, database::Database, ledger::Ledger};
use mail::Mail;

/// Tells customers what happened. Clones share everything.
#[derive(Clone, Debug)]
pub struct Notices {
    database: Database,
    catalogues: Catalogues,
    ledger: Ledger,
    mail: Arc<Mail>,
}

impl Notices {
    /// Tells by these ways; nobody is called yet, so the mail server may be away.
    #[must_use]
    pub fn new(
        database: Database,
        catalogues: Catalogues,
        ledger: Ledger,
        settings: MailSettings,
    ) -> Self {
        Self { database, catalogues, ledger, mail: Arc::new(Mail::new(settings)) }
    }

    /// What an operator watches.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.mail.counters
    }
}
