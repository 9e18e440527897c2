//! What the browser never sees.

pub mod catalogue_file;
pub mod clock;
pub mod database;
pub mod entity;
pub mod ledger;
