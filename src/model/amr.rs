//! How a user has proved who they are.
//! In: the words of RFC 8176. Out: the same, each once, in the order in which they were proved.

use std::fmt;

/// Authentication method references (RFC 8176), as the claim `amr` has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amr(Vec<String>);

impl Amr {
    /// A password, and nothing else.
    pub fn password() -> Self {
        Self(vec!["pwd".to_owned()])
    }

    /// Reads words with a space between them, as they are kept. Words that a later version has added are kept too.
    pub fn from_words(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Word by word.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
