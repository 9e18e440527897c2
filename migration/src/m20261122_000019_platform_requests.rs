//! What requests with an idempotency key have led to is kept for all that the platform's services
//! ask for beside the ledger, not for webhooks alone.

const REQUESTS: &str = "ALTER TABLE webhook_requests RENAME TO platform_requests";

/// In this order.
pub const UP: &[&str] = &[REQUESTS];
