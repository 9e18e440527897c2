//! Granting, spending and expiring.

use chrono::{DateTime, Utc};

use super::{
    super::{Allocation, Credits, EntryKind, Lot, Note, Operation, Source},
    Account, Change, Posting,
};

impl Account {
    pub(super) fn grant(&mut self, lot: Lot, note: &Note, at: DateTime<Utc>) -> Posting {
        self.totals.granted += lot.granted;
        self.lots.push(lot.clone());
        let entry = self.post(Change {
            kind: EntryKind::Granted,
            operation: None,
            available: lot.granted,
            held: Credits::ZERO,
            note: note.clone(),
            hold: None,
            at,
            allocations: Vec::new(),
        });
        Posting { entry, lots: vec![lot], hold: None }
    }

    pub(super) fn spend(
        &mut self,
        operation: Operation,
        amount: Credits,
        note: &Note,
        at: DateTime<Utc>,
    ) -> Posting {
        let (allocations, lots) = self.take(amount);
        self.totals.spent += amount;
        self.caps.count(operation, amount);
        self.lots.retain(Lot::is_open);
        let entry = self.post(Change {
            kind: EntryKind::Spent,
            operation: Some(operation),
            available: -amount,
            held: Credits::ZERO,
            note: note.clone(),
            hold: None,
            at,
            allocations,
        });
        Posting { entry, lots, hold: None }
    }

    /// Takes from the lots in the order of spending; the caller has checked that there is enough.
    pub(super) fn take(&mut self, amount: Credits) -> (Vec<Allocation>, Vec<Lot>) {
        self.lots.sort_by_key(Lot::spending_order);
        let mut missing = amount;
        let (mut allocations, mut changed) = (Vec::new(), Vec::new());
        for lot in &mut self.lots {
            if !missing.is_positive() {
                break;
            }
            let taken = lot.remaining.min(missing);
            if taken.is_positive() {
                lot.remaining -= taken;
                missing -= taken;
                allocations.push(Allocation { lot: lot.number, amount: taken });
                changed.push(lot.clone());
            }
        }
        assert!(missing.is_zero(), "available says more than the lots of {} hold", self.id);
        (allocations, changed)
    }

    pub(super) fn expire(&mut self, index: usize, at: DateTime<Utc>) -> Posting {
        let lot = &mut self.lots[index];
        let forfeited = lot.remaining;
        lot.remaining = Credits::ZERO;
        let lot = lot.clone();
        self.lots.retain(Lot::is_open);
        self.totals.expired += forfeited;
        let description = match lot.source {
            Source::Purchase => "Unused credits expired",
            Source::Promotion => "Unused promotion expired",
            Source::Goodwill => "Unused goodwill expired",
        };
        let entry = self.post(Change {
            kind: EntryKind::Expired,
            operation: None,
            available: -forfeited,
            held: Credits::ZERO,
            note: Note {
                description: description.to_owned(),
                detail: format!("{forfeited} of {} forfeited", lot.granted),
                ..Note::default()
            },
            hold: None,
            at,
            allocations: vec![Allocation { lot: lot.number, amount: forfeited }],
        });
        Posting { entry, lots: vec![lot], hold: None }
    }
}
