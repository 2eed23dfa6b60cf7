//! A client as the members of its registration.
//! In: a client. Out: the document that would register it again, but for its secret.

use serde_json::{Map, Value, json};

use crate::model::client::Client;

/// The members of RFC 7591 and OpenID Connect registration, and ours; those that say nothing are left out.
pub fn metadata(client: &Client) -> Map<String, Value> {
    let texts = |texts: &[String]| (!texts.is_empty()).then(|| json!(texts));
    let words = |scope: String| (!scope.is_empty()).then(|| json!(scope));
    let on = |flag: bool| flag.then_some(json!(true));
    let jwks = client.jwks.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.name()).collect();
    let members: [(&str, Option<Value>); 18] = [
        ("client_id", Some(json!(client.id.to_string()))),
        ("client_name", Some(json!(client.name))),
        ("application_type", Some(json!(client.application_type.name()))),
        ("token_endpoint_auth_method", Some(json!(client.auth_method.name()))),
        ("grant_types", Some(json!(grants))),
        ("redirect_uris", texts(&client.redirect_uris)),
        ("post_logout_redirect_uris", texts(&client.post_logout_redirect_uris)),
        ("scope", words(client.scope.to_string())),
        ("machine_scope", words(client.machine_scope.to_string())),
        ("id_token_signed_response_alg", Some(json!(client.id_token_alg.name()))),
        ("skip_consent", on(client.skip_consent)),
        ("require_pushed_authorization_requests", on(client.require_pushed)),
        ("require_pkce", (!client.require_pkce).then_some(json!(false))),
        ("jwks", jwks),
        ("jwks_uri", client.jwks_uri.as_ref().map(|uri| json!(uri))),
        ("backchannel_logout_uri", client.backchannel_logout_uri.as_ref().map(|uri| json!(uri))),
        ("backchannel_logout_session_required", on(client.backchannel_logout_session_required)),
        ("client_uri", client.client_uri.as_ref().map(|uri| json!(uri))),
    ];
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
