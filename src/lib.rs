//! Recharge: the credits system of an AI trading platform. Its users see what their AI work
//! costs, buy credits, and never lose one without knowing why. This is the map.
//!
//! # The tree
//! - `main.rs`: the program, which does what its command line says.
//! - [`app`]: the HTML shell, and the route table: address → page.
//! - [`credits`]: what credits are. Plain types and pure rules for both targets; the heart is
//!   [`credits::Account::apply`].
//! - [`pages`]: what people see. One folder per screen; its `api.rs` asks the server. Islands
//!   only where a page must react: the picker of packages, the estimator, and what keeps a page up
//!   to date.
//! - [`components`]: widgets that know nothing of credits.
//! - [`server`]: what the browser never sees.
//!   - `command_line`, `config`, `opening`, `serve`, `signals`: how it is started, with what, and how
//!     it ends; `start_error` is why it can't start.
//!   - `connections`: the sockets, and how many clients there are at once, and for how long.
//!   - `router`, with `pages`, `static_files`, `headers`, `words`, `nul`: address → handler, and what
//!     every answer carries.
//!   - `identity`: who is asking: a person by their session, a program by its key. What it
//!     returns is the proof.
//!   - `ledger`: the only writer of credits.
//!   - `events`: what somebody should be told of, written with its cause.
//!   - `outbox`: what is to be sent out, by mail or webhook.
//!   - `webhooks`: tells the platform's own servers, signed, for as long as it takes.
//!   - `notices`: tells customers what happened, in their inbox and by mail.
//!   - `catalogue`: what is sold and what operations cost, in versions that never change.
//!   - `quotes`: binding prices for operations.
//!   - `requests`: what keys have led to that the platform's services ask with, beside the ledger.
//!   - `payments`: sells them through Stripe; `auto_recharge` below it buys with a saved card, within
//!     what its owner agreed to.
//!   - `news`: tells the pages that are open what is new, whoever changed it.
//!   - `readiness`: what speaks against sending requests to this process; `pulse` finds out whether
//!     the ledger can be written to, `schema` whether the tables still carry this release.
//!   - `doctor`: examines what a server depends on and changes nothing: `recharge doctor`.
//!   - `jobs`: what runs by the clock, safe with many processes.
//!   - `http`: plain forms, files, events, and the doors for machines.
//!   - `entity`, `database`: rows, and the two databases, of which no connection is used after a doubt.
//!   - `clock`: the only source of `now`; `clock_watch` compares it with the database's, `rehearsal`
//!     marks a database whose time ran ahead.
//!   - `seed`: demo data; it writes a past that no customer could.
//!   - `simulate_load`: a platform that spends through the public API, and checks the books.
//!   - `verify`: proves that the rows beside the ledger agree with each other.
//! - `tests/`: the promises, one test each, on both databases; `tests/architecture.rs` holds what
//!   this map says about who knows whom.
//!
//! Beside `src/`: `migration/` makes the tables and never imports the program, `style/` has a
//! file per component, `end2end/` has the browser's tests and Stripe's stand-in.
//!
//! # Three walks
//! **A page**: `server::router` → its gate → [`app`] → `pages/credits` → `api::load_credits` →
//! `ledger::overview` (one snapshot, four queries) → balance, chart, picker, lots, history.
//!
//! **Buy**: the picker posts its form → `http::buying` → `payments::checkout` → Stripe's page →
//! `http::stripe_webhook` → `payments::fulfil` → the ledger grants a lot. The page that waits is
//! told by `news`. Nobody needs the webhook: the way back from Stripe and
//! `payments::reconcile` end in the same `fulfil`.
//!
//! **Spend**: a program's key → `http::api` (who, what, at which price) → a [`credits::Command`]
//! with its idempotency key → `ledger::queue` takes all that waits → `ledger::writer` has the
//! accounts at hand or reads them → `ledger::post`: answer what is known, ask
//! [`credits::Account::apply`] for each other command in turn, write all rows where nobody else
//! has changed the accounts, commit, answer. An operation is quoted, held, done, and
//! captured or released; what outlasts its hold lapses by the clock.
//!
//! # What must always hold
//! - What was acknowledged is committed; what the database forgets is found and said.
//! - A balance never changes without an entry that says why, written in the same transaction;
//!   entries are never changed. `recharge verify` proves it, row by row.
//! - Paid means credited, once, whoever reports it first and however often.
//! - The same key with the same content is one command; its first outcome is told again.
//! - Time is an argument. What has expired can't be spent, whether or not any job has run.
//! - Available credits are never below zero.
//! - Amounts are integers: thousandths of a credit, minor units of a currency.
//! - Imports point down: `credits` and `components` know nothing of ours, `ledger` and `payments`
//!   nothing of pages or HTTP, one file names Stripe's client, and the only two feature gates
//!   are the ones below.

pub mod app;
pub mod components;
pub mod credits;
pub mod pages;
#[cfg(feature = "ssr")]
pub mod server;

/// Wakes the islands up: the page calls it once its program is loaded.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
