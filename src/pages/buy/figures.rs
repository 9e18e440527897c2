//! The figures that follow an amount, each by a name.
//!
//! The server writes them into the page where their names stand; the island computes them anew
//! and writes them in the same places. So the markup exists once, on the server, and the browser
//! needs none of it.

use super::pricing::{Pricing, about, count, grouped, step_price};
use crate::{
    components::{Figure, plural, tenths},
    credits::AmountError,
};

/// All figures of an amount; without one, those that say so.
#[must_use]
pub fn figures(pricing: &Pricing, credits: Option<i64>) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut say = |name: &str, text: Option<String>| figures.push((name.to_owned(), text));
    let amount = credits.map(grouped);
    let title = credits.map(|credits| format!("{} credits", grouped(credits)));
    say("title", Some(title.unwrap_or_else(|| "Your own amount".to_owned())));
    say("missing", credits.is_none().then(|| MISSING.to_owned()));
    say("amount", amount);

    let offer = credits.map(|credits| pricing.schedule.offer(credits));
    for (index, step) in pricing.schedule.steps.iter().enumerate() {
        let line = offer.as_ref().and_then(|offer| offer.lines.get(index));
        let price = step_price(&pricing.schedule, step.price_milli);
        say(
            &format!("term-{index}"),
            line.map(|line| format!("{} × {price}", grouped(line.credits))),
        );
        say(&format!("line-{index}"), line.map(|line| line.total.to_string()));
    }
    let offer = offer.as_ref();
    say("total", offer.map(|offer| offer.total.to_string()));
    say("per-credit", offer.map(|offer| offer.per_credit()));
    let saving = offer.filter(|offer| offer.saving.minor > 0);
    say(
        "saving",
        saving.map(|offer| format!("{} ({} %)", offer.saving, tenths(offer.saving_permille()))),
    );
    say(
        "spoken",
        offer.map(|offer| format!("{} credits for {}", grouped(offer.credits), offer.total)),
    );

    let more = credits.and_then(|credits| pricing.schedule.most_for_the_same(credits));
    say("more", more.map(same_price));

    say(
        "used-up",
        credits.and_then(|credits| pricing.used_up(credits)).map(|day| format!("about {day}")),
    );
    let unused = credits.and_then(|credits| pricing.unused(credits)).filter(|unused| *unused > 0);
    say("unused", unused.map(|unused| format!("about {} at your pace", grouped(about(unused)))));
    let fitting = unused.and_then(|_| pricing.used_in_a_year()).map(about);
    say(
        "fitting",
        fitting.map(|fitting| match fitting {
            fitting if fitting < pricing.schedule.minimum => "no more than you have".to_owned(),
            fitting => format!("up to about {} credits more", grouped(fitting)),
        }),
    );
    say("balance-after", credits.map(|credits| pricing.balance_after(credits).to_string()));
    for (index, cost) in pricing.costs.iter().enumerate() {
        let worth = credits.map(|credits| format!("about {}", grouped(count(*cost, credits))));
        say(&format!("worth-{index}"), worth);
    }
    figures
}

/// That so many credits cost no more than those chosen.
#[must_use]
pub fn same_price(more: i64) -> String {
    format!("{} credits cost the same: take those.", grouped(more))
}

/// What the amount's field says below it: what is sold, or what is wrong.
#[must_use]
pub fn field_figures(pricing: &Pricing, error: Option<&AmountError>) -> Vec<Figure> {
    let (minimum, maximum) = (pricing.schedule.minimum, pricing.schedule.maximum);
    let range = format!("{} to {} credits", grouped(minimum), grouped(maximum));
    vec![
        ("range".to_owned(), error.is_none().then_some(range)),
        ("error".to_owned(), error.map(ToString::to_string)),
    ]
}

/// When credits expire that are credited now: the same for every amount.
#[must_use]
pub fn expiry_in_days(pricing: &Pricing) -> String {
    format!(" (in {})", plural(pricing.expiry_days(), "day", "days"))
}

const MISSING: &str = "Enter how many credits you want: the price appears here.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        components::said,
        pages::buy::pricing::{Outlook, tests::pricing},
    };

    #[test]
    fn an_amount_has_its_lines_its_total_and_what_comes_of_it() {
        let figures = figures(&pricing(100_000, 10), Some(40_000));
        let says = |name: &str| said(&figures, name).unwrap_or_default();
        assert_eq!(says("title"), "40,000 credits");
        assert_eq!((says("term-0"), says("line-0")), ("1,000 × 5.0 ct".into(), "€50.00".into()));
        assert_eq!(
            (says("term-1"), says("line-1")),
            ("39,000 × 4.25 ct".into(), "€1,657.50".into())
        );
        assert_eq!(says("total"), "€1,707.50");
        assert_eq!(says("saving"), "€292.50 (14.6 %)");
        assert_eq!(says("unused"), "about 4,500 at your pace");
        assert_eq!(says("fitting"), "up to about 35,500 credits more");
        assert_eq!(says("balance-after"), "46,996.13");
        assert_eq!((says("worth-0"), says("worth-1")), ("about 800".into(), "about 3,200".into()));
    }

    #[test]
    fn who_has_enough_for_the_year_is_told_so() {
        let mut pricing = pricing(100_000, 10);
        pricing.outlook =
            pricing.outlook.map(|outlook| Outlook { starts_at: pricing.expires_at, ..outlook });
        let fitting = said(&figures(&pricing, Some(500)), "fitting");
        assert_eq!(fitting.unwrap(), "no more than you have");
    }

    #[test]
    fn a_small_amount_saves_nothing_and_reaches_one_step() {
        let figures = figures(&pricing(0, 0), Some(500));
        for silent in ["line-1", "saving", "more", "used-up", "unused", "fitting", "missing"] {
            assert_eq!(said(&figures, silent), None, "{silent}");
        }
    }

    #[test]
    fn that_more_costs_the_same_is_said_where_it_does() {
        let mut pricing = pricing(0, 0);
        pricing.schedule.steps[0].up_to = 20_000;
        pricing.schedule.steps[1].price_milli = 0;
        let more = |credits| said(&figures(&pricing, Some(credits)), "more");
        assert_eq!(more(19_900), None);
        assert_eq!(more(20_000).unwrap(), "100,000 credits cost the same: take those.");
        assert_eq!(more(100_000), None);
    }

    #[test]
    fn without_an_amount_nothing_is_said_but_what_to_do() {
        let figures = figures(&pricing(100_000, 10), None);
        let spoken: Vec<_> = figures.iter().filter(|figure| figure.1.is_some()).collect();
        let names: Vec<_> = spoken.iter().map(|figure| figure.0.as_str()).collect();
        assert_eq!(names, ["title", "missing"]);
    }

    #[test]
    fn the_field_says_what_is_sold_or_what_is_wrong() {
        let pricing = pricing(0, 0);
        let fine = field_figures(&pricing, None);
        assert_eq!(said(&fine, "range").as_deref(), Some("100 to 100,000 credits"));
        let wrong = field_figures(&pricing, Some(&AmountError::Fraction));
        assert_eq!(said(&wrong, "range"), None);
        assert!(said(&wrong, "error").is_some());
    }
}
