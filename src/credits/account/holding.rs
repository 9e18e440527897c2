//! Setting aside, settling and giving back.
//!
//! A hold takes from lots when it is made. What it has taken stays usable although a lot expires
//! meanwhile; what returns to an expired lot expires at once.

use chrono::{DateTime, Utc};

use super::{
    super::{
        Allocation, Captured, Credits, EntryKind, Hold, HoldState, HoldTime, Lot, Note, Operation,
        Refusal, ReleaseReason,
    },
    Account, Applied, Change, Posting, check_amount,
};

impl Account {
    pub(super) fn hold(
        &mut self,
        operation: Operation,
        amount: Credits,
        expires_at: DateTime<Utc>,
        note: &Note,
        at: DateTime<Utc>,
    ) -> Posting {
        let (parts, lots) = self.set_aside(operation, amount);
        let hold = Hold {
            number: self.seq + 1,
            operation,
            amount,
            captured: Credits::ZERO,
            state: HoldState::Open,
            expires_at,
            settled: None,
            note: note.clone(),
            parts,
        };
        self.holds.push(hold.clone());
        let entry = self.post_hold(EntryKind::Held, &hold, note.clone(), (-amount, amount), at);
        Posting { entry, lots, hold: Some(hold) }
    }

    /// Whoever captures twice is told what the first time has led to.
    pub(super) fn capture(
        &mut self,
        number: i64,
        captured: Captured,
        detail: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<Applied, Refusal> {
        let index = self.find_hold(number)?;
        let hold = &self.holds[index];
        let amount = captured.of(hold.amount);
        check_amount(amount, Credits::ZERO)?;
        match hold.state {
            HoldState::Open => {}
            HoldState::Captured => return Ok(Applied::Settled(hold.clone())),
            HoldState::Released | HoldState::Lapsed => return Err(settled(hold)),
        }
        if amount > hold.amount {
            return Err(Refusal::CaptureAboveHold { amount, held: hold.amount });
        }
        let rest = hold.amount - amount;
        let mut note = hold.note.clone();
        if let Some(detail) = detail {
            note.detail = detail.to_owned();
        }
        if rest.is_positive() {
            let separator = if note.detail.is_empty() { "" } else { " · " };
            note.detail += &format!("{separator}{rest} of {} held returned", hold.amount);
        }
        self.totals.spent += amount;
        let settling = Settling { state: HoldState::Captured, amount, note, at };
        Ok(Applied::Posted(Box::new(self.settle(index, settling))))
    }

    /// Whoever releases twice, or what has lapsed, is told what the first time has led to.
    pub(super) fn release(
        &mut self,
        number: i64,
        reason: ReleaseReason,
        at: DateTime<Utc>,
    ) -> Result<Applied, Refusal> {
        let index = self.find_hold(number)?;
        let hold = &self.holds[index];
        match hold.state {
            HoldState::Open => {}
            HoldState::Released | HoldState::Lapsed => return Ok(Applied::Settled(hold.clone())),
            HoldState::Captured => return Err(settled(hold)),
        }
        let note = costs_nothing(hold, reason.word());
        let settling = Settling { state: HoldState::Released, amount: Credits::ZERO, note, at };
        Ok(Applied::Posted(Box::new(self.settle(index, settling))))
    }

    /// What the clock gives back.
    pub(super) fn lapse(&mut self, index: usize, at: DateTime<Utc>) -> Posting {
        let note = costs_nothing(&self.holds[index], "hold expired");
        let settling = Settling { state: HoldState::Lapsed, amount: Credits::ZERO, note, at };
        self.settle(index, settling)
    }

    pub(super) fn extend(
        &mut self,
        number: i64,
        lasts: Option<HoldTime>,
        more: Credits,
        ceiling: Option<Credits>,
        at: DateTime<Utc>,
    ) -> Result<Posting, Refusal> {
        let index = self.find_hold(number)?;
        let hold = self.holds[index].clone();
        if !hold.is_open() {
            return Err(settled(&hold));
        }
        let expires_at = match lasts {
            Some(lasts) => lasts.ends(at),
            None => HoldTime::DEFAULT.ends(at).max(hold.expires_at),
        };
        if expires_at < hold.expires_at {
            return Err(Refusal::ExtensionTooShort { ends_at: hold.expires_at });
        }
        self.check_spending(hold.operation, more)?;
        check_amount(hold.amount + more, Credits::ZERO)?;
        let needed = hold.amount + more;
        if let Some(ceiling) = ceiling.filter(|ceiling| needed > *ceiling) {
            return Err(Refusal::AboveCeiling { ceiling, needed });
        }
        let (parts, lots) = self.set_aside(hold.operation, more);
        let hold = &mut self.holds[index];
        (hold.expires_at, hold.amount) = (expires_at, needed);
        for part in parts {
            match hold.parts.iter_mut().find(|other| other.lot == part.lot) {
                Some(other) => other.amount += part.amount,
                None => hold.parts.push(part),
            }
        }
        let hold = hold.clone();
        let mut note = hold.note.clone();
        note.detail = format!("extended until {}", expires_at.format("%-d %b %Y %H:%M UTC"));
        let entry = self.post_hold(EntryKind::Held, &hold, note, (-more, more), at);
        Ok(Posting { entry, lots, hold: Some(hold) })
    }

    fn find_hold(&self, number: i64) -> Result<usize, Refusal> {
        self.holds.iter().position(|hold| hold.number == number).ok_or(Refusal::UnknownHold)
    }

    fn set_aside(&mut self, operation: Operation, amount: Credits) -> (Vec<Allocation>, Vec<Lot>) {
        let (parts, _) = self.take(amount);
        self.caps.count(operation, amount);
        let held = |lot: &mut Lot| {
            let part = parts.iter().find(|part| part.lot == lot.number)?;
            lot.held += part.amount;
            Some(lot.clone())
        };
        let lots = self.lots.iter_mut().filter_map(held).collect();
        (parts, lots)
    }

    /// Turns a part of a hold into spending, soonest expiry first, and gives the rest back.
    fn settle(&mut self, index: usize, settling: Settling) -> Posting {
        let Settling { state, amount, note, at } = settling;
        self.lots.sort_by_key(Lot::spending_order);
        let (mut missing, mut allocations, mut lots) = (amount, Vec::new(), Vec::new());
        let parts = self.holds[index].parts.clone();
        for lot in &mut self.lots {
            let Some(part) = parts.iter().find(|part| part.lot == lot.number) else { continue };
            let charged = part.amount.min(missing);
            missing -= charged;
            lot.held -= part.amount;
            lot.remaining += part.amount - charged;
            if charged.is_positive() {
                allocations.push(Allocation { lot: lot.number, amount: charged });
            }
            lots.push(lot.clone());
        }
        assert!(missing.is_zero(), "a hold of {} has taken from no lot", self.id);
        self.lots.retain(Lot::is_open);
        let entry_seq = self.seq + 1;
        let hold = &mut self.holds[index];
        (hold.state, hold.captured, hold.settled) = (state, amount, Some((entry_seq, at)));
        let hold = hold.clone();
        let rest = hold.amount - amount;
        self.caps.count(hold.operation, -rest);
        let kind =
            if state == HoldState::Captured { EntryKind::Spent } else { EntryKind::Released };
        let mut entry = self.post_hold(kind, &hold, note, (rest, -hold.amount), at);
        entry.allocations = allocations;
        Posting { entry, lots, hold: Some(hold) }
    }

    fn post_hold(
        &mut self,
        kind: EntryKind,
        hold: &Hold,
        note: Note,
        (available, held): (Credits, Credits),
        at: DateTime<Utc>,
    ) -> super::Entry {
        self.post(Change {
            kind,
            operation: Some(hold.operation),
            available,
            held,
            note,
            hold: Some(hold.number),
            at,
            allocations: Vec::new(),
        })
    }
}

/// How a hold ends.
struct Settling {
    state: HoldState,
    /// What becomes spending.
    amount: Credits,
    note: Note,
    at: DateTime<Utc>,
}

fn settled(hold: &Hold) -> Refusal {
    let at = hold.settled.map(|(_, at)| at).unwrap_or_default();
    Refusal::HoldSettled { state: hold.state, amount: hold.amount, captured: hold.captured, at }
}

/// "failed, 0 credits (75 released)": work that came to nothing costs nothing, and says so.
fn costs_nothing(hold: &Hold, why: &str) -> Note {
    let detail = format!("{why}, 0 credits ({} released)", hold.amount);
    Note { detail, ..hold.note.clone() }
}

#[cfg(test)]
#[path = "holding_tests.rs"]
mod tests;
