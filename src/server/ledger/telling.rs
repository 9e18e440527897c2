//! What a batch has done that somebody should be told of: events, written with their cause.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr};

use super::{Ledger, ReadError, book::Book};
use crate::{
    credits::{
        AccountId, CapUse, Credits, Cycle, Event, EventKind, Level, Lot, Operation, Refusal, Watch,
    },
    server::{
        entity::{account, event, runway_warning},
        events,
    },
};

/// The spend caps of an account as its batch found them.
pub(super) struct CapsBefore {
    pub caps: CapUse,
    pub cycle: Cycle,
    /// What was refused for them since.
    pub refusals: Vec<Refusal>,
}

impl Book {
    /// Looks at what the batch has made of the account.
    ///
    /// # Errors
    /// Where an event can't be written down.
    pub fn events(&mut self, now: DateTime<Utc>) -> Result<Vec<event::Model>, DbErr> {
        let account = &mut self.account;
        let mut found = Vec::new();
        if self.is_changed {
            let cause = account.seq.to_string();
            found.extend(account.watch.look(account.balance()).map(|event| (cause, event)));
        }
        for lot in self.lots.values().filter(|lot| lot.number > self.seq_before) {
            found.extend(credited(lot));
        }
        if let Some(before) = &self.caps_before {
            found.extend(caps_reached(before, &account.caps));
        }
        found
            .into_iter()
            .map(|(cause, event)| events::row(&account.id, &cause, &event, now))
            .collect()
    }
}

/// A purchase that has become a lot.
fn credited(lot: &Lot) -> Option<(String, Event)> {
    let purchase = lot.purchase.clone()?;
    let (credits, expires_at) = (lot.granted, lot.expires_at);
    Some((purchase.clone(), Event::PurchaseCredited { purchase, credits, expires_at }))
}

/// Each level of a cap is told once in a billing cycle; another cap is told of anew.
fn caps_reached(before: &CapsBefore, after: &CapUse) -> Vec<(String, Event)> {
    let refused = before.refusals.iter().filter_map(|refusal| match refusal {
        // What is too large for the cap by itself says nothing of what is used.
        Refusal::SpendCap { operation, cap, left, needed, .. } if needed <= cap => {
            Some((*operation, *cap, *cap - *left, 100))
        }
        _ => None,
    });
    let reached = after.reached_since(&before.caps).into_iter().chain(refused);
    let tell = |(operation, cap, used, percent): (Option<Operation>, Credits, _, u8)| {
        let what = operation.map_or("all", Operation::id);
        let cause = format!("{what}:{percent}:{}:{}", cap.thousandths(), before.cycle.first);
        let until = before.cycle.end;
        (cause, Event::CapReached { operation, cap, used, percent, until })
    };
    reached.map(tell).collect()
}

impl Ledger {
    /// Sets below which balance the customer wants to hear of it. Who sets it sees their balance:
    /// they aren't told of it now.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be written to.
    pub async fn warn_below(
        &self,
        account: &AccountId,
        low_at: Option<Credits>,
    ) -> Result<(), ReadError> {
        self.watch(account, low_at, None).await
    }

    /// Sets it because the account consumes more or less than before, where its customer still wants
    /// to be warned so many `days` before: none is what is usual. Whose balance is low by that is
    /// told; that it is no longer low is no news, since nothing was added.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be written to.
    pub async fn warn_at_pace(
        &self,
        account: &AccountId,
        low_at: Credits,
        days: Option<i32>,
        now: DateTime<Utc>,
    ) -> Result<(), ReadError> {
        self.watch(account, Some(low_at), Some((days, now))).await
    }

    /// Sets the threshold; where it comes of days and a pace, what is low by it is told.
    async fn watch(
        &self,
        account: &AccountId,
        low_at: Option<Credits>,
        by_pace: Option<(Option<i32>, DateTime<Utc>)>,
    ) -> Result<(), ReadError> {
        let id = account.clone();
        let written = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let found = account::Entity::find_by_id(&id.0).lock_exclusive();
                let Some(row) = found.one(transaction).await? else { return Ok(false) };
                if let Some((days, _)) = by_pace {
                    let chosen = runway_warning::Entity::find_by_id(&id.0).one(transaction).await?;
                    if chosen.map(|chosen| chosen.days) != days.map(Some) {
                        return Ok(true);
                    }
                }
                let balance = Credits::from_thousandths(row.available + row.held);
                let mut watch = Watch { low_at, level: row.level.parse().unwrap_or_default() };
                let news = watch.look(balance).filter(|event| event.kind() == EventKind::Low);
                if let (Some(event), Some((_, at))) = (news, by_pace) {
                    let cause = format!("pace:{}:{}", row.seq, at.date_naive());
                    events::record(transaction, &id, &cause, &event, at).await?;
                }
                let level = if row.seq == 0 { Level::Fine } else { watch.level };
                account::Entity::update_many()
                    .filter(account::Column::Id.eq(&id.0))
                    .col_expr(account::Column::LowAt, Expr::value(low_at.map(Credits::thousandths)))
                    .col_expr(account::Column::Level, Expr::value(level.id()))
                    .exec(transaction)
                    .await?;
                Ok(true)
            })
        });
        if written.await? { Ok(()) } else { Err(ReadError::UnknownAccount) }
    }
}
