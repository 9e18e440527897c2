//! What machines ask for.

pub mod health;
