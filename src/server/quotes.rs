//! Binding prices: made from the rate card in effect, kept with its version, found by their id.

use sea_orm::{ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use uuid::Uuid;

use super::{
    catalogue::Catalogues,
    clock::{Clock, from_millis, to_millis},
    database::Database,
    entity::quote,
};
use crate::credits::{AccountId, Credits, Operation, Quantities, QuantityError, Quote};

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

    /// Makes a quote for an account, valid for [`Quote::VALIDITY`]. It changes no balance.
    ///
    /// # Errors
    /// Where a quantity can't be priced, or the database fails.
    pub async fn make(
        &self,
        account: &AccountId,
        operation: Operation,
        quantities: &Quantities,
    ) -> Result<Quote, QuoteError> {
        let catalogue = self.catalogues.current();
        let priced = catalogue.rate_card.price(operation, quantities)?;
        let now = self.clock.now();
        let quote = Quote {
            id: format!("quo_{}", Uuid::now_v7().simple()),
            operation,
            quantities: quantities.clone(),
            cost: priced.cost,
            detail: priced.detail,
            rate_card: catalogue.version.clone(),
            created_at: now,
            valid_until: now + Quote::VALIDITY,
        };
        let row = row(account, &quote)?.into_active_model().reset_all();
        quote::Entity::insert(row).exec_without_returning(self.database.writer()).await?;
        Ok(quote)
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
