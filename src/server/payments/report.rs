//! What a run of the reconciler found, for the operator.

use std::fmt;

use super::Fulfilment;

/// Ids that a sentence names of each kind.
const SHOWN: usize = 5;

/// What a run found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Purchases that were looked after.
    pub purchases: usize,
    /// Events of Stripe's that were read.
    pub events: usize,
    /// Events that had not reached us before.
    pub missed_events: usize,
    /// Purchases and events that could not be dealt with now; the next run goes on.
    pub postponed: Vec<String>,
    /// How many purchases and events the run had no time for; the next run goes on.
    pub left_over: u64,
    /// Whether it had no time to read all events of Stripe; the next run goes on.
    pub is_unread: bool,
    /// Purchases that were credited by this run.
    pub credited: Vec<String>,
    /// Purchases that ended unpaid.
    pub ended: Vec<String>,
    /// Purchases that a person must look at.
    pub reviews: Vec<String>,
    /// Sessions that somebody paid and no purchase of ours has.
    pub unknown_here: Vec<String>,
    /// Purchases whose session Stripe does not know.
    pub unknown_there: Vec<String>,
}

impl Report {
    /// Returns whether Stripe and we agree.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.for_a_person().next().is_none()
    }

    /// Returns the purchases and sessions of this run that a person must look at.
    pub(super) fn for_a_person(&self) -> impl Iterator<Item = &String> {
        self.reviews.iter().chain(&self.unknown_here).chain(&self.unknown_there)
    }

    /// Returns in words what is not in order: what a person must look at, and what was not dealt
    /// with. That is what this run found, the purchases in review and the paid sessions that credit
    /// nobody. Returns `None` if there is nothing.
    #[must_use]
    pub fn open(&self, in_review: &[String], unknown_here: &[String]) -> Option<String> {
        let groups = [
            ("purchases in review", in_review),
            ("paid sessions that credit nobody", unknown_here),
            ("purchases unknown at Stripe", &self.unknown_there),
        ];
        let groups = groups.iter().filter(|(_, ids)| !ids.is_empty());
        let groups: Vec<_> = groups.map(|(what, ids)| format!("{what}: {}", some(ids))).collect();
        let mut words = Vec::new();
        if !groups.is_empty() {
            let groups = groups.join("; ");
            words.push(format!("a person must look at {groups} (docs/operate/alerts.md says how)"));
        }
        if !self.postponed.is_empty() {
            let postponed = some(&self.postponed);
            words.push(format!("the log says why it failed at {postponed}: run it again"));
        }
        words.extend(self.unfinished().map(|left| format!("{left}: run it again")));
        (!words.is_empty()).then(|| words.join("; and "))
    }

    /// Returns in words what the run had no time for, or `None` if it came to its end.
    #[must_use]
    pub fn unfinished(&self) -> Option<String> {
        let more = if self.is_unread { ", and for all events of Stripe" } else { "" };
        (self.left_over > 0 || self.is_unread).then(|| {
            format!("there was no time for {} purchases and events here{more}", self.left_over)
        })
    }

    pub(super) fn add(&mut self, fulfilment: Fulfilment) {
        match fulfilment {
            Fulfilment::Credited { purchase, is_new: true } => self.credited.push(purchase),
            Fulfilment::Unpaid { purchase, state } if state.is_final() => {
                self.ended.push(purchase);
            }
            Fulfilment::Review { purchase } => self.reviews.push(purchase),
            Fulfilment::Stranger { session, is_paid: true } => self.unknown_here.push(session),
            Fulfilment::Credited { .. }
            | Fulfilment::Unpaid { .. }
            | Fulfilment::Stranger { .. }
            | Fulfilment::Saved { .. }
            | Fulfilment::Missing => {}
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} purchases and {} events checked ({} missed): {} credited, {} ended unpaid, \
             {} to review, {} sessions unknown here, {} unknown at Stripe, {} postponed, \
             {} left over",
            self.purchases,
            self.events,
            self.missed_events,
            self.credited.len(),
            self.ended.len(),
            self.reviews.len(),
            self.unknown_here.len(),
            self.unknown_there.len(),
            self.postponed.len(),
            self.left_over,
        )
    }
}

/// Names the first of these.
fn some(ids: &[String]) -> String {
    let shown = ids[..ids.len().min(SHOWN)].join(", ");
    match ids.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
