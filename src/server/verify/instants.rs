//! Checks that this program can have written each instant: it is after 2000, and not in the future
//! except in columns for what is to come.

use chrono::TimeDelta;

use super::check::Check;

/// 2000-01-01 in milliseconds: an instant in seconds is before it.
const EARLIEST: i64 = 946_684_800_000;

const NOW: TimeDelta = TimeDelta::zero();
const MINUTE: TimeDelta = TimeDelta::minutes(1);
const DAY: TimeDelta = TimeDelta::days(1);
const WEEK: TimeDelta = TimeDelta::days(7);
/// At the monthly limit, auto-recharge pauses until the first day of the next month.
const MONTH: TimeDelta = TimeDelta::days(31);
/// A pause of a day is lengthened by up to a tenth, at random.
const PAUSE: TimeDelta = TimeDelta::hours(27);

/// A column, and how far ahead it may be.
type Instant = (&'static str, TimeDelta);

const INSTANTS: &[(&str, &[Instant])] = &[
    ("users", &[("created_at", NOW)]),
    ("sessions", &[("expires_at", WEEK)]),
    ("sign_in_links", &[("expires_at", MINUTE)]),
    ("external_accounts", &[("created_at", NOW)]),
    ("api_keys", &[("created_at", NOW), ("revoked_at", NOW), ("last_used_at", NOW)]),
    ("platform_requests", &[("at", NOW)]),
    (
        "purchases",
        &[
            ("created_at", NOW),
            ("updated_at", NOW),
            ("terms_accepted_at", NOW),
            ("paid_at", NOW),
            ("charged_at", NOW),
        ],
    ),
    ("stripe_events", &[("received_at", NOW), ("handled_at", NOW)]),
    (
        "auto_recharges",
        &[
            ("created_at", NOW),
            ("updated_at", NOW),
            ("consented_at", NOW),
            ("paused_at", NOW),
            // 0 stands for never.
            ("NULLIF(card_asked_at, 0)", NOW),
            ("NULLIF(rests_until, 0)", MONTH),
        ],
    ),
    ("auto_recharge_claims", &[("claimed_at", NOW)]),
    ("discarded_cards", &[("discarded_at", NOW)]),
    ("catalogues", &[("published_at", NOW)]),
    ("quotes", &[("created_at", NOW)]),
    ("events", &[("at", NOW), ("told_at", NOW), ("wait_until", DAY)]),
    ("notices", &[("at", NOW), ("read_at", NOW)]),
    ("notice_latches", &[("told_at", NOW)]),
    ("outbox", &[("created_at", NOW), ("due_at", PAUSE), ("finished_at", NOW)]),
    (
        "webhook_endpoints",
        &[
            ("created_at", NOW),
            ("old_secret_until", DAY),
            ("disabled_at", NOW),
            ("removed_at", NOW),
        ],
    ),
    ("webhook_attempts", &[("at", NOW)]),
    ("jobs", &[("slot", NOW), ("claimed_at", NOW), ("seen_at", NOW), ("finished_at", NOW)]),
    ("marks", &[("updated_at", NOW)]),
];

/// Returns one check for each table, which judges all its instants at once.
pub(super) fn checks() -> impl Iterator<Item = Check> {
    INSTANTS.iter().map(|(table, instants)| {
        let wrong = instants.iter().map(|(column, ahead)| {
            let ahead = ahead.num_milliseconds();
            format!("{column} NOT BETWEEN {EARLIEST} AND {{latest}} + {ahead}")
        });
        Check {
            table,
            wrong: wrong.collect::<Vec<_>>().join(" OR "),
            says: "one of its instants is before 2000 or in the future".to_owned(),
        }
    })
}
