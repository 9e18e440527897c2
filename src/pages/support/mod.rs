//! Support: find an account and see what its owner sees, and why. Nothing here changes anything.

mod account;
mod api;
mod purchases;
mod recharge;
mod search;

pub use account::{AccountHead, SupportAccountPage, SupportAccountRoute, SupportAccountView};
pub use purchases::DatedPurchase;
pub use search::{FoundAccount, SupportSearchPage, SupportSearchRoute, SupportSearchView};
