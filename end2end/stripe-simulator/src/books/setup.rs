//! Saving a payment method without buying anything: Checkout in `setup` mode.
use serde_json::{Value, json};

use super::cards::{self, Behaviour, Instrument, TestCard};
use super::objects::{self, merge, pick};
use super::payment::{Payer, Step};
use super::{Books, new_id, random_text};
use crate::api::error::ApiError;

impl Books {
    /// The intent of a session that saves a payment method: it is there from the start.
    pub(crate) fn new_setup_intent(&mut self, params: &Value) -> String {
        let id = new_id("seti_1");
        let mut object = objects::setup_intent(json!({
            "id": id,
            "client_secret": format!("{id}_secret_{}", random_text(25)),
            "created": self.now(),
            "customer": params["customer"],
        }));
        merge(&mut object, pick(&params["setup_intent_data"], &["description", "metadata"]));
        self.put(object);
        self.emit("setup_intent.created", &id);
        id
    }

    /// Completes a session with a test card, its owner confirming whatever the bank asks.
    ///
    /// # Errors
    /// An unknown number, a session that doesn't exist or isn't open, the card's refusal.
    pub fn complete_with_card(&mut self, id: &str, number: &str) -> Result<Value, ApiError> {
        let card = TestCard::by_number(number)
            .ok_or_else(|| ApiError::invalid("None of the test cards has this number."))?;
        let instrument = Instrument::Card(card);
        let payer = Payer { email: None, name: None, accepts_terms: true, instrument };
        if self.pay(id, &payer)? == Step::Authenticate {
            self.authenticate(id, true)?;
        }
        self.find("checkout.session", id, "session").cloned()
    }

    /// Saves a payment method for the session's customer.
    ///
    /// # Errors
    /// The card's refusal.
    pub(crate) fn save_method(&mut self, id: &str, payer: &Payer) -> Result<Step, ApiError> {
        let method = self.new_payment_method(payer);
        let intent = self.field(id, "setup_intent");
        let behaviour = match payer.instrument {
            Instrument::Card(card) => card.behaviour,
            Instrument::BankDebit(_) => Behaviour::Pays,
        };
        match behaviour {
            Behaviour::Declined => Err(self.not_saved(&intent, &method, cards::generic_decline())),
            Behaviour::InsufficientFunds => {
                Err(self.not_saved(&intent, &method, cards::insufficient_funds()))
            }
            Behaviour::AsksFor3dSecure => {
                self.ask_for_3d_secure(id, &intent, payer, &method);
                self.emit("setup_intent.requires_action", &intent);
                Ok(Step::Authenticate)
            }
            Behaviour::Pays | Behaviour::FailsLater | Behaviour::Disputed => {
                Ok(self.saved(id, &intent, payer, &method))
            }
        }
    }

    /// Ends the 3D Secure challenge of a session that saves.
    ///
    /// # Errors
    /// The customer failed.
    pub(crate) fn saved_after_challenge(
        &mut self,
        id: &str,
        payer: &Payer,
        passed: bool,
    ) -> Result<Step, ApiError> {
        let intent = self.field(id, "setup_intent");
        let method = self.field(&intent, "payment_method");
        self.change(&intent, json!({ "next_action": null }));
        if passed {
            return Ok(self.saved(id, &intent, payer, &method));
        }
        Err(self.not_saved(&intent, &method, cards::setup_not_authenticated()))
    }

    fn saved(&mut self, id: &str, intent: &str, payer: &Payer, method: &str) -> Step {
        let customer = self.field(intent, "customer");
        if !customer.is_empty() {
            self.change(method, json!({ "customer": customer, "allow_redisplay": "limited" }));
            self.emit("payment_method.attached", method);
        }
        let done =
            json!({ "payment_method": method, "status": "succeeded", "last_setup_error": null });
        self.change(intent, done);
        self.emit("setup_intent.succeeded", intent);
        self.complete_session(id, payer, "no_payment_required");
        Step::Completed
    }

    fn not_saved(&mut self, intent: &str, method: &str, error: ApiError) -> ApiError {
        let about = self.get(method).cloned().unwrap_or_default();
        let mut last_error = error.object();
        merge(&mut last_error, json!({ "payment_method": about }));
        let failed = json!({ "payment_method": null, "status": "requires_payment_method", "last_setup_error": null });
        self.change(intent, failed);
        self.change(intent, json!({ "last_setup_error": last_error }));
        self.emit("setup_intent.setup_failed", intent);
        let intent = self.get(intent).cloned().unwrap_or_default();
        error.about("setup_intent", intent)
    }
}
