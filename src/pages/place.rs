//! Where an account is looked at: by its owner in the settings, or by staff in support. The same
//! views serve both; only their links differ.

use super::history::HistoryQuery;
use crate::credits::{AccountId, HistoryFilter};

/// Who looks at an account, and so where links lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its owner.
    Settings,
    /// Support staff.
    Support(AccountId),
}

impl Place {
    /// The page that shows the balance and the usage of a cycle.
    #[must_use]
    pub fn overview_path(&self) -> String {
        match self {
            Self::Settings => "/settings/credits".to_owned(),
            Self::Support(account) => format!("/support/accounts/{account}"),
        }
    }

    /// The page that shows the history.
    #[must_use]
    pub fn history_path(&self) -> String {
        match self {
            Self::Settings => "/settings/credits/history".to_owned(),
            Self::Support(_) => self.overview_path(),
        }
    }

    /// A part of the history; leads to the opened row, if there is one.
    #[must_use]
    pub fn history(&self, query: &HistoryQuery) -> String {
        let anchor = match (query.open, self) {
            (Some(seq), _) => format!("#row-{seq}"),
            (None, Self::Support(_)) => "#history".to_owned(),
            (None, Self::Settings) => String::new(),
        };
        format!("{}{query}{anchor}", self.history_path())
    }

    /// All rows of a filter, for a spreadsheet.
    #[must_use]
    pub fn csv(&self, filter: &HistoryFilter) -> String {
        let query = HistoryQuery::of(filter.clone());
        match self {
            Self::Settings => format!("/settings/credits/history.csv{query}"),
            Self::Support(account) => format!("/support/accounts/{account}/history.csv{query}"),
        }
    }

    /// What is known about a purchase.
    #[must_use]
    pub fn purchase(&self, id: &str) -> String {
        match self {
            Self::Settings => format!("/settings/credits/purchases/{id}"),
            Self::Support(_) => format!("#purchase-{id}"),
        }
    }
}
