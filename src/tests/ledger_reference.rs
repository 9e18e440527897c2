//! The reference ledger of the random histories: as plain as can be, without any code of the
//! product's rules.

use std::collections::BTreeMap;

use chrono::{DateTime, Months, Utc};
use recharge::credits::{Command, Credits, HoldTime, Source, Validity};

/// A lot: its end, whether it was paid, its number, what is left of it. In thousandths.
type ReferenceLot = (DateTime<Utc>, bool, i64, i64);

/// A hold: what was taken from which lot (a copy of the lot with the part), its end, and how it
/// was settled.
#[derive(Clone)]
pub struct ReferenceHold {
    parts: Vec<ReferenceLot>,
    end: DateTime<Utc>,
    /// How it was settled.
    pub settled: Option<&'static str>,
}

/// Lots and holds, as plain as can be.
#[derive(Default)]
pub struct Reference {
    lots: Vec<ReferenceLot>,
    /// By the number of the entry that made it.
    pub holds: BTreeMap<i64, ReferenceHold>,
    /// How many there are.
    pub entries: i64,
    /// How often credits were bought.
    pub bought: usize,
}

impl Reference {
    /// What can be spent.
    pub fn available(&self) -> i64 {
        self.lots.iter().map(|lot| lot.3).sum()
    }

    /// What is set aside.
    pub fn held(&self) -> i64 {
        let open = self.holds.values().filter(|hold| hold.settled.is_none());
        open.flat_map(|hold| &hold.parts).map(|part| part.3).sum()
    }

    /// What is left of each lot, by its number.
    pub fn left(&self) -> BTreeMap<i64, i64> {
        let left = self.lots.iter().filter(|lot| lot.3 > 0);
        left.map(|lot| (lot.2, lot.3)).collect()
    }

    /// When the bought credits end that are left.
    pub fn paid_ends(&self) -> Vec<DateTime<Utc>> {
        self.lots.iter().filter(|lot| lot.1 && lot.3 > 0).map(|lot| lot.0).collect()
    }

    /// Instant by instant, holds before lots.
    pub fn pass(&mut self, now: DateTime<Utc>) -> Vec<&'static str> {
        let mut seen = Vec::new();
        let ends = self.holds.values().filter(|hold| hold.settled.is_none()).map(|hold| hold.end);
        let held = self.holds.values().flat_map(|hold| &hold.parts);
        let lots = self.lots.iter().chain(held).map(|lot| lot.0);
        let mut instants: Vec<_> = ends.chain(lots).collect();
        instants.push(now);
        instants.retain(|at| *at <= now);
        instants.sort();
        for at in instants {
            let lapsed = self.holds.iter().filter(|(_, it)| it.settled.is_none() && it.end <= at);
            for number in lapsed.map(|(number, _)| *number).collect::<Vec<_>>() {
                self.settle(number, 0, "lapsed");
                seen.push("lapsed");
            }
            let gone = self.lots.iter().filter(|lot| lot.0 <= at && lot.3 > 0).count();
            self.lots.retain(|lot| lot.0 > at && lot.3 > 0);
            self.entries += i64::try_from(gone).unwrap();
            seen.extend(vec!["expired"; gone]);
        }
        seen
    }

    /// Takes the soonest to end, free before paid, oldest first; none where there is too little.
    fn take(&mut self, mut amount: i64) -> Option<Vec<ReferenceLot>> {
        if amount > self.available() {
            return None;
        }
        self.lots.sort();
        let mut parts = Vec::new();
        for lot in &mut self.lots {
            let part = amount.min(lot.3);
            lot.3 -= part;
            amount -= part;
            parts.push((lot.0, lot.1, lot.2, part));
        }
        parts.retain(|part| part.3 > 0);
        self.lots.retain(|lot| lot.3 > 0);
        self.entries += 1;
        Some(parts)
    }

    fn settle(&mut self, number: i64, mut charge: i64, how: &'static str) {
        let hold = self.holds.get_mut(&number).unwrap();
        hold.settled = Some(how);
        let mut parts = hold.parts.clone();
        parts.sort();
        for part in parts {
            let charged = charge.min(part.3);
            charge -= charged;
            let rest = part.3 - charged;
            match self.lots.iter_mut().find(|lot| lot.2 == part.2) {
                Some(lot) => lot.3 += rest,
                None if rest > 0 => self.lots.push((part.0, part.1, part.2, rest)),
                None => {}
            }
        }
        self.entries += 1;
    }

    /// What a command should come to: the word for it, and whether it is carried out.
    pub fn expect(&mut self, command: &Command, now: DateTime<Utc>) -> (&'static str, bool) {
        match command {
            Command::Grant { source, amount, validity, .. } => {
                self.entries += 1;
                let is_paid = *source == Source::Purchase;
                let end = match validity {
                    Validity::OneYear => now + Months::new(12),
                    Validity::Until(end) => *end,
                };
                let is_beside = !is_paid && self.paid_ends().contains(&end);
                self.bought += usize::from(is_paid);
                self.lots.push((end, is_paid, self.entries, amount.thousandths()));
                (if is_beside { "granted beside" } else { "granted" }, true)
            }
            Command::Spend { amount, .. } => match self.take(amount.thousandths()) {
                Some(_) => ("spent", true),
                None => ("refused", false),
            },
            Command::Hold { amount, lasts, .. } => match self.take(amount.thousandths()) {
                Some(parts) => {
                    let hold = ReferenceHold { parts, end: lasts.ends(now), settled: None };
                    self.holds.insert(self.entries, hold);
                    ("held", true)
                }
                None => ("refused", false),
            },
            Command::Capture { hold, amount, .. } => {
                let parts = self.holds.get(hold).map(|hold| hold.parts.iter());
                let held = parts.map_or(0, |parts| parts.map(|part| part.3).sum());
                let charge = amount.of(Credits::from_thousandths(held)).thousandths();
                self.expect_settling(*hold, charge, "captured")
            }
            Command::Release { hold, .. } => self.expect_settling(*hold, 0, "released"),
            Command::Extend { hold, lasts, more, .. } => {
                let Some(found) = self.holds.get(hold).cloned() else {
                    return ("settled otherwise", false);
                };
                if found.settled.is_some() {
                    return ("settled otherwise", false);
                }
                let usual = HoldTime::DEFAULT.ends(now).max(found.end);
                let end = lasts.map_or(usual, |lasts| lasts.ends(now));
                if end < found.end {
                    return ("refused", false);
                }
                let Some(parts) = self.take(more.thousandths()) else {
                    return ("refused", false);
                };
                let found = self.holds.get_mut(hold).unwrap();
                found.end = end;
                for part in parts {
                    match found.parts.iter_mut().find(|other| other.2 == part.2) {
                        Some(other) => other.3 += part.3,
                        None => found.parts.push(part),
                    }
                }
                ("extended", true)
            }
        }
    }

    fn expect_settling(
        &mut self,
        number: i64,
        charge: i64,
        how: &'static str,
    ) -> (&'static str, bool) {
        let Some(hold) = self.holds.get(&number) else { return ("settled otherwise", false) };
        let held: i64 = hold.parts.iter().map(|part| part.3).sum();
        match hold.settled {
            None if charge > held => ("refused", false),
            None => {
                self.settle(number, charge, how);
                (how, true)
            }
            Some(first) if first == how || (first == "lapsed" && how == "released") => {
                ("settled before", true)
            }
            Some(_) => ("settled otherwise", false),
        }
    }
}
