//! The four types of operation that credits pay for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What credits are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A model answers.
    Inference,
    /// A model writes or refines a trading strategy.
    Strategy,
    /// A strategy is replayed on history.
    Backtest,
    /// Screens, regimes, factor reports.
    Analysis,
}

impl Operation {
    /// All of them, in the order of charts, legends and tables.
    pub const ALL: [Self; 4] = [Self::Inference, Self::Strategy, Self::Backtest, Self::Analysis];

    /// The id in URLs, files and the database.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Strategy => "strategy",
            Self::Backtest => "backtest",
            Self::Analysis => "analysis",
        }
    }

    /// The name on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inference => "AI model inference",
            Self::Strategy => "Strategy generation",
            Self::Backtest => "Backtesting",
            Self::Analysis => "Advanced market analysis",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The text names no operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown operation {0:?}: use inference, strategy, backtest or analysis")]
pub struct UnknownOperation(String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.id() == id)
            .ok_or_else(|| UnknownOperation(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_id() {
        for operation in Operation::ALL {
            assert_eq!(operation.id().parse(), Ok(operation));
        }
        assert!("Inference".parse::<Operation>().is_err());
    }
}
