//! The promises of the product, one test each, on SQLite and PostgreSQL.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

mod api_keys;
mod api_keys_page;
mod app;
mod architecture;
mod catalogues;
mod databases;
mod identity;
mod ledger_concurrency;
mod ledger_corruption;
mod ledger_model;
mod ledger_reading;
mod ledger_reference;
mod machines;
mod operating;
mod pages;
mod payments_checkout;
mod payments_crash;
mod payments_details;
mod payments_fulfilment;
mod payments_outage;
mod payments_server;
mod payments_shop;
mod payments_webhook;
mod platform;
mod prices;
mod program;
mod program_publishes;
mod screens;
mod seed;
mod sessions;
mod simulate_load;
