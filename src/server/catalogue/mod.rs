//! What is sold and what operations cost, in versions: [`mod@file`] reads one from TOML (its rate
//! card in `rates`), [`versions`] keeps all that were ever published and knows which one holds.

pub mod file;
mod rates;
pub mod versions;

pub use versions::{Catalogues, PublishError, Published, Version, publish};
