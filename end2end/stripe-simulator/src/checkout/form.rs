//! What people type on the hosted page, and what is wrong with it.
use serde::Deserialize;
use serde_json::Value;

use crate::api::error::ApiError;
use crate::api::schema::is_email;
use crate::books::cards::{Instrument, TestCard};
use crate::books::payment::{Payer, Settlement};
use crate::books::{Books, real_now};

/// The fields of the form.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    pub email: String,
    pub method: String,
    pub card: String,
    pub expiry: String,
    pub cvc: String,
    pub terms: Option<String>,
}

/// What is wrong, and at which field: `email`, `card`, `expiry`, `cvc`, `terms`, or empty for the whole.
#[derive(Clone, Debug)]
pub struct Problem {
    pub field: &'static str,
    pub message: String,
}

impl Problem {
    fn at(field: &'static str, message: &str) -> Self {
        Self { field, message: message.to_owned() }
    }

    /// A refusal of the books, in words for people.
    pub fn of(error: &ApiError) -> Self {
        let field = if error.param.as_deref() == Some("terms") { "terms" } else { "" };
        Self { field, message: error.message.clone() }
    }
}

impl Entered {
    /// The form as it is shown first: what is known of the customer, and a card that pays.
    pub fn fresh(books: &Books, session: &Value) -> Self {
        let customer = session["customer"].as_str().and_then(|customer| books.get(customer));
        let known = customer.map_or(&session["customer_email"], |customer| &customer["email"]);
        Self {
            email: known.as_str().unwrap_or_default().to_owned(),
            method: "card".into(),
            card: "4242 4242 4242 4242".into(),
            expiry: "12 / 34".into(),
            cvc: "123".into(),
            terms: None,
        }
    }

    /// Who pays and how.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn payer(&self) -> Result<Payer, Problem> {
        let email = self.email.trim();
        if !is_email(email) {
            return Err(Problem::at("email", "Enter an e-mail address, like name@example.com."));
        }
        let instrument = match self.method.as_str() {
            "delayed-paid" => Instrument::BankDebit(Settlement::Succeeded),
            "delayed-failed" => Instrument::BankDebit(Settlement::Failed),
            _ => Instrument::Card(self.card()?),
        };
        Ok(Payer {
            email: Some(email.to_owned()),
            name: None,
            accepts_terms: self.terms.is_some(),
            instrument,
        })
    }

    fn card(&self) -> Result<TestCard, Problem> {
        let unknown = "This is none of the test cards below. Real cards must never be typed here.";
        let card = TestCard::by_number(&self.card).ok_or_else(|| Problem::at("card", unknown))?;
        let digits: String = self.expiry.chars().filter(char::is_ascii_digit).collect();
        let month = digits.get(..2).and_then(|month| month.parse::<u32>().ok());
        if digits.len() != 4 || !month.is_some_and(|month| (1..=12).contains(&month)) {
            return Err(Problem::at("expiry", "Enter month and year, like 12 / 34."));
        }
        if digits[2..].parse().unwrap_or(0) < year_now() {
            return Err(Problem::at("expiry", "This card has expired."));
        }
        if !(3..=4).contains(&self.cvc.trim().len())
            || !self.cvc.trim().chars().all(|c| c.is_ascii_digit())
        {
            return Err(Problem::at("cvc", "Enter the three digits of the security code."));
        }
        Ok(card)
    }
}

/// The last two digits of the year; months don't matter to test cards.
fn year_now() -> i64 {
    const AVERAGE_YEAR: i64 = 31_556_952;
    (1970 + real_now() / AVERAGE_YEAR) % 100
}

#[cfg(test)]
mod tests {
    use super::Entered;
    use crate::books::{Books, Settings};
    use serde_json::json;

    fn fresh() -> Entered {
        let settings = Settings {
            base_url: String::new(),
            merchant: String::new(),
            terms_of_service_url: None,
            settle_after: None,
        };
        let session = json!({ "customer_email": "mira@northgate.example" });
        Entered::fresh(&Books::new(settings), &session)
    }

    #[test]
    fn the_form_as_shown_first_pays() {
        assert!(fresh().payer().is_ok());
    }

    #[test]
    fn each_wrong_field_is_named() {
        let wrong = [
            ("email", Entered { email: "nobody".into(), ..fresh() }),
            ("card", Entered { card: "1234".into(), ..fresh() }),
            ("expiry", Entered { expiry: "13 / 34".into(), ..fresh() }),
            ("expiry", Entered { expiry: "12 / 20".into(), ..fresh() }),
            ("cvc", Entered { cvc: "1".into(), ..fresh() }),
        ];
        for (field, entered) in wrong {
            assert_eq!(entered.payer().err().map(|problem| problem.field), Some(field));
        }
    }

    #[test]
    fn a_bank_debit_needs_no_card() {
        let entered = Entered { method: "delayed-paid".into(), card: String::new(), ..fresh() };
        assert!(entered.payer().is_ok());
    }
}
