//! What clients find out by themselves: OpenID Connect Discovery 1.0 section 3, and RFC 8414.
//! In: the issuer and the algorithms. Out: one document, for both paths.
//! Owns: an endpoint is announced if, and only if, it has a row in the table of routes.

use serde_json::{Map, Value, json};

use crate::http::routes::ROUTES;
use crate::model::client::{AuthMethod, GrantType};
use crate::oauth::{IDENTITY_SCOPES, TASKS_SCOPES};

const AUTHORIZE: &str = "/api/auth/oauth2/authorize";
const PUSH: &str = "/api/auth/oauth2/par";
const END_SESSION: &str = "/api/auth/oauth2/end-session";
const DEVICE: &str = "/api/auth/device/code";

/// The members that are addresses, with the paths behind them.
const ENDPOINTS: [(&str, &str); 8] = [
    ("authorization_endpoint", AUTHORIZE),
    ("token_endpoint", "/api/auth/oauth2/token"),
    ("userinfo_endpoint", "/api/auth/oauth2/userinfo"),
    ("introspection_endpoint", "/api/auth/oauth2/introspect"),
    ("revocation_endpoint", "/api/auth/oauth2/revoke"),
    ("pushed_authorization_request_endpoint", PUSH),
    ("device_authorization_endpoint", DEVICE),
    ("end_session_endpoint", END_SESSION),
];

/// The document of an issuer whose tokens are signed with these algorithms.
pub fn document(issuer: &str, algorithms: &[&str]) -> Value {
    let served = |path: &str| ROUTES.iter().any(|route| route.pattern == path);
    let methods = [
        AuthMethod::ClientSecretBasic,
        AuthMethod::ClientSecretPost,
        AuthMethod::PrivateKeyJwt,
        AuthMethod::None,
    ];
    let methods = methods.map(AuthMethod::name);
    let confidential: Vec<&str> = methods.into_iter().filter(|method| *method != "none").collect();
    let mut grants =
        vec![GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials];
    grants.extend(served(DEVICE).then_some(GrantType::DeviceCode));
    let scopes: Vec<&str> = IDENTITY_SCOPES.into_iter().chain(TASKS_SCOPES).collect();
    let signing = ["EdDSA", "ES256", "RS256"];
    let mut members = Map::new();
    let common = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "scopes_supported": scopes,
        "grant_types_supported": grants.into_iter().map(GrantType::name).collect::<Vec<_>>(),
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": signing,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": signing,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": signing,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "amr", "nonce", "sid", "at_hash", "name", "picture",
            "updated_at", "email", "email_verified",
        ],
    });
    members.extend(common.as_object().cloned().unwrap_or_default());
    for (member, path) in ENDPOINTS.into_iter().filter(|(_, path)| served(path)) {
        members.insert(member.to_owned(), format!("{issuer}{path}").into());
    }
    if served(AUTHORIZE) {
        members.insert("response_types_supported".to_owned(), json!(["code"]));
        members.insert("response_modes_supported".to_owned(), json!(["query", "form_post"]));
        members.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
        members.insert("authorization_response_iss_parameter_supported".to_owned(), true.into());
    }
    if served(PUSH) {
        members.insert("require_pushed_authorization_requests".to_owned(), false.into());
    }
    if served(END_SESSION) {
        members.insert("backchannel_logout_supported".to_owned(), true.into());
        members.insert("backchannel_logout_session_supported".to_owned(), true.into());
    }
    Value::Object(members)
}
