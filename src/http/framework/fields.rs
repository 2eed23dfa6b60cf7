//! The members of a body, read one after the other.
//! In: a JSON object. Out: typed members, or every one that does not fit, in one answer.
//!
//! Not deserr: what it would save is the macro below; rules, schemas and Better Auth's texts would be ours all the
//! same.

use poem_openapi::types::{MaybeUndefined, Type};
use serde_json::{Map, Value};

use super::text::TextMember;

/// A value that can be read from the members of a body.
pub trait FromFields: Type + Sized {
    /// The members that are read, for a check against the described ones.
    const MEMBERS: &'static [&'static str];
    /// Whether the body may be absent.
    const PRESENCE: Presence = Presence::Required;

    /// Takes the members; `None` when one does not fit, which is noted in `fields`.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// Whether a request needs a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It does.
    Required,
    /// It is read as `{}` where it is absent.
    Optional,
}

/// Implements [`FromFields`] for a struct: each field with the name of its member. Errors are named in this order.
macro_rules! members {
    ($type:ident { $($field:ident: $name:literal),+ $(,)? }) => {
        $crate::http::framework::fields::members!($type: Required { $($field: $name),+ });
    };
    ($type:ident: $presence:ident { $($field:ident: $name:literal),+ $(,)? }) => {
        impl $crate::http::framework::fields::FromFields for $type {
            const MEMBERS: &'static [&'static str] = &[$($name),+];
            const PRESENCE: $crate::http::framework::fields::Presence =
                $crate::http::framework::fields::Presence::$presence;

            fn from_fields(fields: &mut $crate::http::framework::fields::Fields) -> Option<Self> {
                // All of them, before the first that does not fit ends it.
                $(let $field = fields.take($name);)+
                Some(Self { $($field: $field?),+ })
            }
        }
    };
}
pub(crate) use members;

/// The members of a body, and what is wrong with them. Not `Debug`: they may be secrets.
pub struct Fields {
    members: Map<String, Value>,
    errors: Vec<String>,
}

impl Fields {
    /// Reads `T` out of members.
    ///
    /// # Errors
    /// Every member that does not fit, each as a sentence.
    pub fn read<T: FromFields>(members: Map<String, Value>) -> Result<T, String> {
        let mut fields = Self { members, errors: Vec::new() };
        let value = T::from_fields(&mut fields);
        value.filter(|_| fields.errors.is_empty()).ok_or_else(|| fields.errors.join("; "))
    }

    /// Drops those of these members that are null, as clients send them that have no word for "left out" (Go's pointers,
    /// Python's `None`). Better Auth tells the two apart, and so does the identity API.
    pub fn leave_out_nulls(&mut self, names: &[&str]) {
        self.members.retain(|name, value| !value.is_null() || !names.contains(&name.as_str()));
    }

    /// Takes a member; `None` when it does not fit, which is noted.
    pub fn take<M: Member>(&mut self, name: &str) -> Option<M> {
        M::take(self, name)
    }

    /// Notes every member that is left over as one that should not be there.
    pub fn refuse_the_rest(&mut self) {
        if !self.members.is_empty() {
            // Their names are the caller's input and are not repeated.
            self.errors.push("[body] Unrecognized keys".to_owned());
        }
    }

    fn misfit(&mut self, name: &str, text: &str) {
        self.errors.push(format!("[body.{name}] {text}"));
    }

    fn text<T: TextMember>(&mut self, name: &str, value: Value) -> Option<T> {
        let Value::String(text) = value else {
            self.misfit(name, &format!("Invalid input: expected string, received {}", kind(&value)));
            return None;
        };
        let read = match T::RULE.misfit(&text) {
            Some(misfit) => Err(misfit),
            None => T::from_text(text).map_err(str::to_owned),
        };
        read.map_err(|misfit| self.misfit(name, &misfit)).ok()
    }
}

/// A member of a body.
pub trait Member: Sized {
    /// Takes it; `None` when it does not fit, which is noted.
    fn take(fields: &mut Fields, name: &str) -> Option<Self>;
}

/// A text that must be there.
impl<T: TextMember> Member for T {
    fn take(fields: &mut Fields, name: &str) -> Option<Self> {
        match fields.members.remove(name) {
            Some(value) => fields.text(name, value),
            None => {
                fields.misfit(name, "Invalid input: expected string, received undefined");
                None
            }
        }
    }
}

/// A text that may be absent, but not null.
impl<T: TextMember> Member for Option<T> {
    fn take(fields: &mut Fields, name: &str) -> Option<Self> {
        match fields.members.remove(name) {
            None => Some(None),
            Some(value) => fields.text(name, value).map(Some),
        }
    }
}

/// A text that may be absent or null.
impl<T: TextMember> Member for MaybeUndefined<T> {
    fn take(fields: &mut Fields, name: &str) -> Option<Self> {
        match fields.members.remove(name) {
            None => Some(Self::Undefined),
            Some(Value::Null) => Some(Self::Null),
            Some(value) => fields.text(name, value).map(Self::Value),
        }
    }
}

/// A flag that may be absent, but not null.
impl Member for Option<bool> {
    fn take(fields: &mut Fields, name: &str) -> Option<Self> {
        match fields.members.remove(name) {
            None => Some(None),
            Some(Value::Bool(flag)) => Some(Some(flag)),
            Some(value) => {
                fields.misfit(name, &format!("Invalid input: expected boolean, received {}", kind(&value)));
                None
            }
        }
    }
}

/// Whether a body names a member, whatever its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Named {
    /// It does.
    Yes,
    /// It does not.
    #[default]
    No,
}

impl Member for Named {
    fn take(fields: &mut Fields, name: &str) -> Option<Self> {
        Some(if fields.members.remove(name).is_some() { Self::Yes } else { Self::No })
    }
}

/// What JavaScript would call a value.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
