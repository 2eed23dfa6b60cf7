//! How a setting is declared: everything about it in one value.
//! In: its names, its help, its default, its rule. Out: a flag, a variable, a typed value, a line of the report.

use std::fmt;

/// A setting of type `T`. Its default is written once: the help shows it and [`Setting::parse`] reads it.
pub(super) struct Setting<T> {
    /// The environment variable.
    pub(super) name: &'static str,
    /// The flag, without its hyphens.
    pub(super) flag: &'static str,
    /// What the help calls the value.
    pub(super) value_name: &'static str,
    /// What the help says, without the default.
    pub(super) help: &'static str,
    /// The default as the help shows it.
    pub(super) default: &'static str,
    /// What the setting is when it is not given.
    pub(super) unset: Unset<T>,
    /// Whether its text must not be seen, and may come from a file.
    pub(super) kind: Kind,
    /// Reads a text.
    pub(super) parse: fn(&str) -> Result<T, Problems>,
    /// Writes a value for the report; of a secret nothing but a fingerprint.
    pub(super) show: fn(&T) -> String,
}

/// What a setting is when it is not given.
pub(super) enum Unset<T> {
    /// The default, read like a text that was given.
    Default,
    /// This; the default is words about it.
    Is(fn() -> T),
}

/// Whether the text of a setting may be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Everybody may see it.
    Plain,
    /// It is a secret; `NAME_FILE` may name a file that holds it.
    Secret(Empty),
}

/// What an empty text of a secret means. An empty plain text always counts as unset, as deployment templates write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// The same as none.
    Unset,
    /// An error: the default in its place would quietly lose something.
    Refused,
}

/// Why a text is refused: each problem is the rest of a sentence that begins with the name of the setting.
#[derive(Debug)]
pub(super) struct Problems(pub(super) Vec<String>);

impl<S: Into<String>> From<S> for Problems {
    fn from(problem: S) -> Self {
        Self(vec![problem.into()])
    }
}

/// What the command line and the documents need to know of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The environment variable.
    pub name: &'static str,
    /// The flag, without its hyphens.
    pub flag: &'static str,
    /// What the help calls the value.
    pub value_name: &'static str,
    /// What the help says, without the default.
    pub help: &'static str,
    /// The default as the help shows it.
    pub default: &'static str,
    /// Whether its text must not be seen, and may come from a file.
    pub kind: Kind,
}

impl<T> Setting<T> {
    /// What does not depend on its type.
    pub(super) const fn declaration(&self) -> Declaration {
        Declaration {
            name: self.name,
            flag: self.flag,
            value_name: self.value_name,
            help: self.help,
            default: self.default,
            kind: self.kind,
        }
    }
}

impl Declaration {
    /// The variable that names a file with the value, for a secret.
    pub fn file_name(&self) -> Option<String> {
        matches!(self.kind, Kind::Secret(_)).then(|| format!("{}_FILE", self.name))
    }
}

/// Settings that belong together.
#[derive(Debug)]
pub struct Group {
    /// The heading in the help.
    pub heading: &'static str,
    /// In the order of the help.
    pub settings: &'static [Declaration],
}

/// What the report shows for an optional value.
pub(super) fn or_none<T: fmt::Display>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "none".to_owned(), T::to_string)
}

/// What the report shows for a list.
pub(super) fn joined<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(",") }
}

/// The texts of a comma list, trimmed, without empty ones.
pub(super) fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// The rule of a setting that is `on` or `off`.
pub(super) fn switch(text: &str) -> Result<bool, Problems> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        text => Err(format!("is {text:?}; it must be on or off").into()),
    }
}

/// What the report shows for `on` or `off`.
pub(super) fn show_switch(on: &bool) -> String {
    if *on { "on" } else { "off" }.to_owned()
}
