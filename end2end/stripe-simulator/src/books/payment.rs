//! What happens when somebody pays: intent, charge, session, and the events in Stripe's order.
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cards::{self, Behaviour, Instrument, TEST_CARDS};
use super::objects::{self, merge, pick};
use super::{Books, new_id, random_text};
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
                Behaviour::Pays | Behaviour::FailsLater | Behaviour::Disputed => {
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
        let intent = self.field(id, "payment_intent");
        let method = self.field(&intent, "payment_method");
        self.change(&intent, json!({ "next_action": null }));
        if passed {
            return Ok(self.pay_at_once(id, &intent, &payer, &method, true));
        }
        Err(self.refuse(&intent, &payer, &method, cards::not_authenticated()))
    }

    /// Ends a delayed payment.
    ///
    /// # Errors
    /// `resource_missing`, or nothing is on its way.
    pub fn settle(&mut self, id: &str, settlement: Settlement) -> Result<Value, ApiError> {
        self.find("checkout.session", id, "session")?;
        let delayed = self.details_mut(id).and_then(|details| details.delayed.take());
        let message = "No delayed payment is on its way for this Checkout Session.";
        delayed.ok_or_else(|| ApiError::invalid(message))?;
        let intent = self.field(id, "payment_intent");
        let charge = self.field(&intent, "latest_charge");
        match settlement {
            Settlement::Succeeded => {
                self.succeed(&intent, &charge);
                self.change(id, json!({ "payment_status": "paid" }));
                self.emit("checkout.session.async_payment_succeeded", id);
            }
            Settlement::Failed => {
                self.fail(&intent, &charge, &cards::debit_failed());
                self.emit("checkout.session.async_payment_failed", id);
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

    fn new_payment_method(&mut self, payer: &Payer) -> String {
        let id = new_id("pm_1");
        let kind = payer.instrument.kind();
        let method = objects::payment_method(json!({
            "id": id,
            "billing_details": { "email": payer.email, "name": payer.name },
            "created": self.now(),
            "type": kind,
            kind: payer.instrument.payment_method_details(),
        }));
        self.put(method);
        id
    }

    /// The session's intent, made at the first attempt to pay.
    fn intent_for(&mut self, id: &str, method: &str) -> String {
        let existing = self.field(id, "payment_intent");
        if !existing.is_empty() {
            self.change(&existing, json!({ "payment_method": method }));
            return existing;
        }
        let session = self.get(id).cloned().unwrap_or_default();
        let asked = self.details(id).map(|details| details.intent_data.clone()).unwrap_or_default();
        let intent = new_id("pi_3");
        let mut object = objects::payment_intent(json!({
            "id": intent,
            "amount": session["amount_total"],
            "client_secret": format!("{intent}_secret_{}", random_text(25)),
            "created": self.now(),
            "currency": session["currency"],
            "customer": session["customer"],
            "livemode": session["livemode"],
            "payment_method": method,
        }));
        let copied = [
            "capture_method",
            "description",
            "metadata",
            "receipt_email",
            "setup_future_usage",
            "statement_descriptor",
            "statement_descriptor_suffix",
        ];
        merge(&mut object, pick(&asked, &copied));
        self.put(object);
        self.change(id, json!({ "payment_intent": intent }));
        self.emit("payment_intent.created", &intent);
        intent
    }

    fn challenge(&mut self, id: &str, intent: &str, payer: &Payer, method: &str) -> Step {
        if let Some(details) = self.details_mut(id) {
            details.challenged = Some(payer.clone());
        }
        let url = format!("{}/c/pay/{id}/3d-secure", self.settings.base_url);
        self.change(intent, json!({
            "status": "requires_action",
            "payment_method": method,
            "next_action": { "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": self.field(id, "url") } },
        }));
        self.emit("payment_intent.requires_action", intent);
        Step::Authenticate
    }

    fn pay_at_once(
        &mut self,
        id: &str,
        intent: &str,
        payer: &Payer,
        method: &str,
        authenticated: bool,
    ) -> Step {
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
        let charge = self.new_charge(intent, payer, method, false);
        self.emit("charge.pending", &charge);
        self.change(intent, json!({ "status": "processing", "latest_charge": charge }));
        self.emit("payment_intent.processing", intent);
        let wait = self
            .settings
            .settle_after
            .map(|after| i64::try_from(after.as_secs()).unwrap_or(i64::MAX));
        let due = wait.map(|wait| self.now().saturating_add(wait));
        if let Some(details) = self.details_mut(id) {
            details.delayed = Some((payer.instrument, settlement, due));
        }
        self.complete_session(id, payer, "unpaid");
        Step::Completed
    }

    fn new_charge(
        &mut self,
        intent: &str,
        payer: &Payer,
        method: &str,
        authenticated: bool,
    ) -> String {
        let object = self.get(intent).cloned().unwrap_or_default();
        let id = new_id(if payer.instrument.kind() == "card" { "ch_3" } else { "py_3" });
        let kind = payer.instrument.kind();
        let amount = object["amount"].as_i64().unwrap_or_default();
        let mut charge = objects::charge(json!({
            "id": id,
            "billing_details": { "email": payer.email, "name": payer.name },
            "calculated_statement_descriptor": self.settings.merchant.to_uppercase(),
            "created": self.now(),
            "payment_intent": intent,
            "payment_method": method,
            "payment_method_details": { "type": kind, kind: payer.instrument.charge_details(amount, authenticated) },
        }));
        merge(
            &mut charge,
            pick(
                &object,
                &[
                    "amount",
                    "currency",
                    "customer",
                    "description",
                    "livemode",
                    "metadata",
                    "receipt_email",
                ],
            ),
        );
        self.put(charge);
        id
    }

    fn succeed(&mut self, intent: &str, charge: &str) {
        let object = self.get(charge).cloned().unwrap_or_default();
        let amount = object["amount"].as_i64().unwrap_or_default();
        let fee = amount * 29 / 1000 + 30;
        let transaction =
            objects::balance_transaction("charge", &object, amount, fee.min(amount), self.now());
        self.change(
            charge,
            json!({
                "amount_captured": amount,
                "balance_transaction": transaction["id"],
                "captured": true,
                "outcome": outcome("approved_by_network", "authorized", "Payment complete."),
                "paid": true,
                "receipt_url": format!("{}/receipts/{charge}", self.settings.base_url),
                "status": "succeeded",
            }),
        );
        self.put(transaction);
        self.emit("charge.succeeded", charge);
        self.change(
            intent,
            json!({
                "amount_received": amount,
                "last_payment_error": null,
                "latest_charge": charge,
                "status": "succeeded",
            }),
        );
        self.emit("payment_intent.succeeded", intent);
    }

    /// Refuses a charge on the spot; the error is what the payer is told.
    fn refuse(&mut self, intent: &str, payer: &Payer, method: &str, error: ApiError) -> ApiError {
        let charge = self.new_charge(intent, payer, method, false);
        self.fail(intent, &charge, &error);
        let mut error = error;
        error.about.insert("charge".into(), json!(charge));
        error.about.insert("payment_intent".into(), self.get(intent).cloned().unwrap_or_default());
        error
    }

    fn fail(&mut self, intent: &str, charge: &str, error: &ApiError) {
        let reason = error.decline_code.unwrap_or("generic_decline");
        self.change(charge, json!({
            "failure_code": error.code,
            "failure_message": error.message,
            "outcome": merged(outcome("declined_by_network", "issuer_declined", "The bank did not return any further details with this decline."), json!({ "reason": reason })),
            "status": "failed",
        }));
        self.emit("charge.failed", charge);
        let method = self.get(&self.field(intent, "payment_method")).cloned().unwrap_or_default();
        let last_error =
            merged(error.object(), json!({ "charge": charge, "payment_method": method }));
        self.change(
            intent,
            json!({
                "last_payment_error": null,
                "latest_charge": charge,
                "payment_method": null,
                "status": "requires_payment_method",
            }),
        );
        self.change(intent, json!({ "last_payment_error": last_error }));
        self.emit("payment_intent.payment_failed", intent);
    }

    fn complete_session(&mut self, id: &str, payer: &Payer, payment_status: &str) {
        let session = self.get(id).cloned().unwrap_or_default();
        let email =
            payer.email.clone().or_else(|| session["customer_email"].as_str().map(str::to_owned));
        let customer = match (session["customer"].as_str(), session["customer_creation"].as_str()) {
            (Some(customer), _) => json!(customer),
            (None, Some("always")) => {
                json!(self.new_customer(&json!({ "email": email, "name": payer.name })))
            }
            (None, _) => Value::Null,
        };
        let required = session["consent_collection"]["terms_of_service"] == "required";
        let consent = if required {
            json!({ "promotions": null, "terms_of_service": "accepted" })
        } else {
            Value::Null
        };
        self.change(id, json!({
            "collected_information": { "business_name": null, "individual_name": null, "shipping_details": null },
            "consent": consent,
            "customer": customer,
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

    /// Makes a customer from fields that the schema has read.
    pub fn new_customer(&mut self, fields: &Value) -> String {
        let id = format!("cus_{}", random_text(14));
        let mut customer = objects::customer(
            json!({ "id": id, "created": self.now(), "invoice_prefix": random_text(8).to_uppercase() }),
        );
        merge(
            &mut customer,
            pick(
                fields,
                &[
                    "address",
                    "description",
                    "email",
                    "metadata",
                    "name",
                    "phone",
                    "preferred_locales",
                ],
            ),
        );
        self.put(customer);
        self.emit("customer.created", &id);
        id
    }
}

fn outcome(network_status: &str, kind: &str, seller_message: &str) -> Value {
    json!({
        "advice_code": null,
        "network_advice_code": null,
        "network_decline_code": null,
        "network_status": network_status,
        "reason": null,
        "risk_level": "normal",
        "risk_score": 17,
        "seller_message": seller_message,
        "type": kind,
    })
}

fn merged(mut object: Value, fields: Value) -> Value {
    merge(&mut object, fields);
    object
}
