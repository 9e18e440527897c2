//! A stand-in for Stripe that speaks its HTTP API on a loopback port.
//!
//! # Map
//! - [`Simulator`] starts one and holds the typed controls; dropping it ends it.
//! - `api` is what a Stripe client sees under `/v1`: strict parameters, errors, idempotency.
//! - `books` holds the objects (sessions, payments, events) and every change they may go through.
//! - `checkout` is the hosted page for people; no script is needed there.
//! - `webhooks` signs and delivers events, and misbehaves when it is told to.
//! - `control` is the door for tests: the same controls over HTTP, under `/_control`.
//!
//! # What must hold
//! - No money, no network: it listens on and delivers to loopback only, and refuses live keys.
//! - No globals: several simulators live in one process without knowing of each other.
//! - A fault changes how an answer travels, never what the books say.
mod api;
mod books;
mod checkout;
mod config;
mod control;
mod fault;
mod inner;
mod server;
mod simulator;
mod webhooks;

pub use api::error::ApiError;
pub use api::recorder::RequestSeen;
pub use books::dispute::Verdict;
pub use books::payment::{PayOutcome, Settlement};
pub use config::{Config, Endpoint, Retry, StartError};
pub use fault::Fault;
pub use simulator::Simulator;
pub use webhooks::delivery::{Attempt, Delivery, DeliveryState};
pub use webhooks::policy::WebhookPolicy;
pub use webhooks::signature::{Signature, sign};
