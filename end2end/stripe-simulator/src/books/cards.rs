//! What people pay with here: Stripe's test cards and a bank debit that takes its time.
use serde_json::{Value, json};

use super::payment::Settlement;
use crate::api::error::ApiError;
use axum::http::StatusCode;

/// What a test card does when it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Pays,
    Declined,
    InsufficientFunds,
    AsksFor3dSecure,
    FailsLater,
    Disputed,
}

/// A card that the simulator knows.
#[derive(Clone, Copy, Debug)]
pub struct TestCard {
    pub number: &'static str,
    pub brand: &'static str,
    pub behaviour: Behaviour,
    pub meaning: &'static str,
}

/// Every card that the hosted page takes; others are refused as unknown.
pub const TEST_CARDS: [TestCard; 6] = [
    card("4242424242424242", Behaviour::Pays, "Pays"),
    card("4000000000000002", Behaviour::Declined, "Declined"),
    card("4000000000009995", Behaviour::InsufficientFunds, "Insufficient funds"),
    card("4000002500003155", Behaviour::AsksFor3dSecure, "Asks for 3D Secure"),
    card("4000000000000341", Behaviour::FailsLater, "Saved, fails later"),
    card("4000000000000259", Behaviour::Disputed, "Pays, then disputed"),
];

const fn card(number: &'static str, behaviour: Behaviour, meaning: &'static str) -> TestCard {
    TestCard { number, brand: "visa", behaviour, meaning }
}

impl TestCard {
    /// The card with this number; spaces and dashes don't count.
    pub fn by_number(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).collect();
        TEST_CARDS.into_iter().find(|card| card.number == digits)
    }

    pub fn last4(&self) -> &'static str {
        &self.number[12..]
    }

    /// The number in groups of four.
    pub fn spaced(&self) -> String {
        [0, 4, 8, 12].map(|at| &self.number[at..at + 4]).join(" ")
    }
}

/// What somebody pays with.
#[derive(Clone, Copy, Debug)]
pub enum Instrument {
    Card(TestCard),
    /// Completes unpaid; settles later, by itself with this result or when the controls say so.
    BankDebit(Settlement),
}

impl Instrument {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Card(_) => "card",
            Self::BankDebit(_) => "sepa_debit",
        }
    }

    /// The part of a payment method that bears its kind's name.
    pub fn payment_method_details(&self) -> Value {
        match self {
            Self::Card(card) => json!({
                "brand": card.brand,
                "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                "country": "US",
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": fingerprint(card.number),
                "funding": "credit",
                "generated_from": null,
                "last4": card.last4(),
                "networks": { "available": [card.brand], "preferred": null },
                "regulated_status": "unregulated",
                "three_d_secure_usage": { "supported": true },
                "wallet": null,
            }),
            Self::BankDebit(_) => json!({
                "bank_code": "37040044", "branch_code": "", "country": "DE",
                "fingerprint": fingerprint("DE89370400440532013000"),
                "generated_from": { "charge": null, "setup_attempt": null }, "last4": "3000",
            }),
        }
    }

    /// The part of a charge's `payment_method_details` that bears its kind's name.
    pub fn charge_details(&self, amount: i64, authenticated: bool) -> Value {
        let secure = json!({
            "authentication_flow": "challenge", "electronic_commerce_indicator": "05", "exemption_indicator": null,
            "result": "authenticated", "result_reason": null, "transaction_id": null, "version": "2.2.0",
        });
        match self {
            Self::Card(card) => json!({
                "amount_authorized": amount,
                "authorization_code": null,
                "brand": card.brand,
                "checks": { "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass" },
                "country": "US",
                "exp_month": 12,
                "exp_year": 2034,
                "extended_authorization": { "status": "disabled" },
                "fingerprint": fingerprint(card.number),
                "funding": "credit",
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "last4": card.last4(),
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": card.brand,
                "network_token": { "used": false },
                "network_transaction_id": "104102978678771",
                "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
                "regulated_status": "unregulated",
                "three_d_secure": if authenticated { secure } else { Value::Null },
                "wallet": null,
            }),
            Self::BankDebit(_) => json!({
                "bank_code": "37040044", "branch_code": "", "country": "DE",
                "fingerprint": fingerprint("DE89370400440532013000"), "last4": "3000", "mandate": null,
            }),
        }
    }
}

/// The card networks' refusals, in Stripe's words.
pub fn decline(code: &'static str, decline_code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "card_error", message)
        .code(code)
        .decline(decline_code)
}

pub fn generic_decline() -> ApiError {
    decline("card_declined", "generic_decline", "Your card was declined.")
}

pub fn insufficient_funds() -> ApiError {
    decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
}

pub fn not_authenticated() -> ApiError {
    let message = "We are unable to authenticate your payment method. Please choose a different payment method and try again.";
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "invalid_request_error", message)
        .code("payment_intent_authentication_failure")
}

pub fn setup_not_authenticated() -> ApiError {
    let mut error = not_authenticated();
    error.code = Some("setup_intent_authentication_failure");
    error
}

pub fn authentication_required() -> ApiError {
    let message = "Your card was declined. This transaction requires authentication.";
    decline("authentication_required", "authentication_required", message)
}

pub fn debit_failed() -> ApiError {
    let message = "The customer's bank account could not be debited.";
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "invalid_request_error", message)
        .code("payment_method_provider_decline")
}

/// Stable for one number, like Stripe's.
fn fingerprint(number: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(number.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_with_and_without_spaces() {
        for text in ["4242 4242 4242 4242", "4242424242424242", "4242-4242-4242-4242"] {
            assert_eq!(TestCard::by_number(text).map(|card| card.behaviour), Some(Behaviour::Pays));
        }
        assert!(TestCard::by_number("4111111111111111").is_none());
    }
}
