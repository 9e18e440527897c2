//! Figures in columns and sentences: decimal points that align, shares that add up.

use std::fmt::Display;

/// As wide as a decimal point.
const POINT_SPACE: char = '\u{2008}';
/// As wide as a digit.
const FIGURE_SPACE: char = '\u{2007}';
/// Closes a cell, so that the spaces before it keep their width.
const WORD_JOINER: char = '\u{2060}';

/// A column of figures: all of them get the width of its longest fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    decimals: usize,
}

impl Column {
    /// The column that holds these figures.
    pub fn of<Figure: Display>(figures: impl IntoIterator<Item = Figure>) -> Self {
        let decimals = figures.into_iter().map(|figure| decimals(&figure.to_string())).max();
        Self { decimals: decimals.unwrap_or_default() }
    }

    /// One figure, filled with blank figures behind the decimal point.
    #[must_use]
    pub fn cell(self, figure: impl Display) -> String {
        let mut text = figure.to_string();
        let own = decimals(&text);
        if own >= self.decimals {
            return text;
        }
        if own == 0 {
            text.push(POINT_SPACE);
        }
        text.extend(std::iter::repeat_n(FIGURE_SPACE, self.decimals - own));
        text.push(WORD_JOINER);
        text
    }
}

/// Digits behind the decimal point.
fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

/// Shares of a whole in tenths of a percent that sum to exactly 1,000; none where it is empty.
///
/// What rounding leaves over goes to the largest remainders.
#[must_use]
pub fn percent_shares(parts: &[i64]) -> Option<Vec<i64>> {
    let whole: i128 = parts.iter().map(|part| i128::from(*part)).sum();
    if whole <= 0 {
        return None;
    }
    let exact = |part: i64| i128::from(part) * 1_000;
    let mut shares: Vec<i128> = parts.iter().map(|part| exact(*part) / whole).collect();
    let missing = 1_000 - shares.iter().sum::<i128>();
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|index| std::cmp::Reverse(exact(parts[*index]) % whole));
    for index in by_remainder.into_iter().cycle().take(usize::try_from(missing).unwrap_or(0)) {
        shares[index] += 1;
    }
    Some(shares.into_iter().map(|share| i64::try_from(share).unwrap_or(0)).collect())
}

/// A number of tenths as written: 157 is "15.7", 1,000 is "100".
#[must_use]
pub fn tenths(number: i64) -> String {
    match (number / 10, number % 10) {
        (whole, 0) => whole.to_string(),
        (whole, tenth) => format!("{whole}.{tenth}"),
    }
}

/// Thousandths rounded to fewer decimals, half away from zero: for figures that are estimates.
#[must_use]
pub const fn rounded(thousandths: i64, decimals: u32) -> i64 {
    let unit = 10_i64.pow(3_u32.saturating_sub(decimals));
    let half = if thousandths < 0 { -unit / 2 } else { unit / 2 };
    (thousandths + half) / unit * unit
}

/// A count with its noun: "1 day", "11 days".
#[must_use]
pub fn plural(count: i64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_column_share_the_place_of_their_decimal_point() {
        let column = Column::of(["6.5", "\u{2212}31.25", "7"]);
        assert_eq!(column.cell("\u{2212}31.25"), "\u{2212}31.25");
        assert_eq!(column.cell("6.5"), "6.5\u{2007}\u{2060}");
        assert_eq!(column.cell("7"), "7\u{2008}\u{2007}\u{2007}\u{2060}");
        assert_eq!(Column::of(["7", "1,200"]).cell("7"), "7");
    }

    #[test]
    fn shares_add_up_to_one_hundred_percent() {
        assert_eq!(percent_shares(&[1, 1, 1]), Some(vec![334, 333, 333]));
        assert_eq!(percent_shares(&[0, 5, 0, 0]), Some(vec![0, 1_000, 0, 0]));
        let shares = percent_shares(&[154_560, 412_500, 404_500, 165_000]);
        assert_eq!(shares, Some(vec![136, 363, 356, 145]));
        assert_eq!(percent_shares(&[0, 0]), None);
    }

    #[test]
    fn tenths_are_written_without_a_forced_zero() {
        assert_eq!(
            (tenths(157), tenths(1_000), tenths(3)),
            ("15.7".into(), "100".into(), "0.3".into())
        );
    }

    #[test]
    fn estimates_are_rounded_to_what_they_are_worth() {
        assert_eq!(rounded(78_651, 1), 78_700);
        assert_eq!(rounded(494_500, 0), 495_000);
        assert_eq!(rounded(-1_500, 0), -2_000);
    }

    #[test]
    fn one_of_a_thing_is_named_in_the_singular() {
        assert_eq!(plural(1, "day", "days"), "1 day");
        assert_eq!(plural(0, "day", "days"), "0 days");
    }
}
