//! The rules of registration, by example and by property.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::client::Registration;
use super::{Declaration, GivenSecret, redirect_uri};
use crate::model::client::{ApplicationType, AuthMethod, GrantType};
use crate::oauth::IDENTITY_SCOPES;
use signet_verify::crypto::Algorithm;

const SECRET: &str = "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA=";

fn read(entry: Value) -> Result<Registration, String> {
    let Value::Object(entry) = entry else { panic!("{entry}") };
    Registration::read(entry)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// A client that is sound, with these members in place of its own; `null` takes one away.
fn changed(changes: Value) -> Result<Registration, String> {
    let mut entry = json!({ "client_id": "app", "redirect_uris": ["https://app.example/cb"] });
    let (Value::Object(entry_members), Value::Object(changes)) = (&mut entry, changes) else {
        panic!("objects")
    };
    for (name, value) in changes {
        match value {
            Value::Null => entry_members.remove(&name),
            value => entry_members.insert(name, value),
        };
    }
    read(entry)
}

fn jwks() -> Value {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    json!({ "keys": [key] })
}

#[test]
fn read_gives_what_is_left_out_the_defaults_of_registration() {
    let client = changed(json!({})).unwrap();
    assert_eq!(client.auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(client.application_type, ApplicationType::Web);
    assert_eq!(client.id_token_alg, Algorithm::Rs256);
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.scope.iter().collect::<Vec<_>>().len(), 3);
    assert!(client.require_pkce && !client.skip_consent && !client.require_pushed);
    assert_eq!(client.name, "app");
    let offline = changed(json!({ "grant_types": ["authorization_code", "refresh_token"] })).unwrap();
    assert!(offline.scope.contains("offline_access"));
}

#[test]
fn read_takes_the_metadata_that_other_providers_hand_out() {
    let client = read(json!({
        "client_name": "Grafana (staging)", "client_name#de": "Grafana", "logo_uri": "https://g.example/logo.png",
        "contacts": ["ada@example.com"], "tos_uri": "https://g.example/tos", "policy_uri": "https://g.example/policy",
        "redirect_uris": ["https://g.example/login/generic_oauth"], "response_types": ["code"], "subject_type": "public",
        "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "client_secret_post",
        "client_secret": SECRET, "client_secret_expires_at": 0, "client_id_issued_at": 1_795_377_600, "software_id": "x",
        "id_token_signed_response_alg": "EdDSA", "backchannel_logout_uri": "https://g.internal/logout",
        "backchannel_logout_session_required": true, "require_auth_time": true,
    }))
    .unwrap();
    assert_eq!(client.client_id.to_string(), "grafana-staging");
    assert_eq!(client.id_token_alg, Algorithm::EdDsa);
    assert!(matches!(client.secret, Some(GivenSecret::Text(_))) && !format!("{client:?}").contains(SECRET));
}

#[test]
fn read_refuses_each_member_that_is_wrong_by_its_name() {
    for (changes, said) in [
        (json!({ "colour": "red" }), "\"colour\" is no member of a client"),
        (json!({ "client_id": "" }), "client_id is empty"),
        (json!({ "client_id": "a b" }), "client_id is \"a b\"; it must be one of"),
        (json!({ "client_id": "https://app.example" }), "client_id is"),
        (json!({ "client_id": "A".repeat(65) }), "client_id is"),
        (json!({ "client_id": "0123456789abcdefghijABCDEFGHIJkl" }), "client_id is"),
        (json!({ "client_id": null }), "client_id is missing"),
        (json!({ "client_id": null, "client_name": "\u{fc}" }), "client_id is missing"),
        (json!({ "client_name": "a\nb" }), "client_name must be one line"),
        (json!({ "client_name": "\u{202e}nidlo" }), "client_name must be one line"),
        (json!({ "client_name": "x".repeat(101) }), "client_name must be one line"),
        (json!({ "redirect_uris": "https://app.example/cb" }), "redirect_uris is a text; it must be a list"),
        (
            json!({ "redirect_uris": ["https://app.example/cb#"] }),
            "redirect_uris[0] is \"https://app.example/cb#\", which has a fragment",
        ),
        (
            json!({ "redirect_uris": ["https://a.example/", "https://a.example/"] }),
            "redirect_uris[1] is \"https://a.example/\", which is there already",
        ),
        (json!({ "redirect_uris": vec!["https://a.example/"; 51] }), "redirect_uris has more than 50"),
        (json!({ "post_logout_redirect_uris": ["javascript:1"] }), "post_logout_redirect_uris[0] is"),
        (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), "token_endpoint_auth_method is"),
        (json!({ "id_token_signed_response_alg": "none" }), "id_token_signed_response_alg is"),
        (json!({ "id_token_signed_response_alg": "HS256" }), "id_token_signed_response_alg is"),
        (json!({ "application_type": "spa" }), "application_type is"),
        (json!({ "grant_types": ["implicit"] }), "grant_types has \"implicit\""),
        (json!({ "grant_types": ["password"] }), "grant_types has \"password\""),
        (json!({ "grant_types": [] }), "grant_types names no grant"),
        (
            json!({ "grant_types": ["authorization_code", "authorization_code"] }),
            "grant_types has authorization_code twice",
        ),
        (json!({ "scope": "openid  email" }), "scope is"),
        (json!({ "scope": "openid \"" }), "scope is"),
        (json!({ "skip_consent": "true" }), "skip_consent is a text"),
        (json!({ "response_types": ["token"] }), "response_types must be [\"code\"]"),
        (json!({ "subject_type": "pairwise" }), "subject_type is \"pairwise\", which is not served"),
        (json!({ "userinfo_signed_response_alg": "RS256" }), "userinfo_signed_response_alg is"),
        (
            json!({ "id_token_encrypted_response_alg": "RSA-OAEP" }),
            "\"id_token_encrypted_response_alg\" is no member",
        ),
        (json!({ "client_uri": "ftp://app.example" }), "client_uri is"),
        (json!({ "backchannel_logout_uri": "https://ada:x@app.example/" }), "backchannel_logout_uri is"),
    ] {
        let problem = changed(changes.clone()).map(|_| ()).expect_err(said);
        assert!(problem.contains(said), "{changes}: {problem}");
    }
}

#[test]
fn read_refuses_members_that_contradict_each_other() {
    let by_key = json!({ "token_endpoint_auth_method": "private_key_jwt" });
    assert!(changed(by_key).unwrap_err().contains("neither jwks nor jwks_uri"));
    for (changes, said) in [
        (json!({ "redirect_uris": null }), "redirect_uris is missing"),
        (
            json!({ "token_endpoint_auth_method": "none", "client_secret": SECRET }),
            "client_secret is there, but",
        ),
        (
            json!({ "client_secret": SECRET, "client_secret_file": "x" }),
            "client_secret and client_secret_file are both",
        ),
        (json!({ "jwks": jwks() }), "jwks is there, but token_endpoint_auth_method is not private_key_jwt"),
        (json!({ "jwks_uri": "https://a.example/" }), "jwks_uri is there, but"),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(), "jwks_uri": "https://a.example/" }),
            "jwks and jwks_uri are both",
        ),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://a.example/" }),
            "jwks_uri is",
        ),
        (
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [] } }),
            "jwks has no key",
        ),
        (
            json!({ "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "client_credentials"] }),
            "grant_types has client_credentials, but",
        ),
        (
            json!({ "token_endpoint_auth_method": "none", "require_pkce": false }),
            "require_pkce is false, but",
        ),
        (
            json!({ "token_endpoint_auth_method": "none", "backchannel_logout_uri": "http://a.internal/" }),
            "backchannel_logout_uri is",
        ),
        (json!({ "grant_types": ["client_credentials"] }), "redirect_uris is there, but"),
        (
            json!({ "redirect_uris": null, "grant_types": ["client_credentials", "refresh_token"] }),
            "grant_types has refresh_token, but",
        ),
        (
            json!({ "redirect_uris": null, "grant_types": ["client_credentials"], "scope": "a", "machine_scope": "a" }),
            "scope and machine_scope",
        ),
        (
            json!({ "redirect_uris": null, "grant_types": ["client_credentials"], "machine_scope": "openid" }),
            "machine_scope has openid",
        ),
        (
            json!({ "redirect_uris": null, "grant_types": ["client_credentials"], "skip_consent": true }),
            "skip_consent is true, but",
        ),
        (
            json!({ "redirect_uris": null, "grant_types": ["client_credentials"], "require_pushed_authorization_requests": true }),
            "require_pushed",
        ),
        (json!({ "machine_scope": "tasks:read" }), "machine_scope is there, but"),
        (json!({ "scope": "openid offline_access" }), "scope has offline_access, but"),
        (json!({ "redirect_uris": ["com.example.app:/cb"] }), "redirect_uris[0] is"),
    ] {
        let problem = changed(changes.clone()).map(|_| ()).expect_err(said);
        assert!(problem.contains(said), "{changes}: {problem}");
    }
    let private = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A" });
    let given = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [private] } });
    let problem = changed(given).unwrap_err();
    assert!(problem.contains("private half") && !problem.contains("nWGxne"), "{problem}");
}

#[test]
fn read_takes_the_scope_of_a_client_without_users_for_what_it_does_by_itself() {
    let machine = |more: Value| {
        let mut members = json!({ "redirect_uris": null, "grant_types": ["client_credentials"] });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        changed(members).unwrap()
    };
    for client in
        [machine(json!({ "scope": "tasks:read" })), machine(json!({ "machine_scope": "tasks:read" }))]
    {
        assert_eq!((client.scope.iter().count(), client.machine_scope.iter().count()), (0, 1));
    }
}

fn file(name: &str, text: &str) -> (tempfile::TempDir, Result<Declaration, String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    std::fs::write(folder.path().join("secrets/app"), format!("{SECRET}\n")).unwrap();
    std::fs::write(folder.path().join("secrets/short"), "hunter2\n").unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let read = Declaration::read(&path).map_err(|error| error.problems().join("\n"));
    (folder, read)
}

#[test]
fn declaration_is_the_same_in_toml_and_in_json_and_reads_secrets_beside_the_file() {
    let toml = r#"
        [[clients]]
        client_id = "app"
        client_secret_file = "secrets/app"
        redirect_uris = ["https://app.example/cb"]
        [[resources]]
        identifier = "https://api.example/"
        scopes = ["reports:read"]
        access_token_signed_response_alg = "ES256"
        [[users]]
        email = "Ada@example.com"
        name = "Ada"
    "#;
    let json = json!({
        "clients": [{ "client_id": "app", "client_secret": SECRET, "redirect_uris": ["https://app.example/cb"] }],
        "resources": [{ "identifier": "https://api.example/", "scopes": ["reports:read"], "access_token_signed_response_alg": "ES256" }],
        "users": [{ "email": "ada@example.com", "name": "Ada", "role": "user" }],
    });
    for (name, text) in [("a.toml", toml.to_owned()), ("a.json", json.to_string())] {
        let declaration = file(name, &text).1.unwrap();
        let client = &declaration.clients[0];
        let Some(GivenSecret::Text(secret)) = &client.secret else { panic!("{client:?}") };
        assert_eq!(secret.0.as_str(), SECRET);
        assert_eq!(declaration.resources[0].access_token_alg, Algorithm::Es256);
        assert_eq!(declaration.users[0].email.as_str(), "ada@example.com");
    }
}

#[test]
fn declaration_names_file_entry_and_member_of_every_problem_and_shows_no_secret() {
    let toml = r#"
        colour = "red"
        [[clients]]
        client_id = "app"
        client_secret = "hunter2"
        redirect_uris = ["https://app.example/cb"]
        [[clients]]
        client_name = "Other"
        client_secret_file = "secrets/short"
        redirect_uris = ["https://app.example/cb"]
        [[clients]]
        client_id = "third"
        client_secret_file = "secrets/none"
        redirect_uris = ["https://app.example/cb"]
        [[resources]]
        scopes = ["openid", "a b"]
        [[users]]
        email = "nope"
        role = "admin"
    "#;
    let said = file("a.toml", toml).1.unwrap_err();
    for sentence in [
        "a.toml: client \"app\" (number 1): client_secret has 7 characters",
        "a.toml: client \"Other\" (number 2): client_secret_file has 7 characters",
        "a.toml: client \"third\" (number 3): client_secret_file names \"secrets/none\", which cannot be read",
        "a.toml: resource number 1: identifier is missing",
        "a.toml: resource number 1: scopes has openid",
        "a.toml: resource number 1: scopes has \"a b\"",
        "a.toml: user \"nope\" (number 1): email is \"nope\"",
        "a.toml: user \"nope\" (number 1): role is \"admin\"; it must be one of: user",
        "a.toml: \"colour\" is no member of a file",
    ] {
        assert!(said.contains(sentence), "{sentence}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn declaration_refuses_what_is_no_such_file() {
    for (name, text, part) in [
        ("a.yaml", "", "ends neither in .toml nor in .json"),
        ("a.toml", "[[clients]]\nclient_secret = \"hunter2", "in line 2"),
        ("a.toml", "clients = 1", "clients is no list"),
        ("a.toml", "clients = [1]", "client 1 is no table"),
        ("a.json", "[]", "is no object"),
        ("a.json", "{\"clients\": [], \"clients\": []}", "twice"),
        ("a.json", "{\"clients\": [{\"client_secret\": \"hunter2\"", "cannot be read"),
        ("a.toml", "[[users]]\nemail='a@b.co'\n[[users]]\nemail='A@b.co'", "user \"a@b.co\" is there twice"),
    ] {
        let said = file(name, text).1.expect_err(name);
        assert!(said.contains(part) && said.contains(name) && !said.contains("hunter2"), "{text}: {said}");
    }
    let nothing = Declaration::read(std::path::Path::new("/nowhere/a.toml")).unwrap_err();
    assert!(nothing.to_string().contains("/nowhere/a.toml cannot be read"), "{nothing}");
}

/// Members as people combine them, sound ones and others.
fn entries() -> impl Strategy<Value = Map<String, Value>> {
    let choices: Vec<(&str, Vec<Value>)> = vec![
        ("client_id", vec![json!("app"), json!("a b"), json!(1)]),
        ("client_name", vec![json!("App"), json!("")]),
        ("client_secret", vec![json!(SECRET), json!("short")]),
        (
            "redirect_uris",
            vec![json!(["https://a.example/"]), json!(["com.example.app:/cb"]), json!([]), json!(["data:x"])],
        ),
        (
            "token_endpoint_auth_method",
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
                .map(Value::from)
                .to_vec(),
        ),
        (
            "grant_types",
            vec![
                json!(["authorization_code"]),
                json!(["authorization_code", "refresh_token"]),
                json!(["client_credentials"]),
                json!(["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]),
                json!(["refresh_token"]),
            ],
        ),
        ("application_type", vec![json!("web"), json!("native")]),
        ("scope", vec![json!("openid"), json!("openid offline_access"), json!("tasks:read")]),
        ("machine_scope", vec![json!("tasks:read"), json!("email")]),
        ("skip_consent", vec![json!(true), json!(false)]),
        ("require_pkce", vec![json!(true), json!(false)]),
        ("require_pushed_authorization_requests", vec![json!(true), json!(false)]),
        ("jwks", vec![jwks(), json!({ "keys": [] })]),
        ("jwks_uri", vec![json!("https://a.example/keys"), json!("http://a.example/keys")]),
        ("response_types", vec![json!(["code"]), json!([]), json!(["token"])]),
    ];
    let members: Vec<_> = choices
        .into_iter()
        .map(|(name, values)| {
            prop::option::of(prop::sample::select(values)).prop_map(move |value| (name, value))
        })
        .collect();
    members.prop_map(|members| {
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is combined: a client that is kept can be served.
    #[test]
    fn read_keeps_only_clients_that_can_be_served(entry in entries()) {
        let Ok(client) = Registration::read(entry.clone()) else { return Ok(()) };
        let has = |grant| client.grant_types.contains(&grant);
        let asks_users = has(GrantType::AuthorizationCode) || has(GrantType::DeviceCode);
        prop_assert_eq!(has(GrantType::AuthorizationCode), !client.redirect_uris.is_empty());
        prop_assert!(!has(GrantType::RefreshToken) || asks_users);
        prop_assert!(!has(GrantType::ClientCredentials) || client.auth_method != AuthMethod::None);
        prop_assert!(client.scope.iter().next().is_none() || asks_users);
        prop_assert!(client.machine_scope.iter().next().is_none() || has(GrantType::ClientCredentials));
        prop_assert!(IDENTITY_SCOPES.iter().all(|word| !client.machine_scope.contains(word)));
        prop_assert!(!client.scope.contains("offline_access") || has(GrantType::RefreshToken));
        prop_assert!(client.require_pkce || client.auth_method != AuthMethod::None);
        prop_assert_eq!(client.auth_method == AuthMethod::PrivateKeyJwt, client.jwks.is_some() != client.jwks_uri.is_some());
        let by_secret = matches!(client.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost);
        prop_assert!(client.secret.is_none() || by_secret);
        for address in client.redirect_uris.iter().chain(&client.post_logout_redirect_uris) {
            prop_assert!(redirect_uri::check(address, client.application_type).is_ok());
        }
        let id = client.client_id.to_string();
        let is_of_a_user = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        prop_assert!(!id.contains(':') && !is_of_a_user);
        // What was read once is read again as the same.
        prop_assert_eq!(format!("{:?}", Registration::read(entry).unwrap()), format!("{client:?}"));
    }
}
