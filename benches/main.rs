//! How fast the ledger is, beside what hand-written SQL reaches on the same machine in the same
//! minute: `make bench`. See `benches/README.md`.

mod accounts;
mod compare;
mod growth;
mod http;
mod limit;
mod load;
mod measure;
mod page;
mod plan;
mod processes;
mod reminders;
mod report;
mod rows;
mod store;

use std::{error::Error, process::ExitCode};

use plan::Plan;
use store::{Kind, Store};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Answer<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let given: Vec<_> = std::env::args().skip(1).collect();
    let done = match given.split_first() {
        Some((first, rest)) if first == processes::WORKER => processes::work(rest).await,
        Some((first, rest)) if first == compare::COMPARE => compare::compare(rest).await,
        _ => bench().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> Answer<()> {
    let plan = Plan::from_environment()?;
    let machine = plan::machine(&plan);
    println!("{machine}\n");
    report::print_titles();
    let mut rows = Vec::new();
    for kind in [Kind::Postgres, Kind::Sqlite] {
        let store = Store::new(kind, "debits").await?;
        rows.extend(rows::measure_all(&plan, &store).await?);
        store.remove().await?;
        if plan.has("growth") {
            let store = Store::new(kind, "growth").await?;
            rows.extend(growth::measure(&plan, &store).await?);
            store.remove().await?;
        }
        if plan.has("the credits page") {
            let store = Store::new(kind, "page").await?;
            rows.extend(page::measure(&plan, &store).await?);
            store.remove().await?;
        }
        if kind == Kind::Postgres && plan.has("reminders") {
            let store = Store::new(kind, "reminders").await?;
            rows.extend(reminders::measure(&store).await?);
            store.remove().await?;
        }
    }
    let good = rows.iter().filter(|row| row.is_good()).count();
    println!("\n{good} of {} rows are exact and reach their target", rows.len());
    report::keep(&plan, &rows, &machine)?;
    if rows.iter().any(|row| !row.exact) {
        return Err("the books are not what the clients were told".into());
    }
    Ok(())
}
