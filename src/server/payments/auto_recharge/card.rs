//! Saving a card on Stripe's page without buying, and taking it away again.

use sea_orm::{DbErr, EntityTrait, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::rows;
use crate::{
    credits::{AccountId, CONSENT_VERSION},
    server::{
        clock::to_millis,
        database::Transaction,
        entity::discarded_card,
        payments::{
            Away, Buyer, Fulfilment, Payments,
            answer::SavedMethod,
            stripe::{NewSetup, StripeFailure},
        },
    },
};

/// Cards that one run detaches.
const BATCH: u64 = 100;
/// What stands beside Stripe's button.
const CONDITIONS: &str = "Nothing is charged now. Your card is saved for auto-recharge, and \
                          charged only as you agree to afterwards. You can remove it at any time.";
/// Where auto-recharge is on.
const CONDITIONS_OF_ANOTHER: &str = "Nothing is charged now. This card takes the place of the one \
                                     that is saved: auto-recharge charges it from now on, as you \
                                     agreed to before. You can remove it at any time.";
/// Where it is on and paused.
const CONDITIONS_AFTER_A_PAUSE: &str = "Nothing is charged now. This card takes the place of the \
                                        one that is saved: auto-recharge charges it as you agreed \
                                        to before, once you let it go on. You can remove it at \
                                        any time.";

impl Payments {
    /// Opens Stripe's page to save a card on, and says where it is.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn save_card(&self, buyer: &Buyer) -> Result<String, Away> {
        self.stripe()?;
        let (this, buyer) = (self.clone(), buyer.clone());
        self.in_task(async move {
            let customer = this.stripe_customer(&buyer).await?;
            let row = rows::find(this.database.reader(), &buyer.account).await?;
            let agreed = row.filter(is_agreed_to_in_these_words);
            let conditions = match &agreed {
                None => CONDITIONS,
                Some(row) if row.paused_at.is_some() => CONDITIONS_AFTER_A_PAUSE,
                Some(_) => CONDITIONS_OF_ANOTHER,
            };
            let request = NewSetup {
                account: buyer.account.0,
                customer,
                currency: this.catalogues.current().schedule.currency.code().to_owned(),
                asked_at: to_millis(this.clock.now()),
                conditions: conditions.to_owned(),
                is_agreed: agreed.is_some(),
                page: this.settings.auto_recharge_page(),
            };
            let key = format!("setup:{}", Uuid::now_v7().simple());
            let session = this.stripe()?.set_up(&request, &key).await?;
            session.url.ok_or(Away::Stripe)
        })
        .await
    }

    /// The way back from Stripe's page: keeps the card that was saved there. False where there is
    /// none, or it is not this account's.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn card_saved(&self, account: &AccountId, session: &str) -> Result<bool, Away> {
        let (this, account, session) = (self.clone(), account.clone(), session.to_owned());
        self.in_task(async move {
            let told = match this.stripe()?.retrieve(&session).await {
                Err(failure) if failure.is_missing() => return Ok(false),
                told => told?,
            };
            let Some(saved) = told.saves.filter(|saved| saved.account == account.0) else {
                return Ok(false);
            };
            this.keep_card(&saved).await?;
            let row = rows::find(this.database.reader(), &account).await?;
            Ok(row.is_some_and(|row| row.method == Some(saved.method)))
        })
        .await
    }

    /// Switches auto-recharge off and takes the card away, here at once and at Stripe as soon as
    /// it can be reached.
    ///
    /// # Errors
    /// Where the database can't be written to.
    pub async fn remove_card(&self, account: &AccountId) -> Result<(), Away> {
        let (this, account, now) = (self.clone(), account.clone(), self.clock.now());
        self.in_task(async move {
            let removed = this.database.write(move |transaction| {
                let account = account.clone();
                Box::pin(async move {
                    let Some(mut row) = rows::lock(transaction, &account.0).await? else {
                        return Ok(());
                    };
                    rows::switch_off(&mut row);
                    rows::discard_card(transaction, &mut row, now).await?;
                    rows::keep(transaction, row, now).await.map(drop)
                })
            });
            removed.await?;
            this.detach_discarded().await
        })
        .await
    }

    /// Keeps what was saved, unless a later card is there, or was and is removed. It does not
    /// switch anything on. Where auto-recharge is on, the consent names the new card if its owner
    /// agreed to that on Stripe's page; else it is switched off.
    pub(in crate::server::payments) async fn keep_card(
        &self,
        saved: &SavedMethod,
    ) -> Result<Fulfilment, Away> {
        if saved.method.is_empty() || saved.account.is_empty() {
            return Ok(Fulfilment::Saved { is_new: false });
        }
        let (saved, now) = (saved.clone(), self.clock.now());
        let kept = self.database.write(move |transaction| {
            let saved = saved.clone();
            Box::pin(async move { keep_card(transaction, saved, now).await })
        });
        let is_new = kept.await?;
        if is_new {
            self.detach_discarded().await?;
        }
        Ok(Fulfilment::Saved { is_new })
    }

    /// Detaches at Stripe what was removed here. Where Stripe is away, the next run does it.
    pub(super) async fn detach_discarded(&self) -> Result<(), Away> {
        let Ok(stripe) = self.stripe() else { return Ok(()) };
        let discarded = discarded_card::Entity::find()
            .order_by_asc(discarded_card::Column::DiscardedAt)
            .limit(BATCH)
            .all(self.database.reader())
            .await?;
        for card in discarded {
            match stripe.detach(&card.method).await {
                // Refused: it is nobody's any more.
                Ok(()) | Err(StripeFailure::Refused { .. }) => {
                    let gone = discarded_card::Entity::delete_by_id(card.method);
                    gone.exec(self.database.writer()).await?;
                }
                Err(StripeFailure::Away(cause)) => {
                    tracing::warn!(cause, "a removed card is still saved at Stripe");
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Stripe's customer for an account: made once.
    async fn stripe_customer(&self, buyer: &Buyer) -> Result<String, Away> {
        let found = rows::find(self.database.reader(), &buyer.account).await?;
        if let Some(customer) = found.and_then(|row| row.customer) {
            return Ok(customer);
        }
        let Buyer { user, account, email } = buyer.clone();
        let key = format!("customer:{account}:{}", Uuid::now_v7().simple());
        let customer = self.stripe()?.new_customer(&account.0, &email, &key).await?;
        let now = self.clock.now();
        let kept = self.database.write(move |transaction| {
            let (user, account, customer) = (user.clone(), account.clone(), customer.clone());
            Box::pin(async move {
                rows::insert_once(transaction, &account, &user, now).await?;
                let row = rows::lock(transaction, &account.0).await?;
                let mut row = row.ok_or_else(|| DbErr::RecordNotFound(account.0))?;
                // Two clicks at once: the first has made one.
                let customer = row.customer.get_or_insert(customer).clone();
                rows::keep(transaction, row, now).await.map(|_| customer)
            })
        });
        Ok(kept.await?)
    }
}

/// Whether it is on by the consent that another card would be named in.
fn is_agreed_to_in_these_words(row: &rows::Row) -> bool {
    row.is_on && row.consent_version.as_deref() == Some(CONSENT_VERSION)
}

async fn keep_card(
    transaction: &Transaction,
    saved: SavedMethod,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<bool, DbErr> {
    let Some(mut row) = rows::lock(transaction, &saved.account).await? else { return Ok(false) };
    let is_theirs = row.customer.as_ref() == Some(&saved.customer);
    if !is_theirs || saved.asked_at <= row.card_asked_at {
        return Ok(false);
    }
    rows::discard_card(transaction, &mut row, now).await?;
    row.card_asked_at = saved.asked_at;
    row.method = Some(saved.method);
    (row.brand, row.last4) = (Some(saved.brand), Some(saved.last4));
    match (rows::plan(&row)?, rows::card(&row)) {
        (Some(plan), Some(card)) if saved.is_agreed && is_agreed_to_in_these_words(&row) => {
            row.consent = Some(plan.consent(&card).join(" "));
            row.consented_at = Some(to_millis(now));
        }
        // It was switched on for another card while this one was being saved.
        _ => rows::switch_off(&mut row),
    }
    rows::keep(transaction, row, now).await.map(|_| true)
}
