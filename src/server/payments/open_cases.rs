//! The cases that a person must look at. A process warns of each only once.

use std::{collections::BTreeSet, sync::PoisonError};

use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Away, Fulfilment, Payments,
    events::{PAID_UNKNOWN, from_row},
    report::Report,
};
use crate::{
    credits::PurchaseState,
    server::entity::{purchase, stripe_event},
};

impl Payments {
    /// Returns the ids of all purchases that a person must look at.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn in_review(&self) -> Result<Vec<String>, Away> {
        let found = purchase::Entity::find()
            .select_only()
            .column(purchase::Column::Id)
            .filter(purchase::Column::State.eq(PurchaseState::NeedsReview.id()))
            .order_by_asc(purchase::Column::Id);
        Ok(found.into_tuple().all(self.database.reader()).await?)
    }

    /// Returns all sessions and payments that were paid and credit nobody, whoever reported them and
    /// whenever: those that no purchase here has, and those of which only an event says that they
    /// are paid, because Stripe does not know them.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn unknown_here(&self) -> Result<Vec<String>, Away> {
        let outcome = stripe_event::Column::Outcome;
        let missing = Fulfilment::Missing.to_string();
        let found = stripe_event::Entity::find()
            .filter(outcome.ends_with(PAID_UNKNOWN).or(outcome.eq(&missing)))
            .all(self.database.reader())
            .await?;
        let unknown: BTreeSet<String> = found
            .into_iter()
            .filter_map(|row| {
                let is_missing = row.outcome == missing;
                let event = from_row(row);
                (!is_missing || event.says_paid()).then(|| event.object_id.unwrap_or(event.id))
            })
            .collect();
        Ok(unknown.into_iter().collect())
    }

    /// Returns whether a report has something for a person that no earlier report of this process
    /// had: an alert says each only once.
    #[must_use]
    pub fn is_news(&self, report: &Report) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.len();
        said.extend(report.for_a_person().cloned());
        said.len() > before
    }
}
