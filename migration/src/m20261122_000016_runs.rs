//! Which run of a program an entry belongs to, for keys with a ceiling per run.

const RUN: &str = "ALTER TABLE entries ADD COLUMN run TEXT";

/// Entries of programs without a ceiling don't pay for it.
const ENTRIES_OF_RUN: &str =
    "CREATE INDEX entries_of_run ON entries (account_id, run) WHERE run IS NOT NULL";

/// In this order.
pub const UP: &[&str] = &[RUN, ENTRIES_OF_RUN];
