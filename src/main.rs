//! The program: reads the command line, does what it says, and says in one sentence what failed.

use std::{num::NonZero, process::ExitCode, thread, time::Duration};

use clap::Parser;
use recharge::server::command_line::CommandLine;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Rendering may wait for other rendering on the same thread; with fewer it could wait for ever.
const FEWEST_THREADS: usize = 4;

/// How long threads may go on that wait for a disk or for a name of the network. Nothing needs them.
const LAST_WORK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    // Fails only where it is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let threads = thread::available_parallelism().map_or(FEWEST_THREADS, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.max(FEWEST_THREADS))
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(command_line.run());
            runtime.shutdown_timeout(LAST_WORK);
            outcome.map_err(|error| error.to_string())
        }
        Err(error) => Err(format!("The program can't start threads: {error}.")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("recharge: {sentence}");
            ExitCode::FAILURE
        }
    }
}
