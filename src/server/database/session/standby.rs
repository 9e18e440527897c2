//! Commits that a synchronous standby must have, too.
//!
//! PostgreSQL answers a commit when the standby has it. Somebody may end that wait: by cancelling
//! the statement, ending the session, or restarting the server. Then the commit can be read like
//! any other, and the standby may lack it. After a cancelled wait PostgreSQL even answers the
//! commit. Only a warning says that the wait was cancelled, and the driver logs warnings instead of
//! returning them. So this module listens to the driver's log.
//!
//! A standby receives everything in order. So one more commit whose wait nobody cancelled proves
//! that the standby has everything that could be read before.

use std::{cell::RefCell, pin::pin, sync::LazyLock, task::Poll};

use sea_orm::{DbErr, RuntimeErr};
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::with_default,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::Interest,
};

use super::{Raw, Session};
use crate::server::database::ask::Ask;

/// Writes only a message, into the WAL of PostgreSQL, if commits have to wait for a standby.
const AWAIT_STANDBY: &str = "SELECT pg_logical_emit_message(true, 'recharge', '')
     WHERE current_setting('synchronous_standby_names', true) <> '' AND NOT pg_is_in_recovery()";
/// The target under which the driver logs PostgreSQL's warnings.
const NOTICES: &str = "sqlx::postgres::notice";

impl Session {
    /// Waits until a synchronous standby, if there is one, has everything that can be read now.
    pub async fn await_standby(&mut self) -> Result<(), DbErr> {
        self.is_warned = matches!(self.raw, Raw::Postgres(_));
        self.make_up_for_warning().await
    }

    /// Commits once more if PostgreSQL has sent a warning. Any warning counts, because the words
    /// depend on the language of PostgreSQL.
    pub(super) async fn make_up_for_warning(&mut self) -> Result<(), DbErr> {
        if !std::mem::take(&mut self.is_warned) {
            return Ok(());
        }
        let again = match &self.prologue {
            Some(prologue) => format!("BEGIN; {prologue}; {AWAIT_STANDBY}; COMMIT"),
            None => AWAIT_STANDBY.to_owned(),
        };
        let awaited = self.ask_as_is(Ask::Plain(again)).await;
        // Nobody knows what the standby has, or whether a transaction is open.
        self.is_doubtful |= awaited.is_err() || self.is_warned;
        awaited?;
        if self.is_warned {
            let reason = "somebody has ended the wait for the standby";
            return Err(DbErr::Conn(RuntimeErr::Internal(reason.to_owned())));
        }
        Ok(())
    }
}

static LISTENER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener));

thread_local! {
    /// The warnings that the driver has logged while one of its futures was polled on this thread.
    static HEARD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Lets the driver work, logs PostgreSQL's warnings, and sets `is_warned` if there are any.
pub(super) async fn heeding<T>(is_warned: &mut bool, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let polled: Poll<T> = with_default(&LISTENER, || work.as_mut().poll(context));
        for warning in HEARD.take() {
            *is_warned = true;
            tracing::warn!("PostgreSQL warns: {warning}");
        }
        polled
    })
    .await
}

/// Receives only PostgreSQL's warnings from the driver's log.
struct Listener;

fn is_warning(metadata: &Metadata<'_>) -> bool {
    metadata.target() == NOTICES && *metadata.level() == Level::WARN
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_warning(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_warning(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Words);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Collects the text of a warning.
struct Words;

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            HEARD.with_borrow_mut(|heard| heard.push(format!("{value:?}")));
        }
    }
}
