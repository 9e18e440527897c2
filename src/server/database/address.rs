//! The address of a database, as the operator writes it.
//!
//! `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]…]/NAME?OPTION=…`. With
//! several hosts, connections go to the one that takes writes. `pool_mode=transaction` says that a
//! pooler stands between and gives each transaction another connection.

use std::path::PathBuf;

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{ConnectOptions, postgres::PgConnectOptions},
};
use url::Url;

use super::Database;

/// The option that says how a pooler in between lends its connections.
const POOL_MODE: &str = "pool_mode";
/// The options that the driver knows, beside `options[NAME]`. It logs others with their value, which
/// may be a password whose option is misspelt.
const OF_DRIVER: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    POOL_MODE,
];

/// Where a database is.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A server, or several of which one takes writes.
    Postgres {
        /// In the order of the address; never empty.
        hosts: Vec<PgConnectOptions>,
        /// Whether a pooler gives each transaction another connection.
        is_pooled: bool,
    },
}

impl Address {
    /// Parses an address. No error shows any part of it, because it may hold a password.
    pub fn parse(text: &str) -> Result<Self, DbErr> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
            return Ok(Self::Sqlite(path.into()));
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return postgres(text);
        }
        Err(wrong("the URL must start with sqlite:// or postgres://"))
    }

    /// Returns whether a pooler gives each transaction another connection.
    pub const fn is_pooled(&self) -> bool {
        matches!(self, Self::Postgres { is_pooled: true, .. })
    }

    /// Returns the address for messages: without user, password and options.
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres { hosts, .. } => named(hosts),
        }
    }
}

impl Database {
    /// Returns the name of the database in a PostgreSQL URL, or the user's name if the URL names no
    /// database. Returns `None` for other URLs.
    #[must_use]
    pub fn name_of(url: &str) -> Option<String> {
        let Ok(Address::Postgres { hosts, .. }) = Address::parse(url) else { return None };
        let host = hosts.first()?;
        Some(host.get_database().unwrap_or_else(|| host.get_username()).to_owned())
    }
}

/// Returns the hosts for messages: without user, password and options.
pub(super) fn named(hosts: &[PgConnectOptions]) -> String {
    let name = |host: &PgConnectOptions| match host.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", host.get_host(), host.get_port()),
    };
    hosts.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn postgres(text: &str) -> Result<Address, DbErr> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("the URL lacks ://"))?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // A password may hold an @, a host can't.
    let (who, hosts) = match authority.rsplit_once('@') {
        Some((who, hosts)) => (format!("{who}@"), hosts),
        None => (String::new(), authority),
    };
    let mut is_pooled = false;
    let mut options = Vec::new();
    for host in hosts.split(',') {
        if host.is_empty() && hosts.contains(',') {
            return Err(wrong("one of the hosts of the URL has no name"));
        }
        let url = Url::parse(&format!("{scheme}://{who}{host}{tail}"))
            .map_err(|error| wrong(&format!("the URL can't be read: {error}")))?;
        let (url, mode) = for_the_driver(url);
        is_pooled = match mode.as_deref() {
            None | Some("session") => false,
            Some("transaction") => true,
            Some(_) => return Err(wrong("pool_mode must be session or transaction")),
        };
        let host: PgConnectOptions =
            url.as_str().parse().map_err(|_| wrong("a part of the URL has no valid value"))?;
        // Poolers refuse `extra_float_digits`, and we store no floats.
        options.push(host.extra_float_digits(None).disable_statement_logging());
    }
    Ok(Address::Postgres { hosts: options, is_pooled })
}

/// Removes the options that the driver doesn't know. Returns the value of the one that is ours.
fn for_the_driver(mut url: Url) -> (Url, Option<String>) {
    let is_known = |name: &str| OF_DRIVER.contains(&name) || name.starts_with("options[");
    let pairs = url.query_pairs().into_owned();
    let (known, unknown): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| is_known(name));
    if !unknown.is_empty() {
        let count = unknown.len();
        tracing::warn!(count, "options of the database's URL are unknown and have no effect");
    }
    let mode = known.iter().find(|(name, _)| name == POOL_MODE).map(|(_, value)| value.clone());
    if mode.is_some() || !unknown.is_empty() {
        let of_driver = known.iter().filter(|(name, _)| name != POOL_MODE);
        url.query_pairs_mut().clear().extend_pairs(of_driver);
    }
    (url, mode)
}

fn wrong(problem: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(problem.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::*;

    fn hosts(text: &str) -> (Vec<(String, u16)>, bool) {
        let Address::Postgres { hosts, is_pooled } = Address::parse(text).unwrap() else {
            panic!("{text} is PostgreSQL's");
        };
        let host = |host: &PgConnectOptions| (host.get_host().to_owned(), host.get_port());
        (hosts.iter().map(host).collect(), is_pooled)
    }

    #[test]
    fn an_address_names_one_host_or_several_and_its_pooler() {
        let one = ("one".to_owned(), 5432);
        assert_eq!(hosts("postgres://u:p@one/db"), (vec![one.clone()], false));
        let two = vec![one.clone(), ("two".to_owned(), 5433)];
        assert_eq!(hosts("postgres://u:p@one:5432,two:5433/db"), (two.clone(), false));
        let pooled = "postgresql://u:p%40@one,two:5433/db?pool_mode=transaction&sslmode=disable";
        assert_eq!(hosts(pooled), (two, true));
        assert_eq!(hosts("postgres://one/db?pool_mode=session"), (vec![one], false));
    }

    #[test]
    fn a_database_has_one_name_however_it_is_reached() {
        let name = |url| Database::name_of(url);
        for url in [
            "postgres://u:p@one/db",
            "postgresql://u:p@one,two:5433/db?pool_mode=transaction",
            "postgres:///db?host=/tmp",
            "postgres://u@one?dbname=db",
            "postgres://db@one",
        ] {
            assert_eq!(name(url).as_deref(), Some("db"), "{url}");
        }
        assert_eq!(name("postgres://one/d%C3%A9%2Fb").as_deref(), Some("dé/b"));
        assert_eq!(name("sqlite://db"), None);
    }

    #[test]
    fn no_error_shows_a_part_of_the_address() {
        for text in [
            "mysql://u:canary@host/db",
            "postgres:u:canary@host/db",
            "postgres://u:canary@host:canary/db",
            "postgres://u:canary@host/db?pool_mode=canary",
            "postgres://u:canary@host/db?sslmode=canary",
            "postgres://u:canary@ho st/db",
            "postgres://u:canary@one,/db:canary",
        ] {
            let said = Address::parse(text).map_or_else(|error| error.to_string(), |_| text.into());
            assert!(!said.contains("canary"), "{text}: {said}");
        }
    }

    const GOOD: [&str; 4] = [
        "postgres://u:canary@one:5432,two:5433/db?sslmode=disable",
        "postgresql://u:canary@[::1]/db?pool_mode=transaction&options=-c%20a%3Db",
        "postgres:///db?host=/tmp&password=canary",
        "sqlite://data/recharge.db?mode=rwc",
    ];
    const PIECES: [&str; 15] =
        ["@", ":", "/", ",", "?", "#", "%", "%00", "&", "=", "[", "é", " ", "\0", "99999"];

    /// A good address, whose password is `canary`, with up to four pieces inserted.
    fn spoiled() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(&PIECES[..]);
        let pieces = vec((any::<Index>(), piece), 0..5);
        (proptest::sample::select(&GOOD[..]), pieces).prop_map(|(text, pieces)| {
            pieces.into_iter().fold(text.to_owned(), |mut text, (at, piece)| {
                let places: Vec<_> = text.char_indices().map(|(place, _)| place).collect();
                text.insert_str(*at.get(&places), piece);
                text
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_stands_in_an_address_it_is_read_or_refused_without_its_password(
            text in spoiled(),
        ) {
            match Address::parse(&text) {
                Ok(Address::Sqlite(path)) => prop_assert!(text.contains(&*path.to_string_lossy())),
                Ok(Address::Postgres { hosts, .. }) => prop_assert!(!hosts.is_empty()),
                Err(error) => prop_assert!(!error.to_string().contains("canary"), "{}", error),
            }
        }
    }
}
