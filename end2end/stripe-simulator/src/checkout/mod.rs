//! The hosted payment page: what Stripe shows to people. Plain forms; no script anywhere.
//!
//! A form that fails is shown again with what was typed; one that succeeds waits for the webhook, then redirects.
pub mod form;
mod html;
pub mod money;
mod order;
mod page;
mod receipt;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use crate::books::payment::Step;
use crate::inner::{Inner, lock};
use form::{Entered, Problem};

type Shared = State<Arc<Inner>>;

/// All pages for people.
pub fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/c/pay/{id}", get(show).post(pay))
        .route("/c/pay/{id}/3d-secure", get(show_challenge).post(answer_challenge))
        .route("/receipts/{charge}", get(receipt::show))
        .route("/terms", get(terms))
        .route("/checkout.css", get(css))
}

async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("checkout.css"))
}

async fn terms(State(inner): Shared) -> Response {
    let merchant = inner.config.merchant.clone();
    let text = format!(
        "These are the terms of service of {merchant} as the simulated Stripe account names them."
    );
    html::answer(html::single("Terms of service", &[&text], None))
}

async fn show(State(inner): Shared, Path(id): Path<String>) -> Response {
    present(&inner, &id, None)
}

/// The page for the session's state, with the problem of the last attempt when there was one.
fn present(inner: &Arc<Inner>, id: &str, failed: Option<(&Entered, &Problem)>) -> Response {
    inner.change(|_| ());
    let books = lock(&inner.books);
    let Ok(session) = books.find("checkout.session", id, "session") else {
        return missing();
    };
    let link = |name: &str| session[name].as_str().map(str::to_owned);
    match session["status"].as_str() {
        Some("open") => {
            let order = order::Order::of(&books, session);
            let fresh = Entered::fresh(&books, session);
            let (entered, problem) =
                failed.map_or((&fresh, None), |(entered, problem)| (entered, Some(problem)));
            html::answer(page::pay(&order, entered, problem))
        }
        Some("complete") => {
            let next = success_url(session);
            let text = "This payment has been made. You can close this page or go on.";
            html::answer(html::single("Payment complete", &[text], Some(("Continue", &next))))
        }
        _ => {
            let text =
                "This payment page has expired. Nothing was charged. Start again from the shop.";
            let back = link("cancel_url");
            html::answer(html::single(
                "This page has expired",
                &[text],
                back.as_deref().map(|url| ("Back to the shop", url)),
            ))
        }
    }
}

fn missing() -> Response {
    let page = html::single(
        "Page not found",
        &["There is no such payment page. Check the link, or start again from the shop."],
        None,
    );
    (StatusCode::NOT_FOUND, html::answer(page)).into_response()
}

async fn pay(
    State(inner): Shared,
    Path(id): Path<String>,
    Form(entered): Form<Entered>,
) -> Response {
    if lock(&inner.books).field(&id, "status") != "open" {
        return already_over(&inner, &id);
    }
    let payer = match entered.payer() {
        Ok(payer) => payer,
        Err(problem) => return present(&inner, &id, Some((&entered, &problem))),
    };
    let paid = inner.change(|books| books.pay(&id, &payer));
    match paid {
        Ok(Step::Completed) => completed(&inner, &id).await,
        Ok(Step::Authenticate) => Redirect::to(&format!("/c/pay/{id}/3d-secure")).into_response(),
        // The other of two clicks may have paid meanwhile.
        Err(error) if error.code == Some("checkout_session_not_open") => already_over(&inner, &id),
        Err(error) => present(&inner, &id, Some((&entered, &Problem::of(&error)))),
    }
}

/// A second click on a page that has been paid goes where the first one went.
fn already_over(inner: &Arc<Inner>, id: &str) -> Response {
    let success = {
        let books = lock(&inner.books);
        books.get(id).filter(|session| session["status"] == "complete").map(success_url)
    };
    success.map_or_else(|| present(inner, id, None), |url| Redirect::to(&url).into_response())
}

async fn completed(inner: &Arc<Inner>, id: &str) -> Response {
    inner.wait_for_completion(id).await;
    already_over(inner, id)
}

fn success_url(session: &Value) -> String {
    let id = session["id"].as_str().unwrap_or_default();
    session["success_url"].as_str().unwrap_or_default().replace("{CHECKOUT_SESSION_ID}", id)
}

async fn show_challenge(State(inner): Shared, Path(id): Path<String>) -> Response {
    let books = lock(&inner.books);
    let under_way = books.details(&id).is_some_and(|details| details.challenged.is_some());
    let Some(session) = books.get(&id).filter(|_| under_way) else {
        drop(books);
        return Redirect::to(&format!("/c/pay/{id}")).into_response();
    };
    html::answer(page::challenge(&order::Order::of(&books, session)))
}

#[derive(Deserialize)]
struct Challenge {
    result: String,
}

async fn answer_challenge(
    State(inner): Shared,
    Path(id): Path<String>,
    Form(challenge): Form<Challenge>,
) -> Response {
    if lock(&inner.books).field(&id, "status") != "open" {
        return already_over(&inner, &id);
    }
    let answered = inner.change(|books| books.authenticate(&id, challenge.result == "complete"));
    match answered {
        Ok(_) => completed(&inner, &id).await,
        Err(error) => {
            let entered = {
                let books = lock(&inner.books);
                books.get(&id).map(|session| Entered::fresh(&books, session)).unwrap_or_default()
            };
            present(&inner, &id, Some((&entered, &Problem::of(&error))))
        }
    }
}

/// A page that browsers may neither keep nor run anything on.
fn page_headers(page: String) -> Response {
    let policy = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'";
    (
        [
            (header::CONTENT_SECURITY_POLICY, policy),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
        ],
        Html(page),
    )
        .into_response()
}
