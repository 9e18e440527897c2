//! Demo data: four people, and a year and a half of purchases and operations.
//!
//! Everything is written through the ledger's own verbs, in its own time, so that a seeded
//! database is one that could have come about. The same seed number makes the same history,
//! counted back from today.

mod notices;
mod operations;
mod people;
mod purchases;

use std::fmt;

use chrono::{DateTime, Days, Months, TimeDelta, Utc};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    clock::Clock,
    database::Database,
    identity::{AddUserError, NoEmail},
    ledger::{Ledger, LedgerError},
};
use crate::credits::{AccountId, Catalogue, Command, Credits, Note, Refusal, Source, Validity};
use operations::Operations;
use people::People;
use purchases::Shop;

/// The password of everybody who is seeded.
pub const PASSWORD: &str = "recharge-demo";
/// Commands that wait for the ledger together.
const IN_FLIGHT: usize = 500;

/// Why nothing could be seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Somebody can't be added.
    #[error(transparent)]
    People(#[from] AddUserError),
    /// A seeded address is none.
    #[error(transparent)]
    Email(#[from] NoEmail),
    /// The ledger refused, or can't be reached.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sea_orm::DbErr),
}

/// What was seeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeded {
    /// The demo data is there now, with so many operations.
    New {
        /// How many operations the demo customer has run.
        operations: usize,
    },
    /// It was there before; nothing was written.
    Before,
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { operations } => write!(f, "seeded the demo with {operations} operations"),
            Self::Before => f.write_str("the demo data is there already: nothing was written"),
        }
    }
}

/// Writes commands of one account in their own time, many at once, in order.
struct History<'l> {
    ledger: &'l Ledger,
    account: AccountId,
    waiting: Vec<(String, Command, DateTime<Utc>)>,
}

/// Seeds the demo people with their history.
///
/// # Errors
/// Where somebody can't be added or something can't be written.
pub async fn run(
    database: &Database,
    clock: &Clock,
    ledger: &Ledger,
    catalogue: &Catalogue,
    number: u64,
) -> Result<Seeded, SeedError> {
    let now = clock.now();
    let Some(people) = People::add(database, now).await? else {
        return Ok(Seeded::Before);
    };
    let mut random = StdRng::seed_from_u64(number);
    let shop = Shop { database, catalogue };
    let operations = demo(ledger, &shop, &people, now, &mut random).await?;
    expiring(ledger, &shop, &people, now, &mut random).await?;
    notices::all_told(database, &people, now).await?;
    Ok(Seeded::New { operations })
}

/// A year and a half of trading research: bought, given, forgotten over a holiday, and used.
async fn demo(
    ledger: &Ledger,
    shop: &Shop<'_>,
    people: &People,
    now: DateTime<Utc>,
    random: &mut StdRng,
) -> Result<usize, SeedError> {
    let person = &people.demo;
    let mut history = History { ledger, account: person.account.clone(), waiting: Vec::new() };
    let opened = people::demo_opened_at(now);
    let year_ago = now - Months::new(12);
    let bought = [
        (opened + TimeDelta::minutes(42), 5_000),
        (opened + Days::new(31), 20_000),
        (year_ago + Days::new(11) + TimeDelta::minutes(74), 20_000),
        (now - Days::new(7) - TimeDelta::minutes(95), 5_000),
    ];
    let given = [
        (opened + TimeDelta::minutes(1), 250, 30, Source::Promotion, "Welcome to Recharge"),
        (year_ago + Days::new(24), 800, 19, Source::Promotion, "Year-end research credits"),
        (now - Days::new(65), 150, 181, Source::Goodwill, "Goodwill from support"),
        (now - Days::new(51), 500, 91, Source::Promotion, "Autumn research credits"),
    ];
    shop.unpaid(person, now - Days::new(120)).await?;
    let holiday = (year_ago + Days::new(29), year_ago + Days::new(46));
    let mut research = Operations::new(random);
    let (mut at, mut count) = (opened, 0);
    let mut pending_bought = bought.iter().peekable();
    let mut pending_given = given.iter().peekable();
    while at < now - TimeDelta::minutes(20) {
        while let Some((when, credits)) = pending_bought.next_if(|(when, _)| *when <= at) {
            history.flush().await?;
            shop.buy(ledger, person, *credits, *when).await?;
        }
        while let Some(gift) = pending_given.next_if(|gift| gift.0 <= at) {
            history.give(gift).await?;
        }
        let is_away = at >= holiday.0 && at < holiday.1;
        if !is_away && at > bought[0].0 {
            history.push(format!("seed:{count}"), research.next(at), at).await?;
            count += 1;
        }
        at = research.next_instant(at);
    }
    history.flush().await?;
    Ok(count)
}

/// Two lots about to expire, and nearly nothing left.
async fn expiring(
    ledger: &Ledger,
    shop: &Shop<'_>,
    people: &People,
    now: DateTime<Utc>,
    random: &mut StdRng,
) -> Result<(), SeedError> {
    let person = &people.expiring;
    let mut history = History { ledger, account: person.account.clone(), waiting: Vec::new() };
    let bought_at = people::expiring_opened_at(now) + TimeDelta::minutes(12);
    shop.buy(ledger, person, 1_000, bought_at).await?;
    let mut research = Operations::new(random);
    let mut left = Credits::from_thousandths(1_000_000);
    for week in 0..51 {
        let at = bought_at + Days::new(week * 7) + TimeDelta::hours(3);
        let command = research.next(at);
        let Command::Spend { amount, .. } = &command else { continue };
        if *amount + Credits::from_thousandths(60_000) < left {
            left -= *amount;
            history.push(format!("seed:{week}"), command, at).await?;
        }
    }
    let rest = left - Credits::from_thousandths(38_500);
    let last = now - Days::new(3);
    history.push("seed:last".to_owned(), operations::large_backtest(rest), last).await?;
    let gift = (now - Days::new(2), 20, 4, Source::Promotion, "A taste of market analysis");
    history.give(&gift).await?;
    history.flush().await
}

impl History<'_> {
    async fn push(
        &mut self,
        key: String,
        command: Command,
        at: DateTime<Utc>,
    ) -> Result<(), SeedError> {
        self.waiting.push((key, command, at));
        if self.waiting.len() >= IN_FLIGHT {
            self.flush().await?;
        }
        Ok(())
    }

    async fn give(
        &mut self,
        (at, whole, days, source, description): &(DateTime<Utc>, i64, u64, Source, &str),
    ) -> Result<(), SeedError> {
        let command = Command::Grant {
            source: *source,
            amount: Credits::from_thousandths(whole * 1_000),
            validity: Validity::Until(*at + Days::new(*days)),
            purchase: None,
            note: Note {
                description: (*description).to_owned(),
                detail: format!("Usable for {days} days"),
                ..Note::default()
            },
        };
        self.push(format!("seed:{description}"), command, *at).await
    }

    async fn flush(&mut self) -> Result<(), SeedError> {
        let commands = self.waiting.drain(..).map(|(key, command, at)| {
            let (ledger, account) = (self.ledger, &self.account);
            async move { ledger.execute_at(account, &key, command, at).await }
        });
        for outcome in futures::future::join_all(commands).await {
            match outcome {
                // What could not be afforded did not run.
                Ok(_) | Err(LedgerError::Refused(Refusal::InsufficientCredits { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// A number from a range that leans to its low end.
fn low(random: &mut StdRng, from: i64, to: i64) -> i64 {
    let (one, other) = (random.random_range(from..=to), random.random_range(from..=to));
    one.min(other)
}
