//! Whether an account with a long history is as quick as one with a short: the same requests on
//! both side by side, the median of each.

use std::{collections::BTreeMap, fmt::Write, time::Instant};

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use recharge::{
    credits::{
        AccountId, Command, Credits, Cursor, HistoryFilter, Note, Operation, Source, Validity,
    },
    server::ledger::open_account,
};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use crate::{
    Answer,
    load::COST,
    measure::median,
    plan::Plan,
    report::{Row, Target, print_row},
    store::{Kind, Store},
};

/// Entries of the account that the others are compared with.
const SMALLEST: i64 = 1_000;
/// Entries that are filled in at a time.
const FILLED: i64 = 50_000;
/// The history is a year long.
const YEAR_MS: i64 = 365 * 86_400_000;
/// As long as a real one.
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An account with a history of a year.
pub struct Grown {
    id: AccountId,
    entries: i64,
}

/// What is asked of an account.
#[derive(Clone, Copy, Debug)]
enum Request {
    Debit,
    Balance,
    Overview,
    HistoryPage,
    PastChart,
    YearChart,
}

impl Request {
    const ALL: [(Self, &str); 6] = [
        (Self::Debit, "debit"),
        (Self::Balance, "balance"),
        (Self::Overview, "the credits page's data"),
        (Self::HistoryPage, "any history page"),
        (Self::PastChart, "the chart of a past cycle"),
        (Self::YearChart, "the roll-up of 12 months"),
    ];
}

/// Measures accounts of 10³ entries up to the largest.
pub async fn measure(plan: &Plan, store: &Store) -> Answer<Vec<Row>> {
    let small = Grown::new(store, SMALLEST).await?;
    let mut grown = Vec::new();
    let mut entries = SMALLEST * 10;
    while entries <= plan.largest {
        grown.push(Grown::new(store, entries).await?);
        entries *= 10;
    }
    if store.kind == Kind::Postgres {
        store.database.writer().execute_unprepared("VACUUM ANALYZE").await?;
    }
    let shown = if plan.is_full { 0 } else { grown.len().saturating_sub(1) };
    let mut rows = Vec::new();
    for large in &grown[shown..] {
        for (request, words) in Request::ALL {
            let name = format!("growth to {} entries: {words}, ms", large.entries);
            if plan.has(&name) {
                rows.push(compare(plan, store, (&small, large), request, name).await?);
            }
        }
    }
    let verified = store.ledger.verify().await;
    let exact = verified.inspect_err(|error| eprintln!("{error}")).is_ok();
    for row in &mut rows {
        row.exact = exact;
        print_row(row);
    }
    Ok(rows)
}

async fn compare(
    plan: &Plan,
    store: &Store,
    (small, large): (&Grown, &Grown),
    request: Request,
    name: String,
) -> Answer<Row> {
    // Keys of its own for each comparison: the small account must not know them already.
    let seed = plan.seed.wrapping_add(u64::try_from(large.entries)?);
    let mut random = StdRng::seed_from_u64(seed);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for sample in 0..plan.samples + 10 {
        // Which comes first is left to chance: in turns, each would meet the same connections of
        // the pool again and again, and so the same processor.
        let mut sides = [(small, &mut before), (large, &mut after)];
        sides.shuffle(&mut random);
        for (grown, times) in sides {
            let took = grown.ask(store, request, &mut random).await?;
            // The first ones warm the caches.
            if sample >= 10 {
                times.push(took);
            }
        }
    }
    let mut sorted = after.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let p99_ms = sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default();
    let (limit, ours) = (median(before), median(after));
    Ok(Row {
        name,
        database: store.kind.name(),
        in_flight: 1,
        limit,
        ours,
        ratio: ours / limit,
        target: Target::AtMost(1.3),
        p50_ms: ours,
        p99_ms,
        exact: false,
    })
}

impl Grown {
    /// Opens an account a year ago and gives it a history with so many debits.
    async fn new(store: &Store, entries: i64) -> Answer<Self> {
        let start = Utc::now() - TimeDelta::days(366);
        let id = open_account(store.database.writer(), Tz::UTC, 1, start).await?;
        Self::fill_account(store, id, entries).await
    }

    /// Gives an account without any the history of a year with so many debits.
    pub async fn fill_account(store: &Store, id: AccountId, entries: i64) -> Answer<Self> {
        let start = Utc::now() - TimeDelta::days(366);
        let amount = Credits::from_thousandths(10 * entries * COST.thousandths());
        let grant = Command::Grant {
            source: Source::Promotion,
            amount,
            validity: Validity::Until(Utc::now() + TimeDelta::days(300)),
            purchase: None,
            note: Note { description: "Promotion".to_owned(), ..Note::default() },
        };
        store.ledger.execute_at(&id, "grant", grant, start).await?;
        let grown = Self { id, entries };
        let mut after = 0;
        while after < entries {
            let until = entries.min(after + FILLED);
            store.database.writer().execute_unprepared(&grown.fill(start, after, until)).await?;
            after = until;
        }
        store.database.writer().execute_unprepared(&grown.sums(start)).await?;
        Ok(grown)
    }

    /// The instant of a debit.
    fn at(&self, start: DateTime<Utc>, number: i64) -> i64 {
        start.timestamp_millis() + self.step_ms() * number
    }

    fn step_ms(&self) -> i64 {
        YEAR_MS / self.entries
    }

    /// Writes some debits down as the ledger would have.
    fn fill(&self, start: DateTime<Utc>, after: i64, until: i64) -> String {
        let Self { id, entries } = self;
        let (cost, granted) = (COST.thousandths(), 10 * entries * COST.thousandths());
        let (start, step) = (start.timestamp_millis(), self.step_ms());
        let first = after + 1;
        let mut operations = String::new();
        for (number, operation) in Operation::ALL.iter().enumerate() {
            write!(operations, "WHEN {number} THEN '{}' ", operation.id()).ok();
        }
        let numbers = format!(
            "WITH RECURSIVE n (i) AS (SELECT CAST({first} AS BIGINT)
             UNION ALL SELECT i + 1 FROM n WHERE i < {until})"
        );
        format!(
            "INSERT INTO entries (account_id, seq, kind, operation, available_change, held_change,
                available_after, held_after, description, detail, reference, rate_card, at,
                request_key, request_digest)
             {numbers} SELECT '{id}', i + 1, 'spent', CASE i % 4 {operations} END, -{cost}, 0,
                {granted} - {cost} * i, 0, 'Momentum breakout v8',
                '66k tokens in, 16k out, Standard class', 'run_' || i, '2026-11',
                {start} + {step} * i, 'fill-' || i, '{DIGEST}' FROM n;
             INSERT INTO allocations (account_id, seq, lot, amount)
             {numbers} SELECT '{id}', i + 1, 1, {cost} FROM n"
        )
    }

    /// Writes down what the debits add up to.
    fn sums(&self, start: DateTime<Utc>) -> String {
        let Self { id, entries } = self;
        let mut days: BTreeMap<(String, &str), i64> = BTreeMap::new();
        for number in 1..=*entries {
            let at = DateTime::from_timestamp_millis(self.at(start, number)).unwrap_or(start);
            let operation = Operation::ALL[usize::try_from(number % 4).unwrap_or_default()];
            *days.entry((at.date_naive().to_string(), operation.id())).or_default() += 1;
        }
        let cost = COST.thousandths();
        let rows = days.iter().map(|((day, operation), count)| {
            format!("('{id}', '{day}', '{operation}', {}, {count})", count * cost)
        });
        let (spent, left) = (entries * cost, 9 * entries * cost);
        let latest = self.at(start, *entries);
        format!(
            "INSERT INTO usage_daily (account_id, day, operation, credits, operations)
             VALUES {};
             UPDATE lots SET remaining = {left} WHERE account_id = '{id}';
             UPDATE accounts SET available = {left}, seq = {entries} + 1, spent = {spent},
                    latest_at = {latest} WHERE id = '{id}'",
            rows.collect::<Vec<_>>().join(", "),
        )
    }

    /// How many milliseconds an answer takes.
    async fn ask(&self, store: &Store, request: Request, random: &mut StdRng) -> Answer<f64> {
        let (ledger, id) = (&store.ledger, &self.id);
        let key = format!("{:032x}", random.random::<u128>());
        let days_ago = Days::new(random.random_range(40..360));
        let cursor = Cursor::Before(random.random_range(2..self.entries));
        let start = Instant::now();
        match request {
            Request::Debit => {
                let note = Note { description: "Backtest".to_owned(), ..Note::default() };
                let operation = Operation::Backtest;
                let command = Command::Spend { operation, amount: COST, note };
                ledger.execute(id, &key, command).await?;
            }
            Request::Balance => drop(ledger.balance(id).await?),
            Request::Overview => drop(ledger.overview(id, None).await?),
            Request::HistoryPage => {
                drop(ledger.history(id, HistoryFilter::default(), Some(cursor), None).await?);
            }
            Request::PastChart => {
                let day = Utc::now().date_naive() - days_ago;
                drop(ledger.overview(id, Some(day)).await?);
            }
            Request::YearChart => drop(year(store, id).await?),
        }
        Ok(start.elapsed().as_secs_f64() * 1_000.0)
    }
}

/// What a chart of 12 months reads.
async fn year(store: &Store, id: &AccountId) -> Answer<Vec<QueryResult>> {
    let reader = store.database.reader();
    let sql =
        "SELECT substr(day, 1, 7) AS month, operation, CAST(SUM(credits) AS BIGINT) AS credits
               FROM usage_daily WHERE account_id = $1 AND day > $2
               GROUP BY substr(day, 1, 7), operation";
    let first = (Utc::now() - TimeDelta::days(365)).date_naive().to_string();
    let values: [Value; 2] = [id.0.clone().into(), first.into()];
    let statement = Statement::from_sql_and_values(reader.get_database_backend(), sql, values);
    Ok(reader.query_all_raw(statement).await?)
}
