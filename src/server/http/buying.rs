//! The forms of buying: plain posts that end in a redirect.

use axum::{
    Extension, Form, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::{
    credits::Purchase,
    server::{
        identity::Customer,
        payments::{Agreed, Away, Buyer, CheckoutError, Choice, Payments},
    },
};

/// A form of six short fields.
const LARGEST_FORM: usize = 16 * 1_024;

/// The posts of buying, for signed-in customers.
pub fn routes<S>(payments: Payments) -> Router<S> {
    Router::new()
        .route("/settings/credits/buy", post(buy))
        .route("/settings/credits/purchases/{id}/pay", post(pay))
        .route("/settings/credits/purchases/{id}/cancel", post(cancel))
        .route("/settings/credits/purchases/{id}/check", post(check))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(payments)
}

/// What the package form sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    package: String,
    amount: String,
    intent: String,
    prices: String,
    terms: String,
}

impl Wish {
    fn choice(&self) -> Choice {
        if self.package == "custom" {
            Choice::Custom(self.amount.clone())
        } else {
            Choice::Package(self.package.clone())
        }
    }

    fn agreed(&self) -> Agreed {
        Agreed { prices: self.prices.clone(), terms: self.terms == "accepted" }
    }

    /// The confirmation page with what was chosen, and the word for what is wrong.
    fn again(&self, problem: &str) -> Redirect {
        let mut query = Serializer::new(String::new());
        query.append_pair("package", &self.package);
        if self.package == "custom" {
            query.append_pair("amount", &self.amount);
        }
        query.append_pair("problem", problem);
        Redirect::to(&format!("/settings/credits/buy?{}", query.finish()))
    }
}

fn buyer(customer: Customer) -> Buyer {
    Buyer { user: customer.user, account: customer.account, email: customer.email }
}

async fn buy(
    State(payments): State<Payments>,
    Extension(customer): Extension<Customer>,
    Form(wish): Form<Wish>,
) -> Redirect {
    let (choice, agreed) = (wish.choice(), wish.agreed());
    match payments.checkout(&buyer(customer), &choice, &wish.intent, &agreed).await {
        Ok(purchase) => to_payment(&purchase),
        Err(error) => wish.again(problem(&error)),
    }
}

/// The word in the address; the page has the sentence.
const fn problem(error: &CheckoutError) -> &'static str {
    match error {
        CheckoutError::Terms => "terms",
        CheckoutError::UnknownPackage => "package",
        CheckoutError::Amount(_) => "amount",
        CheckoutError::Prices => "prices",
        CheckoutError::Intent => "intent",
        CheckoutError::Away(Away::Off) => "off",
        CheckoutError::Away(_) => "unavailable",
    }
}

async fn pay(
    State(payments): State<Payments>,
    Extension(customer): Extension<Customer>,
    Path(id): Path<String>,
) -> Response {
    match payments.resume(&buyer(customer), &id).await {
        Ok(Some(purchase)) => to_payment(&purchase).into_response(),
        other => back(&id, other),
    }
}

async fn cancel(
    State(payments): State<Payments>,
    Extension(customer): Extension<Customer>,
    Path(id): Path<String>,
) -> Response {
    back(&id, payments.cancel(&customer.account, &id).await)
}

async fn check(
    State(payments): State<Payments>,
    Extension(customer): Extension<Customer>,
    Path(id): Path<String>,
) -> Response {
    back_to("?checked=1", &id, payments.check(&customer.account, &id).await)
}

/// To Stripe's page where there is one to pay on, else to the purchase, which says why not.
fn to_payment(purchase: &Purchase) -> Redirect {
    match &purchase.checkout_url {
        Some(url) => Redirect::to(url),
        None => Redirect::to(&page(&purchase.id)),
    }
}

fn back(id: &str, outcome: Result<Option<Purchase>, Away>) -> Response {
    back_to("", id, outcome)
}

/// To the page of the purchase, with what it needs to know besides.
fn back_to(query: &str, id: &str, outcome: Result<Option<Purchase>, Away>) -> Response {
    match outcome {
        Ok(Some(purchase)) => {
            Redirect::to(&format!("{}{query}", page(&purchase.id))).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(Away::Database) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(Away::Stripe | Away::Off) => {
            Redirect::to(&format!("{}?problem=unreachable", page(id))).into_response()
        }
    }
}

/// An id from the address is encoded again: it may be anything.
fn page(id: &str) -> String {
    let mut url = url::Url::parse("http://page.invalid/settings/credits/purchases/");
    if let Ok(url) = &mut url
        && let Ok(mut path) = url.path_segments_mut()
    {
        path.pop_if_empty().push(id);
    }
    url.map_or_else(|_| "/".to_owned(), |url| url.path().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_the_address_stays_in_the_path() {
        assert_eq!(page("pur_1"), "/settings/credits/purchases/pur_1");
        assert_eq!(page("a/b?c#d"), "/settings/credits/purchases/a%2Fb%3Fc%23d");
    }

    #[test]
    fn what_was_entered_comes_back_with_the_problem() {
        let wish = Wish {
            package: "custom".to_owned(),
            amount: "1,000 & more".to_owned(),
            ..Wish::default()
        };
        let response = wish.again("amount").into_response();
        let location = response.headers()["location"].to_str().unwrap();
        let expected =
            "/settings/credits/buy?package=custom&amount=1%2C000+%26+more&problem=amount";
        assert_eq!((response.status(), location), (StatusCode::SEE_OTHER, expected));
    }
}
