//! What the verbs about clients share: opening the deployment, and showing texts of others.

use serde_json::json;
use signet::app::{ClientsHalf, Environment};
use signet::config::Config;
use signet::oauth::registration::Problem;

use crate::cli::error::Error;
use crate::cli::output::Output;

/// The clients of this deployment; none for the role that has none, which is said.
pub async fn open(config: &Config, output: Output) -> Result<Option<ClientsHalf>, Error> {
    if !config.server.role.serves_identity() {
        let why = "The role `resource` has no clients; look after them at the identity service.";
        return output.print(|| format!("{why}\n"), || json!({})).map(|()| None);
    }
    Ok(Some(ClientsHalf::open(config, &Environment::system()).await?))
}

/// Members that were refused.
pub fn refused(problems: &[Problem]) -> Error {
    Error::Declared(problems.iter().map(ToString::to_string).collect())
}

/// A text of a client, as a terminal may show it.
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
