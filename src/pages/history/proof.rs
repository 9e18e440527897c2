//! Opening + rows = closing: a page of the history proves itself where no row is filtered out.

use leptos::prelude::*;

use crate::credits::{Credits, EntryKind, HistoryFilter, Row};

/// The sum of a page of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sum {
    opening: Credits,
    by_kind: Vec<(EntryKind, Credits)>,
    closing: Credits,
}

impl Sum {
    /// From rows without gaps, newest first.
    fn of(rows: &[Row]) -> Option<Self> {
        let (newest, oldest) = (rows.first()?, rows.last()?);
        let of_kind = |kind| {
            let amounts = rows.iter().filter(|row| row.kind == kind).map(|row| row.amount);
            (kind, amounts.sum::<Credits>())
        };
        let order = [
            EntryKind::Granted,
            EntryKind::Spent,
            EntryKind::Expired,
            EntryKind::Adjusted,
            EntryKind::ClawedBack,
        ];
        Some(Self {
            opening: oldest.balance_after - oldest.amount,
            by_kind: order.into_iter().map(of_kind).filter(|(_, sum)| !sum.is_zero()).collect(),
            closing: newest.balance_after,
        })
    }

    fn holds(&self) -> bool {
        self.by_kind.iter().fold(self.opening, |sum, (_, part)| sum + *part) == self.closing
    }
}

/// Whether a filter leaves no row out between its first and its last day.
fn is_gapless(filter: &HistoryFilter) -> bool {
    filter.kind.is_none() && filter.operation.is_none() && filter.text.is_empty()
}

/// The sum above the rows; nothing where rows are filtered out.
#[component]
pub fn Proof(
    /// What is asked for.
    filter: HistoryFilter,
    /// The rows, newest first.
    rows: Vec<Row>,
) -> impl IntoView {
    let sum = Sum::of(&rows).filter(|_| is_gapless(&filter))?;
    let holds = sum.holds();
    let parts = sum.by_kind.into_iter().map(|(kind, part)| {
        let class = part.is_positive().then_some("plus");
        view! { <div><dt>{kind.name()}</dt><dd class=class>{part.signed()}</dd></div> }
    });
    Some(view! {
        <div class="panel-strip">
            <dl class="proof">
                <div><dt>"Balance before these rows"</dt><dd>{sum.opening.to_string()}</dd></div>
                {parts.collect_view()}
                <div><dt>"Balance after them"</dt><dd>{sum.closing.to_string()}</dd></div>
            </dl>
            {(!holds).then(|| view! {
                <p class="bad small" role="alert">
                    "These rows don\u{2019}t add up. Please tell support; your credits are looked into."
                </p>
            })}
        </div>
    })
}

#[cfg(test)]
mod tests {
    use crate::credits::Note;

    use super::*;

    fn row(kind: EntryKind, amount: i64, balance_after: i64) -> Row {
        Row {
            seq: 1,
            kind,
            operation: None,
            amount: Credits::from_thousandths(amount),
            held_change: Credits::ZERO,
            balance_after: Credits::from_thousandths(balance_after),
            held_after: Credits::ZERO,
            note: Note::default(),
            at: chrono::DateTime::UNIX_EPOCH.fixed_offset(),
        }
    }

    #[test]
    fn opening_and_rows_make_the_closing_balance() {
        let rows = [
            row(EntryKind::Spent, -6_500, 1_013_500),
            row(EntryKind::Granted, 1_000_000, 1_020_000),
            row(EntryKind::Spent, -5_000, 20_000),
        ];
        let sum = Sum::of(&rows).unwrap();
        assert_eq!(sum.opening, Credits::from_thousandths(25_000));
        assert_eq!(sum.by_kind.len(), 2);
        assert!(sum.holds());
    }

    #[test]
    fn a_missing_row_shows() {
        let rows = [row(EntryKind::Spent, -6_500, 1_000), row(EntryKind::Spent, -5_000, 20_000)];
        assert!(!Sum::of(&rows).unwrap().holds());
        assert_eq!(Sum::of(&[]), None);
    }

    #[test]
    fn only_a_filter_by_date_leaves_no_gap() {
        let all = HistoryFilter::default();
        assert!(is_gapless(&all));
        assert!(is_gapless(&HistoryFilter {
            from: chrono::NaiveDate::from_ymd_opt(2026, 1, 1),
            ..all.clone()
        }));
        assert!(!is_gapless(&HistoryFilter { text: "carry".into(), ..all }));
    }
}
