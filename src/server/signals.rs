//! Ends the process when an operator or a supervisor asks for it.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Cancels `draining` at the first SIGINT or SIGTERM, and `shutdown` when the time for draining is
/// over or at the second signal.
///
/// # Errors
/// If no signals can be caught.
pub fn end_on_signal(
    drain: Duration,
    draining: CancellationToken,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        draining.cancel();
        if !drain.is_zero() {
            tracing::info!("no longer ready; ending in {} seconds", drain.as_secs());
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = sleep(drain) => {}
            }
        }
        shutdown.cancel();
    });
    Ok(())
}
