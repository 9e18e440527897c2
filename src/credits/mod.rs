//! What credits are: plain types and pure rules, compiled for the server and the browser.
//!
//! No clock, no database, no I/O: time is an argument, and a decision is a value.
//! The heart is [`Account::apply`]: a command and an instant in, a posting or a refusal out.

mod account;
mod amount;
mod auto_recharge;
mod caps;
mod catalogue;
mod command;
mod cycle;
mod entered;
mod entry;
mod event;
mod forecast;
mod hold;
mod level;
mod lot;
mod money;
mod operation;
mod price_change;
mod price_schedule;
mod purchase;
mod quantity;
mod quote;
mod rate_card;
mod rate_card_validity;
mod rate_reading;
mod rate_words;
mod statement;
mod topic;

pub use account::{Account, AccountId, Applied, Posting, Totals};
pub use amount::{Credits, ParseCreditsError, grouped};
pub use auto_recharge::{
    AutoRecharge, CONSENT_VERSION, PastRecharge, PauseReason, RechargeForm, RechargePlan,
    RechargeProblems, Refill, Rest, RestReason, SavedCard, month_of,
};
pub use caps::{CapUse, Caps, is_nearly_used};
pub use catalogue::{Catalogue, CatalogueError, Package, WorthExample};
pub use command::{Captured, Command, HoldTime, Refusal, ReleaseReason, Validity};
pub use cycle::{Cycle, expires_after_one_year, start_of_day};
pub use entered::without_separators;
pub use entry::{Allocation, Entry, EntryKind, Note};
pub use event::{Event, EventKind};
pub use forecast::{Pace, Prospect, Room, Runway};
pub use hold::{Hold, HoldState};
pub use level::{Level, Watch};
pub use lot::{Lot, Source};
pub use money::{Currency, Money, UnknownCurrency};
pub use operation::{Operation, UnknownOperation};
pub use price_change::{PriceChange, Spent};
pub use price_schedule::{AmountError, Offer, OfferLine, PriceSchedule, PriceStep};
pub use purchase::{Purchase, PurchaseState, UnknownPurchaseState};
pub use quantity::{Choosable, Number, Quantities, Quantity, QuantityError};
pub use quote::Quote;
pub use rate_card::{
    OperationRates, Priced, PricedQuantity, QuantityKind, Rate, RateCard, Value, nano_credits,
};
pub use statement::{
    Cursor, CycleUsage, DayUsage, HistoryFilter, HistoryPage, LotLine, Overview, Row, RowDetail,
    RowHold, RowSource,
};
pub use topic::{Topic, Ways};

#[cfg(test)]
#[path = "limits_tests.rs"]
mod limits;

#[cfg(test)]
#[path = "names_tests.rs"]
mod names;
