//! The history as a file: the same rows as on screen, all pages of a filter.

use std::pin::Pin;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt, stream};

use crate::{
    credits::{AccountId, Row},
    pages::history::HistoryQuery,
    server::{
        AppState,
        identity::{Customer, Staff},
        ledger::ReadError,
    },
};

/// Rows that are sent together, where they are there already.
const ROWS_AT_ONCE: usize = 500;
/// The names of the columns.
const HEAD: [&str; 10] = [
    "row",
    "time",
    "kind",
    "operation",
    "description",
    "detail",
    "reference",
    "rate_card",
    "credits",
    "balance_after",
];

/// What a spreadsheet may take for the beginning of a formula. Some read wide characters as their
/// narrow twins.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The history of the customer who asks.
pub async fn own(
    State(state): State<AppState>,
    customer: Customer,
    RawQuery(query): RawQuery,
) -> Response {
    download(&state, &customer.account, query.as_deref()).await
}

/// The history of any account, for staff.
pub async fn of_account(
    State(state): State<AppState>,
    _staff: Staff,
    Path(account): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    download(&state, &AccountId(account), query.as_deref()).await
}

/// The status is known before the first row is sent; what fails later breaks the download off,
/// so that nobody takes a part for the whole.
async fn download(state: &AppState, account: &AccountId, query: Option<&str>) -> Response {
    let filter = HistoryQuery::parse(query.unwrap_or_default()).filter;
    let mut rows = Box::pin(state.ledger.export(account, filter)).peekable();
    match Pin::new(&mut rows).peek().await {
        Some(Err(ReadError::UnknownAccount)) => StatusCode::NOT_FOUND.into_response(),
        Some(Err(ReadError::Unavailable)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Ok(_)) | None => {
            let headers = [
                (CONTENT_TYPE, "text/csv; charset=utf-8"),
                (CONTENT_DISPOSITION, "attachment; filename=\"recharge-history.csv\""),
            ];
            (headers, Body::from_stream(lines(rows))).into_response()
        }
    }
}

fn lines(
    rows: impl Stream<Item = Result<Row, ReadError>>,
) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> {
    let head = stream::iter([line(&HEAD)]);
    head.chain(rows.ready_chunks(ROWS_AT_ONCE).map(|rows| {
        let mut text = Vec::new();
        for row in rows {
            text.extend(line(&cells(row.map_err(std::io::Error::other)?))?);
        }
        Ok(text)
    }))
}

fn cells(row: Row) -> [String; 10] {
    [
        row.seq.to_string(),
        row.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        row.kind.id().to_owned(),
        row.operation.map(|operation| operation.id().to_owned()).unwrap_or_default(),
        text(row.note.description),
        text(row.note.detail),
        text(row.note.reference),
        text(row.note.rate_card),
        row.amount.plain(),
        row.balance_after.plain(),
    ]
}

/// A spreadsheet takes text that begins like a formula for one: an apostrophe keeps it a text.
fn text(value: String) -> String {
    if value.starts_with(FORMULAS) { format!("'{value}") } else { value }
}

fn line<Cell: AsRef<[u8]>>(cells: &[Cell]) -> Result<Vec<u8>, std::io::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_quotes_what_would_break_it() {
        let cells = ["1", "S&P 100, \"daily\"", "two\nlines"];
        let text = line(&cells).expect("memory can be written to");
        assert_eq!(text, b"1,\"S&P 100, \"\"daily\"\"\",\"two\nlines\"\n");
    }

    #[test]
    fn text_never_becomes_a_formula() {
        assert_eq!(text("=1+1".to_owned()), "'=1+1");
        assert_eq!(text("＝1+1".to_owned()), "'＝1+1");
        assert_eq!(text("\n=1+1".to_owned()), "'\n=1+1");
        assert_eq!(text("Momentum".to_owned()), "Momentum");
    }
}
