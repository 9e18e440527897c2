//! The form of auto-recharge: what a customer entered, and what is wrong with it, at each field.

use serde::{Deserialize, Serialize};

use super::{RechargePlan, Refill};
use crate::credits::{Catalogue, Credits, Currency, Money, without_separators};

/// No text of the form is longer.
const LONGEST: usize = 24;
/// The largest monthly cap, in minor units.
const LARGEST_CAP: i64 = 10_000_000;
/// Recharges that a suggested monthly cap allows.
const SUGGESTED: i64 = 3;

/// What a customer entered, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RechargeForm {
    /// Credits.
    pub threshold: String,
    /// The id of a package, [`RechargeForm::CUSTOM`] or [`RechargeForm::TARGET`].
    pub package: String,
    /// Whole credits, where another amount is chosen.
    pub amount: String,
    /// Whole credits, where it is bought up to a target.
    pub target: String,
    /// Money.
    pub monthly_cap: String,
    /// One of [`RechargeForm::PER_DAY`].
    pub per_day: String,
    /// One of [`RechargeForm::COOLDOWNS`].
    pub cooldown: String,
}

/// What is wrong, at each field; none where nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RechargeProblems {
    /// At the threshold.
    pub threshold: Option<String>,
    /// At the packages.
    pub package: Option<String>,
    /// At the custom amount.
    pub amount: Option<String>,
    /// At the target balance.
    pub target: Option<String>,
    /// At the monthly cap.
    pub monthly_cap: Option<String>,
    /// At the number of charges.
    pub per_day: Option<String>,
    /// At the time between them.
    pub cooldown: Option<String>,
}

impl RechargeForm {
    /// Chosen instead of a package: another amount.
    pub const CUSTOM: &'static str = "custom";
    /// Chosen instead of a package: what is missing up to a target balance.
    pub const TARGET: &'static str = "target";
    /// Charges in 24 hours that can be chosen.
    pub const PER_DAY: [u32; 4] = [1, 2, 3, 5];
    /// Hours between two charges that can be chosen.
    pub const COOLDOWNS: [u32; 5] = [1, 3, 6, 12, 24];

    /// What stands in the form at first: the package in the middle, a tenth of it as the
    /// threshold, and a cap of three recharges.
    #[must_use]
    pub fn suggested(catalogue: &Catalogue) -> Self {
        let packages = &catalogue.packages;
        let package = packages.get(packages.len().saturating_sub(1) / 2);
        let credits = package.map_or(catalogue.schedule.minimum, |package| package.credits);
        let cap = catalogue.schedule.total(credits).saturating_mul(SUGGESTED).min(LARGEST_CAP);
        Self {
            threshold: (credits / 10).max(1).to_string(),
            package: package.map_or(Self::CUSTOM, |package| &package.id).to_owned(),
            amount: if package.is_some() { String::new() } else { credits.to_string() },
            target: String::new(),
            monthly_cap: Money::new(cap, catalogue.schedule.currency).plain(),
            per_day: "3".to_owned(),
            cooldown: "1".to_owned(),
        }
    }

    /// A plan as it stands in the form.
    #[must_use]
    pub fn of(plan: &RechargePlan) -> Self {
        let (package, amount, target) = match &plan.refill {
            Refill::Package(package) => (package.as_str(), String::new(), String::new()),
            Refill::Amount => (Self::CUSTOM, plan.credits.to_string(), String::new()),
            Refill::Target => (Self::TARGET, String::new(), plan.credits.to_string()),
        };
        Self {
            threshold: plan.threshold.plain(),
            package: package.to_owned(),
            amount,
            target,
            monthly_cap: plan.monthly_cap.plain(),
            per_day: plan.per_day.to_string(),
            cooldown: plan.cooldown_hours.to_string(),
        }
    }

    /// The same with no text longer than a field takes.
    #[must_use]
    pub fn cut(self) -> Self {
        let cut = |text: String| text.chars().take(LONGEST).collect();
        Self {
            threshold: cut(self.threshold),
            package: cut(self.package),
            amount: cut(self.amount),
            target: cut(self.target),
            monthly_cap: cut(self.monthly_cap),
            per_day: cut(self.per_day),
            cooldown: cut(self.cooldown),
        }
    }

    /// The plan that was entered, at today's prices.
    ///
    /// # Errors
    /// Everything that is wrong, at its field.
    pub fn read(&self, catalogue: &Catalogue) -> Result<RechargePlan, Box<RechargeProblems>> {
        let mut problems = RechargeProblems::default();
        let credits = self.credits(catalogue, &mut problems);
        let total =
            credits.and_then(|credits| kept(self.total(credits, catalogue), &mut problems.package));
        let threshold = kept(threshold(&self.threshold), &mut problems.threshold);
        let threshold = threshold.filter(|it| self.lifts_above(*it, credits, &mut problems));
        let currency = catalogue.schedule.currency;
        let cap = kept(cap(&self.monthly_cap, total, currency), &mut problems.monthly_cap);
        let chosen = |text: &str, from: &[u32]| {
            let found = text.trim().parse().ok().filter(|number| from.contains(number));
            found.ok_or_else(|| "Choose one of these.".to_owned())
        };
        let per_day = kept(chosen(&self.per_day, &Self::PER_DAY), &mut problems.per_day);
        let cooldown = kept(chosen(&self.cooldown, &Self::COOLDOWNS), &mut problems.cooldown);
        let (Some(credits), Some(total), Some(threshold), Some(cap), Some(per_day), Some(hours)) =
            (credits, total, threshold, cap, per_day, cooldown)
        else {
            return Err(Box::new(problems));
        };
        Ok(RechargePlan {
            threshold,
            refill: match self.package.as_str() {
                Self::CUSTOM => Refill::Amount,
                Self::TARGET => Refill::Target,
                package => Refill::Package(package.to_owned()),
            },
            credits,
            total,
            monthly_cap: cap,
            per_day,
            cooldown_hours: hours,
        })
    }

    /// How many whole credits are to be bought each time at most.
    fn credits(&self, catalogue: &Catalogue, problems: &mut RechargeProblems) -> Option<i64> {
        let (text, problem) = match self.package.as_str() {
            Self::CUSTOM => (&self.amount, &mut problems.amount),
            Self::TARGET => (&self.target, &mut problems.target),
            package => {
                let package = catalogue.package(package).map(|package| package.credits);
                let unknown = || "Choose what to buy.".to_owned();
                return kept(package.ok_or_else(unknown), &mut problems.package);
            }
        };
        let amount = catalogue.schedule.parse_amount(text);
        kept(amount.map_err(|error| error.to_string()), problem)
    }

    /// What is charged at most each time; nothing can't be charged.
    fn total(&self, credits: i64, catalogue: &Catalogue) -> Result<Money, String> {
        let schedule = &catalogue.schedule;
        let fewest = if self.package == Self::TARGET { schedule.minimum } else { credits };
        if schedule.total(fewest) == 0 {
            return Err("This costs nothing: buy it instead.".to_owned());
        }
        Ok(schedule.offer(credits).total)
    }

    /// One recharge must lift the balance above the threshold: otherwise the next one would be due
    /// at once.
    fn lifts_above(
        &self,
        threshold: Credits,
        credits: Option<i64>,
        problems: &mut RechargeProblems,
    ) -> bool {
        let Some(lifted) = credits.and_then(Credits::try_from_whole) else { return true };
        if self.package == Self::TARGET && lifted <= threshold {
            problems.target =
                Some(format!("More than {threshold}, the balance below which credits are bought."));
        } else if lifted < threshold {
            problems.threshold = Some(format!(
                "At most {lifted}: what one recharge adds, so that one is always enough.",
            ));
        } else {
            return true;
        }
        false
    }
}

/// Keeps what is right; what is wrong goes to its field.
fn kept<T>(read: Result<T, String>, problem: &mut Option<String>) -> Option<T> {
    read.map_err(|message| *problem = Some(message)).ok()
}

fn threshold(text: &str) -> Result<Credits, String> {
    let read: Option<Credits> = without_separators(text).and_then(|text| text.parse().ok());
    let read = read
        .ok_or("Write an amount of credits such as 500 or 12.5, with a point before decimals.")?;
    if !read.is_positive() {
        return Err("Write an amount above 0.".to_owned());
    }
    Ok(read)
}

fn cap(text: &str, total: Option<Money>, currency: Currency) -> Result<Money, String> {
    let money = |minor| Money::new(minor, currency);
    let (text, symbol) = (text.trim(), currency.symbol());
    let entered = without_separators(text.strip_prefix(symbol).unwrap_or(text));
    let minor = entered.and_then(|text| minor(&text)).ok_or_else(|| {
        format!(
            "Write an amount of money such as {symbol}500 or {symbol}500.00, with a point before \
             decimals."
        )
    })?;
    if minor > LARGEST_CAP {
        return Err(format!("At most {}.", money(LARGEST_CAP)));
    }
    match total {
        Some(total) if minor < total.minor => {
            Err(format!("At least {total}: what one recharge costs."))
        }
        _ => Ok(money(minor)),
    }
}

/// Digits, and at most two of them behind a point.
fn minor(text: &str) -> Option<i64> {
    let (major, rest) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_digits(major) || !is_digits(rest) || rest.len() > 2 || major.len() > 12 {
        return None;
    }
    let rest: i64 = format!("{rest:0<2}").parse().ok()?;
    major.parse::<i64>().ok()?.checked_mul(100)?.checked_add(rest)
}

#[cfg(test)]
#[path = "form_tests.rs"]
mod tests;
