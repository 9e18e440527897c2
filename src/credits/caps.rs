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

/// The levels of a cap that people are told of, the highest first.
const TOLD_PERCENT: [u8; 2] = [100, 80];

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
    /// Whether an operation may use so much more; a refusal says beside it what is available and
    /// held.
    pub(super) fn check(
        &self,
        operation: Operation,
        needed: Credits,
        (available, held): (Credits, Credits),
    ) -> Result<(), Refusal> {
        let own = (Some(operation), self.caps.by_operation[operation as usize]);
        let all = (None, self.caps.all);
        let used = [self.used[operation as usize], self.used.iter().copied().sum()];
        for ((operation, cap), used) in [own, all].into_iter().zip(used) {
            if let Some(cap) = cap.filter(|cap| needed.is_positive() && used + needed > *cap) {
                let left = (cap - used).max(Credits::ZERO);
                return Err(Refusal::SpendCap { operation, cap, left, needed, available, held });
            }
        }
        Ok(())
    }

    /// Which caps have reached one of [`TOLD_PERCENT`] since then: what is capped, the cap, what
    /// is used of it, and the highest level that is new.
    #[must_use]
    pub fn reached_since(&self, before: &Self) -> Vec<(Option<Operation>, Credits, Credits, u8)> {
        let all = |used: &[Credits; 4]| used.iter().copied().sum::<Credits>();
        let of_operation = |operation: Operation| {
            let index = operation as usize;
            let cap = self.caps.by_operation[index];
            (Some(operation), cap, before.used[index], self.used[index])
        };
        let of_all = (None, self.caps.all, all(&before.used), all(&self.used));
        let capped = Operation::ALL.into_iter().map(of_operation).chain([of_all]);
        capped
            .filter_map(|(operation, cap, before, used)| {
                let cap = cap.filter(|cap| cap.is_positive())?;
                let is_new = |percent| is_at(used, cap, percent) && !is_at(before, cap, percent);
                let percent = TOLD_PERCENT.into_iter().find(|percent| is_new(*percent))?;
                Some((operation, cap, used, percent))
            })
            .collect()
    }

    /// Counts what was used, or given back where negative.
    pub(super) fn count(&mut self, operation: Operation, amount: Credits) {
        self.used[operation as usize] += amount;
    }
}

/// Whether so much of a cap is used that its owner should look at it.
#[must_use]
pub fn is_nearly_used(cap: Credits, used: Credits) -> bool {
    cap.is_positive() && TOLD_PERCENT.into_iter().any(|percent| is_at(used, cap, percent))
}

/// Whether so much of a cap is used.
fn is_at(used: Credits, cap: Credits, percent: u8) -> bool {
    let (used, cap) = (i128::from(used.thousandths()), i128::from(cap.thousandths()));
    used * 100 >= cap * i128::from(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(whole: i64) -> Credits {
        Credits::try_from_whole(whole).unwrap()
    }

    #[test]
    fn a_cap_is_told_of_at_80_and_at_100_percent() {
        let mut now = CapUse::default();
        now.caps.all = Some(credits(1_000));
        now.caps.by_operation[Operation::Backtest as usize] = Some(credits(300));
        let mut told = Vec::new();
        for (operation, amount) in [
            (Operation::Inference, 799),
            (Operation::Inference, 1),
            (Operation::Backtest, 100),
            (Operation::Inference, 100),
        ] {
            let before = now;
            now.count(operation, credits(amount));
            told.extend(now.reached_since(&before));
        }
        let expected =
            [(None, credits(1_000), credits(800), 80), (None, credits(1_000), credits(1_000), 100)];
        assert_eq!(told, expected);
    }
}
