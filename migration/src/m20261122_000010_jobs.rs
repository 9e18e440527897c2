//! What runs by the clock: which slot of which job was claimed, by whom, and what came of it.
//! And how a job finds the quotes that have ended.

/// A slot is the instant at which a job is due; its row is the claim of one process, so that no
/// other does the same. `seen_at` is when that process last said that it lives.
const JOBS: &str = "
CREATE TABLE jobs (
    name        TEXT   NOT NULL,
    slot        BIGINT NOT NULL,
    next_slot   BIGINT NOT NULL CHECK (next_slot > slot),
    claim       TEXT   NOT NULL,
    claimed_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    finished_at BIGINT,
    done        BIGINT NOT NULL CHECK (done >= 0),
    error       TEXT,
    PRIMARY KEY (name, slot),
    CONSTRAINT only_finished_jobs_have_failed CHECK (error IS NULL OR finished_at IS NOT NULL)
)";

/// For those that end, so that a job finds them without reading past the others.
const QUOTES_ENDING: &str = "CREATE INDEX quotes_ending ON quotes (valid_until)";

/// In this order.
pub const UP: &[&str] = &[JOBS, QUOTES_ENDING];
