//! Which rows there are, and what each must reach: the table of performance targets.

use std::sync::Arc;

use recharge::credits::Credits;

use crate::{
    Answer,
    accounts::Accounts,
    http::{self, Served},
    limit::Limit,
    load::{AFFORDABLE, COST, Load, Workload},
    measure::{Pair, Side, bound, measure},
    plan::Plan,
    report::{Row, Target},
    store::{Kind, Store},
};

const ACCOUNTS: usize = 10_000;
const LOTS: usize = 3;
/// More than is ever spent.
const PLENTY: Credits = Credits::from_thousandths(1_000_000_000_000);
/// Accounts at the edge, for each row.
const AT_THE_EDGE: usize = 2_000;
/// What must not be passed on one hot account (PostgreSQL), and by any answer (SQLite).
const HOT_P99_MS: f64 = 25.0;
const STALL_MS: f64 = 250.0;

/// One database with all its accounts, and the limit beside it.
struct Bench<'a> {
    plan: &'a Plan,
    store: &'a Store,
    limit: Limit,
    many: Arc<Accounts>,
    one: Arc<Accounts>,
    rows: Vec<Row>,
}

/// Measures what concerns commands, on one database, and verifies its books.
pub async fn measure_all(plan: &Plan, store: &Store) -> Answer<Vec<Row>> {
    let mut bench = Bench {
        plan,
        store,
        limit: Limit::new(store).await?,
        many: Arc::new(Accounts::open(store, ACCOUNTS, LOTS, PLENTY).await?),
        one: Arc::new(Accounts::open(store, 1, LOTS, PLENTY).await?),
        rows: Vec::new(),
    };
    for in_flight in [1, 8, 64, 256] {
        for workload in Workload::MEASURED {
            bench.debits(workload, in_flight).await?;
        }
        bench.replays(in_flight).await?;
    }
    if store.kind == Kind::Postgres {
        bench.processes().await?;
        bench.http().await?;
    }
    let verified = store.ledger.verify().await;
    let adds_up = verified.inspect_err(|error| eprintln!("{error}")).is_ok();
    for row in &mut bench.rows {
        row.exact &= adds_up;
    }
    Ok(bench.rows)
}

impl Bench<'_> {
    /// A workload against hand-written debits.
    async fn debits(&mut self, workload: Workload, in_flight: usize) -> Answer<()> {
        let name = workload.name().to_owned();
        if !self.is_wanted(&name, workload, in_flight) {
            return Ok(());
        }
        let accounts = match workload {
            Workload::Hot => Arc::clone(&self.one),
            Workload::Edge => {
                let wealth = COST.thousandths() * i64::try_from(AFFORDABLE)?;
                let wealth = Credits::from_thousandths(wealth);
                Arc::new(Accounts::open(self.store, AT_THE_EDGE, 1, wealth).await?)
            }
            _ => Arc::clone(&self.many),
        };
        let (is_hot, is_sqlite) = (workload == Workload::Hot, self.store.kind == Kind::Sqlite);
        let clients = in_flight.min(if is_hot { 8 } else { 32 });
        let target = match (workload, in_flight, is_sqlite) {
            (Workload::Uniform, 1..=8, false) => Target::AtLeast(0.85),
            (Workload::Uniform, 64, false) => Target::AtLeast(2.0),
            (Workload::Hot, 64, false) => Target::AtLeast(10.0),
            (Workload::Uniform | Workload::Hot, 64, true) => Target::AtLeast(0.75),
            _ => Target::None,
        };
        let limit = self.limit.clone();
        let pair = Pair {
            name,
            in_flight,
            limit: Side::Limit { limit, accounts: if is_hot { 1 } else { ACCOUNTS }, clients },
            ours: Side::Ours { load: self.load(&accounts, workload), in_flight },
            target,
        };
        let measured = measure(self.plan, self.store, pair).await?;
        self.rows.push(measured.row.clone());
        if is_hot && in_flight == 64 && !is_sqlite {
            self.rows.push(bound(
                "hot account: p99, ms",
                &measured,
                measured.row.p99_ms,
                HOT_P99_MS,
            ));
        }
        if is_sqlite && in_flight == 64 && matches!(workload, Workload::Uniform | Workload::Hot) {
            let name = format!("{}: longest stall, ms", workload.name());
            self.rows.push(bound(&name, &measured, measured.slowest_ms, STALL_MS));
        }
        Ok(())
    }

    /// Known keys against our own debits.
    async fn replays(&mut self, in_flight: usize) -> Answer<()> {
        let name = "only known keys, against our own debits".to_owned();
        if !self.is_wanted(&name, Workload::Known, in_flight) {
            return Ok(());
        }
        let side = |workload| {
            let load = self.load(&self.many, workload);
            Side::Ours { load, in_flight }
        };
        let pair = Pair {
            name,
            in_flight,
            limit: side(Workload::Uniform),
            ours: side(Workload::Known),
            target: if in_flight == 64 { Target::AtLeast(2.0) } else { Target::None },
        };
        self.rows.push(measure(self.plan, self.store, pair).await?.row);
        Ok(())
    }

    /// Four processes on the hot account against one.
    async fn processes(&mut self) -> Answer<()> {
        let (name, in_flight) = ("hot account: 4 processes against 1".to_owned(), 64);
        if !self.plan.has(&name) {
            return Ok(());
        }
        let side = |processes| {
            let (url, accounts) = (self.store.url.clone(), Arc::clone(&self.one));
            Side::Processes { url, accounts, processes, in_flight }
        };
        let (limit, ours) = (side(1), side(4));
        let pair = Pair { name, in_flight, limit, ours, target: Target::AtLeast(0.8) };
        self.rows.push(measure(self.plan, self.store, pair).await?.row);
        Ok(())
    }

    /// The program over HTTP against the library in this process.
    async fn http(&mut self) -> Answer<()> {
        let rows = [
            ("HTTP, one debit a request, against the library", 64, 1, 0.5),
            ("HTTP, batches of 100 debits, against the library", 4, http::BATCH, 0.75),
        ];
        for (name, connections, together, least) in rows {
            let in_flight = connections * together;
            if !self.plan.has(name) || self.plan.only_in_flight.is_some() {
                continue;
            }
            let (served, accounts) = (Served::start(self.store).await?, Arc::clone(&self.many));
            let limit = Side::Ours { load: self.load(&self.many, Workload::Uniform), in_flight };
            let ours = Side::Http { served, accounts, connections, together };
            let (name, target) = (name.to_owned(), Target::AtLeast(least));
            let pair = Pair { name, in_flight, limit, ours, target };
            self.rows.push(measure(self.plan, self.store, pair).await?.row);
        }
        Ok(())
    }

    fn load(&self, accounts: &Arc<Accounts>, workload: Workload) -> Load {
        Load::new(&self.store.ledger, accounts, workload)
    }

    /// The short mode measures with 64 in flight, and on PostgreSQL what few callers notice.
    fn is_wanted(&self, name: &str, workload: Workload, in_flight: usize) -> bool {
        if let Some(only) = self.plan.only_in_flight {
            return only == in_flight && self.plan.has(name);
        }
        let is_postgres = self.store.kind == Kind::Postgres;
        let is_short =
            in_flight == 64 || in_flight < 64 && is_postgres && workload == Workload::Uniform;
        self.plan.has(name) && (self.plan.is_full || is_short)
    }
}
