//! Claiming a charge: the purchase is written down, within the limits, before anybody is asked
//! for money.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, DbErr, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::rows::{self, Claim, Row};
use crate::{
    credits::{AccountId, Catalogue, Credits, Event, Offer, PauseReason, PurchaseState},
    server::{
        clock::to_millis,
        database::{Transaction, is_taken},
        entity::{account, purchase, user},
        events,
        payments::{
            Away, Payments,
            rows::{AUTO, Row as PurchaseRow},
        },
    },
};

/// What became of an account that may be due.
pub(super) enum Claimed {
    /// This purchase is to be charged, by nobody else.
    Charge(Box<PurchaseRow>),
    /// The customer must agree to something first.
    Paused,
    /// Nothing is to be done now.
    Nothing,
}

/// What is known of an account before its transaction.
#[derive(Clone, Debug)]
struct Seen {
    account: AccountId,
    /// How many entries it had when its balance was read: with one more it is another balance.
    seq: i64,
    available: Credits,
    livemode: bool,
    catalogue: std::sync::Arc<Catalogue>,
    now: DateTime<Utc>,
}

impl Payments {
    /// Claims a charge for an account, where one is due and allowed.
    pub(super) async fn claim(
        &self,
        account: &AccountId,
        now: DateTime<Utc>,
    ) -> Result<Claimed, Away> {
        let found = account::Entity::find_by_id(&account.0).one(self.database.reader()).await?;
        let Some(seq) = found.map(|row| row.seq) else { return Ok(Claimed::Nothing) };
        let balance = self.ledger.balance_at(account, now).await;
        let (available, _) = balance.map_err(|_| Away::Database)?;
        let seen = Seen {
            account: account.clone(),
            seq,
            available,
            livemode: self.settings.is_live(),
            catalogue: self.catalogues.current(),
            now,
        };
        let claimed = self.database.write(move |transaction| {
            let seen = seen.clone();
            Box::pin(async move { claim(transaction, &seen).await })
        });
        match claimed.await {
            // Another worker has this slot.
            Err(error) if is_taken(&error) => Ok(Claimed::Nothing),
            claimed => Ok(claimed?),
        }
    }
}

async fn claim(transaction: &Transaction, seen: &Seen) -> Result<Claimed, DbErr> {
    let now = seen.now;
    let Some(mut row) = rows::lock(transaction, &seen.account.0).await? else {
        return Ok(Claimed::Nothing);
    };
    let is_waiting = row.is_on && row.paused_at.is_none() && row.rests_until <= to_millis(now);
    let Some(plan) = rows::plan(&row)?.filter(|_| is_waiting) else {
        return Ok(Claimed::Nothing);
    };
    let found = account::Entity::find_by_id(&row.account_id).one(transaction).await?;
    let is_as_seen = found.is_some_and(|account| account.seq == seen.seq);
    if !is_as_seen || seen.available >= plan.threshold {
        return Ok(Claimed::Nothing);
    }
    let Some(offer) = plan.offer(seen.available, &seen.catalogue.schedule) else {
        return pause_for_price(transaction, row, seen).await;
    };
    let past = rows::past(transaction, &row.account_id, now).await?;
    if let Err(rest) = plan.allows(offer.total.minor, &past, now) {
        if let Some(until) = rest.until {
            row.rests_until = to_millis(until);
            rows::keep(transaction, row, now).await?;
        }
        return Ok(Claimed::Nothing);
    }
    let slot = row.recharges + 1;
    let purchase = purchase(&row, seen, &offer, slot);
    let purchase = purchase.into_active_model().reset_all().insert(transaction).await?;
    let claim = new_claim(transaction, &row, &purchase, seen).await?;
    claim.into_active_model().reset_all().insert(transaction).await?;
    row.recharges = slot;
    row.rests_until = to_millis(now + TimeDelta::hours(plan.cooldown_hours.into()));
    rows::keep(transaction, row, now).await?;
    Ok(Claimed::Charge(Box::new(purchase)))
}

async fn pause_for_price(
    transaction: &Transaction,
    mut row: Row,
    seen: &Seen,
) -> Result<Claimed, DbErr> {
    let reason = PauseReason::Price;
    row.paused_at = Some(to_millis(seen.now));
    row.pause_reason = Some(reason.id().to_owned());
    rows::keep(transaction, row, seen.now).await?;
    let event = Event::AutoRechargePaused { reason: reason.words().to_owned() };
    let cause = format!("price:{}", seen.catalogue.version);
    events::record(transaction, &seen.account, &cause, &event, seen.now).await?;
    Ok(Claimed::Paused)
}

fn purchase(row: &Row, seen: &Seen, offer: &Offer, slot: i64) -> purchase::Model {
    let id = format!("pur_{}", Uuid::now_v7().simple());
    purchase::Model {
        intent: format!("auto:{slot}"),
        idempotency_key: format!("auto:{id}"),
        id,
        account_id: row.account_id.clone(),
        user_id: row.user_id.clone(),
        package: row.package.clone(),
        credits: Credits::try_from_whole(offer.credits).map_or(0, Credits::thousandths),
        total: offer.total.minor,
        currency: offer.total.currency.code().to_owned(),
        catalogue_version: seen.catalogue.version.clone(),
        terms: seen.catalogue.terms.clone(),
        terms_accepted_at: row.consented_at.unwrap_or_default(),
        state: PurchaseState::Started.id().to_owned(),
        reason: String::new(),
        livemode: seen.livemode,
        stripe_session: None,
        stripe_payment: None,
        checkout_url: None,
        checkout_ends_at: None,
        receipt_url: None,
        lot: None,
        created_at: to_millis(seen.now),
        updated_at: to_millis(seen.now),
        paid_at: None,
        credited_at: None,
        charged_at: None,
        stripe_consent: None,
        kind: AUTO.to_owned(),
    }
}

/// What Stripe is asked with, whatever changes later.
async fn new_claim(
    transaction: &Transaction,
    row: &Row,
    purchase: &PurchaseRow,
    seen: &Seen,
) -> Result<Claim, DbErr> {
    let owner = user::Entity::find_by_id(&row.user_id).one(transaction).await?;
    Ok(Claim {
        account_id: row.account_id.clone(),
        slot: row.recharges + 1,
        purchase_id: purchase.id.clone(),
        available: seen.available.thousandths(),
        customer: row.customer.clone().unwrap_or_default(),
        method: row.method.clone().unwrap_or_default(),
        card: rows::card(row).map(|card| card.to_string()).unwrap_or_default(),
        email: owner.map(|owner| owner.email).unwrap_or_default(),
        claimed_at: to_millis(seen.now),
    })
}
