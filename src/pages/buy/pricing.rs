//! What an amount costs one account and what comes of it, in numbers alone.
//!
//! The server makes a [`Pricing`] from one snapshot; as a line of numbers it travels in the page,
//! and the browser prices amounts with it as they are typed. Neither JSON nor dates are read
//! there: that would more than double what the browser has to load.

use chrono::{DateTime, Datelike};
use serde::{Deserialize, Serialize};

use crate::credits::{Credits, Currency, PriceSchedule, PriceStep};

const DAY_SECONDS: i64 = 86_400;
const CURRENCIES: [Currency; 3] = [Currency::Usd, Currency::Eur, Currency::Gbp];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What prices an amount, and what its owner would get out of it. Instants are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pricing {
    /// The volume prices.
    pub schedule: PriceSchedule,
    /// The balance before the purchase, held credits included.
    pub balance: Credits,
    /// When it is looked at.
    pub now: i64,
    /// When credits would expire that are credited now.
    pub expires_at: i64,
    /// The account's distance from UTC in seconds.
    pub offset: i64,
    /// How credits bought now would be used; none where there is no pace to go by.
    pub outlook: Option<Outlook>,
    /// What one of each example of the catalogue costs.
    pub costs: Vec<Credits>,
}

/// How credits bought now would be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outlook {
    /// The average pace.
    pub per_day: Credits,
    /// When those that expire sooner are used up or gone, so that the new ones are touched.
    pub starts_at: i64,
}

impl Pricing {
    /// How many of so many credits would expire unused.
    #[must_use]
    pub fn unused(&self, credits: i64) -> Option<i64> {
        Some((credits - self.used_in_a_year()?).max(0))
    }

    /// How many credits bought now are used before they expire, be they ever so many.
    #[must_use]
    pub fn used_in_a_year(&self) -> Option<i64> {
        let outlook = self.outlook?;
        let seconds = (self.expires_at - outlook.starts_at).max(0);
        let per_day = outlook.per_day.thousandths();
        Some(per_day.saturating_mul(seconds) / (DAY_SECONDS * 1_000))
    }

    /// The day on which so many credits are likely used up, where they are before they expire.
    #[must_use]
    pub fn used_up(&self, credits: i64) -> Option<String> {
        let outlook = self.outlook.filter(|_| self.unused(credits) == Some(0))?;
        let per_day = outlook.per_day.thousandths().max(1);
        let seconds = credits.saturating_mul(1_000).saturating_mul(DAY_SECONDS) / per_day;
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
        let per_day = self.outlook?.per_day.thousandths();
        Some(about(per_day.saturating_mul(365) / 1_000))
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
        let day = |at: i64| (at + self.offset).div_euclid(DAY_SECONDS);
        day(self.expires_at) - day(self.now)
    }

    fn day(&self, at: i64) -> String {
        let Some(day) = DateTime::from_timestamp(at.saturating_add(self.offset), 0) else {
            return String::new();
        };
        format!("{} {} {}", day.day(), MONTHS[day.month0() as usize], day.year())
    }

    /// All of it as a line of numbers.
    #[must_use]
    pub fn to_line(&self) -> String {
        let schedule = &self.schedule;
        let currency = CURRENCIES.iter().position(|known| *known == schedule.currency);
        let outlook = self
            .outlook
            .map_or((0, 0), |outlook| (outlook.per_day.thousandths(), outlook.starts_at));
        let mut numbers = vec![
            currency.and_then(|index| i64::try_from(index).ok()).unwrap_or_default(),
            schedule.minimum,
            schedule.maximum,
            self.balance.thousandths(),
            self.now,
            self.expires_at,
            self.offset,
            outlook.0,
            outlook.1,
            i64::try_from(schedule.steps.len()).unwrap_or_default(),
        ];
        numbers.extend(schedule.steps.iter().flat_map(|step| [step.up_to, step.price_milli]));
        numbers.extend(self.costs.iter().map(|cost| cost.thousandths()));
        numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Pricing::to_line`] wrote; none where it is anything else.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|number| number.parse::<i64>().ok());
        let mut next = || numbers.next().flatten();
        let currency = CURRENCIES[usize::try_from(next()?).ok().filter(|index| *index < 3)?];
        let (minimum, maximum) = (next()?, next()?);
        let balance = Credits::from_thousandths(next()?);
        let (now, expires_at, offset) = (next()?, next()?, next()?);
        let (per_day, starts_at) = (Credits::from_thousandths(next()?), next()?);
        let count = next()?;
        let mut steps = Vec::new();
        for _ in 0..count {
            steps.push(PriceStep { up_to: next()?, price_milli: next()? });
        }
        let costs = std::iter::from_fn(next).map(Credits::from_thousandths).collect();
        let outlook = per_day.is_positive().then_some(Outlook { per_day, starts_at });
        let schedule = PriceSchedule { currency, minimum, maximum, steps };
        Some(Self { schedule, balance, now, expires_at, offset, outlook, costs })
    }
}

/// How many things of this cost so many credits pay for.
#[must_use]
pub fn count(cost: Credits, credits: i64) -> i64 {
    credits.saturating_mul(1_000) / cost.thousandths().max(1)
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

#[cfg(test)]
#[path = "pricing_tests.rs"]
pub(super) mod tests;
