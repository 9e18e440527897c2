//! What is priced of an operation: its named quantities, as callers give them and as the rate card
//! wants them.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::amount::grouped;

/// The quantities of one operation by their ids. As JSON:
/// `{"assets": 20, "years": 1, "resolution": "daily"}`.
pub type Quantities = BTreeMap<String, Quantity>;

/// A quantity as it was given: a number or the id of an option, as text. Nothing is refused before
/// the rate card has seen it, so that every error can name the quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity(String);

/// Which quantity can't be priced, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct QuantityError {
    /// The id of the quantity, or `operation`.
    pub field: String,
    /// What is wrong, in a sentence for people.
    pub message: String,
}

impl QuantityError {
    pub(super) fn new(field: &str, message: String) -> Self {
        Self { field: field.to_owned(), message }
    }
}

/// A quantity that is counted or measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// Its unit where there is one: "asset".
    pub one: String,
    /// Its unit where there are more: "assets".
    pub many: String,
    /// The least that is priced, in units of the last decimal.
    pub minimum: i64,
    /// The most that is priced, in units of the last decimal.
    pub maximum: i64,
    /// How many decimals it may have: 0 where it is counted.
    pub decimals: u32,
    /// Whether it is written in thousands: "66k".
    pub in_thousands: bool,
}

/// One of the values of a quantity that is chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choosable {
    /// Its id: "hourly".
    pub id: String,
    /// Its name where it is chosen: "Hourly".
    pub name: String,
    /// What a row of the history says of it: "hourly bars".
    pub words: String,
    /// What it multiplies the rates by, in millionths.
    pub factor: i64,
}

impl Quantity {
    /// As somebody wrote it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<i64> for Quantity {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Number {
    /// One unit in units of the last decimal.
    #[must_use]
    pub const fn scale(&self) -> i64 {
        10_i64.pow(self.decimals)
    }

    /// Reads digits with an optional fraction; what remains of the sentence where it can't.
    pub(super) fn read(&self, text: &str) -> Result<i64, String> {
        let unsigned = text.strip_prefix(['-', '\u{2212}']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let is_bare = whole.is_empty() || unsigned.ends_with('.');
        if is_bare || !only_digits(whole) || !only_digits(fraction) {
            let example = self.written(self.maximum.min(20 * self.scale()).max(self.minimum));
            return Err(format!("must be a number in digits, such as {example}"));
        }
        if unsigned.len() < text.len() {
            return Err(format!("must be at least {}", self.written(self.minimum)));
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > self.decimals as usize {
            return Err(match self.decimals {
                0 => "must be a whole number".to_owned(),
                1 => "can have 1 decimal at most".to_owned(),
                decimals => format!("can have {decimals} decimals at most"),
            });
        }
        let digits = format!("{whole}{fraction:0<width$}", width = self.decimals as usize);
        match digits.trim_start_matches('0') {
            "" => self.within(0),
            digits => self.within(digits.parse().unwrap_or(i64::MAX)),
        }
    }

    fn within(&self, value: i64) -> Result<i64, String> {
        if value < self.minimum {
            return Err(format!("must be at least {}", self.written(self.minimum)));
        }
        if value > self.maximum {
            return Err(format!("must be at most {}", self.written(self.maximum)));
        }
        Ok(value)
    }

    /// A value as people write it: "1,250", "0.5".
    #[must_use]
    pub fn written(&self, value: i64) -> String {
        let (value, scale) = (value.unsigned_abs(), self.scale().unsigned_abs());
        let whole = grouped(value / scale);
        if value.is_multiple_of(scale) {
            return whole;
        }
        let width = self.decimals as usize;
        let fraction = format!("{:0width$}", value % scale);
        format!("{whole}.{}", fraction.trim_end_matches('0'))
    }

    /// A value with its unit: "20 assets", "66k tokens in".
    #[must_use]
    pub fn words(&self, value: i64) -> String {
        let unit = if value == self.scale() { &self.one } else { &self.many };
        let hundred = 100 * self.scale();
        if self.in_thousands && value >= 10 * hundred && value % hundred == 0 {
            let tenths = value / hundred;
            let fraction =
                if tenths % 10 == 0 { String::new() } else { format!(".{}", tenths % 10) };
            return format!("{}{fraction}k {unit}", grouped(tenths.unsigned_abs() / 10));
        }
        format!("{} {unit}", self.written(value))
    }
}

/// The longest decimal that every reader of JSON reads exactly: 15 digits and a point.
const EXACT: usize = 16;

/// Numbers stay numbers if they are read back as the same text: "007" and "-0" stay text.
impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = self.0.parse::<i64>().ok();
        if let Some(number) = number.filter(|number| number.to_string() == self.0) {
            return serializer.serialize_i64(number);
        }
        let is_exact = |number: &f64| self.0.len() <= EXACT && number.to_string() == self.0;
        let number = self.0.parse::<f64>().ok().filter(|number| number.is_finite());
        if let Some(number) = number.filter(is_exact) {
            return serializer.serialize_f64(number);
        }
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

/// Keeps whatever came, as text: the rate card will say what is wrong with it.
struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or the name of an option")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Quantity, E> {
        Ok(Quantity(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Quantity, E> {
        Ok(Quantity(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Quantity, E> {
        Ok(Quantity(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Quantity, E> {
        Ok(Quantity(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Quantity, E> {
        Ok(Quantity(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Quantity, E> {
        Ok(Quantity(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Quantity, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Quantity("a list".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Quantity, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Quantity("an object".to_owned()))
    }
}
