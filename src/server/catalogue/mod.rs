//! What is sold and what operations cost, in versions: [`file`] reads one from TOML (its rate card
//! in `rates`), [`Catalogues`] keeps all that were ever published and knows which one holds.

pub mod file;
mod rates;
