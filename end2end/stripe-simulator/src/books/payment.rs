//! What happens when somebody pays: intent, charge, session, and the events in Stripe's order.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Books;
use super::cards::{self, Behaviour, Instrument, TEST_CARDS};
use crate::api::error::ApiError;

/// How the controls let a session be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayOutcome {
    /// By card, at once.
    Paid,
    /// By a delayed method: the session completes unpaid and waits for [`Settlement`].
    Unpaid,
    /// The card is declined; the session stays open.
    Declined,
    /// The card has too little; the session stays open.
    InsufficientFunds,
}

/// How a delayed payment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The money arrived.
    Succeeded,
    /// The bank refused.
    Failed,
}

/// Who pays, and with what.
#[derive(Clone, Debug)]
pub struct Payer {
    pub email: Option<String>,
    pub name: Option<String>,
    pub accepts_terms: bool,
    pub instrument: Instrument,
}

impl Payer {
    /// Somebody who agrees to everything and pays as the outcome says.
    pub fn for_outcome(outcome: PayOutcome) -> Self {
        let card = |behaviour| {
            TEST_CARDS.into_iter().find(|card| card.behaviour == behaviour).map(Instrument::Card)
        };
        let instrument = match outcome {
            PayOutcome::Paid => card(Behaviour::Pays),
            PayOutcome::Declined => card(Behaviour::Declined),
            PayOutcome::InsufficientFunds => card(Behaviour::InsufficientFunds),
            PayOutcome::Unpaid => None,
        };
        let instrument = instrument.unwrap_or(Instrument::BankDebit(Settlement::Succeeded));
        Self { email: None, name: None, accepts_terms: true, instrument }
    }
}

/// Where a payment has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Completed,
    /// The bank wants to see 3D Secure first.
    Authenticate,
}

impl Books {
    /// Pays an open session.
    ///
    /// # Errors
    /// `resource_missing`, a session that isn't open, missing consent, or the card's refusal.
    pub fn pay(&mut self, id: &str, payer: &Payer) -> Result<Step, ApiError> {
        self.check_payable(id, payer)?;
        if self.field(id, "mode") == "setup" {
            return self.save_method(id, payer);
        }
        if self.field(id, "payment_status") == "no_payment_required" {
            self.complete_session(id, payer, "no_payment_required");
            return Ok(Step::Completed);
        }
        let method = self.new_payment_method(payer);
        let intent = self.intent_for(id, &method);
        match payer.instrument {
            Instrument::Card(card) => match card.behaviour {
                Behaviour::Declined => {
                    Err(self.refuse(&intent, payer, &method, cards::generic_decline()))
                }
                Behaviour::InsufficientFunds => {
                    Err(self.refuse(&intent, payer, &method, cards::insufficient_funds()))
                }
                Behaviour::AsksFor3dSecure => Ok(self.challenge(id, &intent, payer, &method)),
                Behaviour::Disputed => {
                    let step = self.pay_at_once(id, &intent, payer, &method, false);
                    let charge = self.field(&intent, "latest_charge");
                    self.open_dispute(&charge, false).map(|_| step)
                }
                Behaviour::Pays | Behaviour::FailsLater => {
                    Ok(self.pay_at_once(id, &intent, payer, &method, false))
                }
            },
            Instrument::BankDebit(settlement) => {
                Ok(self.pay_later(id, &intent, payer, &method, settlement))
            }
        }
    }

    /// Ends a 3D Secure challenge.
    ///
    /// # Errors
    /// Nobody is being asked, or the customer failed.
    pub fn authenticate(&mut self, id: &str, passed: bool) -> Result<Step, ApiError> {
        let challenged = self.details_mut(id).and_then(|details| details.challenged.take());
        let payer = challenged.ok_or_else(|| {
            ApiError::invalid("No authentication is under way for this Checkout Session.")
        })?;
        self.check_payable(id, &payer)?;
        if self.field(id, "mode") == "setup" {
            return self.saved_after_challenge(id, &payer, passed);
        }
        let intent = self.field(id, "payment_intent");
        let method = self.field(&intent, "payment_method");
        self.change(&intent, json!({ "next_action": null }));
        if passed {
            return Ok(self.pay_at_once(id, &intent, &payer, &method, true));
        }
        Err(self.refuse(&intent, &payer, &method, cards::not_authenticated()))
    }

    /// Ends a delayed payment of a session, or of an intent that has none.
    ///
    /// # Errors
    /// `resource_missing`, or nothing is on its way.
    pub fn settle(&mut self, id: &str, settlement: Settlement) -> Result<Value, ApiError> {
        let known = self.get(id).ok_or_else(|| ApiError::no_such("payment", id, "id"))?;
        let session = known["object"] == "checkout.session";
        let delayed = self.details_mut(id).and_then(|details| details.delayed.take());
        let message = "No delayed payment is on its way here.";
        delayed.ok_or_else(|| ApiError::invalid(message))?;
        let intent = if session { self.field(id, "payment_intent") } else { id.to_owned() };
        let charge = self.field(&intent, "latest_charge");
        match settlement {
            Settlement::Succeeded => {
                self.succeed(&intent, &charge);
                if session {
                    self.change(id, json!({ "payment_status": "paid" }));
                    self.emit("checkout.session.async_payment_succeeded", id);
                }
            }
            Settlement::Failed => {
                self.fail(&intent, &charge, &cards::debit_failed());
                if session {
                    self.emit("checkout.session.async_payment_failed", id);
                }
            }
        }
        Ok(self.get(id).cloned().unwrap_or_default())
    }

    fn check_payable(&self, id: &str, payer: &Payer) -> Result<(), ApiError> {
        let session = self.find("checkout.session", id, "session")?;
        if session["status"] != "open" {
            let message = format!(
                "This Checkout Session has a status of {} and can't be paid.",
                session["status"]
            );
            return Err(ApiError::invalid(message).code("checkout_session_not_open"));
        }
        if session["consent_collection"]["terms_of_service"] == "required" && !payer.accepts_terms {
            return Err(ApiError::invalid("The terms of service must be accepted.").param("terms"));
        }
        Ok(())
    }

    pub(crate) fn field(&self, id: &str, name: &str) -> String {
        self.get(id).and_then(|object| object[name].as_str()).unwrap_or_default().to_owned()
    }

    fn challenge(&mut self, id: &str, intent: &str, payer: &Payer, method: &str) -> Step {
        self.ask_for_3d_secure(id, intent, payer, method);
        self.emit("payment_intent.requires_action", intent);
        Step::Authenticate
    }

    /// Sends the payer to their bank before the intent can go on.
    pub(crate) fn ask_for_3d_secure(
        &mut self,
        id: &str,
        intent: &str,
        payer: &Payer,
        method: &str,
    ) {
        if let Some(details) = self.details_mut(id) {
            details.challenged = Some(payer.clone());
        }
        let url = format!("{}/c/pay/{id}/3d-secure", self.settings.base_url);
        self.change(intent, json!({
            "status": "requires_action",
            "payment_method": method,
            "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": self.field(id, "url") } },
        }));
    }

    fn pay_at_once(
        &mut self,
        id: &str,
        intent: &str,
        payer: &Payer,
        method: &str,
        authenticated: bool,
    ) -> Step {
        self.meet_customer(id, intent, payer, method);
        let charge = self.new_charge(intent, payer, method, authenticated);
        self.succeed(intent, &charge);
        self.complete_session(id, payer, "paid");
        Step::Completed
    }

    fn pay_later(
        &mut self,
        id: &str,
        intent: &str,
        payer: &Payer,
        method: &str,
        settlement: Settlement,
    ) -> Step {
        self.meet_customer(id, intent, payer, method);
        self.process(id, intent, payer, method, settlement);
        self.complete_session(id, payer, "unpaid");
        Step::Completed
    }

    /// Sends a delayed payment on its way; it will be settled under the given id.
    pub(crate) fn process(
        &mut self,
        id: &str,
        intent: &str,
        payer: &Payer,
        method: &str,
        settlement: Settlement,
    ) {
        let charge = self.new_charge(intent, payer, method, false);
        self.emit("charge.pending", &charge);
        self.change(intent, json!({ "status": "processing", "latest_charge": charge }));
        self.emit("payment_intent.processing", intent);
        let wait = self
            .settings
            .settle_after
            .map(|after| i64::try_from(after.as_secs()).unwrap_or(i64::MAX));
        let due = wait.map(|wait| self.now().saturating_add(wait));
        let mut details = self.details(id).cloned().unwrap_or_default();
        details.delayed = Some((settlement, due));
        self.keep_details(id, details);
    }

    /// Makes the customer that the session asks for, and saves the payment method when it is to be used again.
    fn meet_customer(&mut self, id: &str, intent: &str, payer: &Payer, method: &str) {
        if self.field(id, "customer_creation") == "always" {
            let email = payer.email.clone().unwrap_or_else(|| self.field(id, "customer_email"));
            let customer = self.new_customer(&json!({ "email": email, "name": payer.name }));
            self.change(id, json!({ "customer": customer }));
            self.change(intent, json!({ "customer": customer }));
        }
        let customer = self.field(id, "customer");
        if !customer.is_empty() && !self.field(intent, "setup_future_usage").is_empty() {
            self.change(method, json!({ "customer": customer }));
            self.emit("payment_method.attached", method);
        }
    }

    pub(crate) fn complete_session(&mut self, id: &str, payer: &Payer, payment_status: &str) {
        let session = self.get(id).cloned().unwrap_or_default();
        let email =
            payer.email.clone().or_else(|| session["customer_email"].as_str().map(str::to_owned));
        let required = session["consent_collection"]["terms_of_service"] == "required";
        let consent = if required {
            json!({ "promotions": null, "terms_of_service": "accepted" })
        } else {
            Value::Null
        };
        self.change(id, json!({
            "collected_information": { "business_name": null, "individual_name": null, "shipping_details": null },
            "consent": consent,
            "customer_details": {
                "address": { "city": null, "country": "US", "line1": null, "line2": null, "postal_code": "94103", "state": null },
                "business_name": null, "email": email, "individual_name": null, "name": payer.name, "phone": null, "tax_exempt": "none", "tax_ids": [],
            },
            "payment_status": payment_status,
            "status": "complete",
            "url": null,
        }));
        self.emit("checkout.session.completed", id);
    }
}
