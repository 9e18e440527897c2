//! What the browser never sees.

pub mod catalogue_file;
pub mod clock;
pub mod database;
pub mod entity;
pub mod http;
pub mod ledger;
pub mod payments;
pub mod secret;
