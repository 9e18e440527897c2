//! What a research desk does all day, priced as the rate card would.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc, Weekday};
use rand::{RngExt, rngs::StdRng};

use super::low;
use crate::credits::{Command, Credits, Note, Operation};

const QUESTIONS: [&str; 4] =
    ["Portfolio question", "Signal review", "Position commentary", "Earnings call summary"];
const STRATEGIES: [&str; 5] =
    ["Momentum breakout", "Gap reversal", "Trend ladder", "Sector tilt", "Pairs drift"];
const MARKETS: [&str; 5] = ["DAX 40", "S&P 100", "Nasdaq 100", "Euro Stoxx 50", "Nikkei 225"];

/// Makes one operation after another.
pub(super) struct Operations<'r> {
    random: &'r mut StdRng,
}

impl<'r> Operations<'r> {
    pub const fn new(random: &'r mut StdRng) -> Self {
        Self { random }
    }

    /// The next operation.
    pub fn next(&mut self, at: DateTime<Utc>) -> Command {
        let kind = self.random.random_range(0..100);
        let (operation, thousandths, mut note) = match kind {
            0..56 => self.inference(),
            56..65 => self.strategy(),
            65..85 => self.backtest(),
            _ => self.analysis(),
        };
        note.reference = format!("job_{:08x}", self.random.random::<u32>());
        at.format("%Y-Q").to_string().clone_into(&mut note.rate_card);
        note.rate_card.push_str(&(at.month0() / 3 + 1).to_string());
        Command::Spend { operation, amount: Credits::from_thousandths(thousandths), note }
    }

    /// When the one after it runs: by day, seldom at the week-end.
    pub fn next_instant(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        let next = at + TimeDelta::seconds(low(self.random, 60, 10_000));
        let is_weekend = matches!(next.weekday(), Weekday::Sat | Weekday::Sun);
        let is_day_over = next.hour() >= 19 || (is_weekend && next.hour() >= 9);
        if !is_day_over {
            return next;
        }
        let minutes = self.random.random_range(0..90);
        let morning = next.date_naive().and_hms_opt(6, 30, 0).unwrap_or(next.naive_utc());
        morning.and_utc() + TimeDelta::days(1) + TimeDelta::minutes(minutes)
    }

    fn inference(&mut self) -> (Operation, i64, Note) {
        let (class, input_price, output_price) =
            [("Fast", 10, 40), ("Standard", 50, 200)][self.random.random_range(0..2)];
        let (input, output) = (low(self.random, 2, 120), low(self.random, 1, 20));
        let detail = format!("{input}k tokens in, {output}k out, {class} class");
        let note = note(pick(self.random, &QUESTIONS), detail);
        (Operation::Inference, input * input_price + output * output_price, note)
    }

    fn strategy(&mut self) -> (Operation, i64, Note) {
        let iterations = low(self.random, 1, 12);
        let detail = format!("{}, Standard class", counted(iterations, "iteration"));
        let name = self.versioned();
        (Operation::Strategy, iterations * 6_250, note(&name, detail))
    }

    fn backtest(&mut self) -> (Operation, i64, Note) {
        let (assets, years) = (low(self.random, 1, 21), low(self.random, 1, 5));
        let (bars, price) = [("daily", 500), ("hourly", 1_250)][self.random.random_range(0..2)];
        let detail =
            format!("{} × {}, {bars} bars", counted(assets, "asset"), counted(years, "year"));
        let name = self.versioned();
        let thousandths = (assets * years * price).min(90_000);
        (Operation::Backtest, thousandths, note(&name, detail))
    }

    fn analysis(&mut self) -> (Operation, i64, Note) {
        let (what, price) = [("Screen", 50), ("Regimes", 150), ("Factor report", 400)]
            [self.random.random_range(0..3)];
        let symbols = low(self.random, 1, 10) * 10;
        let detail = format!("{what}, {symbols} symbols");
        let note = note(pick(self.random, &MARKETS), detail);
        (Operation::Analysis, symbols * price, note)
    }

    fn versioned(&mut self) -> String {
        let version = self.random.random_range(1..=9);
        format!("{} v{version}", pick(self.random, &STRATEGIES))
    }
}

fn note(description: &str, detail: String) -> Note {
    Note { description: description.to_owned(), detail, ..Note::default() }
}

/// One backtest that uses up what it is given.
pub(super) fn large_backtest(amount: Credits) -> Command {
    let note = Note {
        description: "Trend ladder v4".to_owned(),
        detail: "All assets × 5 years, hourly bars".to_owned(),
        reference: "job_all_assets".to_owned(),
        rate_card: "2026-Q4".to_owned(),
    };
    Command::Spend { operation: Operation::Backtest, amount, note }
}

fn pick<'t>(random: &mut StdRng, texts: &[&'t str]) -> &'t str {
    texts[random.random_range(0..texts.len())]
}

fn counted(count: i64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
