//! Credits on the wire: text with up to three decimals, so that no reader makes a float of them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::credits::Credits;

/// Credits as programs write and read them: `"12.5"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Credits);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.plain())
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let credits: Credits = text.parse().map_err(D::Error::custom)?;
        if credits < Credits::ZERO {
            return Err(D::Error::custom("an amount of credits can't be negative"));
        }
        Ok(Self(credits))
    }
}

impl ToSchema for Amount {}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Credits with up to three decimals, as text."))
            .pattern(Some(r"^-?\d{1,15}(\.\d{1,3})?$"))
            .examples(["12.5"])
            .into()
    }
}
