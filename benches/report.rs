//! The table on the screen, `target/bench.json`, and `benches/RESULTS.md`.

use std::{fmt::Write, fs};

use serde_json::{Value, json};

use crate::{Answer, plan::Plan};

/// What is typed by hand below this line of the results stays.
const BY_HAND: &str = "## What limits it";
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/RESULTS.md");
const JSON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/bench.json");

/// What a ratio has to be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    None,
    AtLeast(f64),
    AtMost(f64),
}

/// One line: rates per second, or milliseconds where it says so.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub database: &'static str,
    pub in_flight: usize,
    pub limit: f64,
    pub ours: f64,
    pub ratio: f64,
    pub target: Target,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub exact: bool,
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::None => true,
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }

    fn words(self) -> String {
        match self {
            Self::None => String::new(),
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }

    const fn number(self) -> Option<f64> {
        match self {
            Self::None => None,
            Self::AtLeast(number) | Self::AtMost(number) => Some(number),
        }
    }
}

impl Row {
    /// Whether it reached its target, and everything added up.
    pub fn is_good(&self) -> bool {
        self.exact && self.target.is_met(self.ratio)
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "database": self.database, "in_flight": self.in_flight,
            "limit": rounded(self.limit), "ours": rounded(self.ours),
            "ratio": rounded(self.ratio), "target": self.target.number(),
            "p50_ms": rounded(self.p50_ms), "p99_ms": rounded(self.p99_ms), "exact": self.exact,
        })
    }

    fn cells(&self) -> [String; 10] {
        let verdict = match (self.target, self.is_good()) {
            (_, false) => "✗",
            (Target::None, true) => "",
            (_, true) => "✓",
        };
        [
            self.name.clone(),
            self.database.to_owned(),
            self.in_flight.to_string(),
            amount(self.limit),
            amount(self.ours),
            format!("{:.2}", self.ratio),
            format!("{} {verdict}", self.target.words()).trim().to_owned(),
            amount(self.p50_ms),
            amount(self.p99_ms),
            if self.exact { "yes" } else { "NO" }.to_owned(),
        ]
    }
}

const TITLES: [&str; 10] = [
    "what",
    "database",
    "in flight",
    "limit",
    "ours",
    "ratio",
    "target",
    "p50 ms",
    "p99 ms",
    "exact",
];
const WIDTHS: [usize; 10] = [46, 8, 9, 9, 9, 6, 9, 7, 7, 5];

pub fn print_titles() {
    print_cells(&TITLES.map(str::to_owned));
}

pub fn print_row(row: &Row) {
    print_cells(&row.cells());
}

fn print_cells(cells: &[String; 10]) {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
        let is_text = index < 2;
        line += &if is_text { format!("{cell}{gap}  ") } else { format!("{gap}{cell}  ") };
    }
    println!("{}", line.trim_end());
}

/// Keeps what was measured; the results of a full run also beside the sources.
pub fn keep(plan: &Plan, rows: &[Row], machine: &str) -> Answer<()> {
    let json: Vec<_> = rows.iter().map(Row::json).collect();
    fs::write(JSON, serde_json::to_string_pretty(&json)? + "\n")?;
    println!("written: target/bench.json");
    if plan.is_whole {
        let before = fs::read_to_string(RESULTS).unwrap_or_default();
        let by_hand = before.find(BY_HAND).map_or(BY_HAND, |start| &before[start..]);
        fs::write(RESULTS, markdown(rows, machine) + by_hand.trim_end() + "\n")?;
        println!("written: benches/RESULTS.md");
    }
    Ok(())
}

fn markdown(rows: &[Row], machine: &str) -> String {
    let mut text = format!(
        "# Results of `make bench FULL=1`\n\n{machine}\n\nRates are per second; what says ms is \
         in milliseconds. How each is measured: [README.md](README.md).\n\n| {} |\n|{}\n",
        TITLES.join(" | "),
        "---|".repeat(TITLES.len()),
    );
    for row in rows {
        // Writing to a string can't fail.
        writeln!(text, "| {} |", row.cells().join(" | ")).ok();
    }
    text.push('\n');
    text
}

fn amount(number: f64) -> String {
    if number >= 100.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
