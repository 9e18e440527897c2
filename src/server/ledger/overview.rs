//! Reads what Credits Management shows: one snapshot, four queries.

use chrono::{DateTime, Days, NaiveDate, Utc};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter};

use super::{
    Ledger, ReadError, history,
    load::{Loaded, OpenLot, load},
    rows,
};
use crate::{
    credits::{
        AccountId, Credits, Cycle, CycleUsage, DayUsage, HistoryFilter, Lot, LotLine, Operation,
        Overview, Pace,
    },
    server::{clock::in_zone, database::Transaction, entity::usage_daily},
};

/// Days that the pace is taken from.
const PACE_DAYS: u64 = 28;

impl Ledger {
    /// Everything that Credits Management shows, with the usage of the cycle that contains a day
    /// (the current one where none is named, or one that is not the account's).
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn overview(
        &self,
        account: &AccountId,
        selected: Option<NaiveDate>,
    ) -> Result<Overview, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                match load(transaction, &id, now).await? {
                    Some(loaded) => overview(transaction, &loaded, selected, now).await.map(Some),
                    None => Ok(None),
                }
            })
        });
        read.await?.ok_or(ReadError::UnknownAccount)
    }

    /// What can be spent and what is set aside.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn balance(&self, account: &AccountId) -> Result<(Credits, Credits), ReadError> {
        self.balance_at(account, self.now()).await
    }

    /// The same as it is at an instant, which isn't before the account's latest entry.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn balance_at(
        &self,
        account: &AccountId,
        at: DateTime<Utc>,
    ) -> Result<(Credits, Credits), ReadError> {
        let id = account.clone();
        let read = self.database.snapshot(move |transaction| {
            let id = id.clone();
            Box::pin(async move { load(transaction, &id, at).await })
        });
        let loaded = read.await?.ok_or(ReadError::UnknownAccount)?;
        Ok((loaded.account.available, loaded.account.held))
    }
}

async fn overview(
    transaction: &Transaction,
    loaded: &Loaded,
    selected: Option<NaiveDate>,
    now: DateTime<Utc>,
) -> Result<Overview, DbErr> {
    // If a clock ran ahead and was set back, the account's latest instant is ahead of the clock:
    // new entries are dated at that instant.
    let now = now.max(loaded.account.latest_at);
    let today = now.with_timezone(&loaded.zone).date_naive();
    let anchor = loaded.cycle_anchor_day;
    let cycle = Cycle::containing(today, anchor);
    let cycles = cycles(loaded, cycle);
    let wanted = selected.and_then(|day| cycles.iter().find(|cycle| cycle.contains(day)));
    let shown = wanted.copied().unwrap_or(cycle);
    let usage = Usage::read(transaction, loaded, today, shown).await?;
    let history = history::page(transaction, loaded, HistoryFilter::default(), None, now).await?;

    let account = &loaded.account;
    let pace = Pace::from_days(&usage.totals(usage.pace_from(loaded, today), today));
    let day_of_cycle = today - cycle.first;
    let before = cycle.previous(anchor);
    let has_before = cycles.contains(&before);
    let consumed_before = has_before.then(|| {
        usage.sum(before.first, (before.first + day_of_cycle).min(before.end - Days::new(1)))
    });
    Ok(Overview {
        account: account.id.clone(),
        zone: loaded.zone.name().to_owned(),
        now: in_zone(now, loaded.zone),
        available: account.available,
        held: account.held,
        cycle,
        consumed: usage.sum(cycle.first, today),
        consumed_before,
        usage: CycleUsage { cycle: shown, days: usage.days(shown, today) },
        cycles,
        pace,
        runway: pace.and_then(|pace| pace.runway(&account.lots, now)),
        lots: lot_lines(loaded, pace, now),
        history,
    })
}

/// The cycles since the account was opened, newest first.
fn cycles(loaded: &Loaded, current: Cycle) -> Vec<Cycle> {
    let opened = loaded.opened_at.with_timezone(&loaded.zone).date_naive();
    let mut cycles = vec![current];
    while let Some(cycle) = cycles.last().filter(|cycle| cycle.first > opened) {
        let previous = cycle.previous(loaded.cycle_anchor_day);
        cycles.push(previous);
    }
    cycles
}

/// The open lots as their owner sees them, soonest expiry first.
fn lot_lines(loaded: &Loaded, pace: Option<Pace>, now: DateTime<Utc>) -> Vec<LotLine> {
    let prospects = pace.map(|pace| pace.prospects(&loaded.account.lots, now)).unwrap_or_default();
    let line = |lot: &Lot, told: &OpenLot| LotLine {
        number: lot.number,
        source: lot.source,
        description: told.description.clone(),
        granted: lot.granted,
        remaining: lot.remaining,
        held: lot.held,
        granted_at: in_zone(told.granted_at, loaded.zone),
        expires_at: in_zone(lot.expires_at, loaded.zone),
        purchase: lot.purchase.clone().zip(told.paid),
        prospect: prospects.iter().find(|prospect| prospect.lot == lot.number).copied(),
    };
    let told = |lot: &Lot| loaded.lots.iter().find(|open| open.lot.number == lot.number);
    let open = loaded.account.lots.iter().filter(|lot| lot.is_open());
    open.filter_map(|lot| told(lot).map(|told| line(lot, told))).collect()
}

/// The roll-up rows that a page needs: the selected cycle, this one, the one before, the pace.
struct Usage {
    rows: Vec<(NaiveDate, Operation, Credits)>,
}

impl Usage {
    async fn read(
        transaction: &Transaction,
        loaded: &Loaded,
        today: NaiveDate,
        shown: Cycle,
    ) -> Result<Self, DbErr> {
        use usage_daily::Column;
        let this = Cycle::containing(today, loaded.cycle_anchor_day);
        let before = this.previous(loaded.cycle_anchor_day).first;
        let recent = before.min(today - Days::new(PACE_DAYS));
        let in_shown = Condition::all()
            .add(Column::Day.gte(shown.first.to_string()))
            .add(Column::Day.lt(shown.end.to_string()));
        let found = usage_daily::Entity::find()
            .filter(Column::AccountId.eq(&loaded.account.id.0))
            .filter(Condition::any().add(Column::Day.gte(recent.to_string())).add(in_shown))
            .all(transaction)
            .await?;
        let parse = |row: usage_daily::Model| {
            let day = rows::parse("usage_daily.day", &row.day)?;
            let operation = rows::parse("usage_daily.operation", &row.operation)?;
            Ok((day, operation, rows::credits(row.credits)))
        };
        Ok(Self { rows: found.into_iter().map(parse).collect::<Result<_, DbErr>>()? })
    }

    /// The days of a cycle up to today, oldest first.
    fn days(&self, cycle: Cycle, today: NaiveDate) -> Vec<DayUsage> {
        let last = today.min(cycle.end - Days::new(1));
        let days = cycle.first.iter_days().take_while(|day| *day <= last);
        let usage = |day| DayUsage {
            day,
            credits: Operation::ALL.map(|operation| {
                let found = self.rows.iter().filter(|row| row.0 == day && row.1 == operation);
                found.map(|row| row.2).sum()
            }),
        };
        days.map(usage).collect()
    }

    /// What was consumed on each full day from `from` up to, but without, today.
    fn totals(&self, from: NaiveDate, today: NaiveDate) -> Vec<Credits> {
        let days = from.iter_days().take_while(|day| *day < today);
        days.map(|day| self.sum(day, day)).collect()
    }

    /// The first day that the pace is taken from: four weeks ago, or when the account was opened.
    fn pace_from(&self, loaded: &Loaded, today: NaiveDate) -> NaiveDate {
        let opened = loaded.opened_at.with_timezone(&loaded.zone).date_naive();
        opened.max(today - Days::new(PACE_DAYS))
    }

    /// What was consumed from one day to another, both included.
    fn sum(&self, first: NaiveDate, last: NaiveDate) -> Credits {
        let found = self.rows.iter().filter(|row| row.0 >= first && row.0 <= last);
        found.map(|row| row.2).sum()
    }
}
