//! How a job finds what is old in the log of webhooks, without reading past the rest.

const MESSAGES_FINISHED: &str = "CREATE INDEX outbox_webhooks_finished ON outbox (finished_at)
    WHERE channel = 'webhook' AND finished_at IS NOT NULL";
const REQUESTS_BY_AGE: &str = "CREATE INDEX webhook_requests_by_age ON webhook_requests (at)";

/// In this order.
pub const UP: &[&str] = &[MESSAGES_FINISHED, REQUESTS_BY_AGE];
