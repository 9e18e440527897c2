//! A change of prices, told to everybody whom it concerns, with what it means to them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value,
};

use super::Notices;
use crate::{
    credits::{AccountId, Credits, Event, Operation, PriceChange, RateCard, Spent},
    server::{
        catalogue::Version, clock::to_millis, database::Transaction, entity::account, events, marks,
    },
};

/// What is priced again.
const LATELY: TimeDelta = TimeDelta::days(30);
/// A change that took effect before this is no news.
const NEWS: TimeDelta = TimeDelta::days(7);
/// Accounts of one transaction.
const BATCH: u64 = 100;
/// Where the mark of a change stands when everybody was told.
const DONE: &str = "done";

#[derive(FromQueryResult)]
struct SpentRow {
    account_id: String,
    operation: String,
    rate_card: String,
    detail: String,
    amount: i64,
    count: i64,
}

const SPENT: &str = "
    SELECT account_id, operation, rate_card, detail,
           CAST(-SUM(available_change + held_change) AS BIGINT) AS amount, COUNT(*) AS count
    FROM entries WHERE kind = 'spent' AND at >= $1 AND account_id IN ";

/// Two rate cards, one after the other.
struct Change<'c> {
    old: &'c Version,
    new: &'c Version,
}

impl Notices {
    /// Writes an event for each account that spent anything lately and whose work will cost
    /// something else by a rate card that was published; says for how many.
    ///
    /// # Errors
    /// Where the database fails; it goes on where it was.
    pub async fn find_price_changes(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        self.catalogues.refresh().await?;
        let versions = self.catalogues.all();
        let mut found = 0;
        for pair in versions.windows(2) {
            let [old, new] = pair else { continue };
            let is_other = old.catalogue.rate_card != new.catalogue.rate_card;
            if is_other && new.effective_from > now - NEWS {
                found += self.find_concerned(&Change { old, new }, now).await?;
            }
        }
        Ok(found)
    }

    async fn find_concerned(&self, change: &Change<'_>, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let name = format!("price_change:{}", change.new.catalogue.version);
        let kept = marks::read(self.database.reader(), &name).await?;
        let (mut after, mut found) = (kept.unwrap_or_default(), 0);
        while after != DONE {
            let accounts = account::Entity::find()
                .filter(account::Column::Id.gt(after.as_str()))
                .filter(account::Column::LatestAt.gte(to_millis(now - LATELY)))
                .order_by_asc(account::Column::Id)
                .limit(BATCH)
                .all(self.database.reader())
                .await?;
            let events = self.events(change, &accounts, now).await?;
            after = accounts.last().map_or_else(|| DONE.to_owned(), |last| last.id.clone());
            let (name, mark) = (name.clone(), after.clone());
            let written = self.database.write(move |transaction| {
                let (name, mark, events) = (name.clone(), mark.clone(), events.clone());
                Box::pin(async move { write(transaction, &name, &mark, &events, now).await })
            });
            found += written.await?;
        }
        Ok(found)
    }

    async fn events(
        &self,
        change: &Change<'_>,
        accounts: &[account::Model],
        now: DateTime<Utc>,
    ) -> Result<Vec<(AccountId, Event)>, DbErr> {
        let since = to_millis(now - LATELY);
        let spent = self.spent(accounts, since).await?;
        let known: BTreeMap<_, _> = self
            .catalogues
            .all()
            .into_iter()
            .map(|version| (version.catalogue.version.clone(), version.catalogue))
            .collect();
        let event = |(account, spent): (String, Vec<Spent>)| {
            let by_version = |name: &str| -> &RateCard {
                known.get(name).map_or(&change.old.catalogue.rate_card, |it| &it.rate_card)
            };
            let PriceChange { before, after, known, operations } =
                PriceChange::of(&spent, by_version, &change.new.catalogue.rate_card);
            let is_news = operations > 0 && (known == 0 || before != after);
            let event = Event::PriceChanged {
                version: change.new.catalogue.version.clone(),
                effective_from: change.new.effective_from,
                before,
                after,
                known,
                operations,
            };
            is_news.then_some((AccountId(account), event))
        };
        Ok(spent.into_iter().filter_map(event).collect())
    }

    /// What each account spent, put together by what was priced.
    async fn spent(
        &self,
        accounts: &[account::Model],
        since: i64,
    ) -> Result<BTreeMap<String, Vec<Spent>>, DbErr> {
        let mut spent: BTreeMap<String, Vec<Spent>> = BTreeMap::new();
        if accounts.is_empty() {
            return Ok(spent);
        }
        let reader = self.database.reader();
        let marks: Vec<_> = (2..accounts.len() + 2).map(|number| format!("${number}")).collect();
        let ids = accounts.iter().map(|account| Value::from(account.id.clone()));
        let values: Vec<Value> = std::iter::once(since.into()).chain(ids).collect();
        let sql = format!(
            "{SPENT}({}) GROUP BY account_id, operation, rate_card, detail",
            marks.join(",")
        );
        let backend = sea_orm::ConnectionTrait::get_database_backend(reader);
        let statement = Statement::from_sql_and_values(backend, sql, values);
        for row in SpentRow::find_by_statement(statement).all(reader).await? {
            let operation: Operation = row
                .operation
                .parse()
                .map_err(|_| DbErr::Type(format!("entries.operation holds {:?}", row.operation)))?;
            spent.entry(row.account_id).or_default().push(Spent {
                operation,
                rate_card: row.rate_card,
                detail: row.detail,
                amount: Credits::from_thousandths(row.amount),
                count: u32::try_from(row.count).unwrap_or(u32::MAX),
            });
        }
        Ok(spent)
    }
}

/// Writes the events of some accounts, and how far we are.
async fn write(
    transaction: &Transaction,
    name: &str,
    after: &str,
    events: &[(AccountId, Event)],
    now: DateTime<Utc>,
) -> Result<u64, DbErr> {
    let mut written = 0;
    for (account, event) in events {
        written += u64::from(events::record(transaction, account, name, event, now).await?);
    }
    marks::write(transaction, name, after, now).await?;
    Ok(written)
}
