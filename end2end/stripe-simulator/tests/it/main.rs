//! The simulator from outside: real HTTP, and the client that the application uses.
mod api;
mod checkout;
mod controls;
mod idempotency;
mod payments;
mod real_client;
mod shop;
mod start;
mod webhooks;
