//! The payment tracker: `/settings/credits/purchases/{id}`.
//!
//! - [`status`]: what each state says and offers, as a pure function;
//! - [`view`]: the page; [`live`]: how it keeps itself up to date.

mod details;
mod live;
mod status;
mod view;

pub use status::Arrival;
pub use view::{PurchasePage, PurchaseView, Times};
