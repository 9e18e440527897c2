//! What is sold to one account: the presets with what they mean, and what was chosen of it.

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use super::pricing::{Outlook, Pricing, about, count, grouped};
use crate::credits::{
    AmountError, Catalogue, Credits, Lot, LotLine, Operation, Overview, Package, Room,
    WorthExample, expires_after_one_year,
};

/// From here on a package is a year's supply rather than one of several in a year.
const HALF_A_YEAR_DAYS: i64 = 183;

/// What is sold, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    /// The presets, smallest first.
    pub packages: Vec<Package>,
    /// What credits are worth.
    pub worth: Vec<WorthExample>,
    /// The terms of purchase.
    pub terms: String,
    /// All that is shown of prices, in a line that the form carries back.
    pub prices: String,
    /// What amounts cost and what comes of them.
    pub pricing: Pricing,
}

/// What a preset means at the account's pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It lasts so many days.
    Lasts(i64),
    /// The largest one that is used up before it expires.
    Year,
    /// About so many of its credits would expire unused.
    Unused(i64),
}

impl Shop {
    /// What the catalogue offers to the owner of an account.
    #[must_use]
    pub fn new(catalogue: &Catalogue, overview: &Overview) -> Self {
        let now = overview.now.to_utc();
        let expires_at = expires_after_one_year(now);
        let lots: Vec<_> = overview.lots.iter().map(lot).collect();
        let outlook = overview.pace.map(|pace| {
            let starts_at = pace.room(&lots, now).begins_at.timestamp();
            Outlook { per_day: pace.per_day, starts_at }
        });
        Self {
            packages: catalogue.packages.clone(),
            worth: catalogue.worth.clone(),
            terms: catalogue.terms.clone(),
            prices: catalogue.prices(),
            pricing: Pricing {
                schedule: catalogue.schedule.clone(),
                balance: overview.balance(),
                now: now.timestamp(),
                expires_at: expires_at.timestamp(),
                offset: i64::from(overview.now.offset().local_minus_utc()),
                outlook,
                costs: catalogue.worth.iter().map(|example| example.cost).collect(),
            },
        }
    }

    /// The preset to begin with: the one that fits a year, else the smallest.
    #[must_use]
    pub fn suggested(&self) -> Option<&Package> {
        let fitting = self.packages.iter().find(|package| self.fit(package) == Some(Fit::Year));
        fitting.or_else(|| self.packages.first())
    }

    /// The preset with this id.
    #[must_use]
    pub fn package(&self, id: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.id == id)
    }

    /// What a preset means at the account's pace.
    #[must_use]
    pub fn fit(&self, package: &Package) -> Option<Fit> {
        let unused = self.pricing.unused(package.credits)?;
        if unused > 0 {
            return Some(Fit::Unused(about(unused)));
        }
        let days = self.pricing.lasts_days(package.credits)?;
        let mut larger = self.packages.iter().filter(|other| other.credits > package.credits);
        let fits_year = match larger.next() {
            Some(next) => self.pricing.unused(next.credits)? > 0,
            None => days >= HALF_A_YEAR_DAYS,
        };
        Some(if fits_year { Fit::Year } else { Fit::Lasts(days) })
    }

    /// The largest preset that is used up before it expires.
    #[must_use]
    pub fn fits_year(&self) -> Option<&Package> {
        let used_up = |package: &&Package| self.pricing.unused(package.credits) == Some(0);
        self.packages.iter().rfind(used_up)
    }

    /// The preset that costs the least for each credit that is used at the account's pace, where
    /// that isn't simply the largest: then nothing has to be said.
    #[must_use]
    pub fn cheapest_used(&self) -> Option<&Package> {
        let credits = Credits::try_from_whole(self.pricing.used_in_a_year()?)?;
        let room = Room { begins_at: DateTime::UNIX_EPOCH, credits };
        let purchase = |package: &Package| {
            let credits = Credits::try_from_whole(package.credits).unwrap_or_default();
            (credits, self.pricing.schedule.offer(package.credits).total.minor)
        };
        let purchases: Vec<_> = self.packages.iter().map(purchase).collect();
        let cheapest = room.cheapest(&purchases)?;
        self.packages.get(cheapest).filter(|_| cheapest + 1 < self.packages.len())
    }

    /// What so many credits are worth in short: `"80 backtests or 20 strategies"`.
    #[must_use]
    pub fn worth_in_short(&self, credits: i64) -> String {
        let of = |operation| self.worth.iter().find(|example| example.operation == operation);
        let parts = [Operation::Backtest, Operation::Strategy].into_iter().filter_map(of);
        let parts = parts
            .map(|example| format!("{} {}", grouped(count(example.cost, credits)), example.short));
        parts.collect::<Vec<_>>().join(" or ")
    }
}

/// What was chosen in the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Choice {
    /// A preset, by its id.
    Package(String),
    /// A custom amount, as it was entered.
    Custom(String),
}

/// What was chosen, as whole credits or as the reason why not; `None` there: it isn't sold.
pub type Chosen = Result<i64, Option<AmountError>>;

impl Choice {
    /// The value of the form's field `package` that stands for a custom amount.
    pub const CUSTOM: &'static str = "custom";

    /// What a form's two fields say; `None` where nothing was chosen.
    #[must_use]
    pub fn read(package: Option<String>, amount: Option<String>) -> Option<Self> {
        match package {
            Some(id) if id != Self::CUSTOM => Some(Self::Package(id)),
            Some(_) => Some(Self::Custom(amount.unwrap_or_default())),
            None => amount.map(Self::Custom),
        }
    }

    /// Whether it names a preset that isn't sold.
    #[must_use]
    pub fn is_unknown(&self, shop: &Shop) -> bool {
        self.credits(shop) == Err(None)
    }

    /// How many credits were chosen.
    ///
    /// # Errors
    /// `None` where the package isn't sold; else what is wrong with the amount.
    pub fn credits(&self, shop: &Shop) -> Chosen {
        match self {
            Self::Package(id) => shop.package(id).map(|package| package.credits).ok_or(None),
            Self::Custom(text) => shop.pricing.schedule.parse_amount(text).map_err(Some),
        }
    }
}

fn lot(line: &LotLine) -> Lot {
    Lot {
        number: line.number,
        source: line.source,
        granted: line.granted,
        remaining: line.remaining,
        held: line.held,
        expires_at: line.expires_at.to_utc(),
        purchase: None,
    }
}

#[cfg(test)]
#[path = "shop_tests.rs"]
mod tests;
