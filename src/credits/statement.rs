//! What a customer is shown: the balance with its reasons, and the history page by page.
//!
//! Instants carry the offset of the account's zone, so that a page writes dates without knowing
//! zones. Every number here comes from one snapshot.

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{
    AccountId, Credits, Cycle, EntryKind, HoldState, Money, Note, Operation, Pace, Prospect,
    Runway, Source,
};

/// Which rows of the history are asked for. Empty means all but holds, which move no ownership.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFilter {
    /// Only this kind.
    pub kind: Option<EntryKind>,
    /// Only this type of operation.
    pub operation: Option<Operation>,
    /// From this day on, in the account's zone.
    pub from: Option<NaiveDate>,
    /// Up to and including this day, in the account's zone.
    pub to: Option<NaiveDate>,
    /// Text within the description, the detail or the reference, in any case.
    pub text: String,
}

/// Where a page of the history starts: keyset paging by `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursor {
    /// Rows older than this one.
    Before(i64),
    /// Rows newer than this one.
    After(i64),
}

/// One row of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number within the account.
    pub seq: i64,
    /// What happened.
    pub kind: EntryKind,
    /// The type of operation, where there was one.
    pub operation: Option<Operation>,
    /// What it did to the balance.
    pub amount: Credits,
    /// What it did to the held credits.
    pub held_change: Credits,
    /// The balance after it, held credits included.
    pub balance_after: Credits,
    /// The held credits after it.
    pub held_after: Credits,
    /// What it was for.
    pub note: Note,
    /// When.
    pub at: DateTime<FixedOffset>,
}

/// A part of a row's amount: which lot it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowSource {
    /// The lot's number.
    pub lot: i64,
    /// Where the lot came from.
    pub source: Source,
    /// How much came from it.
    pub amount: Credits,
    /// When the lot was granted.
    pub granted_at: DateTime<FixedOffset>,
    /// When the lot expires.
    pub expires_at: DateTime<FixedOffset>,
    /// The purchase that paid for the lot.
    pub purchase: Option<String>,
}

/// What a row shows when it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDetail {
    /// Which row.
    pub seq: i64,
    /// The lots that it took from or made.
    pub sources: Vec<RowSource>,
    /// The hold that it made, extended or settled.
    pub hold: Option<RowHold>,
}

/// The hold behind a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowHold {
    /// The row that made it.
    pub seq: i64,
    /// When it was made.
    pub made_at: DateTime<FixedOffset>,
    /// What is or was set aside.
    pub amount: Credits,
    /// What of it became spending.
    pub captured: Credits,
    /// How far it has come.
    pub state: HoldState,
    /// When it lapses or would have lapsed.
    pub expires_at: DateTime<FixedOffset>,
}

/// One page of the history, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// What was asked for.
    pub filter: HistoryFilter,
    /// The rows.
    pub rows: Vec<Row>,
    /// The cursor of the page with newer rows, if there are any.
    pub newer: Option<Cursor>,
    /// The cursor of the page with older rows, if there are any.
    pub older: Option<Cursor>,
    /// The opened row.
    pub open: Option<RowDetail>,
    /// What can be spent, in the same snapshot.
    pub available: Credits,
    /// The account's time zone, by its IANA name.
    pub zone: String,
    /// The instant of the snapshot, in that zone.
    pub read_at: DateTime<FixedOffset>,
}

/// What was consumed on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUsage {
    /// The day, in the account's zone.
    pub day: NaiveDate,
    /// Credits by type of operation, in the order of [`Operation::ALL`].
    pub credits: [Credits; 4],
}

impl DayUsage {
    /// All types together.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.credits.iter().copied().sum()
    }
}

/// What was consumed in one billing cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CycleUsage {
    /// Which cycle.
    pub cycle: Cycle,
    /// Every day of it up to today, oldest first.
    pub days: Vec<DayUsage>,
}

impl CycleUsage {
    /// What one type of operation consumed.
    #[must_use]
    pub fn by_operation(&self, operation: Operation) -> Credits {
        let index = Operation::ALL.iter().position(|other| *other == operation);
        index.map_or(Credits::ZERO, |index| self.days.iter().map(|day| day.credits[index]).sum())
    }

    /// What all types together consumed: always the sum of the four.
    #[must_use]
    pub fn total(&self) -> Credits {
        self.days.iter().map(DayUsage::total).sum()
    }
}

/// A lot as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LotLine {
    /// The lot's number.
    pub number: i64,
    /// Where it came from.
    pub source: Source,
    /// What the granting row says: "Autumn research credits".
    pub description: String,
    /// What it held at first.
    pub granted: Credits,
    /// What can still be spent of it.
    pub remaining: Credits,
    /// What is set aside of it.
    pub held: Credits,
    /// When it was granted.
    pub granted_at: DateTime<FixedOffset>,
    /// When it expires.
    pub expires_at: DateTime<FixedOffset>,
    /// The purchase that paid for it, and what was paid.
    pub purchase: Option<(String, Money)>,
    /// What becomes of it at the current pace; none where there is no pace, or all of it is held.
    pub prospect: Option<Prospect>,
}

impl LotLine {
    /// What of it will be forfeited at the current pace; none where there is no pace.
    #[must_use]
    pub fn forfeited(&self) -> Option<Credits> {
        self.prospect.map(|prospect| prospect.left)
    }
}

/// Everything that Credits Management shows of an account, from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Which account.
    pub account: AccountId,
    /// Its time zone, by its IANA name.
    pub zone: String,
    /// The instant of the snapshot, in that zone.
    pub now: DateTime<FixedOffset>,
    /// What can be spent.
    pub available: Credits,
    /// What is set aside.
    pub held: Credits,
    /// The current billing cycle.
    pub cycle: Cycle,
    /// Consumed in the current cycle so far.
    pub consumed: Credits,
    /// Consumed in the same number of days of the cycle before; none where there was none.
    pub consumed_before: Option<Credits>,
    /// The usage of the selected cycle.
    pub usage: CycleUsage,
    /// The cycles that can be selected, newest first.
    pub cycles: Vec<Cycle>,
    /// The pace of the last four weeks.
    pub pace: Option<Pace>,
    /// How long the balance lasts at that pace.
    pub runway: Option<Runway>,
    /// The lots of which something is left, soonest expiry first.
    pub lots: Vec<LotLine>,
    /// The latest rows.
    pub history: HistoryPage,
}

impl Overview {
    /// The balance: available and held.
    #[must_use]
    pub fn balance(&self) -> Credits {
        self.available + self.held
    }

    /// The lot that expires next.
    #[must_use]
    pub fn next_expiry(&self) -> Option<&LotLine> {
        self.lots.iter().find(|lot| lot.remaining.is_positive())
    }
}
