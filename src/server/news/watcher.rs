//! Looks for all pages that listen, as long as there are any.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{EVERY, Shared, look::look};
use crate::server::clock::to_millis;

/// Looks that are asked for come no closer together than this.
const NO_SOONER: Duration = Duration::from_millis(50);
/// How often is asked whose sessions still last.
const SESSIONS_EVERY: Duration = Duration::from_secs(2);

/// Looks until nobody listens or the program ends.
pub(super) async fn watch(room: Arc<Shared>) {
    let mut asked_at = Instant::now();
    let mut is_away = false;
    loop {
        let looked_at = Instant::now();
        let is_due = looked_at.duration_since(asked_at) >= SESSIONS_EVERY;
        let mut told = tell(&room).await;
        if is_due {
            asked_at = looked_at;
            told = told.and(end_of_sessions(&room).await);
        }
        // Said once, not at every look.
        if let Err(error) = &told
            && !is_away
        {
            tracing::warn!(%error, "the pages that listen can't be told what is new");
        }
        is_away = told.is_err();
        if room.shutdown.is_cancelled() {
            room.listeners().end();
        }
        if room.listeners().watcher_may_stop() {
            return;
        }
        wait(&room, looked_at).await;
    }
}

/// Until it is time, or somebody asks for a look, or the program ends.
async fn wait(room: &Shared, looked_at: Instant) {
    sleep_until(looked_at + NO_SOONER).await;
    tokio::select! {
        () = room.shutdown.cancelled() => {}
        () = sleep_until(looked_at + EVERY) => {}
        () = room.look.notified() => {}
    }
}

async fn tell(room: &Shared) -> Result<(), sea_orm::DbErr> {
    let accounts = room.listeners().accounts();
    let found = look(&room.database, &accounts).await?;
    room.listeners().tell(&found, to_millis(room.clock.now()));
    Ok(())
}

async fn end_of_sessions(room: &Shared) -> Result<(), sea_orm::DbErr> {
    let asked = room.listeners().sessions();
    let lasting = room.sessions.lasting(&asked).await?;
    room.listeners().keep(&asked, &lasting);
    Ok(())
}
