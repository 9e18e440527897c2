//! How long the database may keep somebody waiting: every wait has an end.

use std::time::Duration;

/// How long each kind of wait may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One statement, until its answer. After that its connection is closed, because a late answer
    /// may still come over it.
    pub statement: Duration,
    /// A lock that another transaction holds. Shorter than a statement, so that PostgreSQL says
    /// why it waited.
    pub lock: Duration,
    /// A free connection, a new connection, or the proof that one still lives.
    pub connection: Duration,
    /// A statement that works on whole tables: a change of them, or a backup.
    pub whole: Duration,
    /// The lock of a table for a migration. Later statements on the table wait for as long, too.
    pub table: Duration,
}

impl Limits {
    /// For a server: what people and programs wait for.
    pub const SERVING: Self = Self {
        statement: Duration::from_secs(5),
        lock: Duration::from_secs(2),
        connection: Duration::from_secs(5),
        whole: Duration::from_mins(30),
        table: Duration::from_secs(1),
    };
    /// For commands that read or write a whole database, such as `verify` and `backup`.
    pub const PATIENT: Self =
        Self { statement: Duration::from_mins(30), lock: Duration::from_mins(1), ..Self::SERVING };

    /// Returns how long PostgreSQL itself works on a statement: a little less than we wait, so that
    /// it normally ends the statement and says so.
    pub(super) fn at_server(self) -> Duration {
        self.statement.saturating_sub(Duration::from_millis(500))
    }
}
