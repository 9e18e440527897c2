//! Binding prices: made from the rate card in effect, kept with its version, found by their id.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use sha2::{Digest, Sha256};

use super::{
    catalogue::Catalogues,
    clock::{Clock, from_millis, to_millis},
    database::{Database, is_taken},
    entity::quote,
};
use crate::credits::{AccountId, Credits, Operation, Quantities, QuantityError, Quote};

/// How long a quote is kept after its end: for those who ask why an operation was refused, and
/// for a program that sends its request again. What was charged by it is told by its entry.
const KEPT: TimeDelta = TimeDelta::days(30);
/// One statement deletes no more, so that no writer waits for long.
const DELETED_AT_ONCE: u64 = 1_000;

/// Makes and finds quotes. Clones share everything.
#[derive(Clone, Debug)]
pub struct Quotes {
    database: Database,
    clock: Clock,
    catalogues: Catalogues,
}

/// Why no quote was made.
#[derive(Debug, thiserror::Error)]
pub enum QuoteError {
    /// A quantity can't be priced.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// The key was used for something else.
    #[error("this key was used with other content")]
    KeyReused,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl Quotes {
    /// Prices with these catalogues.
    #[must_use]
    pub const fn new(database: Database, clock: Clock, catalogues: Catalogues) -> Self {
        Self { database, clock, catalogues }
    }

    /// Makes a quote for an account, valid for [`Quote::VALIDITY`]. It changes no balance. The same
    /// key is the same quote, whatever has become of prices since.
    ///
    /// # Errors
    /// Where a quantity can't be priced, the key was used for something else, or the database
    /// fails.
    pub async fn make(
        &self,
        account: &AccountId,
        key: &str,
        operation: Operation,
        quantities: &Quantities,
    ) -> Result<Quote, QuoteError> {
        let id = id(account, key);
        if let Some(known) = self.find(account, &id).await? {
            return same(known, operation, quantities);
        }
        let catalogue = self.catalogues.current();
        let priced = catalogue.rate_card.price(operation, quantities)?;
        let now = self.clock.now();
        let quote = Quote {
            id,
            operation,
            quantities: quantities.clone(),
            cost: priced.cost,
            detail: priced.detail,
            rate_card: catalogue.version.clone(),
            created_at: now,
            valid_until: now + Quote::VALIDITY,
        };
        let row = row(account, &quote)?.into_active_model().reset_all();
        let insert = quote::Entity::insert(row);
        match insert.exec_without_returning(self.database.writer()).await {
            Ok(_) => Ok(quote),
            // The same request, sent twice at once.
            Err(error) if is_taken(&error) => match self.find(account, &quote.id).await? {
                Some(known) => same(known, operation, quantities),
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// The quote of this account with this id, whether or not it is still valid.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn find(&self, account: &AccountId, id: &str) -> Result<Option<Quote>, DbErr> {
        let row = quote::Entity::find_by_id(id)
            .filter(quote::Column::AccountId.eq(&account.0))
            .one(self.database.reader())
            .await?;
        row.map(shown).transpose()
    }

    /// Deletes the quotes that ended more than [`KEPT`] ago.
    ///
    /// # Errors
    /// Where the database fails; what was deleted until then is deleted.
    pub async fn delete_ended(&self, now: DateTime<Utc>) -> Result<u64, DbErr> {
        let mut all = 0;
        loop {
            let ended = quote::Entity::find()
                .select_only()
                .column(quote::Column::Id)
                .filter(quote::Column::ValidUntil.lt(to_millis(now - KEPT)))
                .order_by_asc(quote::Column::ValidUntil)
                .limit(DELETED_AT_ONCE)
                .into_query();
            let delete = quote::Entity::delete_many().filter(quote::Column::Id.in_subquery(ended));
            let deleted = delete.exec(self.database.writer()).await?.rows_affected;
            all += deleted;
            if deleted < DELETED_AT_ONCE {
                return Ok(all);
            }
        }
    }
}

/// The id is made of the account and the key, so that the same request finds its quote.
fn id(account: &AccountId, key: &str) -> String {
    let digest = Sha256::digest(format!("{account} {key}"));
    format!("quo_{}", hex::encode(&digest[..16]))
}

fn same(known: Quote, operation: Operation, quantities: &Quantities) -> Result<Quote, QuoteError> {
    let is_same = known.operation == operation && known.quantities == *quantities;
    if is_same { Ok(known) } else { Err(QuoteError::KeyReused) }
}

fn row(account: &AccountId, quote: &Quote) -> Result<quote::Model, DbErr> {
    let quantities = serde_json::to_string(&quote.quantities).map_err(unreadable)?;
    Ok(quote::Model {
        id: quote.id.clone(),
        account_id: account.0.clone(),
        operation: quote.operation.id().to_owned(),
        quantities,
        cost: quote.cost.thousandths(),
        detail: quote.detail.clone(),
        rate_card: quote.rate_card.clone(),
        created_at: to_millis(quote.created_at),
        valid_until: to_millis(quote.valid_until),
    })
}

fn shown(row: quote::Model) -> Result<Quote, DbErr> {
    Ok(Quote {
        operation: row.operation.parse().map_err(unreadable)?,
        quantities: serde_json::from_str(&row.quantities).map_err(unreadable)?,
        id: row.id,
        cost: Credits::from_thousandths(row.cost),
        detail: row.detail,
        rate_card: row.rate_card,
        created_at: from_millis(row.created_at),
        valid_until: from_millis(row.valid_until),
    })
}

fn unreadable(error: impl std::fmt::Display) -> DbErr {
    DbErr::Custom(format!("a quote can't be read or written: {error}"))
}
