//! The settings as they are given: names and texts, nothing judged yet.
//! In: the command line and the environment, or pairs. Out: texts for [`super::Config::resolve`].
//! Owns: no text of a setting is shown; any of them may be a secret in the wrong place.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

/// A given text that must not be seen before it has found its own type.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

/// The settings that were given, by the names of their environment variables.
///
/// All are texts: a start shall report every bad value, and not only the first.
#[derive(Clone, Debug, Default)]
pub struct Settings(BTreeMap<String, SecretText>);

impl Settings {
    /// Gives the setting `name`; a name that is none is refused by [`super::Config::resolve`].
    pub fn set(&mut self, name: &str, text: impl Into<SecretText>) {
        self.0.insert(name.to_owned(), text.into());
    }

    /// Takes the setting `name` back.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The text that was given for `name`.
    pub(super) fn get(&self, name: &str) -> Option<&SecretText> {
        self.0.get(name)
    }

    /// The names that were given.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<T: Into<SecretText>, const N: usize> From<[(&str, T); N]> for Settings {
    fn from(given: [(&str, T); N]) -> Self {
        Self(given.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect())
    }
}
