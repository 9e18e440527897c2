//! What the server told of an account, and whether its books say the same.
//!
//! A row of 0 credits marks the begin, another the end: each tells its number in the account's
//! gap-free history and the balance at that instant. Where all rows between them are ours, the
//! balances must differ by what was charged. Where others wrote too, our rows are added up.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use super::client::{Charged, Client, Failure, Rows};
use crate::credits::Credits;

/// How long an account rests after it could not pay.
const REST: Duration = Duration::from_secs(2);

/// An account that is driven.
pub struct Account {
    pub id: String,
    begin: Charged,
    told: Mutex<Told>,
}

/// What the server told.
#[derive(Default)]
struct Told {
    /// Rows that were written, of any kind.
    rows: i64,
    /// Operations that came to an end, each with a row that the history shows.
    ended: u64,
    /// Credits that were charged.
    charged: Credits,
    rests_until: Option<Instant>,
    /// Whether it was said already that it can't pay.
    is_short: bool,
}

/// What the comparison found.
pub struct Compared {
    pub sentence: String,
    pub agrees: bool,
}

impl Account {
    /// Marks the begin in the books. A key of an account needs no name.
    pub async fn begin(
        client: &Client,
        named: Option<&str>,
        operation: &str,
        run: &str,
    ) -> Result<Self, Failure> {
        let key = format!("{run}-begin-{}", named.unwrap_or_default());
        let begin = mark(client, named, operation, &key, "Simulated load begins").await?;
        Ok(Self { id: begin.account.clone(), begin, told: Mutex::default() })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row was written that ends nothing.
    pub fn row(&self) {
        self.told().rows += 1;
    }

    /// An operation came to its end.
    pub fn ended(&self, charged: Credits) {
        let mut told = self.told();
        told.rows += 1;
        told.ended += 1;
        told.charged += charged;
        told.is_short = false;
    }

    /// It could not pay. Says whether that is new.
    pub fn rest(&self) -> bool {
        let mut told = self.told();
        told.rests_until = Some(Instant::now() + REST);
        !std::mem::replace(&mut told.is_short, true)
    }

    /// Whether it may be asked to pay now.
    pub fn is_ready(&self) -> bool {
        self.told().rests_until.is_none_or(|until| until <= Instant::now())
    }

    /// Marks the end in the books and compares them with what was told.
    pub async fn compare(
        &self,
        client: &Client,
        operation: &str,
        run: &str,
    ) -> Result<Compared, Failure> {
        let key = format!("{run}-end-{}", self.id);
        let end = mark(client, Some(&self.id), operation, &key, "Simulated load ends").await?;
        let (rows, ended, charged) = {
            let told = self.told();
            (told.rows, told.ended, told.charged)
        };
        let between = end.entry - self.begin.entry - 1;
        let (found, agrees) = if between == rows {
            let had = self.begin.available + self.begin.held;
            let gone = had - (end.available + end.held);
            (format!("the balance fell by {gone}"), gone == charged)
        } else {
            let (count, sum) = self.add_up(client, run).await?;
            let others = between - rows;
            let found = format!("{others} other rows, and ours are {count} over {sum}");
            (found, count == ended && sum == charged)
        };
        let says = if agrees { "as told" } else { "NOT AS TOLD" };
        let sentence = format!(
            "{}: {says}. Told: {ended} operations, {charged} credits charged. Books: {found}.",
            self.id
        );
        Ok(Compared { sentence, agrees })
    }

    /// How many rows carry our reference, and what they took.
    async fn add_up(&self, client: &Client, run: &str) -> Result<(u64, Credits), Failure> {
        let (mut count, mut sum, mut before) = (0, Credits::ZERO, String::new());
        loop {
            let path = format!("/accounts/{}/entries?text={run}-{before}", self.id);
            let page: Rows = client.get(&path).await?;
            for row in page.entries {
                count += 1;
                sum += -row.amount;
            }
            match page.next {
                Some(next) => before = format!("&before={next}"),
                None => return Ok((count, sum)),
            }
        }
    }
}

/// Writes a row of 0 credits.
async fn mark(
    client: &Client,
    account: Option<&str>,
    operation: &str,
    key: &str,
    description: &str,
) -> Result<Charged, Failure> {
    let body = json!({
        "account": account, "operation": operation, "amount": "0", "description": description,
    });
    client.post("/usage", key, &body).await
}
