//! Numbers as people enter them, with or without separators of thousands.
//!
//! A comma that separates no thousands may be meant as a decimal point. Who left it out would read
//! ten times what was meant, so such a text is no number.

/// What stands between groups of three digits.
pub const SEPARATORS: [char; 6] = [',', ' ', '\'', '_', '\u{a0}', '\u{202f}'];

/// The same number without separators of thousands: `"1000.5"` for `"1,000.5"`. None where a
/// separator stands anywhere else.
#[must_use]
pub fn without_separators(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.contains(SEPARATORS) {
        return Some(text.to_owned());
    }
    let end = text.find('.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at(end);
    let is_plain = !fraction.contains(SEPARATORS);
    grouped_digits(whole, &SEPARATORS).filter(|_| is_plain).map(|digits| digits + fraction)
}

/// The digits of a whole number in groups of three, all of them separated alike.
#[must_use]
pub fn grouped_digits(text: &str, separators: &[char]) -> Option<String> {
    let separator = text.chars().find(|char| separators.contains(char))?;
    let mut groups = text.split(separator);
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()) && *first != "0")?;
    let digits: String = std::iter::once(first).chain(groups.clone()).collect();
    let is_grouped = groups.all(|group| group.len() == 3);
    (is_grouped && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_of_thousands_are_understood() {
        let written = [
            ("1,000", "1000"),
            ("12,500.75", "12500.75"),
            (" 1 234 567 ", "1234567"),
            ("1\u{202f}000", "1000"),
            ("12.5", "12.5"),
            ("-5", "-5"),
            ("", ""),
        ];
        for (text, number) in written {
            assert_eq!(without_separators(text).as_deref(), Some(number), "{text}");
        }
    }

    #[test]
    fn a_comma_that_separates_no_thousands_is_never_left_out() {
        let unclear = [
            "12,5",
            "0,5",
            "0,500",
            "1,2,3",
            "1 2",
            "1,0000",
            "1000,000",
            ",500",
            "1,000,",
            "1,,000",
            "1,000 000",
            "1.000,5",
            "1.5,000",
            "-1,000",
            "1,٣٣٣",
            "a,bcd",
        ];
        for text in unclear {
            assert_eq!(without_separators(text), None, "{text}");
        }
    }
}
