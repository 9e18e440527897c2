//! What is sold and what operations cost, in versions: [`mod@file`] reads one from TOML (its rate
//! card in `rates`), [`publish()`] makes it a version, [`Catalogues`] keeps all that there are and
//! knows which one holds.

pub mod file;
mod publish;
mod rates;
mod versions;

pub use publish::{PublishError, Published, publish};
pub use versions::{Catalogues, Version};
