//! What operators may rely on when they set Signet up.

mod cli;
mod generated;
mod mail;
mod origins;
mod readme;
mod rules;

use signet::config::{Config, Declaration, Error, GROUPS, Settings};

/// Settings by the names of their variables.
pub fn given(pairs: &[(&str, &str)]) -> Settings {
    with(Settings::default(), pairs)
}

/// Further settings.
pub fn with(mut settings: Settings, pairs: &[(&str, &str)]) -> Settings {
    for (name, text) in pairs {
        settings.set(name, *text);
    }
    settings
}

/// Every setting that is declared, in the order of the help.
pub fn declared() -> impl Iterator<Item = &'static Declaration> {
    GROUPS.iter().flat_map(|group| group.settings)
}

pub fn resolve(settings: &Settings) -> Config {
    Config::resolve(settings).unwrap_or_else(|errors| panic!("{}", sentences(&errors)))
}

/// The sentences that refuse these settings, one a line; empty when they are accepted.
pub fn refused(settings: &Settings) -> String {
    Config::resolve(settings).err().map_or_else(String::new, |errors| sentences(&errors))
}

fn sentences(errors: &[Error]) -> String {
    errors.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}
