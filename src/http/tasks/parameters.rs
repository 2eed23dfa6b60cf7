//! What the tasks API reads out of paths and queries.
//! In: texts. Out: ids and flags; each type is the rule of the reader and the schema of the document.
//! Owns: an id that no task can have is 404 before any row is looked for.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult};

use crate::http::framework::text::string_type;
use crate::model::task::TaskId;

/// The id of a task in a path.
#[derive(Debug)]
pub struct TaskIdParameter(pub TaskId);

string_type!(
    TaskIdParameter,
    MetaSchema { pattern: Some("^[A-Za-z0-9]{32}$".to_owned()), ..MetaSchema::new("string") }
);

impl ParseFromParameter for TaskIdParameter {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        text.parse().map(Self).map_err(ParseError::custom)
    }
}

/// A flag in a query: `true` or `false`, in any case, since Python writes `True`.
#[derive(Clone, Copy, Debug)]
pub struct Flag(pub bool);

string_type!(Flag, MetaSchema::new("boolean"));

impl ParseFromParameter for Flag {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            _ if text.eq_ignore_ascii_case("true") => Ok(Self(true)),
            _ if text.eq_ignore_ascii_case("false") => Ok(Self(false)),
            _ => Err(ParseError::custom("expected true or false")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_read_in_any_case_and_from_nothing_else() {
        let read = |text| Flag::parse_from_parameter(text).ok().map(|flag| flag.0);
        assert_eq!([read("true"), read("True"), read("TRUE")], [Some(true); 3]);
        assert_eq!([read("false"), read("False"), read("FALSE")], [Some(false); 3]);
        for text in ["", "0", "1", "yes", "true ", "\0", "tru\u{435}", "\u{ff34}rue"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
