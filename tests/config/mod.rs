//! What operators may rely on when they set Signet up.

mod cli;
mod generated;
mod origins;
mod rules;

use signet::config::{Config, Error, SecretText, Settings};

pub fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

pub fn secret(value: &str) -> Option<SecretText> {
    Some(SecretText::from(value.to_owned()))
}

pub fn resolve(settings: &Settings) -> Config {
    Config::resolve(settings).unwrap_or_else(|faults| panic!("{}", sentences(&faults)))
}

/// The sentences that refuse these settings, one a line; empty when they are accepted.
pub fn refused(settings: &Settings) -> String {
    Config::resolve(settings).err().map_or_else(String::new, |faults| sentences(&faults))
}

fn sentences(faults: &[Error]) -> String {
    faults.iter().map(Error::to_string).collect::<Vec<_>>().join("\n")
}
