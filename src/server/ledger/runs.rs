//! Runs of programs: all that a key with a ceiling asks for under one reference, together.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Statement};

use super::{
    Ledger, ReadError, RequestKey,
    queue::{Keyed, Request},
    rows,
    rowset::Rowset,
};
use crate::{
    credits::{AccountId, Command, Credits, Refusal},
    server::{clock::to_millis, entity::entry},
};

/// One run of a program, and the most that it may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub name: String,
    pub ceiling: Credits,
}

/// What runs have cost, held credits included.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<(AccountId, String), Credits>);

#[derive(FromQueryResult)]
struct UsedRow {
    account_id: String,
    run: String,
    used: i64,
}

impl Runs {
    /// Adds up the runs of a batch, none of them stored: what a hold gives back counts no more.
    /// No query where no program has a ceiling.
    pub async fn load(
        connection: &impl ConnectionTrait,
        requests: &[Request],
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let named: BTreeSet<_> = requests.iter().filter_map(name).collect();
        if named.is_empty() {
            return Ok(Self::default());
        }
        let row = |(account, run): (&AccountId, &String)| {
            vec![account.0.clone().into(), run.clone().into()]
        };
        let asked = Rowset::of_texts(&["account", "name"], named.into_iter().map(row).collect());
        let (backend, mut values) = (connection.get_database_backend(), Vec::new());
        let from = asked.source(backend, &mut values);
        let now = to_millis(now);
        let sql = format!(
            "SELECT entries.account_id, entries.run, CAST(SUM(CASE
                 WHEN holds.number IS NULL THEN -entries.available_change
                 WHEN holds.state = 'open' AND holds.expires_at > {now} THEN holds.amount
                 ELSE holds.captured END) AS BIGINT) AS used
             FROM {from}
             JOIN entries ON entries.account_id = new.account AND entries.run = new.name
              AND entries.run IS NOT NULL
             LEFT JOIN holds ON holds.account_id = entries.account_id AND holds.number = entries.seq
             GROUP BY entries.account_id, entries.run"
        );
        let statement = Statement::from_sql_and_values(backend, sql, values);
        let found = UsedRow::find_by_statement(statement).all(connection).await?;
        let used = |row: UsedRow| ((AccountId(row.account_id), row.run), rows::credits(row.used));
        Ok(Self(found.into_iter().map(used).collect()))
    }

    /// Counts a command to its run.
    ///
    /// # Errors
    /// Where the run would cost more than its ceiling.
    pub fn check(&self, account: &AccountId, keyed: &Keyed) -> Result<(), Refusal> {
        let Some(run) = &keyed.key.run else { return Ok(()) };
        let used = self.0.get(&(account.clone(), run.name.clone())).copied().unwrap_or_default();
        let needed = used + takes(&keyed.command);
        if needed > run.ceiling {
            return Err(Refusal::AboveCeiling { ceiling: run.ceiling, needed });
        }
        Ok(())
    }

    /// Adds what a command that was carried out has taken.
    pub fn count(&mut self, account: &AccountId, keyed: &Keyed) {
        if let Some(run) = &keyed.key.run {
            *self.0.entry((account.clone(), run.name.clone())).or_default() +=
                takes(&keyed.command);
        }
    }
}

fn name(request: &Request) -> Option<(&AccountId, &String)> {
    let run = request.keyed.as_ref()?.key.run.as_ref()?;
    Some((&request.account, &run.name))
}

/// What a command spends or sets aside.
const fn takes(command: &Command) -> Credits {
    match command {
        Command::Spend { amount, .. } | Command::Hold { amount, .. } => *amount,
        Command::Extend { more, .. } => *more,
        Command::Grant { .. } | Command::Capture { .. } | Command::Release { .. } => Credits::ZERO,
    }
}

impl Ledger {
    /// Whether what a hold grows by counts to the run of a request: only what was set aside in it
    /// does. A request without a run is counted to none.
    ///
    /// # Errors
    /// Where the database can't be read.
    pub async fn counts_to_run(
        &self,
        account: &AccountId,
        hold: i64,
        key: &RequestKey,
    ) -> Result<bool, ReadError> {
        let Some(run) = &key.run else { return Ok(true) };
        let made = entry::Entity::find_by_id((account.0.clone(), hold));
        let made = made.one(self.database.reader()).await?;
        Ok(made.is_some_and(|made| made.run.as_ref() == Some(&run.name)))
    }
}

impl Keyed {
    /// The run that its entry is counted to. What a hold grows by is part of the hold.
    pub fn counted_to(&self) -> Option<&str> {
        let makes = matches!(self.command, Command::Spend { .. } | Command::Hold { .. });
        self.key.run.as_ref().filter(|_| makes).map(|run| run.name.as_str())
    }
}
