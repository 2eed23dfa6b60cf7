//! Which members of a client contradict each other.
//! In: members that are each sound. Out: a problem for every contradiction.
//! Owns: a client that is kept can be served as it is described.

use super::client::Registration;
use super::members::Members;
use crate::model::client::{AuthMethod, GrantType};
use crate::model::grant::OFFLINE_ACCESS;
use crate::oauth::audience::IDENTITY_SCOPES;

/// Adds what contradicts each other to the problems of `members`.
pub(super) fn find(client: &Registration, members: &mut Members) {
    authentication(client, members);
    grants(client, members);
    scopes(client, members);
    if client.backchannel_logout_session_required && client.backchannel_logout_uri.is_none() {
        let why = "is true, and there is no backchannel_logout_uri";
        members.refuse("backchannel_logout_session_required", why);
    }
}

fn authentication(client: &Registration, members: &mut Members) {
    let by_secret =
        matches!(client.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost);
    if client.secret.is_some() && !by_secret {
        let why = "is there, but token_endpoint_auth_method is none of a secret: client_secret_basic, client_secret_post";
        members.refuse("client_secret", why);
    }
    let keys = [("jwks", client.jwks.is_some()), ("jwks_uri", client.jwks_uri.is_some())];
    let by_key = client.auth_method == AuthMethod::PrivateKeyJwt;
    for (name, _) in keys.into_iter().filter(|(_, given)| *given && !by_key) {
        members.refuse(name, "is there, but token_endpoint_auth_method is not private_key_jwt");
    }
    match keys {
        // RFC 7591 section 2.
        [(_, true), (_, true)] => members.refuse("jwks", "and jwks_uri are both there; keep one of them"),
        [(_, false), (_, false)] if by_key => {
            members.refuse(
                "token_endpoint_auth_method",
                "is private_key_jwt, and there is neither jwks nor jwks_uri",
            );
        }
        _ => {}
    }
    if client.auth_method == AuthMethod::None && client.grant_types.contains(&GrantType::ClientCredentials) {
        members.refuse(
            "grant_types",
            "has client_credentials, but a client whose token_endpoint_auth_method is none proves nothing of itself",
        );
    }
}

fn grants(client: &Registration, members: &mut Members) {
    let has = |grant| client.grant_types.contains(&grant);
    match (has(GrantType::AuthorizationCode), client.redirect_uris.is_empty()) {
        (true, true) => {
            members.refuse("redirect_uris", "is missing: authorization_code sends users back to one of them")
        }
        (false, false) => {
            members.refuse("redirect_uris", "is there, but grant_types lacks authorization_code")
        }
        (true, false) | (false, true) => {}
    }
    if !has(GrantType::AuthorizationCode) {
        if client.require_pushed {
            let why = "is true, but grant_types lacks authorization_code";
            members.refuse("require_pushed_authorization_requests", why);
        }
        if !client.require_pkce {
            members.refuse("require_pkce", "is false, but grant_types lacks authorization_code");
        }
    }
    let asks_users = has(GrantType::AuthorizationCode) || has(GrantType::DeviceCode);
    if has(GrantType::RefreshToken) && !asks_users {
        members.refuse(
            "grant_types",
            "has refresh_token, but nothing that gives one: authorization_code or device_code",
        );
    }
    if !client.require_pkce && client.auth_method == AuthMethod::None {
        members.refuse(
            "require_pkce",
            "is false, but token_endpoint_auth_method is none: nothing else protects its codes",
        );
    }
    if client.skip_consent && !asks_users {
        members.refuse("skip_consent", "is true, but the client has no grant that asks users");
    }
}

fn scopes(client: &Registration, members: &mut Members) {
    let has = |grant| client.grant_types.contains(&grant);
    if client.scope.contains(OFFLINE_ACCESS) && !has(GrantType::RefreshToken) {
        members.refuse("scope", "has offline_access, but grant_types lacks refresh_token");
    }
    if client.machine_scope.iter().next().is_some() && !has(GrantType::ClientCredentials) {
        members.refuse("machine_scope", "is there, but grant_types lacks client_credentials");
    }
    if let Some(word) = IDENTITY_SCOPES.into_iter().find(|word| client.machine_scope.contains(word)) {
        members.refuse("machine_scope", format_args!("has {word}, which is about a user; a machine is none"));
    }
}
