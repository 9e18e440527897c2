//! Auto-recharge as rows.

use chrono::{DateTime, Days, NaiveTime, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, QueryFilter, QuerySelect, Statement, Value,
};

use crate::{
    credits::{
        AccountId, Credits, Currency, Money, PastRecharge, PurchaseState, RechargePlan, Refill,
        SavedCard, month_of,
    },
    server::{
        clock::{from_millis, to_millis},
        database::Transaction,
        entity::{auto_recharge, auto_recharge_claim, discarded_card},
    },
};

/// What an account agreed to, as it is stored.
pub(super) type Row = auto_recharge::Model;
/// A charge that was claimed, as it is stored.
pub(super) type Claim = auto_recharge_claim::Model;

/// The row of an account, where it ever saved a card.
pub(super) async fn find(
    connection: &impl ConnectionTrait,
    account: &AccountId,
) -> Result<Option<Row>, DbErr> {
    auto_recharge::Entity::find_by_id(&account.0).one(connection).await
}

/// The same under its lock.
pub(super) async fn lock(transaction: &Transaction, account: &str) -> Result<Option<Row>, DbErr> {
    auto_recharge::Entity::find_by_id(account).lock_exclusive().one(transaction).await
}

/// Writes a row as it is now.
pub(super) async fn keep(
    transaction: &Transaction,
    row: Row,
    now: DateTime<Utc>,
) -> Result<Row, DbErr> {
    let row = Row { updated_at: to_millis(now), ..row };
    row.into_active_model().reset_all().update(transaction).await
}

/// Makes the row of an account unless it is there: off, without a card.
pub(super) async fn insert_once(
    transaction: &Transaction,
    account: &AccountId,
    user: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = Row {
        account_id: account.0.clone(),
        user_id: user.to_owned(),
        is_on: false,
        threshold: None,
        package: None,
        credits: None,
        total: None,
        currency: None,
        monthly_cap: None,
        per_day: None,
        cooldown_hours: None,
        consent: None,
        consent_version: None,
        consented_at: None,
        customer: None,
        method: None,
        brand: None,
        last4: None,
        card_asked_at: 0,
        paused_at: None,
        pause_reason: None,
        rests_until: 0,
        recharges: 0,
        created_at: to_millis(now),
        updated_at: to_millis(now),
        up_to_target: false,
    };
    auto_recharge::Entity::insert(row.into_active_model().reset_all())
        .on_conflict_do_nothing_on([auto_recharge::Column::AccountId])
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Nothing is bought any more, and what paused it is over.
pub(super) fn switch_off(row: &mut Row) {
    row.is_on = false;
    (row.paused_at, row.pause_reason) = (None, None);
}

/// Takes the card of a row away; it is detached at Stripe later.
pub(super) async fn discard_card(
    transaction: &Transaction,
    row: &mut Row,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let Some(method) = row.method.take() else { return Ok(()) };
    (row.brand, row.last4) = (None, None);
    let discarded = discarded_card::Model {
        method,
        account_id: row.account_id.clone(),
        discarded_at: to_millis(now),
    };
    discarded_card::Entity::insert(discarded.into_active_model().reset_all())
        .on_conflict_do_nothing_on([discarded_card::Column::Method])
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// The charge that a purchase was claimed for.
pub(super) async fn claim_of(
    connection: &impl ConnectionTrait,
    purchase: &str,
) -> Result<Claim, DbErr> {
    let found = auto_recharge_claim::Entity::find()
        .filter(auto_recharge_claim::Column::PurchaseId.eq(purchase))
        .one(connection)
        .await?;
    found.ok_or_else(|| DbErr::RecordNotFound(format!("the claim of {purchase}")))
}

/// What was agreed to; none where nothing ever was.
pub(super) fn plan(row: &Row) -> Result<Option<RechargePlan>, DbErr> {
    let Row { threshold, credits, total, monthly_cap, per_day, cooldown_hours, .. } = row;
    let (Some(threshold), Some(credits), Some(total), Some(cap), Some(per_day), Some(hours)) =
        (*threshold, *credits, *total, *monthly_cap, *per_day, *cooldown_hours)
    else {
        return Ok(None);
    };
    let currency = row.currency.as_deref().unwrap_or_default();
    let currency: Currency =
        currency.parse().map_err(|error| DbErr::Type(format!("auto_recharges: {error}")))?;
    Ok(Some(RechargePlan {
        threshold: Credits::from_thousandths(threshold),
        refill: match &row.package {
            Some(package) => Refill::Package(package.clone()),
            None if row.up_to_target => Refill::Target,
            None => Refill::Amount,
        },
        credits,
        total: Money::new(total, currency),
        monthly_cap: Money::new(cap, currency),
        per_day: u32::try_from(per_day).unwrap_or(u32::MAX),
        cooldown_hours: u32::try_from(hours).unwrap_or(u32::MAX),
    }))
}

/// The card that is saved.
pub(super) fn card(row: &Row) -> Option<SavedCard> {
    row.method.as_ref().map(|_| SavedCard {
        brand: row.brand.clone().unwrap_or_default(),
        last4: row.last4.clone().unwrap_or_default(),
    })
}

#[derive(FromQueryResult)]
struct PastRow {
    claimed_at: i64,
    total: i64,
    state: String,
}

/// The charges that limit the next one, newest first: those of this month and of the last day,
/// and whatever is under way.
pub(super) async fn past(
    connection: &impl ConnectionTrait,
    account: &str,
    now: DateTime<Utc>,
) -> Result<Vec<PastRecharge>, DbErr> {
    let (first, _) = month_of(now);
    // A cooldown is a day at most.
    let since = first.and_time(NaiveTime::MIN).and_utc().min(now - Days::new(1));
    let sql = "SELECT c.claimed_at, p.total, p.state
               FROM auto_recharge_claims c JOIN purchases p ON p.id = c.purchase_id
               WHERE c.account_id = $1
                 AND (c.claimed_at >= $2 OR p.state IN ('started', 'processing', 'needs_review'))
               ORDER BY c.slot DESC";
    let values: [Value; 2] = [account.into(), to_millis(since).into()];
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    let rows = PastRow::find_by_statement(statement).all(connection).await?;
    rows.into_iter().map(past_recharge).collect()
}

fn past_recharge(row: PastRow) -> Result<PastRecharge, DbErr> {
    let state: PurchaseState =
        row.state.parse().map_err(|error| DbErr::Type(format!("purchases: {error}")))?;
    Ok(PastRecharge {
        at: from_millis(row.claimed_at),
        total: row.total,
        // What a person must look at could happen again.
        is_under_way: !state.is_final() || state == PurchaseState::NeedsReview,
        has_failed: matches!(
            state,
            PurchaseState::Failed | PurchaseState::Cancelled | PurchaseState::Expired
        ),
    })
}
