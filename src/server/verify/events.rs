//! Checks that each event agrees with its kind, its cause, and the rows that it is about.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Findings, pages::Pages};
use crate::{
    credits::{Credits, Event, EventKind, Operation},
    server::{clock::to_millis, database::Pool},
};

/// An event, with the purchase that its cause names, if it names one.
#[derive(FromQueryResult)]
struct EventRow {
    id: String,
    account_id: String,
    kind: String,
    cause: String,
    data: String,
    buyer: Option<String>,
    bought: Option<i64>,
    total: Option<i64>,
    lot_ends_at: Option<i64>,
}

const SELECT: &str = "
    SELECT events.id, events.account_id, events.kind, events.cause, events.data,
           purchases.account_id AS buyer, purchases.credits AS bought, purchases.total,
           (SELECT lots.expires_at FROM lots
            WHERE lots.purchase_id = purchases.id) AS lot_ends_at
    FROM events LEFT JOIN purchases ON purchases.id = events.cause";

/// Finds events that contradict the rows that they are about.
pub(super) async fn events(reader: &Pool) -> Result<Findings, DbErr> {
    let mut findings = Findings::default();
    let mut pages = Pages::new(reader, SELECT, "events.id");
    loop {
        let page = pages.next(|row: &EventRow| &row.id).await?;
        if page.is_empty() {
            return Ok(findings);
        }
        for row in page {
            if let Some(says) = row.contradiction(reader).await? {
                findings.add("events", &row.id, says);
            }
        }
    }
}

impl EventRow {
    async fn contradiction(&self, reader: &Pool) -> Result<Option<&'static str>, DbErr> {
        // A later release may know more kinds.
        let Ok(kind) = self.kind.parse::<EventKind>() else { return Ok(None) };
        let Ok(event) = serde_json::from_str::<Event>(&self.data) else {
            return Ok(Some("its data can't be read"));
        };
        if event.kind() != kind {
            return Ok(Some("its data is of another kind"));
        }
        let agrees = self.agrees(reader, &event).await?;
        Ok((!agrees).then_some("its data contradicts its cause"))
    }

    async fn agrees(&self, reader: &Pool, event: &Event) -> Result<bool, DbErr> {
        Ok(match event {
            Event::Low { balance, .. } | Event::Recovered { balance, .. } => {
                self.balance(reader).await? == Some(*balance)
            }
            Event::Depleted => self.balance(reader).await? == Some(Credits::ZERO),
            Event::Expiring { expires_at, days, .. } => {
                self.cause == format!("{} {days}", expires_at.date_naive())
            }
            Event::CapReached { operation, cap, percent, .. } => {
                let what = operation.map_or("all", Operation::id);
                self.cause.starts_with(&format!("{what}:{percent}:{}:", cap.thousandths()))
            }
            Event::PurchaseCredited { purchase, credits, expires_at } => {
                self.is_of(purchase, *credits) && self.lot_ends_at == Some(to_millis(*expires_at))
            }
            Event::PurchaseFailed { purchase, credits, total, .. }
            | Event::AutoRechargeMade { purchase, credits, total }
            | Event::AutoRechargeFailed { purchase, credits, total, .. } => {
                self.is_of(purchase, *credits) && self.total == Some(total.minor)
            }
            Event::AutoRechargePaused { .. } => {
                self.cause.starts_with("price:") || self.buyer.as_ref() == Some(&self.account_id)
            }
            Event::PriceChanged { version, .. } => self.cause == format!("price_change:{version}"),
        })
    }

    /// Returns whether its cause is this purchase, of its account and with these credits.
    fn is_of(&self, purchase: &str, credits: Credits) -> bool {
        self.cause == purchase
            && self.buyer.as_ref() == Some(&self.account_id)
            && self.bought == Some(credits.thousandths())
    }

    /// Returns the balance after the entry that its cause names: `12`, or `pace:12:2026-11-28`
    /// where the threshold moved. Returns `None` if there is no such entry.
    async fn balance(&self, reader: &Pool) -> Result<Option<Credits>, DbErr> {
        let named = self.cause.strip_prefix("pace:").and_then(|rest| rest.split(':').next());
        let Ok(seq) = named.unwrap_or(&self.cause).parse::<i64>() else { return Ok(None) };
        let sql = "SELECT available_after + held_after AS balance FROM entries
                   WHERE account_id = $1 AND seq = $2";
        let values: [Value; 2] = [self.account_id.as_str().into(), seq.into()];
        let backend = reader.get_database_backend();
        let asked = Statement::from_sql_and_values(backend, sql, values);
        let row = reader.query_one_raw(asked).await?;
        let balance = row.map(|row| row.try_get_by::<i64, _>("balance")).transpose()?;
        Ok(balance.map(Credits::from_thousandths))
    }
}
