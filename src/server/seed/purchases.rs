//! Purchases of the past: their rows as Checkout would have left them, credited by the ledger.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::{SeedError, notices, people::Customer};
use crate::{
    credits::{Catalogue, Command, Credits, Money, Note, PurchaseState, Source, Validity, grouped},
    server::{clock::to_millis, database::Database, entity::purchase, ledger::Ledger},
};

/// Where the demo's customers bought.
pub(super) struct Shop<'s> {
    pub database: &'s Database,
    pub catalogue: &'s Catalogue,
}

impl Shop<'_> {
    /// A purchase that was paid and credited at `at`.
    pub async fn buy(
        &self,
        ledger: &Ledger,
        customer: &Customer,
        whole: i64,
        at: DateTime<Utc>,
    ) -> Result<(), SeedError> {
        let row = self.row(customer, whole, PurchaseState::Processing, at);
        let total = Money::new(row.total, self.catalogue.schedule.currency);
        let command = Command::Grant {
            source: Source::Purchase,
            amount: Credits::from_thousandths(row.credits),
            validity: Validity::OneYear,
            purchase: Some(row.id.clone()),
            note: Note {
                description: format!("Bought {} credits", grouped(whole.unsigned_abs())),
                detail: format!("for {total}"),
                reference: row.id.clone(),
                ..Note::default()
            },
        };
        let id = row.id.clone();
        self.insert(row).await?;
        ledger.execute_at(&customer.account, &format!("purchase:{id}"), command, at).await?;
        notices::purchase_told(self.database, &id, at).await
    }

    /// Two purchases that came to nothing: declined, and left unpaid.
    pub async fn unpaid(&self, customer: &Customer, at: DateTime<Utc>) -> Result<(), SeedError> {
        let mut declined = self.row(customer, 20_000, PurchaseState::Failed, at);
        declined.reason = "The bank declined the payment. Nothing was charged.".to_owned();
        self.insert(declined).await?;
        let later = at + TimeDelta::days(49);
        let mut left = self.row(customer, 1_000, PurchaseState::Expired, later);
        left.reason = "Checkout ended before it was paid. Nothing was charged.".to_owned();
        self.insert(left).await
    }

    fn row(
        &self,
        customer: &Customer,
        whole: i64,
        state: PurchaseState,
        at: DateTime<Utc>,
    ) -> purchase::Model {
        let started = to_millis(at - TimeDelta::seconds(95));
        let package = self.catalogue.packages.iter().find(|package| package.credits == whole);
        let is_paid = state == PurchaseState::Processing;
        purchase::Model {
            kind: "checkout".to_owned(),
            id: format!("pur_{}", Uuid::now_v7().simple()),
            account_id: customer.account.0.clone(),
            user_id: customer.user.clone(),
            intent: Uuid::new_v4().to_string(),
            package: package.map(|package| package.id.clone()),
            credits: whole * 1_000,
            total: self.catalogue.schedule.total(whole),
            currency: self.catalogue.schedule.currency.code().to_owned(),
            catalogue_version: self.catalogue.version.clone(),
            terms: self.catalogue.terms.clone(),
            terms_accepted_at: started,
            state: state.id().to_owned(),
            reason: String::new(),
            idempotency_key: Uuid::new_v4().to_string(),
            livemode: false,
            stripe_session: None,
            stripe_payment: None,
            checkout_url: None,
            checkout_ends_at: None,
            receipt_url: None,
            lot: None,
            created_at: started,
            updated_at: to_millis(at),
            paid_at: is_paid.then(|| to_millis(at - TimeDelta::seconds(2))),
            credited_at: None,
            charged_at: is_paid.then(|| to_millis(at - TimeDelta::seconds(5))),
            stripe_consent: None,
        }
    }

    async fn insert(&self, row: purchase::Model) -> Result<(), SeedError> {
        let row = row.into_active_model().reset_all();
        purchase::Entity::insert(row).exec_without_returning(self.database.writer()).await?;
        Ok(())
    }
}
