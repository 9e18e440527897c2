//! Spend caps: what an account lets itself spend in one billing cycle.

use serde::{Deserialize, Serialize};

use super::{Credits, Operation, Refusal};

/// What may be consumed and held in one billing cycle; nothing where there is no cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// By all operations together.
    pub all: Option<Credits>,
    /// By each operation, in the order of [`Operation::ALL`].
    pub by_operation: [Option<Credits>; 4],
}

impl Caps {
    /// Whether there is any.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.all.is_some() || self.by_operation.iter().any(Option::is_some)
    }
}

/// The caps of an account beside what it has used of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapUse {
    /// The caps.
    pub caps: Caps,
    /// What was consumed in this billing cycle or is held, by operation in the order of
    /// [`Operation::ALL`]. Not counted where there is no cap.
    pub used: [Credits; 4],
}

impl CapUse {
    /// Whether an operation may use so much more.
    pub(super) fn check(&self, operation: Operation, needed: Credits) -> Result<(), Refusal> {
        let own = self.caps.by_operation[operation as usize];
        let used = self.used[operation as usize];
        refuse_above(own, used, needed, Some(operation))?;
        refuse_above(self.caps.all, self.used.iter().copied().sum(), needed, None)
    }

    /// Counts what was used, or given back where negative.
    pub(super) fn count(&mut self, operation: Operation, amount: Credits) {
        self.used[operation as usize] += amount;
    }
}

fn refuse_above(
    cap: Option<Credits>,
    used: Credits,
    needed: Credits,
    operation: Option<Operation>,
) -> Result<(), Refusal> {
    let Some(cap) = cap.filter(|cap| needed.is_positive() && used + needed > *cap) else {
        return Ok(());
    };
    let left = (cap - used).max(Credits::ZERO);
    Err(Refusal::SpendCap { operation, cap, left, needed })
}
