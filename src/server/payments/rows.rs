//! Purchases as rows: how they are found, made, and shown to their owner.

use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};

use super::answer::Session;
use crate::{
    credits::{AccountId, Credits, Currency, Event, Money, Purchase, PurchaseState},
    server::{
        clock::{from_millis, to_millis},
        database::Transaction,
        entity::{lot, purchase},
        events,
    },
};

/// The kind of a purchase that somebody made on Stripe's page.
pub(super) const CHECKOUT: &str = "checkout";
/// The kind of a purchase that auto-recharge made.
pub(super) const AUTO: &str = "auto";

/// A purchase as it is stored.
pub(super) type Row = purchase::Model;

/// The purchases of one account that a list shows.
const LISTED: u64 = 100;

/// Writes a purchase down unless its intent has one already; returns the one that is there.
pub(super) async fn insert_once(transaction: &Transaction, row: Row) -> Result<Row, DbErr> {
    let (account, intent) = (row.account_id.clone(), row.intent.clone());
    purchase::Entity::insert(row.into_active_model().reset_all())
        .on_conflict_do_nothing_on([purchase::Column::AccountId, purchase::Column::Intent])
        .exec_without_returning(transaction)
        .await?;
    purchase::Entity::find()
        .filter(purchase::Column::AccountId.eq(account))
        .filter(purchase::Column::Intent.eq(intent))
        .one(transaction)
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the purchase that was just written".to_owned()))
}

/// A purchase under its lock.
pub(super) async fn lock(transaction: &Transaction, id: &str) -> Result<Option<Row>, DbErr> {
    purchase::Entity::find_by_id(id).lock_exclusive().one(transaction).await
}

/// The purchase that a session is for, under its lock. The answer to the creation may have been
/// lost: then only the reference tells.
pub(super) async fn lock_by_session(
    transaction: &Transaction,
    session: &Session,
) -> Result<Option<Row>, DbErr> {
    use purchase::Column::{StripePayment, StripeSession};
    let id = if session.is_off_session { StripePayment } else { StripeSession };
    let known = purchase::Entity::find()
        .filter(id.eq(&session.id))
        .lock_exclusive()
        .one(transaction)
        .await?;
    match (known, session.purchase()) {
        (None, Some(reference)) => lock(transaction, reference).await,
        (known, _) => Ok(known),
    }
}

/// Whether a purchase that a session names is not paid by it: it has another one, or is paid in
/// another way.
pub(super) fn is_of_another(row: &Row, session: &Session) -> bool {
    let known = if session.is_off_session { &row.stripe_payment } else { &row.stripe_session };
    session.is_off_session != is_auto(row) || known.as_ref().is_some_and(|id| *id != session.id)
}

/// Whether auto-recharge made it.
pub(super) fn is_auto(row: &Row) -> bool {
    row.kind == AUTO
}

/// A purchase of this account.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: &AccountId,
    id: &str,
) -> Result<Option<Row>, DbErr> {
    purchase::Entity::find_by_id(id)
        .filter(purchase::Column::AccountId.eq(&account.0))
        .one(connection)
        .await
}

/// The latest purchases of this account, newest first.
pub(super) async fn of_account(
    connection: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<Vec<Row>, DbErr> {
    purchase::Entity::find()
        .filter(purchase::Column::AccountId.eq(&account.0))
        .order_by_desc(purchase::Column::CreatedAt)
        .order_by_desc(purchase::Column::Id)
        .limit(LISTED)
        .all(connection)
        .await
}

/// The lots that these purchases became.
pub(super) async fn lots_of(
    connection: &impl ConnectionTrait,
    rows: &[Row],
) -> Result<Vec<lot::Model>, DbErr> {
    let ids: Vec<_> = rows.iter().filter(|row| row.lot.is_some()).map(|row| &row.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    lot::Entity::find().filter(lot::Column::PurchaseId.is_in(ids)).all(connection).await
}

/// The line of purchases that wait for news, the longest waiting first. Nobody can pay one that has
/// no session yet, so it never stands before one that may be paid: it joins the line when Stripe
/// accepts its end no more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// They are without news since before this instant.
    pub before: DateTime<Utc>,
    /// The earliest end of a session that Stripe accepts, in milliseconds.
    pub openable: i64,
}

impl Waiting {
    /// Returns the next ones behind this purchase; without one, those at the head of the line.
    pub async fn behind(
        self,
        connection: &impl ConnectionTrait,
        last: Option<&Row>,
        at_most: u64,
    ) -> Result<Vec<Row>, DbErr> {
        let line = self.select(last).limit(at_most);
        line.order_by_asc(purchase::Column::UpdatedAt)
            .order_by_asc(purchase::Column::Id)
            .all(connection)
            .await
    }

    /// Counts those behind this purchase.
    pub async fn count_behind(
        self,
        connection: &impl ConnectionTrait,
        last: &Row,
    ) -> Result<u64, DbErr> {
        self.select(Some(last)).count(connection).await
    }

    fn select(self, last: Option<&Row>) -> Select<purchase::Entity> {
        use purchase::Column::{CheckoutEndsAt, Id, State, StripeSession, UpdatedAt};
        let states = [PurchaseState::Started, PurchaseState::Open, PurchaseState::Processing];
        let line = purchase::Entity::find()
            .filter(State.is_in(states.map(PurchaseState::id)))
            .filter(UpdatedAt.lte(to_millis(self.before)))
            .filter(
                StripeSession
                    .is_not_null()
                    .or(CheckoutEndsAt.is_null())
                    .or(CheckoutEndsAt.lt(self.openable)),
            );
        let Some(last) = last else { return line };
        let at_once = UpdatedAt.eq(last.updated_at).and(Id.gt(&last.id));
        line.filter(UpdatedAt.gt(last.updated_at).or(at_once))
    }
}

/// Writes down that a payment failed, where it did: somebody tells its customer. Of what
/// auto-recharge made, `auto_recharge::follow` writes what its owner has to know.
pub(super) async fn tell_failed(
    transaction: &Transaction,
    row: &Row,
    now: i64,
) -> Result<(), DbErr> {
    if is_auto(row) || state(row)? != PurchaseState::Failed {
        return Ok(());
    }
    let event = Event::PurchaseFailed {
        purchase: row.id.clone(),
        credits: Credits::from_thousandths(row.credits),
        total: total(row)?,
        reason: row.reason.clone(),
    };
    let account = AccountId(row.account_id.clone());
    events::record(transaction, &account, &row.id, &event, from_millis(now)).await.map(|_| ())
}

/// How far a purchase is.
pub(super) fn state(row: &Row) -> Result<PurchaseState, DbErr> {
    row.state.parse().map_err(unreadable)
}

/// What is paid for it.
pub(super) fn total(row: &Row) -> Result<Money, DbErr> {
    let currency: Currency = row.currency.parse().map_err(unreadable)?;
    Ok(Money::new(row.total, currency))
}

/// What is sold, as customers read it: "5,000 credits".
pub(super) fn goods(row: &Row) -> String {
    format!("{} credits", Credits::from_thousandths(row.credits))
}

/// A purchase as its owner sees it at this instant.
pub(super) fn view(row: Row, lots: &[lot::Model], now: DateTime<Utc>) -> Result<Purchase, DbErr> {
    let (state, total) = (state(&row)?, total(&row)?);
    let lot = lots.iter().find(|lot| lot.purchase_id.as_ref() == Some(&row.id));
    let is_payable =
        state == PurchaseState::Open && row.checkout_ends_at.is_none_or(|end| end > to_millis(now));
    Ok(Purchase {
        id: row.id,
        account: AccountId(row.account_id),
        is_auto: row.kind == AUTO,
        package: row.package,
        credits: Credits::from_thousandths(row.credits),
        total,
        state,
        checkout_url: row.checkout_url.filter(|_| is_payable),
        receipt_url: row.receipt_url,
        stripe_session: row.stripe_session,
        stripe_payment: row.stripe_payment,
        lot: row.lot,
        credits_expire_at: lot.map(|lot| from_millis(lot.expires_at)),
        created_at: from_millis(row.created_at),
        charged_at: row.charged_at.map(from_millis),
        stripe_consent: row.stripe_consent,
        paid_at: row.paid_at.map(from_millis),
        credited_at: row.credited_at.map(from_millis),
        reason: row.reason,
    })
}

fn unreadable(error: impl std::error::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}
