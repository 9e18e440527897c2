//! The part of an address behind the question mark: which rows of the history are asked for.

use std::{borrow::Cow, fmt};

use chrono::NaiveDate;

use crate::credits::{Cursor, HistoryFilter};

/// The longest text that is searched for, in characters.
const LONGEST_TEXT: usize = 100;

/// Which rows of the history an address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Which rows.
    pub filter: HistoryFilter,
    /// Where the page starts.
    pub cursor: Option<Cursor>,
    /// The row that is opened.
    pub open: Option<i64>,
    /// A day of the cycle whose usage stands on the same page, where there is one.
    pub cycle: Option<NaiveDate>,
}

impl HistoryQuery {
    /// The first page of a filter.
    #[must_use]
    pub fn of(filter: HistoryFilter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Reads an address. What can't be read is left out: a mistyped filter shows more, never an
    /// error.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut found = Self::default();
        for pair in query.trim_start_matches('?').split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            let value = value.trim();
            match key {
                "kind" => found.filter.kind = value.parse().ok(),
                "operation" => found.filter.operation = value.parse().ok(),
                "from" => found.filter.from = value.parse().ok(),
                "to" => found.filter.to = value.parse().ok(),
                "text" => {
                    let printable: String =
                        value.chars().filter(|char| !char.is_control()).collect();
                    let text: String = printable.trim_start().chars().take(LONGEST_TEXT).collect();
                    found.filter.text = text.trim_end().to_owned();
                }
                "before" => found.cursor = row_number(value).map(Cursor::Before),
                "after" => found.cursor = row_number(value).map(Cursor::After),
                "open" => found.open = row_number(value),
                "cycle" => found.cycle = value.parse().ok(),
                _ => {}
            }
        }
        found
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        let day = |name, day: Option<NaiveDate>| day.map(|day| (name, encode(&day.to_string())));
        let cursor = self.cursor.map(|cursor| match cursor {
            Cursor::Before(seq) => ("before", seq.to_string()),
            Cursor::After(seq) => ("after", seq.to_string()),
        });
        [
            day("cycle", self.cycle),
            filter.kind.map(|kind| ("kind", kind.id().to_owned())),
            filter.operation.map(|operation| ("operation", operation.id().to_owned())),
            day("from", filter.from),
            day("to", filter.to),
            (!filter.text.is_empty()).then(|| ("text", encode(&filter.text))),
            cursor,
            self.open.map(|seq| ("open", seq.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// As it stands behind a path: `"?kind=spent&before=2831"`, or nothing.
impl fmt::Display for HistoryQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.pairs().into_iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            write!(f, "{mark}{key}={value}")?;
        }
        Ok(())
    }
}

fn row_number(text: &str) -> Option<i64> {
    text.parse().ok().filter(|seq| *seq > 0)
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

pub(in crate::pages) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, escaped_byte(tail)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The byte that two hexadecimal digits stand for.
fn escaped_byte(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use crate::credits::{EntryKind, Operation};

    use super::*;

    #[test]
    fn what_an_address_asks_for_is_written_back_the_same() {
        let address = "?cycle=2026-10-05&kind=spent&operation=backtest&from=2026-11-05&to=2026-11-21&text=S%26P+100%25&before=2831&open=2830";
        let query = HistoryQuery::parse(address);
        assert_eq!(query.filter.kind, Some(EntryKind::Spent));
        assert_eq!(query.filter.operation, Some(Operation::Backtest));
        assert_eq!(query.filter.text, "S&P 100%");
        assert_eq!((query.cursor, query.open), (Some(Cursor::Before(2_831)), Some(2_830)));
        assert_eq!(query.to_string(), address);
    }

    #[test]
    fn an_unknown_filter_or_cursor_is_left_out() {
        let address = "?kind=stolen&operation=&from=31.12.2026&before=-1&open=x&after=&page=7&&=";
        assert_eq!(HistoryQuery::parse(address), HistoryQuery::default());
        assert_eq!(HistoryQuery::default().to_string(), "");
    }

    #[test]
    fn no_address_is_too_broken_to_read() {
        for text in [
            "text=%00+a",
            "to=%2B12026-01-01",
            "text=%",
            "text=%2",
            "text=%zz",
            "text=%FF%FE",
            "%=%",
            "text=é%C3%A9",
        ] {
            let query = HistoryQuery::parse(text);
            assert_eq!(HistoryQuery::parse(&query.to_string()), query, "{text}");
        }
        let long = format!("text={}", "é".repeat(5_000));
        assert_eq!(HistoryQuery::parse(&long).filter.text.chars().count(), LONGEST_TEXT);
    }
}
