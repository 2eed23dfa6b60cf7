//! Members of bodies that are text: one rule for the reader and for the OpenAPI document.
//! In: a rule, written once beside a type. Out: what does not fit, in Better Auth's words; and a JSON schema.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::Type;

/// Which control characters a text may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controls {
    /// None.
    None,
    /// Line breaks and tabs.
    Lines,
    /// Any: it is never printed.
    Any,
}

/// What a text member has to be.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// At least so many characters.
    pub min: usize,
    /// At most so many characters.
    pub max: usize,
    /// Which control characters it may hold.
    pub controls: Controls,
}

/// Characters that show nothing: white space, controls, and what joins, marks or orders others (Unicode's
/// `Default_Ignorable_Code_Point`, and the blanks of Braille and Hangul). As the inside of a class of a regular expression.
const INVISIBLE: &[(char, char)] = &[
    ('\0', ' '),
    ('\u{7f}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2000}', '\u{200f}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
];

/// Whether a reader sees anything of a text.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c)))
}

/// A line that shows something, as a regular expression that every reader of JSON Schema understands alike.
pub fn visible_line() -> String {
    let class: String = INVISIBLE
        .iter()
        .map(|(first, last)| format!("\\u{:04x}-\\u{:04x}", u32::from(*first), u32::from(*last)))
        .collect();
    let line = r"[^\u0000-\u001f\u007f-\u009f]*";
    format!("^{line}[^{class}]{line}$")
}

impl Text {
    /// One line of at most `max` characters.
    pub const fn line(max: usize) -> Self {
        Self { min: 0, max, controls: Controls::None }
    }

    /// What is wrong with `text`, if anything.
    pub fn misfit(&self, text: &str) -> Option<String> {
        let length = text.chars().count();
        let is_foreign = |c: char| match self.controls {
            Controls::None => c.is_control(),
            Controls::Lines => c.is_control() && !matches!(c, '\n' | '\r' | '\t'),
            Controls::Any => false,
        };
        if length < self.min {
            Some(format!("Too small: expected string to have >={} characters", self.min))
        } else if length > self.max {
            Some(format!("Too big: expected string to have <={} characters", self.max))
        } else if text.chars().any(is_foreign) {
            Some("Invalid string: must not contain control characters".to_owned())
        } else {
            None
        }
    }

    /// The same in JSON Schema's words.
    pub fn schema(&self) -> MetaSchema {
        let pattern = match self.controls {
            Controls::None => Some(r"^[^\u0000-\u001f\u007f-\u009f]*$"),
            Controls::Lines => Some(r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"),
            Controls::Any => None,
        };
        MetaSchema {
            min_length: (self.min > 0).then_some(self.min),
            max_length: Some(self.max),
            pattern: pattern.map(str::to_owned),
            ..MetaSchema::new("string")
        }
    }
}

/// A member of a body that is text.
pub trait TextMember: Type + Sized {
    /// What fits.
    const RULE: Text;

    /// Takes a text that fits the rule.
    ///
    /// # Errors
    /// What else is wrong with it.
    fn from_text(text: String) -> Result<Self, &'static str>;
}

/// Makes a type a string of the OpenAPI document, described in place.
macro_rules! string_type {
    ([$($generics:tt)*] $type:ty, $schema:expr) => {
        impl<$($generics)*> poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                "string".into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self::RawValueType> {
                Some(self)
            }

            fn raw_element_iter<'a>(
                &'a self,
            ) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }
    };
    ($type:ty, $schema:expr) => {
        $crate::http::framework::text::string_type!([] $type, $schema);
    };
}
pub(crate) use string_type;

/// Reads a text member as poem-openapi would; our own reader names all that does not fit at once.
macro_rules! text_from_json {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> poem_openapi::types::ParseFromJSON for $type {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                use poem_openapi::types::ParseError;
                use $crate::http::framework::text::TextMember;
                let Some(serde_json::Value::String(text)) = value else {
                    return Err(ParseError::custom("expected a string"));
                };
                match Self::RULE.misfit(&text) {
                    Some(misfit) => Err(ParseError::custom(misfit)),
                    None => Self::from_text(text).map_err(ParseError::custom),
                }
            }
        }
    };
    ($type:ty) => {
        $crate::http::framework::text::text_from_json!([] $type);
    };
}
pub(crate) use text_from_json;

/// Declares a type of text members: its rule is both the reader's and the document's.
macro_rules! text_members {
    ($($(#[$doc:meta])* $name:ident: $rule:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        $crate::http::framework::text::string_type!($name, {
            use $crate::http::framework::text::TextMember;
            Self::RULE.schema()
        });
        $crate::http::framework::text::text_from_json!($name);

        impl $crate::http::framework::text::TextMember for $name {
            const RULE: $crate::http::framework::text::Text = $rule;

            fn from_text(text: String) -> Result<Self, &'static str> {
                Ok(Self(text))
            }
        }

        impl poem_openapi::types::ToJSON for $name {
            fn to_json(&self) -> Option<serde_json::Value> {
                Some(self.0.clone().into())
            }
        }
    )+};
}
pub(crate) use text_members;
