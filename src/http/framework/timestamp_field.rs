//! Times in JSON.
//! In: a [`Timestamp`]. Out: ISO 8601 with exactly three fractional digits and `Z`, the only form that Better Auth's
//! client reads rightly.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::text::string_type;
use signet_verify::clock::Timestamp;

/// A time as the APIs write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampField(pub Timestamp);

impl From<Timestamp> for TimestampField {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

string_type!(
    TimestampField,
    MetaSchema {
        example: Some(Value::from("2026-11-22T20:14:27.695Z")),
        ..MetaSchema::new_with_format("string", "date-time")
    }
);

impl Serialize for TimestampField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.iso_8601())
    }
}

impl ToJSON for TimestampField {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.iso_8601()))
    }
}

impl ParseFromJSON for TimestampField {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let text =
            value.as_ref().and_then(Value::as_str).ok_or_else(|| ParseError::custom("expected a time"))?;
        Timestamp::parse_rfc_3339(text).map(Self).ok_or_else(|| ParseError::custom("expected a time"))
    }
}
