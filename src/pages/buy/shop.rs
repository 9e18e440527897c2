//! What is sold to one account, and what it would get out of it.
//!
//! Pure and without a clock: the server makes a [`Shop`] from one snapshot, and the browser prices
//! amounts with it as they are typed. Instants are seconds since 1970, so that the browser needs
//! no parser of dates.

use chrono::{DateTime, Datelike};
use serde::{Deserialize, Serialize};

use crate::credits::{
    AmountError, Catalogue, Credits, Lot, LotLine, Operation, Overview, Pace, Package,
    PriceSchedule, WorthExample, expires_after_one_year,
};

const DAY_SECONDS: i64 = 86_400;
/// From here on a package is a year's supply rather than one of several in a year.
const HALF_A_YEAR_DAYS: i64 = 183;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What is sold, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    /// The volume prices.
    pub schedule: PriceSchedule,
    /// The presets, smallest first.
    pub packages: Vec<Package>,
    /// What credits are worth.
    pub worth: Vec<WorthExample>,
    /// The terms of purchase.
    pub terms: String,
    /// The balance before the purchase, held credits included.
    pub balance: Credits,
    /// When it is looked at.
    pub now: i64,
    /// When credits would expire that are credited now.
    pub expires_at: i64,
    /// The account's distance from UTC in seconds.
    pub offset: i32,
    /// How credits bought now would be used; none where there is no pace to go by.
    pub outlook: Option<Outlook>,
}

/// How credits bought now would be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The average pace.
    pub per_day: Credits,
    /// When those that expire sooner are used up or gone, so that the new ones are touched.
    pub starts_at: i64,
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
        Self {
            schedule: catalogue.schedule.clone(),
            packages: catalogue.packages.clone(),
            worth: catalogue.worth.clone(),
            terms: catalogue.terms.clone(),
            balance: overview.balance(),
            now: now.timestamp(),
            expires_at: expires_at.timestamp(),
            offset: overview.now.offset().local_minus_utc(),
            outlook: overview.pace.map(|pace| {
                let sooner = overview.lots.iter().filter(|lot| lot.expires_at <= expires_at);
                let steady = Pace { slowest: pace.per_day, fastest: pace.per_day, ..pace };
                let used = steady.runway(&sooner.map(lot).collect::<Vec<_>>(), now);
                let starts_at = used.map_or(now, |runway| runway.latest).timestamp();
                Outlook { per_day: pace.per_day, starts_at }
            }),
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
        let unused = self.unused(package.credits)?;
        if unused > 0 {
            return Some(Fit::Unused(about(unused)));
        }
        let days = self.lasts_days(package.credits)?;
        let mut larger = self.packages.iter().filter(|other| other.credits > package.credits);
        let fits_year = match larger.next() {
            Some(next) => self.unused(next.credits)? > 0,
            None => days >= HALF_A_YEAR_DAYS,
        };
        Some(if fits_year { Fit::Year } else { Fit::Lasts(days) })
    }

    /// How many of so many credits would expire unused.
    #[must_use]
    pub fn unused(&self, credits: i64) -> Option<i64> {
        let outlook = self.outlook?;
        let seconds = (self.expires_at - outlook.starts_at).max(0);
        let used = i128::from(outlook.per_day.thousandths()) * i128::from(seconds);
        let used = i64::try_from(used / i128::from(DAY_SECONDS * 1_000)).unwrap_or(i64::MAX);
        Some((credits - used).max(0))
    }

    /// The day on which so many credits are likely used up, where they are before they expire.
    #[must_use]
    pub fn used_up(&self, credits: i64) -> Option<String> {
        let outlook = self.outlook.filter(|_| self.unused(credits) == Some(0))?;
        let thousandths = i128::from(credits) * 1_000;
        let per_day = i128::from(outlook.per_day.thousandths().max(1));
        let seconds = i64::try_from(thousandths * i128::from(DAY_SECONDS) / per_day).ok()?;
        Some(self.day(outlook.starts_at.saturating_add(seconds)))
    }

    /// How many days so many credits last by themselves.
    #[must_use]
    pub fn lasts_days(&self, credits: i64) -> Option<i64> {
        let per_day = self.outlook?.per_day.thousandths().max(1);
        Some(credits.saturating_mul(1_000) / per_day)
    }

    /// About how many credits a year takes at the account's pace.
    #[must_use]
    pub fn year_takes(&self) -> Option<i64> {
        self.outlook.map(|outlook| about(outlook.per_day.thousandths() * 365 / 1_000))
    }

    /// The balance after buying so many credits.
    #[must_use]
    pub fn balance_after(&self, credits: i64) -> Credits {
        let bought = Credits::try_from_whole(credits).unwrap_or_default();
        self.balance.checked_add(bought).unwrap_or(self.balance)
    }

    /// The day on which credits expire that are credited now: `"21 Nov 2027"`.
    #[must_use]
    pub fn expiry(&self) -> String {
        self.day(self.expires_at)
    }

    /// How many days away that is, counted in the account's days.
    #[must_use]
    pub fn expiry_days(&self) -> i64 {
        let day = |at: i64| (at + i64::from(self.offset)).div_euclid(DAY_SECONDS);
        day(self.expires_at) - day(self.now)
    }

    /// How many of an example so many credits pay for.
    #[must_use]
    pub fn count(&self, example: &WorthExample, credits: i64) -> i64 {
        credits.saturating_mul(1_000) / example.cost.thousandths().max(1)
    }

    /// What so many credits are worth in short: `"80 backtests or 20 strategies"`.
    #[must_use]
    pub fn worth_in_short(&self, credits: i64) -> String {
        let of = |operation| self.worth.iter().find(|example| example.operation == operation);
        let parts = [Operation::Backtest, Operation::Strategy].into_iter().filter_map(of);
        let parts = parts
            .map(|example| format!("{} {}", grouped(self.count(example, credits)), example.short));
        parts.collect::<Vec<_>>().join(" or ")
    }

    fn day(&self, at: i64) -> String {
        let Some(day) = DateTime::from_timestamp(at.saturating_add(i64::from(self.offset)), 0)
        else {
            return String::new();
        };
        format!("{} {} {}", day.day(), MONTHS[day.month0() as usize], day.year())
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
    pub fn credits(&self, shop: &Shop) -> Result<i64, Option<AmountError>> {
        match self {
            Self::Package(id) => shop.package(id).map(|package| package.credits).ok_or(None),
            Self::Custom(text) => shop.schedule.parse_amount(text).map_err(Some),
        }
    }
}

/// A whole number in groups of three digits.
#[must_use]
pub fn grouped(number: i64) -> String {
    Credits::try_from_whole(number).map_or_else(|| number.to_string(), Credits::whole_text)
}

/// A price per credit in thousandths of the minor unit, as written: `"4.5¢"`.
#[must_use]
pub fn step_price(schedule: &PriceSchedule, price_milli: i64) -> String {
    let fraction = format!("{:03}", price_milli % 1_000);
    let fraction = fraction.trim_end_matches('0');
    let fraction = if fraction.is_empty() { "0" } else { fraction };
    format!("{}.{fraction}{}", price_milli / 1_000, schedule.currency.minor_symbol())
}

/// A rough figure: three digits that count.
#[must_use]
pub fn about(number: i64) -> i64 {
    let mut unit = 1;
    while number / unit >= 1_000 {
        unit *= 10;
    }
    (number + unit / 2) / unit * unit
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
