//! What a verb runs on.
//! In: settings. Out: a judged configuration, and threads for what is asynchronous.

use signet::config::{Config, Settings};

use super::error::Error;

/// Judges the settings, starts the runtime, and runs a verb on it.
pub(super) fn with_config<F>(settings: &Settings, verb: impl FnOnce(Config) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let config = Config::resolve(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(verb(config))
}
