//! What somebody wants to buy, and why it can't be.

use super::Away;
use crate::credits::{AccountId, AmountError};

/// Who buys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buyer {
    /// The user.
    pub user: String,
    /// Whose credits they become.
    pub account: AccountId,
    /// Filled in on Stripe's page.
    pub email: String,
}

/// What is bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A preset, by its id.
    Package(String),
    /// A custom amount, as the customer entered it.
    Custom(String),
}

/// What the buyer has seen and agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The prices on the page, as [`crate::credits::Catalogue::prices`] writes them.
    pub prices: String,
    /// Whether the terms were accepted.
    pub terms: bool,
}

/// Why no purchase was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckoutError {
    /// The terms were not accepted.
    #[error("Accept the terms to continue.")]
    Terms,
    /// There is no such package.
    #[error("This package is not sold any more.")]
    UnknownPackage,
    /// The amount can't be bought.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Prices or terms are not those that the page showed.
    #[error("The prices have changed: check the new total.")]
    Prices,
    /// The form did not come from our page.
    #[error("Open the page again and choose what to buy.")]
    Intent,
    /// Purchases are off, or nothing could be written down.
    #[error(transparent)]
    Away(#[from] Away),
}
