//! The holds of one account, as its entries tell them, and their rows held against that.

use std::collections::BTreeMap;

use super::{
    mismatch::{Checked, equal, mismatch},
    replay::Replay,
};
use crate::{
    credits::{EntryKind, HoldState, HoldTime},
    server::entity::{entry, hold, hold_allocation, lot},
};

/// What the entries say of a hold. Amounts are thousandths.
pub(super) struct ReplayedHold {
    operation: String,
    amount: i64,
    captured: i64,
    /// When it was made, and each time that it was extended.
    held_at: Vec<i64>,
    /// How, by which entry and when it was settled.
    settled: Option<(EntryKind, i64, i64)>,
}

impl Replay {
    /// Follows the hold that an entry makes, extends or settles.
    pub(super) fn hold(&mut self, entry: &entry::Model, kind: EntryKind, row: &str) -> Checked {
        let place = ("entries", row);
        let moves_none = match kind {
            EntryKind::Held | EntryKind::Released => false,
            EntryKind::Spent => entry.hold.is_none(),
            _ => true,
        };
        if moves_none {
            equal(place, "its hold", (entry.hold.unwrap_or(0), 0))?;
            return equal(place, "held_change", (entry.held_change, 0));
        }
        let number = entry.hold.unwrap_or(0);
        if kind == EntryKind::Held && number == entry.seq {
            let hold = ReplayedHold {
                operation: entry.operation.clone().unwrap_or_default(),
                amount: entry.held_change,
                captured: 0,
                held_at: vec![entry.at],
                settled: None,
            };
            self.holds.insert(number, hold);
            return Ok(());
        }
        let hold = self.holds.get_mut(&number).filter(|hold| hold.settled.is_none());
        let hold = hold.ok_or_else(|| mismatch("entries", row, "its hold is not open"))?;
        let operation = entry.operation.as_deref().unwrap_or_default();
        equal(place, "its operation", (operation, hold.operation.as_str()))?;
        if kind == EntryKind::Held {
            hold.amount += entry.held_change;
            hold.held_at.push(entry.at);
            return Ok(());
        }
        equal(place, "held_change", (entry.held_change, -hold.amount))?;
        hold.captured = -(entry.available_change + entry.held_change);
        hold.settled = Some((kind, entry.seq, entry.at));
        self.given_back_at = Some(entry.at);
        Ok(())
    }

    /// Holds the rows of holds, and of what they took from lots, against the entries.
    pub fn holds(
        &self,
        holds: &[hold::Model],
        parts: &[hold_allocation::Model],
        lots: &[lot::Model],
    ) -> Checked {
        let mut expected = self.holds.iter();
        for hold in holds {
            let row = self.row(hold.number);
            let Some((number, replayed)) = expected.next() else {
                return Err(mismatch("holds", row, "no entry makes it"));
            };
            equal(("holds", &row), "its number", (hold.number, *number))?;
            check_hold(hold, replayed, &row)?;
            if replayed.settled.is_none() && hold.expires_at <= self.at {
                return Err(mismatch("holds", row, "it is open after its end"));
            }
        }
        if let Some((number, _)) = expected.next() {
            return Err(mismatch("holds", self.row(*number), "the hold of this entry is missing"));
        }
        self.hold_parts(holds, parts, lots)
    }

    /// What each hold took adds up to it, and what the open ones took is held of each lot.
    fn hold_parts(
        &self,
        holds: &[hold::Model],
        parts: &[hold_allocation::Model],
        lots: &[lot::Model],
    ) -> Checked {
        let (mut of_hold, mut of_lot) = (BTreeMap::new(), BTreeMap::new());
        for part in parts {
            let row = format!("{}/{}", self.row(part.hold), part.lot);
            let hold = holds.iter().find(|hold| hold.number == part.hold);
            let hold =
                hold.ok_or_else(|| mismatch("hold_allocations", &row, "there is no such hold"))?;
            if !self.lots.contains_key(&part.lot) {
                return Err(mismatch("hold_allocations", row, "there is no such lot"));
            }
            *of_hold.entry(part.hold).or_insert(0) += part.amount;
            if hold.state == HoldState::Open.id() {
                *of_lot.entry(part.lot).or_insert(0) += part.amount;
            }
        }
        for hold in holds {
            let taken = of_hold.get(&hold.number).copied().unwrap_or(0);
            let row = self.row(hold.number);
            equal(("hold_allocations", &row), "all of the hold", (taken, hold.amount))?;
        }
        for lot in lots {
            let held = of_lot.get(&lot.number).copied().unwrap_or(0);
            equal(("lots", &self.row(lot.number)), "held", (lot.held, held))?;
        }
        Ok(())
    }
}

fn check_hold(hold: &hold::Model, replayed: &ReplayedHold, row: &str) -> Checked {
    let place = ("holds", row);
    equal(place, "operation", (hold.operation.as_str(), replayed.operation.as_str()))?;
    equal(place, "amount", (hold.amount, replayed.amount))?;
    equal(place, "captured", (hold.captured, replayed.captured))?;
    if !replayed.held_at.iter().any(|at| is_hold_time(hold.expires_at - at)) {
        return Err(mismatch("holds", row, "no entry of it gives it this end"));
    }
    let (seq, at) = replayed.settled.map_or((0, 0), |(_, seq, at)| (seq, at));
    equal(place, "settled_seq", (hold.settled_seq.unwrap_or(0), seq))?;
    equal(place, "settled_at", (hold.settled_at.unwrap_or(0), at))?;
    let fits = match replayed.settled {
        None => hold.state == HoldState::Open.id(),
        Some((EntryKind::Spent, ..)) => hold.state == HoldState::Captured.id(),
        // Given back by its owner before its end, or by the clock from then on.
        Some(_) if hold.state == HoldState::Released.id() => at < hold.expires_at,
        Some(_) => hold.state == HoldState::Lapsed.id() && at >= hold.expires_at,
    };
    if !fits {
        let message = format!("it is {}, its entries say otherwise", hold.state);
        return Err(mismatch("holds", row, message));
    }
    if replayed.settled.is_some_and(|(kind, ..)| kind == EntryKind::Spent) && at >= hold.expires_at
    {
        return Err(mismatch("holds", row, "it was captured after its end"));
    }
    Ok(())
}

/// Whether a hold can last so long.
fn is_hold_time(ms: i64) -> bool {
    let seconds = u32::try_from(ms / 1_000);
    ms % 1_000 == 0 && seconds.is_ok_and(|seconds| HoldTime::from_seconds(seconds).is_some())
}
