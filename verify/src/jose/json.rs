//! JSON without ambiguity, for everything that a signature or a trust decision depends on.
//! In: untrusted bytes. Out: a value that every conforming reader understands alike, or an error.
//! Owns: no member occurs twice and nesting is bounded, so two readers cannot see two documents.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How many objects and arrays may lie within each other.
pub const MAX_DEPTH: usize = 32;

/// Why a document was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// The bytes are not UTF-8 (RFC 8259 section 8.1).
    #[error("the document is not UTF-8")]
    NotUtf8,
    /// The text is not exactly one JSON value; a byte order mark counts as foreign text.
    #[error("the document is not JSON")]
    Syntax,
    /// An object has a member twice, be it in another spelling of the same name.
    #[error("the document names a member twice")]
    DuplicateMember,
    /// More than [`MAX_DEPTH`] objects and arrays lie within each other.
    #[error("the document is nested too deeply")]
    TooDeep,
}

/// Reads exactly one JSON value from `bytes`.
///
/// RFC 7515 section 4 and RFC 7519 section 4 let a reader either refuse a repeated name or take its last value;
/// refusing is the choice that leaves no room for a second opinion.
///
/// # Errors
/// An [`Error`] that says which rule was broken.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8)?;
    let error = Cell::new(Error::Syntax);
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Strict { depth: 0, error: &error }.deserialize(&mut reader).map_err(|_| error.get())?;
    reader.end().map_err(|_| Error::Syntax)?;
    Ok(value)
}

/// Builds a value while it counts the depth and watches for repeated names.
///
/// The error travels beside serde's own error, which could carry it as text only.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    error: &'f Cell<Error>,
}

impl Strict<'_> {
    fn refuse<E: de::Error>(self, error: Error) -> E {
        self.error.set(error);
        E::custom(error)
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(Error::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.refuse(Error::Syntax))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.refuse(Error::DuplicateMember));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
