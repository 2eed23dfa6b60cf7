//! `signet clients add`: one client, by arguments in place of a file.
//! In: arguments that are the members of registration. Out: the client, and its secret once.

use clap::Args;
use serde_json::{Map, Value};
use signet::config::Config;
use signet::oauth::registration::Registration;

use super::opening::{open, refused, shown};
use crate::cli::error::Error;
use crate::cli::keys::operator;
use crate::cli::log;
use crate::cli::output::Output;
use crate::cli::shapes;

#[derive(Args)]
pub struct Add {
    /// Its id; made of the name when left out
    #[arg(value_name = "CLIENT")]
    client_id: Option<String>,
    /// What people read when they are asked
    #[arg(long)]
    name: Option<String>,
    /// Where users are sent back to, byte for byte; may be given several times
    #[arg(long, value_name = "URL")]
    redirect_uri: Vec<String>,
    /// Where users are sent once they are signed out; may be given several times
    #[arg(long, value_name = "URL")]
    post_logout_redirect_uri: Vec<String>,
    /// client_secret_basic, client_secret_post, private_key_jwt or none [default: client_secret_basic]
    #[arg(long, value_name = "METHOD")]
    token_endpoint_auth_method: Option<String>,
    /// authorization_code, refresh_token, client_credentials or device_code; may be given several times [default: authorization_code]
    #[arg(long, value_name = "GRANT")]
    grant_type: Vec<String>,
    /// web or native [default: web]
    #[arg(long = "type", value_name = "TYPE")]
    application_type: Option<String>,
    /// What it may ask users for, as words in one argument
    #[arg(long)]
    scope: Option<String>,
    /// What it may do by itself, with client_credentials
    #[arg(long, value_name = "SCOPE")]
    machine_scope: Option<String>,
    /// What its ID tokens are signed with: RS256, ES256 or EdDSA [default: RS256]
    #[arg(long, value_name = "ALGORITHM")]
    id_token_signed_response_alg: Option<String>,
    /// Where its public keys are, for private_key_jwt
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Where it is told when a user signs out
    #[arg(long, value_name = "URL")]
    backchannel_logout_uri: Option<String>,
    /// Its home page
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// Users are not asked: an application of your own
    #[arg(long)]
    skip_consent: bool,
    /// Requests come by PAR (RFC 9126) alone
    #[arg(long)]
    require_pushed_authorization_requests: bool,
    /// An old application that cannot send PKCE; it has to send a nonce
    #[arg(long)]
    without_pkce: bool,
}

impl Add {
    /// The members that a file would have.
    fn members(self) -> Map<String, Value> {
        let grants = self.grant_type.into_iter().map(|grant| match grant.as_str() {
            "device_code" => "urn:ietf:params:oauth:grant-type:device_code".to_owned(),
            _ => grant,
        });
        let some = |on: bool| on.then_some(Value::Bool(true));
        let list = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.into());
        let members: [(&str, Option<Value>); 16] = [
            ("client_id", self.client_id.map(Value::String)),
            ("client_name", self.name.map(Value::String)),
            ("redirect_uris", list(self.redirect_uri)),
            ("post_logout_redirect_uris", list(self.post_logout_redirect_uri)),
            ("token_endpoint_auth_method", self.token_endpoint_auth_method.map(Value::String)),
            ("grant_types", list(grants.collect())),
            ("application_type", self.application_type.map(Value::String)),
            ("scope", self.scope.map(Value::String)),
            ("machine_scope", self.machine_scope.map(Value::String)),
            ("id_token_signed_response_alg", self.id_token_signed_response_alg.map(Value::String)),
            ("jwks_uri", self.jwks_uri.map(Value::String)),
            ("backchannel_logout_uri", self.backchannel_logout_uri.map(Value::String)),
            ("client_uri", self.client_uri.map(Value::String)),
            ("skip_consent", some(self.skip_consent)),
            ("require_pushed_authorization_requests", some(self.require_pushed_authorization_requests)),
            ("require_pkce", self.without_pkce.then_some(Value::Bool(false))),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// Registers the client, and shows its secret once.
///
/// # Errors
/// [`Error`].
pub async fn run(config: Config, add: Add, output: Output) -> Result<(), Error> {
    let registration = Registration::read(add.members()).map_err(|problems| refused(&problems))?;
    let Some(half) = open(&config, output).await? else { return Ok(()) };
    let log = log::start_for_verb()?;
    let added = half.add(registration, &operator()).await;
    half.close().await;
    log.end().await;
    let (client, secret) = added?;
    let secret = secret.as_ref().map(|secret| secret.expose());
    output.print(
        || {
            let kept = "kept as a hash: it is not shown again";
            let secret =
                secret.map(|secret| format!("Secret  {secret}\n        ({kept})\n")).unwrap_or_default();
            format!("Client  {} ({})\n{secret}", client.id, shown(&client.name))
        },
        || shapes::client_added(&client, secret),
    )
}
