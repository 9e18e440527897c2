//! Whose a session is, in a column of its own: session and user are read in one query.

const USER_ID: &str = "ALTER TABLE sessions ADD COLUMN user_id TEXT";
/// Until now the id stood in the record alone.
const FILL: &str = "UPDATE sessions SET user_id =
    (SELECT id FROM users WHERE sessions.record LIKE '%\"' || users.id || '\"%')";

/// In this order.
pub const UP: &[&str] = &[USER_ID, FILL];
