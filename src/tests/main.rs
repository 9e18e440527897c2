//! The promises of the product, one test each, on SQLite and PostgreSQL.

mod databases;
mod payments_checkout;
mod payments_crash;
mod payments_fulfilment;
mod payments_outage;
mod payments_shop;
mod payments_webhook;
