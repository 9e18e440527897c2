//! Reads the history: page by page with a keyset on `seq`, so that every page costs the same.

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use futures::{Stream, TryStreamExt, stream};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Condition,
};

use super::{
    Ledger, ReadError,
    detail::detail,
    load::{Loaded, load},
    rows,
    search::Searched,
};
use crate::{
    credits::{AccountId, Cursor, Entry, EntryKind, HistoryFilter, HistoryPage, Row, start_of_day},
    server::{
        clock::{in_zone, to_millis},
        database::Transaction,
        entity::entry,
    },
};

/// Rows of one page.
const PAGE: usize = 25;
/// Rows that an export reads at a time.
const EXPORT_PAGE: usize = 1_000;

impl Ledger {
    /// One page of the history, and the detail of the row that is open.
    ///
    /// # Errors
    /// Where there is no such account, or the database can't be read.
    pub async fn history(
        &self,
        account: &AccountId,
        filter: HistoryFilter,
        cursor: Option<Cursor>,
        open: Option<i64>,
    ) -> Result<HistoryPage, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let (id, filter) = (id.clone(), filter.clone());
            Box::pin(async move {
                let Some(loaded) = load(transaction, &id, now).await? else {
                    return Ok(None);
                };
                let mut page = page(transaction, &loaded, filter, cursor, now).await?;
                if let Some(seq) = open {
                    page.open = Some(detail(transaction, &loaded, seq).await?);
                }
                Ok(Some(page))
            })
        });
        read.await?.ok_or(ReadError::UnknownAccount)
    }

    /// Every row of a filter, newest first, some at a time.
    pub fn export(
        &self,
        account: &AccountId,
        filter: HistoryFilter,
    ) -> impl Stream<Item = Result<Row, ReadError>> + Send + 'static {
        let (ledger, account) = (self.clone(), account.clone());
        let start = Some(None);
        let pages = stream::try_unfold(start, move |before: Option<Option<i64>>| {
            let (ledger, account, filter) = (ledger.clone(), account.clone(), filter.clone());
            async move {
                let Some(before) = before else {
                    return Ok::<_, ReadError>(None);
                };
                let rows = ledger.export_page(&account, filter, before).await?;
                let is_last = rows.len() < EXPORT_PAGE;
                let next = if is_last { None } else { rows.last().map(|row| Some(row.seq)) };
                Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten()
    }

    async fn export_page(
        &self,
        account: &AccountId,
        filter: HistoryFilter,
        before: Option<i64>,
    ) -> Result<Vec<Row>, ReadError> {
        let (id, now) = (account.clone(), self.now());
        let read = self.database.snapshot(move |transaction| {
            let (id, filter) = (id.clone(), filter.clone());
            Box::pin(async move {
                let Some(loaded) = load(transaction, &id, now).await? else {
                    return Ok(None);
                };
                let cursor = before.map(Cursor::Before);
                Ok(Some(read_rows(transaction, &loaded, &filter, cursor, EXPORT_PAGE).await?))
            })
        });
        read.await?.ok_or(ReadError::UnknownAccount)
    }
}

/// One page: reads one row more than it shows, to know whether there are others.
pub(super) async fn page(
    transaction: &Transaction,
    loaded: &Loaded,
    filter: HistoryFilter,
    cursor: Option<Cursor>,
    now: DateTime<Utc>,
) -> Result<HistoryPage, DbErr> {
    let mut rows = read_rows(transaction, loaded, &filter, cursor, PAGE + 1).await?;
    let has_more = rows.len() > PAGE;
    let goes_newer = matches!(cursor, Some(Cursor::After(_)));
    if has_more && goes_newer {
        rows.remove(0);
    }
    rows.truncate(PAGE);
    let (first, last) = (rows.first().map(|row| row.seq), rows.last().map(|row| row.seq));
    let has_newer = if goes_newer { has_more } else { cursor.is_some() };
    let has_older = if goes_newer { true } else { has_more };
    let newer = first.filter(|_| has_newer).map(Cursor::After);
    let older = last.filter(|_| has_older).map(Cursor::Before);
    Ok(HistoryPage {
        filter,
        rows,
        newer,
        older,
        open: None,
        available: loaded.account.available,
        zone: loaded.zone.name().to_owned(),
        read_at: in_zone(now, loaded.zone),
    })
}

/// Rows in the order newest first, those that are true but not yet written included.
async fn read_rows(
    transaction: &Transaction,
    loaded: &Loaded,
    filter: &HistoryFilter,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Vec<Row>, DbErr> {
    let select = select(transaction.get_database_backend(), loaded, filter, cursor);
    let select = select.limit(u64::try_from(limit).unwrap_or(u64::MAX));
    let ascending = matches!(cursor, Some(Cursor::After(_)));
    let select = if ascending {
        select.order_by_asc(entry::Column::Seq)
    } else {
        select.order_by_desc(entry::Column::Seq)
    };
    let written = select.all(transaction).await?.into_iter().map(rows::entry);
    let mut entries = written.collect::<Result<Vec<Entry>, _>>()?;
    let unwritten = loaded.unwritten.iter().map(|posting| &posting.entry);
    entries.extend(unwritten.filter(|entry| shows(loaded, filter, cursor, entry)).cloned());
    entries.sort_by_key(|entry| if ascending { entry.seq } else { -entry.seq });
    entries.truncate(limit);
    entries.sort_by_key(|entry| -entry.seq);
    Ok(entries.into_iter().map(|entry| row(entry, loaded.zone)).collect())
}

fn select(
    backend: DbBackend,
    loaded: &Loaded,
    filter: &HistoryFilter,
    cursor: Option<Cursor>,
) -> Select<entry::Entity> {
    use entry::Column;
    let mut select = entry::Entity::find().filter(Column::AccountId.eq(&loaded.account.id.0));
    select = match filter.kind {
        Some(kind) => select.filter(Column::Kind.eq(kind.id())),
        None => select.filter(Column::Kind.ne(EntryKind::Held.id())),
    };
    if let Some(operation) = filter.operation {
        select = select.filter(Column::Operation.eq(operation.id()));
    }
    let (from, until) = instants(loaded.zone, filter);
    if let Some(from) = from {
        select = select.filter(Column::At.gte(to_millis(from)));
    }
    if let Some(until) = until {
        select = select.filter(Column::At.lt(to_millis(until)));
    }
    if !filter.text.is_empty() {
        let searched = Searched::new(&filter.text);
        let columns = [Column::Description, Column::Detail, Column::Reference];
        let matches = columns.map(|column| searched.is_in_column(backend, column)).into_iter();
        select = select.filter(matches.fold(Condition::any(), Condition::add));
    }
    match cursor {
        Some(Cursor::Before(seq)) => select.filter(Column::Seq.lt(seq)),
        Some(Cursor::After(seq)) => select.filter(Column::Seq.gt(seq)),
        None => select,
    }
}

/// The same rules as [`select`], for an entry that is not written yet.
fn shows(loaded: &Loaded, filter: &HistoryFilter, cursor: Option<Cursor>, entry: &Entry) -> bool {
    let searched = Searched::new(&filter.text);
    let note = &entry.note;
    let texts = [&note.description, &note.detail, &note.reference];
    let (from, until) = instants(loaded.zone, filter);
    filter.kind.map_or(entry.kind != EntryKind::Held, |kind| kind == entry.kind)
        && filter.operation.is_none_or(|operation| entry.operation == Some(operation))
        && from.is_none_or(|from| entry.at >= from)
        && until.is_none_or(|until| entry.at < until)
        && texts.iter().any(|text| searched.is_in(text))
        && match cursor {
            Some(Cursor::Before(seq)) => entry.seq < seq,
            Some(Cursor::After(seq)) => entry.seq > seq,
            None => true,
        }
}

/// The half-open span of the filter's days.
fn instants(zone: Tz, filter: &HistoryFilter) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let from = filter.from.map(|day| start_of_day(day, &zone));
    let end = filter.to.and_then(|day| day.checked_add_days(Days::new(1)));
    (from, end.map(|day| start_of_day(day, &zone)))
}

fn row(entry: Entry, zone: Tz) -> Row {
    Row {
        seq: entry.seq,
        kind: entry.kind,
        operation: entry.operation,
        amount: entry.amount(),
        held_change: entry.held_change,
        balance_after: entry.balance_after(),
        held_after: entry.held_after,
        at: in_zone(entry.at, zone),
        note: entry.note,
    }
}
