//! What an account's owner decides: on, off, on again after a pause.

use sea_orm::DbErr;

use super::rows::{self, Row};
use crate::{
    credits::{
        AccountId, CONSENT_VERSION, PauseReason, RechargeForm, RechargePlan, RechargeProblems,
        Refill,
    },
    server::{
        clock::to_millis,
        database::Transaction,
        payments::{Away, Payments},
    },
};

/// What the customer has seen and agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RechargeAgreed {
    /// The prices on the page, as [`crate::credits::Catalogue::prices`] writes them.
    pub prices: String,
    /// The card that the words named.
    pub card: String,
    /// Whether the words were agreed to.
    pub consent: bool,
}

/// Why auto-recharge was not switched on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnOnError {
    /// Something that was entered is wrong.
    #[error("something that was entered can't be")]
    Fields(Box<RechargeProblems>),
    /// Nobody agreed.
    #[error("nobody agreed")]
    Consent,
    /// Prices or card are not those that the page showed.
    #[error("what was agreed to has changed")]
    Changed,
    /// No card is saved.
    #[error("no card is saved")]
    NoCard,
    /// Nothing could be written down.
    #[error(transparent)]
    Away(#[from] Away),
}

impl Payments {
    /// Switches auto-recharge on with what the customer agreed to, or changes that.
    ///
    /// # Errors
    /// See [`TurnOnError`]; then nothing was changed.
    pub async fn turn_recharge_on(
        &self,
        account: &AccountId,
        form: &RechargeForm,
        agreed: &RechargeAgreed,
    ) -> Result<(), TurnOnError> {
        self.stripe()?;
        let catalogue = self.catalogues.current();
        let plan = form.read(&catalogue).map_err(TurnOnError::Fields)?;
        if agreed.prices != catalogue.prices() {
            return Err(TurnOnError::Changed);
        }
        if !agreed.consent {
            return Err(TurnOnError::Consent);
        }
        let (account, shown) = (account.clone(), agreed.card.clone());
        self.decide(account, move |row| {
            let Some(card) = rows::card(row) else { return Err(TurnOnError::NoCard) };
            if card.to_string() != shown {
                return Err(TurnOnError::Changed);
            }
            agree(row, &plan, plan.consent(&card).join(" "));
            Ok(())
        })
        .await?
    }

    /// Switches auto-recharge off; the card stays saved.
    ///
    /// # Errors
    /// Where the database can't be written to.
    pub async fn turn_recharge_off(&self, account: &AccountId) -> Result<(), Away> {
        let off = self.decide(account.clone(), |row| {
            rows::switch_off(row);
            Ok(())
        });
        off.await.map(drop)
    }

    /// Goes on after a pause, unless the customer has to agree to a new price first. False where
    /// it does not go on.
    ///
    /// # Errors
    /// Where the database can't be written to.
    pub async fn resume_recharge(&self, account: &AccountId) -> Result<bool, Away> {
        let resumed = self.decide(account.clone(), |row| {
            let is_price = row.pause_reason.as_deref() == Some(PauseReason::Price.id());
            if is_price || !row.is_on {
                return Err(TurnOnError::Changed);
            }
            (row.paused_at, row.pause_reason, row.rests_until) = (None, None, 0);
            Ok(())
        });
        Ok(resumed.await?.is_ok())
    }

    /// Changes the row of an account under its lock; it stays as it was where that is refused.
    async fn decide(
        &self,
        account: AccountId,
        decision: impl Fn(&mut Row) -> Result<(), TurnOnError> + Clone + Send + Sync + 'static,
    ) -> Result<Result<(), TurnOnError>, Away> {
        let now = self.clock.now();
        let decided = self.database.write(move |transaction: &Transaction| {
            let (account, decision) = (account.clone(), decision.clone());
            Box::pin(async move {
                let Some(mut row) = rows::lock(transaction, &account.0).await? else {
                    return Ok::<_, DbErr>(Err(TurnOnError::NoCard));
                };
                if let Err(refused) = decision(&mut row) {
                    return Ok(Err(refused));
                }
                if row.is_on && row.consented_at.is_none() {
                    row.consented_at = Some(to_millis(now));
                }
                rows::keep(transaction, row, now).await.map(|_| Ok(()))
            })
        });
        Ok(decided.await?)
    }
}

fn agree(row: &mut Row, plan: &RechargePlan, words: String) {
    row.is_on = true;
    row.threshold = Some(plan.threshold.thousandths());
    row.package = match &plan.refill {
        Refill::Package(package) => Some(package.clone()),
        Refill::Amount | Refill::Target => None,
    };
    row.up_to_target = plan.refill == Refill::Target;
    row.credits = Some(plan.credits);
    row.total = Some(plan.total.minor);
    row.currency = Some(plan.total.currency.code().to_owned());
    row.monthly_cap = Some(plan.monthly_cap.minor);
    row.per_day = Some(plan.per_day.into());
    row.cooldown_hours = Some(plan.cooldown_hours.into());
    row.consent = Some(words);
    row.consent_version = Some(CONSENT_VERSION.to_owned());
    // Set when it is written down.
    row.consented_at = None;
    (row.paused_at, row.pause_reason, row.rests_until) = (None, None, 0);
}
