//! The integration tests: what the server promises, asked through its own router, on both
//! databases.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

mod app;
mod databases;
mod identity;
