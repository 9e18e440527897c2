//! Payments without the customer: a saved payment method is charged by the shop.
use serde_json::{Value, json};

use super::Books;
use super::cards::{self, Behaviour, Instrument};
use super::line_item::smallest_charge;
use super::payment::Payer;
use crate::api::error::ApiError;
use crate::checkout::money::written;

impl Books {
    /// Charges a saved payment method at once, from parameters that the schema has read.
    ///
    /// # Errors
    /// Missing parameters, a payment method that isn't the customer's, the card's refusal (402).
    pub fn pay_off_session(&mut self, params: &Value) -> Result<Value, ApiError> {
        let (method, instrument) = self.check_off_session(params)?;
        let intent = self.new_intent(params);
        let email = self.field(&self.field(&intent, "customer"), "email");
        let payer = Payer {
            email: (!email.is_empty()).then_some(email),
            name: None,
            accepts_terms: true,
            instrument,
        };
        match instrument {
            Instrument::BankDebit(settlement) => {
                self.process(&intent, &intent, &payer, &method, settlement);
            }
            Instrument::Card(card) => {
                if let Some(error) = refusal(card.behaviour) {
                    return Err(self.refuse(&intent, &payer, &method, error));
                }
                let charge = self.new_charge(&intent, &payer, &method, false);
                self.succeed(&intent, &charge);
                if card.behaviour == Behaviour::Disputed {
                    self.open_dispute(&charge, false)?;
                }
            }
        }
        Ok(self.get(&intent).cloned().unwrap_or_default())
    }

    fn check_off_session(&self, params: &Value) -> Result<(String, Instrument), ApiError> {
        for name in ["amount", "currency", "customer", "payment_method"] {
            if params[name].is_null() {
                return Err(ApiError::missing_parameter(name));
            }
        }
        for name in ["confirm", "off_session"] {
            if params[name] != true {
                return Err(ApiError::not_simulated(&format!(
                    "payment intents without {name}=true"
                ))
                .param(name));
            }
        }
        let text = |name: &str| params[name].as_str().unwrap_or_default();
        let (amount, currency) = (params["amount"].as_i64().unwrap_or_default(), text("currency"));
        if amount < smallest_charge(currency) {
            let message = format!(
                "Amount must be at least {} {currency}",
                written(smallest_charge(currency), currency)
            );
            return Err(ApiError::invalid(message).code("amount_too_small").param("amount"));
        }
        let as_parameter = |mut error: ApiError| {
            error.status = 400;
            error
        };
        self.find("customer", text("customer"), "customer").map_err(as_parameter)?;
        let method = self
            .find("payment_method", text("payment_method"), "payment_method")
            .map_err(as_parameter)?;
        let instrument = self.instruments.get(text("payment_method")).copied();
        match instrument.filter(|_| method["customer"] == params["customer"]) {
            Some(instrument) => Ok((text("payment_method").to_owned(), instrument)),
            None => {
                let message = format!(
                    "The customer does not have a payment method with the ID {}. The payment method must be attached to the customer.",
                    text("payment_method")
                );
                Err(ApiError::invalid(message).code("resource_missing").param("payment_method"))
            }
        }
    }

    /// Takes a saved payment method away from its customer.
    ///
    /// # Errors
    /// `resource_missing`, or a payment method that belongs to nobody.
    pub fn detach(&mut self, id: &str) -> Result<Value, ApiError> {
        if self.find("payment_method", id, "id")?["customer"].is_null() {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::invalid(message));
        }
        self.change(id, json!({ "customer": null }));
        self.emit("payment_method.detached", id);
        Ok(self.get(id).cloned().unwrap_or_default())
    }
}

/// What the card says when its owner isn't there.
fn refusal(behaviour: Behaviour) -> Option<ApiError> {
    match behaviour {
        Behaviour::Pays | Behaviour::Disputed => None,
        Behaviour::Declined | Behaviour::FailsLater => Some(cards::generic_decline()),
        Behaviour::InsufficientFunds => Some(cards::insufficient_funds()),
        Behaviour::AsksFor3dSecure => Some(cards::authentication_required()),
    }
}
