//! Auto-recharge: buys credits with a saved card when a balance falls below what its owner chose.
//!
//! # Shape
//! ```text
//! due: who is switched on and has too little → claim: purchase and claim COMMITTED together,
//!      within the limits, under the account's lock → charge: Stripe is asked (persisted key)
//!                                      ↓
//!      answer, webhook or reconciler → fulfil → judge → the ledger grants, or follow: paused
//! ```
//! `card` saves and removes cards, `consent` is what its owner decides, `view` what they see.
//!
//! # What must hold
//! - Nobody is charged who has not agreed to these amounts on the page; no purchase switches it on.
//! - At most one charge is under way per account, whoever works on it, and its key and its request
//!   never change. What became of it unknown is asked for again, or looked up: never charged anew.
//! - The limits are checked in the transaction that claims: see [`RechargePlan::allows`].
//! - The first refusal pauses it, in the transaction that writes the refusal down.
//!
//! [`RechargePlan::allows`]: crate::credits::RechargePlan::allows

mod card;
mod charge;
mod claim;
mod consent;
mod due;
mod follow;
mod rows;
mod view;

pub use consent::{RechargeAgreed, TurnOnError};
pub use due::Recharged;
pub(super) use follow::follow;
