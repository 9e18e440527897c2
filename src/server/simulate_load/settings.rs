//! What load is to be driven, as it is written on the command line.

use std::{num::NonZeroU32, time::Duration};

use crate::server::secret::Secret;

/// What load is to be driven.
#[derive(Clone, Debug, clap::Args)]
pub struct Load {
    /// Where Recharge answers; plain http only
    #[arg(long, default_value = "http://127.0.0.1:3000", value_parser = address)]
    pub url: String,

    /// The API key, with the scopes read and spend; better in the environment than on the line
    #[arg(long, env = "RECHARGE_KEY", hide_env_values = true, value_parser = key)]
    pub key: Secret,

    /// The account to drive, acc_…; several times for several. The key of an account needs none, a
    /// service's key at least one
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,

    /// Operations to begin per second, of all accounts together; 0: as many as are answered
    #[arg(long, default_value_t = 5, value_name = "PER_SECOND")]
    pub rate: u32,

    /// Operations that are under way at the same time
    #[arg(long, default_value = "4", value_name = "OPERATIONS")]
    pub in_flight: NonZeroU32,

    /// How long, such as 90s, 10m or 8h; without it, until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub duration: Option<Duration>,

    /// The share of operations that fail and are released, from 0 to 1
    #[arg(long, default_value = "0.1", value_name = "SHARE", value_parser = share)]
    pub failures: f64,

    /// Another number asks for other operations
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
}

fn address(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "http" || !url.has_host() {
        return Err("it must start with http://: run this beside the server".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn key(text: &str) -> Result<Secret, String> {
    let is_key = text.starts_with("rcg_") && text.is_ascii();
    is_key.then(|| Secret::new(text)).ok_or_else(|| "a key starts with rcg_".to_owned())
}

fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number of seconds, minutes or hours: 90s, 10m, 8h".to_owned();
    let (number, unit) = match text.char_indices().last() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3_600),
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    if number == 0 {
        return Err(wrong());
    }
    Ok(Duration::from_secs(u64::from(number) * unit))
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "it must be a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(span("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(span("8h"), Ok(Duration::from_hours(8)));
        for wrong in ["", "10", "m", "0s", "-1s", "1.5h", "99999999999s", "1\u{e9}"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert_eq!(share("0.25"), Ok(0.25));
        for wrong in ["1.1", "-0.1", "NaN", "many"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
        assert_eq!(address("http://127.0.0.1:3000/"), Ok("http://127.0.0.1:3000".to_owned()));
        for wrong in ["127.0.0.1:3000", "https://recharge.test", "nowhere"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        assert!(key("sk_test_x").is_err());
    }
}
