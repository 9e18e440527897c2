//! The simulator from outside: real HTTP, and the client that the application uses.
mod api;
mod checkout;
mod controls;
mod idempotency;
mod off_session;
mod payments;
mod real_client;
mod reversals;
mod setup;
mod shop;
mod start;
mod webhooks;
