//! Scopes: what a token is good for, in words.
//! In: words with a space between them. Out: a set of them, in the order in which they were given.

use std::fmt;

/// Words, each once, in the order in which they were given (RFC 6749 section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Reads words with one space between them; the empty text is the empty set, and a text that is no scope is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|_| !text.is_empty()) {
            let known =
                |byte: u8| byte == 0x21 || (0x23..=0x5b).contains(&byte) || (0x5d..=0x7e).contains(&byte);
            if word.is_empty() || !word.bytes().all(known) {
                return None;
            }
            if !words.iter().any(|other| other == word) {
                words.push(word.to_owned());
            }
        }
        Some(Self(words))
    }

    /// Whether `word` is one of them.
    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each of them is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|word| other.contains(word))
    }

    /// Those for which `keep` says so.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.iter().filter(|word| keep(word)).map(str::to_owned).collect())
    }

    /// Those that are in `other` as well.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.filtered(|word| other.contains(word))
    }

    /// Those that are in either, these first.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let more = other.iter().filter(|word| !self.contains(word));
        Self(self.iter().chain(more).map(str::to_owned).collect())
    }

    /// Word by word.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}
