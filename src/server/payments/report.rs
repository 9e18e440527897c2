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
    pub postponed: usize,
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
    /// Whether Stripe and we agree.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.reviews.is_empty() && self.unknown_here.is_empty() && self.unknown_there.is_empty()
    }

    /// Returns in words what a person must look at, of what this run found and of the purchases
    /// that are in review since earlier. Returns `None` if there is nothing.
    #[must_use]
    pub fn open(&self, in_review: &[String]) -> Option<String> {
        let groups = [
            ("purchases in review", in_review),
            ("paid sessions unknown here", &self.unknown_here),
            ("purchases unknown at Stripe", &self.unknown_there),
        ];
        let groups = groups.iter().filter(|(_, ids)| !ids.is_empty());
        let words: Vec<_> = groups
            .map(|(what, ids)| {
                let shown = ids[..ids.len().min(SHOWN)].join(", ");
                match ids.len().saturating_sub(SHOWN) {
                    0 => format!("{what}: {shown}"),
                    more => format!("{what}: {shown} and {more} more"),
                }
            })
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
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
             {} to review, {} sessions unknown here, {} unknown at Stripe",
            self.purchases,
            self.events,
            self.missed_events,
            self.credited.len(),
            self.ended.len(),
            self.reviews.len(),
            self.unknown_here.len(),
            self.unknown_there.len(),
        )
    }
}
