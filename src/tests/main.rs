//! The integration tests: what the product promises, on SQLite and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

mod app;
mod databases;
mod identity;
mod ledger_concurrency;
mod ledger_corruption;
mod ledger_model;
mod ledger_reading;
mod pages;
