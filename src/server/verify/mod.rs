//! Proves that the rows beside the ledger agree with each other: purchases, messages, people, prices
//! and jobs. The ledger proves its own (`Ledger::verify`).
//!
//! # Shape
//! A `Check` is one promise: a condition in SQL that holds for the rows that break it. `money`,
//! `told`, `people` and `clockwork` have the promises of a subject each; `instants` compares every
//! instant with the earliest and the latest that it can be. `prices`, `events` and `contents` read
//! what SQL can't: catalogues, quotes and JSON.
//!
//! # What must hold
//! - Each check sees one moment: it is one statement, or it compares rows with what never changes.
//!   So a database at work can be verified too.
//! - A check never calls wrong what the program itself writes. If two processes write two instants,
//!   their clocks may differ, so the check of their order allows for `SLACK`.
//! - Memory is bounded: a check names at most `MOST_NAMED` rows and counts the others.

mod check;
mod clockwork;
mod contents;
mod events;
mod instants;
mod money;
mod pages;
mod people;
mod prices;
mod told;

use std::fmt;

use chrono::TimeDelta;
use futures::{FutureExt, future::BoxFuture};
use sea_orm::DbErr;

use super::{
    clock::{Clock, database_time, to_millis},
    database::{Database, Pool},
};
use check::Check;

/// The most rows that one check names.
const MOST_NAMED: usize = 100;
/// How far the clocks of two processes may be apart. Somebody notices a clock that is off by a day,
/// but the rows that its process wrote until then stay.
const SLACK: TimeDelta = TimeDelta::days(2);

/// A row that breaks a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The table of the row.
    pub table: &'static str,
    /// The row's key; the parts of a longer one with `/` between them.
    pub row: String,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.table, self.row, self.message)
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The rows that are named.
    pub named: Vec<Wrong>,
    /// How many more there are.
    pub unnamed: u64,
}

impl Findings {
    /// Returns how many rows are wrong.
    #[must_use]
    pub fn count(&self) -> u64 {
        u64::try_from(self.named.len()).unwrap_or(u64::MAX).saturating_add(self.unnamed)
    }

    /// Adds what one check has found.
    fn extend(&mut self, found: Self) {
        self.named.extend(found.named);
        self.unnamed = self.unnamed.saturating_add(found.unnamed);
    }

    /// Adds a row, or only counts it if this check has named enough.
    fn add(&mut self, table: &'static str, row: &str, message: impl Into<String>) {
        if self.named.len() < MOST_NAMED {
            self.named.push(Wrong { table, row: row.to_owned(), message: message.into() });
        } else {
            self.unnamed = self.unnamed.saturating_add(1);
        }
    }
}

/// Verifies every table beside the ledger.
///
/// # Errors
/// If the database can't be read.
pub async fn beside_the_ledger(database: &Database, clock: &Clock) -> Result<Findings, DbErr> {
    verify(database, clock, |_| true).await
}

/// Verifies one table, for those who repair it. Returns only the wrong rows of this table, not the
/// rows of others that they disagree with.
///
/// # Errors
/// If the database can't be read.
pub async fn one_table(database: &Database, clock: &Clock, table: &str) -> Result<Findings, DbErr> {
    verify(database, clock, |it| it == table).await
}

async fn verify(
    database: &Database,
    clock: &Clock,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Findings, DbErr> {
    let reader = database.reader();
    let latest = latest(database, clock).await?;
    let mut findings = Findings::default();
    let promises = [money::CHECKS, told::CHECKS, people::CHECKS, clockwork::CHECKS];
    let promises = promises.into_iter().flatten().map(Check::from).chain(instants::checks());
    for check in promises.filter(|check| is_wanted(check.table)) {
        findings.extend(check.run(reader, latest).await?);
    }
    for (table, read) in READ {
        if is_wanted(table) {
            findings.extend(read(reader, latest).await?);
        }
    }
    Ok(findings)
}

/// Reads the rows of a table and judges them; `latest` is the latest instant that they may name.
type Read = for<'p> fn(&'p Pool, latest: i64) -> BoxFuture<'p, Result<Findings, DbErr>>;

/// The tables that SQL alone can't judge.
const READ: &[(&str, Read)] = &[
    ("catalogues", |reader, _| prices::catalogues(reader).boxed()),
    ("purchases", |reader, _| prices::purchases(reader).boxed()),
    ("quotes", |reader, _| prices::quotes(reader).boxed()),
    ("events", |reader, _| events::events(reader).boxed()),
    ("sessions", |reader, _| contents::sessions(reader).boxed()),
    ("stripe_events", |reader, _| contents::stripe_events(reader).boxed()),
    ("auto_recharges", |reader, _| contents::auto_recharges(reader).boxed()),
    ("webhook_endpoints", |reader, _| contents::webhook_endpoints(reader).boxed()),
    ("marks", |reader, latest| contents::marks(reader, latest).boxed()),
];

/// Returns the latest instant, in milliseconds, that a row may give for something past. The
/// database's clock decides; the clocks of a rehearsal and of a test are ahead of it.
async fn latest(database: &Database, clock: &Clock) -> Result<i64, DbErr> {
    let now = to_millis(database_time(database).await?);
    Ok(now.saturating_add((clock.ahead() + SLACK).num_milliseconds()))
}
