//! Support: find an account and see what its owner sees, and why. Nothing here changes anything.

mod account;
mod purchases;
mod search;

pub use account::{AccountHead, SupportAccountPage, SupportAccountView};
pub use search::{FoundAccount, SupportSearchPage, SupportSearchView};
