//! The table of who may know whom, which `imports` holds the program against.

/// A module and what it may name of ours. The longest name that fits is its rule.
pub type Rule = (&'static str, &'static [&'static str]);

pub const MAY_KNOW: &[Rule] = &[
    // The program is its command line.
    ("main", &["server::command_line"]),
    ("app", &["pages"]),
    ("credits", &["credits"]),
    ("components", &["components"]),
    // In the bodies of server functions also `server`.
    ("pages", &["credits", "components", "pages"]),
    // The rest puts the parts together.
    ("server", &["credits", "server"]),
    // The router's half for people.
    ("server::pages", &["app", "server"]),
    (
        "server::ledger",
        &[
            "credits",
            "server::ledger",
            "server::events",
            "server::entity",
            "server::clock",
            "server::database",
            "server::readiness",
        ],
    ),
    ("server::events", &["credits", "server::entity", "server::clock"]),
    ("server::marks", &["server::entity", "server::clock"]),
    (
        "server::verify",
        &["credits", "server::verify", "server::catalogue", "server::clock", "server::database"],
    ),
    ("server::requests", &["server::entity", "server::clock", "server::database"]),
    ("server::outbox", &["server::entity", "server::clock", "server::database"]),
    (
        "server::webhooks",
        &[
            "credits",
            "server::webhooks",
            "server::events",
            "server::outbox",
            "server::requests",
            "server::entity",
            "server::clock",
            "server::database",
            "server::secret",
        ],
    ),
    // Links in mail are signed with a secret as sessions have it.
    (
        "server::notices",
        &[
            "credits",
            "server::notices",
            "server::events",
            "server::marks",
            "server::outbox",
            "server::webhooks",
            "server::ledger",
            "server::catalogue",
            "server::identity",
            "server::entity",
            "server::clock",
            "server::database",
            "server::secret",
        ],
    ),
    (
        "server::payments",
        &[
            "credits",
            "server::payments",
            "server::events",
            "server::marks",
            "server::ledger",
            "server::catalogue",
            "server::entity",
            "server::clock",
            "server::database",
            "server::secret",
        ],
    ),
    (
        "server::catalogue",
        &["credits", "server::catalogue", "server::entity", "server::clock", "server::database"],
    ),
    (
        "server::quotes",
        &[
            "credits",
            "server::quotes",
            "server::catalogue",
            "server::entity",
            "server::clock",
            "server::database",
        ],
    ),
    // A new customer's account is opened, and an owner found, in the ledger's words.
    (
        "server::identity",
        &[
            "credits",
            "server::identity",
            "server::ledger",
            "server::requests",
            "server::entity",
            "server::clock",
            "server::database",
            "server::config",
            "server::secret",
            "server::AppState",
        ],
    ),
    (
        "server::news",
        &["credits", "server::news", "server::identity", "server::clock", "server::database"],
    ),
    // The pages' errors are how failures are explained to people; a file with a customer's
    // history understands the same address as the page beside it; a form that is answered by its
    // page tells it what came of it.
    (
        "server::http",
        &[
            "credits",
            "server::http",
            "server::identity",
            "server::jobs",
            "server::news",
            "server::outbox",
            "server::payments",
            "server::ledger",
            "server::catalogue",
            "server::quotes",
            "server::readiness",
            "server::requests",
            "server::webhooks",
            "server::notices",
            "server::config",
            "server::clock",
            "server::database",
            "server::secret",
            "server::AppState",
            "pages::api_keys",
            "pages::auto_recharge",
            "pages::billing_cycle",
            "pages::error",
            "pages::history",
            "pages::notifications",
            "pages::spend_caps",
            "pages::unsubscribe",
        ],
    ),
];

/// What only some may name, of ours or of others.
pub const ONLY_KNOWN_TO: &[Rule] = &[
    ("app", &["server::pages"]),
    (
        "server::entity",
        &[
            "server::entity",
            "server::ledger",
            "server::payments",
            "server::identity",
            "server::catalogue",
            "server::quotes",
            "server::requests",
            "server::jobs",
            "server::events",
            "server::marks",
            "server::outbox",
            "server::webhooks",
            "server::notices",
            // It writes a past that no verb would.
            "server::seed",
        ],
    ),
    ("migration", &["server::database", "server::schema"]),
    ("lettre", &["server::notices::mail"]),
    ("askama", &["server::notices::mail"]),
    ("stripe", &["server::payments::stripe"]),
    ("stripe_checkout", &["server::payments::stripe"]),
    ("stripe_client_core", &["server::payments::stripe"]),
    ("stripe_core", &["server::payments::stripe"]),
    ("stripe_shared", &["server::payments::stripe"]),
    ("stripe_types", &["server::payments::stripe"]),
    ("stripe_webhook", &["server::payments::stripe"]),
];

/// The crates with which a browser or a program is answered.
pub const DOORS: &[&str] = &[
    "axum",
    "leptos",
    "leptos_axum",
    "leptos_meta",
    "leptos_router",
    "tower",
    "tower_http",
    "tower_sessions",
];
/// Books and sales don't know who asks, nor how they are answered.
pub const KNOW_NO_DOOR: &[&str] = &[
    "server::ledger",
    "server::payments",
    "server::catalogue",
    "server::quotes",
    "server::entity",
    "server::webhooks",
];
/// No clock, no database, no I/O: what the rules are written with.
pub const PURE: &[&str] = &["chrono", "rust_decimal", "serde", "thiserror"];
