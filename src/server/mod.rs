//! What the browser never sees.

pub mod clock;
pub mod database;
pub mod entity;
pub mod ledger;
