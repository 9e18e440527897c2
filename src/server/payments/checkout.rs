//! From a wish to buy to Stripe's page.

use chrono::TimeDelta;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel};
use uuid::Uuid;

use super::{
    Away, Payments,
    answer::Session,
    rows::{self, Row},
    stripe::{NewSession, StripeFailure},
    wish::{Agreed, Buyer, CheckoutError, Choice},
};
use crate::{
    credits::{AmountError, Catalogue, Credits, Purchase, PurchaseState},
    server::clock::{from_millis, to_millis},
};

/// How long a checkout can be paid.
const OPEN_FOR: TimeDelta = TimeDelta::hours(1);
/// Stripe refuses sessions that end sooner than 30 minutes; a minute more for the way there.
const SHORTEST: TimeDelta = TimeDelta::minutes(31);
/// What stands beside Stripe's button.
const CONDITIONS: &str = "Purchases are non-refundable. The credits expire one year after they \
                          are added to your account; what is unused then is forfeited.";

impl Payments {
    /// Writes the purchase down and opens Stripe's page for it. The same intent is the same
    /// purchase, however often and at once it comes. Where Stripe is away the purchase stays
    /// started: [`Payments::resume`] tries again.
    ///
    /// # Errors
    /// What is wrong with the wish; then nothing was made.
    pub async fn checkout(
        &self,
        buyer: &Buyer,
        choice: &Choice,
        intent: &str,
        agreed: &Agreed,
    ) -> Result<Purchase, CheckoutError> {
        self.stripe()?;
        let catalogue = self.catalogues.current();
        let (package, credits) = chosen(&catalogue, choice)?;
        if !agreed.terms {
            return Err(CheckoutError::Terms);
        }
        if agreed.prices != catalogue.prices() {
            return Err(CheckoutError::Prices);
        }
        let intent = Uuid::parse_str(intent).map_err(|_| CheckoutError::Intent)?;
        let row = self.new_row(buyer, &catalogue, package, credits, intent)?;
        let (this, buyer) = (self.clone(), buyer.clone());
        let purchase = self.in_task(async move {
            let row = this.write_down(row).await?;
            let row = this.open(row, &buyer.email).await?;
            this.shown(row).await
        });
        Ok(purchase.await?)
    }

    /// Goes on with a purchase that is not paid yet: its open session, or another attempt to
    /// get one. None where the account has no such purchase.
    ///
    /// # Errors
    /// See [`Away`].
    pub async fn resume(&self, buyer: &Buyer, id: &str) -> Result<Option<Purchase>, Away> {
        self.stripe()?;
        let (this, buyer, id) = (self.clone(), buyer.clone(), id.to_owned());
        self.in_task(async move {
            let Some(row) = rows::find(this.database.reader(), &buyer.account, &id).await? else {
                return Ok(None);
            };
            let row = this.open(row, &buyer.email).await?;
            this.shown(row).await.map(Some)
        })
        .await
    }

    fn new_row(
        &self,
        buyer: &Buyer,
        catalogue: &Catalogue,
        package: Option<String>,
        whole: i64,
        intent: Uuid,
    ) -> Result<Row, CheckoutError> {
        let now = self.clock.now();
        let total = catalogue.schedule.offer(whole).total;
        let too_many = CheckoutError::Amount(AmountError::TooMany(catalogue.schedule.maximum));
        let credits = Credits::try_from_whole(whole).ok_or(too_many)?;
        let id = format!("pur_{}", Uuid::now_v7().simple());
        // A browser that goes back keeps the page's token: what is chosen then is another wish.
        let chosen = package.as_deref().unwrap_or("custom");
        Ok(Row {
            intent: format!("{intent}:{chosen}:{whole}"),
            idempotency_key: format!("checkout:{id}"),
            id,
            account_id: buyer.account.0.clone(),
            user_id: buyer.user.clone(),
            package,
            credits: credits.thousandths(),
            total: total.minor,
            currency: total.currency.code().to_owned(),
            catalogue_version: catalogue.version.clone(),
            terms: catalogue.terms.clone(),
            terms_accepted_at: to_millis(now),
            state: PurchaseState::Started.id().to_owned(),
            reason: String::new(),
            livemode: self.settings.is_live(),
            stripe_session: None,
            stripe_payment: None,
            checkout_url: None,
            checkout_ends_at: Some(to_millis(now + OPEN_FOR)),
            receipt_url: None,
            lot: None,
            created_at: to_millis(now),
            updated_at: to_millis(now),
            paid_at: None,
            credited_at: None,
            charged_at: None,
            stripe_consent: None,
            kind: rows::CHECKOUT.to_owned(),
        })
    }

    async fn write_down(&self, row: Row) -> Result<Row, Away> {
        let work = self.database.write(move |transaction| {
            let row = row.clone();
            Box::pin(async move { rows::insert_once(transaction, row).await })
        });
        Ok(work.await?)
    }

    /// Gets the session of a purchase that has none yet.
    async fn open(&self, row: Row, email: &str) -> Result<Row, Away> {
        let is_started = row.state == PurchaseState::Started.id() && row.stripe_session.is_none();
        if !is_started || rows::is_auto(&row) {
            return Ok(row);
        }
        if !self.is_openable(&row) {
            return self.give_up(row, PurchaseState::Expired, TOO_LATE).await;
        }
        let request = self.session_request(&row, email);
        match self.stripe()?.create(&request, &row.idempotency_key).await {
            Ok(session) => self.keep(row, session).await,
            Err(StripeFailure::Away(cause)) => {
                tracing::warn!(purchase = row.id, cause, "no checkout: Stripe can't be reached");
                self.give_up(row, PurchaseState::Started, UNREACHABLE).await
            }
            Err(failure @ StripeFailure::Refused { .. }) => {
                tracing::error!(purchase = row.id, %failure, "Stripe refuses a checkout");
                self.give_up(row, PurchaseState::Failed, REFUSED).await
            }
        }
    }

    /// Whether Stripe would still open a session with the end that was written down. Another
    /// end would be another request, which the idempotency key does not allow.
    pub(super) fn is_openable(&self, row: &Row) -> bool {
        row.checkout_ends_at.is_some_and(|end| end >= self.earliest_end())
    }

    /// The earliest end of a session that Stripe accepts now.
    pub(super) fn earliest_end(&self) -> i64 {
        to_millis(self.clock.now() + SHORTEST)
    }

    fn session_request(&self, row: &Row, email: &str) -> NewSession {
        let ends_at = from_millis(row.checkout_ends_at.unwrap_or_default());
        NewSession {
            purchase: row.id.clone(),
            name: rows::goods(row),
            conditions: CONDITIONS.to_owned(),
            total: row.total,
            currency: row.currency.clone(),
            email: (!email.is_empty()).then(|| email.to_owned()),
            ends_at: self.clock.outside(ends_at).timestamp(),
            page: self.settings.purchase_page(&row.id),
            asks_for_consent: self.settings.terms_url.is_some(),
        }
    }

    /// Writes the session down. Where the purchase was cancelled meanwhile, nobody may pay it.
    async fn keep(&self, row: Row, session: Session) -> Result<Row, Away> {
        let (id, found, now) = (row.id.clone(), session.clone(), to_millis(self.clock.now()));
        let kept = self.database.write(move |transaction| {
            let (id, session) = (id.clone(), found.clone());
            Box::pin(async move {
                let Some(row) = rows::lock(transaction, &id).await? else { return Ok(None) };
                let is_new = row.stripe_session.is_none();
                let is_started = row.state == PurchaseState::Started.id();
                let mut row = row.into_active_model();
                if is_new {
                    row.stripe_session = Set(Some(session.id));
                    row.updated_at = Set(now);
                }
                if is_started {
                    row.state = Set(PurchaseState::Open.id().to_owned());
                    row.reason = Set(String::new());
                }
                row.checkout_url = Set(session.url);
                row.update(transaction).await.map(Some)
            })
        });
        let kept = kept.await?.unwrap_or(row);
        self.changed();
        let is_ended = [PurchaseState::Cancelled, PurchaseState::Expired]
            .iter()
            .any(|state| kept.state == state.id());
        if is_ended {
            self.stripe()?.expire(&session.id).await.ok();
        }
        Ok(kept)
    }

    /// Says why there is no session; a purchase that got on meanwhile stays where it is.
    pub(super) async fn give_up(
        &self,
        row: Row,
        state: PurchaseState,
        reason: &'static str,
    ) -> Result<Row, Away> {
        let (id, now) = (row.id.clone(), to_millis(self.clock.now()));
        let given_up = self.database.write(move |transaction| {
            let id = id.clone();
            Box::pin(async move {
                let Some(row) = rows::lock(transaction, &id).await? else { return Ok(None) };
                if row.state != PurchaseState::Started.id() || row.stripe_session.is_some() {
                    return Ok(Some(row));
                }
                let mut row = row.into_active_model();
                row.state = Set(state.id().to_owned());
                row.reason = Set(reason.to_owned());
                row.updated_at = Set(now);
                let row = row.update(transaction).await?;
                rows::tell_failed(transaction, &row, now).await?;
                Ok(Some(row))
            })
        });
        let row = given_up.await?.unwrap_or(row);
        self.changed();
        Ok(row)
    }
}

/// The package and the credits of a choice: prices come from the catalogue alone.
fn chosen(catalogue: &Catalogue, choice: &Choice) -> Result<(Option<String>, i64), CheckoutError> {
    match choice {
        Choice::Package(id) => {
            let package = catalogue.package(id).ok_or(CheckoutError::UnknownPackage)?;
            Ok((Some(package.id.clone()), package.credits))
        }
        Choice::Custom(text) => Ok((None, catalogue.schedule.parse_amount(text)?)),
    }
}

const UNREACHABLE: &str =
    "The payment service could not be reached. Nothing was charged; you can try again.";
const REFUSED: &str = "The payment service did not accept this purchase. Nothing was charged.";
pub(super) const TOO_LATE: &str =
    "The payment service could not be reached in time. Nothing was charged.";
