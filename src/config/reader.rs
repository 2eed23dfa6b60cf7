//! Reads settings one after the other, and remembers what is wrong and what the report says.
//! In: [`Settings`] and declarations. Out: typed values; all errors, and a line for each setting.
//! Owns: one bad setting hides no other one.

use super::error::Error;
use super::setting::{Declaration, Setting, Unset};
use super::settings::Settings;
use super::sources::Source;

/// One setting as it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The environment name.
    pub name: &'static str,
    /// The effective value; secrets show a fingerprint.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// What is read of the settings so far.
pub(super) struct Reader<'a> {
    settings: &'a Settings,
    errors: Vec<Error>,
    lines: Vec<Line>,
}

impl<'a> Reader<'a> {
    /// Nothing is read yet.
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, errors: Vec::new(), lines: Vec::new() }
    }

    /// The value of a setting, with a line in the report; none when it cannot be used, which is kept for the end.
    pub(super) fn read<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        let found = self.value(setting);
        let (value, source) = self.keep(found)?;
        self.lines.push(Line { name: setting.name, value: (setting.show)(&value), source });
        Some(value)
    }

    /// The value of a setting that is read elsewhere; none when it cannot be used, which is said there.
    pub(super) fn peek<T>(&self, setting: &Setting<T>) -> Option<T> {
        self.value(setting).ok().map(|(value, _)| value)
    }

    /// Whether the setting was given.
    pub(super) fn is_given(&self, setting: &Declaration) -> bool {
        !matches!(self.settings.find(setting), Ok(None))
    }

    /// Keeps an error for the end.
    pub(super) fn refuse(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// The value, or nothing and the errors kept for the end.
    pub(super) fn keep<T>(&mut self, outcome: Result<T, Vec<Error>>) -> Option<T> {
        outcome.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// Puts `value` into the report, in place of what the setting by itself says.
    pub(super) fn report<T>(&mut self, setting: &Setting<T>, value: String) {
        match self.lines.iter_mut().find(|line| line.name == setting.name) {
            Some(line) => line.value = value,
            None => {
                let source =
                    if self.is_given(&setting.declaration()) { Source::Given } else { Source::Default };
                self.lines.push(Line { name: setting.name, value, source });
            }
        }
    }

    /// The lines of the report, or every error in the order in which they were found.
    pub(super) fn finish(self) -> Result<Vec<Line>, Vec<Error>> {
        if self.errors.is_empty() { Ok(self.lines) } else { Err(self.errors) }
    }

    /// The value of a setting and where it comes from, unreported.
    pub(super) fn value<T>(&self, setting: &Setting<T>) -> Result<(T, Source), Vec<Error>> {
        let found = self.settings.find(&setting.declaration()).map_err(|error| vec![error])?;
        let (parsed, source) = match (&found, &setting.unset) {
            (Some((text, source)), _) => ((setting.parse)(text.expose()), *source),
            (None, Unset::Default) => ((setting.parse)(setting.default), Source::Default),
            (None, Unset::Is(value)) => (Ok(value()), Source::Default),
        };
        let named = |problem| Error::new(setting.name, problem);
        parsed.map(|value| (value, source)).map_err(|problems| problems.0.into_iter().map(named).collect())
    }
}
