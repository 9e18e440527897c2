//! Columns of which no other row says what they should be, and why that is bearable.

/// A table, columns of it, and the reason.
pub type Excuse = (&'static str, &'static [&'static str], &'static str);

pub const EXCUSED: &[Excuse] = &[
    ("accounts", &["id"], "foreign keys hold it"),
    ("accounts", &["cycle_anchor_day"], "a CHECK holds its range; it moves no balance"),
    (
        "accounts",
        &["cap_all", "cap_inference", "cap_strategy", "cap_backtest", "cap_analysis"],
        "the customer's own wishes, which only their page shows; a CHECK holds their range",
    ),
    ("entries", &["description", "detail"], "words for people; the amount stands beside them"),
    ("entries", &["rate_card"], "explains an amount that the allocations prove"),
    ("entries", &["run"], "counts towards the ceiling of the customer's own program"),
    ("users", &["id"], "foreign keys hold it"),
    ("users", &["role"], "a CHECK binds it to having an account"),
    ("sign_in_links", &["user_id"], "a link works for a minute, and nothing else says whose it is"),
    ("external_accounts", &["external_id"], "only the platform knows what it calls somebody"),
    (
        "api_keys",
        &["may_read", "may_spend", "may_grant", "ceiling"],
        "what its owner allowed is said nowhere else; a CHECK keeps grants from customers",
    ),
    ("platform_requests", &["key"], "only the platform knows its own keys"),
    ("marks", &["name"], "a mark that is missing is made anew, and what it guards is read again"),
    ("auto_recharges", &["package"], "a name for the page: what is bought are the credits"),
    (
        "auto_recharges",
        &["pause_reason"],
        "words for the page; a price above the consent pauses again before anything is charged",
    ),
    ("auto_recharge_claims", &["card"], "words for the page"),
    ("quotes", &["account_id"], "no other account can use it, and its owner makes another one"),
    ("events", &["id"], "orders them; foreign keys hold it once somebody was told"),
    ("notices", &["id"], "orders the inbox"),
    ("outbox", &["id"], "recognises a message; a foreign key holds it once it was tried"),
    ("notice_preferences", &["account_id", "inbox", "mail"], "a wish that only its page shows"),
    ("notice_latches", &["account_id"], "holds a warning back for a day at most"),
    ("runway_warnings", &["account_id", "days"], "a wish that only its page shows"),
    ("webhook_endpoints", &["id"], "the messages that name it are found instead"),
    ("webhook_attempts", &["id", "note"], "for people who read the log"),
    ("jobs", &["name"], "its job is done once more, and each can be"),
    ("jobs", &["done", "error"], "for people who read the log"),
];
