//! Basic OP and Config OP: what a code gives, and when a user is asked.

use super::*;

/// Seconds since 1970.
fn now() -> i64 {
    use signet_verify::clock::{Clock, SystemClock};
    SystemClock::new().now().millis() / 1000
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_names_the_issuer_byte_for_byte_and_only_what_is_served() {
    let party = Party::start().await;
    let caller = party.app.anonymous();
    let metadata = caller.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata["issuer"], party.issuer);
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        let url = metadata[endpoint].as_str().unwrap();
        let path = url.strip_prefix(&party.issuer).unwrap_or_else(|| panic!("{endpoint}: {url}"));
        assert_ne!(caller.get(path).await.status, 404, "{endpoint}");
    }
    // Kubernetes and others take nothing else.
    let algorithms = metadata["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.iter().any(|name| name == "RS256"), "{algorithms:?}");
    assert!(!algorithms.iter().any(|name| name == "none"), "{algorithms:?}");
    assert_eq!(metadata["response_types_supported"], serde_json::json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    for unserved in ["request_parameter_supported", "request_uri_parameter_supported"] {
        assert_eq!(metadata[unserved], false, "{unserved}");
    }
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn code_gives_an_id_token_whose_claims_are_those_of_the_request() {
    let mut party = Party::start().await;
    let before = now();
    let tokens = party.tokens(&[]).await;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["iss"], party.issuer);
    assert_eq!((&id_token["aud"], &id_token["nonce"]), (&"party".into(), &NONCE.into()));
    assert_eq!(id_token["sub"], party.user.id.as_str());
    let number = |name: &str| id_token[name].as_i64().unwrap_or_else(|| panic!("{name}: {id_token}"));
    assert!((before..=now()).contains(&number("iat")) && (before..=now()).contains(&number("auth_time")));
    assert!((60..=900).contains(&(number("exp") - number("iat"))));
    assert_eq!(party.userinfo(&tokens["access_token"]).await["sub"], id_token["sub"]);
    assert_eq!(tokens["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn id_token_is_signed_by_a_key_of_the_key_set_that_says_its_algorithm() {
    let mut party = Party::start().await;
    let header = support::part_of(&party.tokens(&[]).await["id_token"], 0);
    let keys = party.app.anonymous().get("/api/auth/jwks").await.expect(200);
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&header["alg"], &key["alg"], &key["use"]), (&"RS256".into(), &"RS256".into(), &"sig".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn userinfo_takes_a_bearer_by_get_and_post_and_in_a_form() {
    let mut party = Party::start().await;
    let tokens = party.tokens(&[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let by_get = party.userinfo(&tokens["access_token"]).await;
    assert_eq!(by_get["email"], party.user.email.as_str());
    assert_eq!(party.post_userinfo(Some(token), String::new()).await.expect(200), by_get);
    let body = encoded(&form(&[("access_token", token)]));
    assert_eq!(party.post_userinfo(None, body).await.expect(200), by_get);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_a_nonce_gives_an_id_token_without_one() {
    let mut party = Party::start().await;
    assert!(party.id_token(&[("nonce", None)]).await.get("nonce").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_decide_about_claims_in_the_id_token_and_in_userinfo() {
    let mut party = Party::start().await;
    for (scope, shown, hidden) in [
        ("openid", vec![], vec!["name", "email", "email_verified"]),
        ("openid profile", vec!["name"], vec!["email", "email_verified"]),
        ("openid email", vec!["email", "email_verified"], vec!["name"]),
        ("openid profile email", vec!["name", "email", "email_verified"], vec![]),
    ] {
        let tokens = party.tokens(&[("scope", Some(scope))]).await;
        assert_eq!(tokens["scope"], scope);
        for told in [claims(&tokens["id_token"]), party.userinfo(&tokens["access_token"]).await] {
            for name in &shown {
                assert!(told.get(name).is_some(), "{scope}: {name} in {told}");
            }
            for name in &hidden {
                assert!(told.get(name).is_none(), "{scope}: {name} in {told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_login_asks_a_user_who_is_signed_in_and_moves_auth_time() {
    let mut party = Party::start().await;
    let first = party.id_token(&[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let page = party.ask(&[("prompt", Some("login"))]).await;
    assert!(page.find_form("password").is_some(), "{}", page.text);
    let page = party.sign_in(page).await;
    party.assert_answer(&page);
    let second = party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    let second = claims(&second["id_token"]);
    assert_eq!(first["sub"], second["sub"]);
    assert!(first["auth_time"].as_i64() < second["auth_time"].as_i64(), "{first} {second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prompt_none_answers_by_error_or_code_and_shows_no_page() {
    let mut party = Party::start().await;
    let page = party.ask(&[("prompt", Some("none"))]).await;
    party.assert_error(&page, "login_required");
    let first = party.id_token(&[]).await;
    let page = party.ask(&[("prompt", Some("none"))]).await;
    party.assert_answer(&page);
    let tokens = party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    let second = claims(&tokens["id_token"]);
    assert_eq!((&first["sub"], &first["auth_time"]), (&second["sub"], &second["auth_time"]));
    let page = party.ask(&[("prompt", Some("none login"))]).await;
    party.assert_error(&page, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn max_age_asks_again_once_it_is_over_and_not_before() {
    let mut party = Party::start().await;
    let first = party.id_token(&[]).await;
    let page = party.ask(&[("max_age", Some("10000"))]).await;
    party.assert_answer(&page);
    let tokens = party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    assert_eq!(claims(&tokens["id_token"])["auth_time"], first["auth_time"]);
    // So that more than a whole second lies between.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let page = party.ask(&[("max_age", Some("1"))]).await;
    assert!(page.find_form("password").is_some(), "{} {}", page.url, page.text);
    let page = party.sign_in(page).await;
    party.assert_answer(&page);
    let tokens = party.exchange(&page.parameter("code").unwrap()).await.expect(200);
    assert!(claims(&tokens["id_token"])["auth_time"].as_i64() > first["auth_time"].as_i64());
}

#[tokio::test(flavor = "multi_thread")]
async fn id_token_hint_of_the_user_goes_on_and_of_another_does_not() {
    let mut party = Party::start().await;
    let tokens = party.tokens(&[]).await;
    let hint = tokens["id_token"].as_str().unwrap().to_owned();
    let page = party.ask(&[("prompt", Some("none")), ("id_token_hint", Some(&hint))]).await;
    party.assert_answer(&page);
    assert!(page.parameter("code").is_some(), "{}", page.url);
    // Another user, in another browser, with the hint of the first.
    party.user = party.app.signed_up("bob").await;
    party.agent = Party::browser();
    party.code(&[]).await;
    let page = party.ask(&[("prompt", Some("none")), ("id_token_hint", Some(&hint))]).await;
    party.assert_error(&page, "login_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn login_hint_is_filled_into_the_form_and_escaped() {
    let mut party = Party::start().await;
    for hint in ["ada@example.com", "\"><script>alert(1)</script>@example.com"] {
        let page = party.ask(&[("login_hint", Some(hint))]).await;
        let form = page.form("password");
        let filled = form.fields.iter().find(|field| field.name == "email").unwrap();
        assert_eq!(filled.value, hint);
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_works_once_and_its_replay_ends_what_it_gave() {
    let mut party = Party::start().await;
    let code = party.code(&[]).await;
    let tokens = party.exchange(&code).await.expect(200);
    party.userinfo(&tokens["access_token"]).await;
    support::assert_error(&party.exchange(&code).await, 400, "invalid_grant");
    let caller = party.app.anonymous().bearing(tokens["access_token"].as_str().unwrap());
    assert_eq!(
        caller.get("/api/auth/oauth2/userinfo").await.status,
        401,
        "the first answer is of no use any more"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secret_post_is_taken_of_a_client_that_registered_it() {
    let mut party = Party::with(by_post).await;
    party.tokens(&[]).await;
    let code = party.code(&[]).await;
    party.client.auth_method = AuthMethod::ClientSecretBasic;
    support::assert_error(&party.exchange(&code).await, 401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_token_gives_tokens_of_the_same_user_and_sign_in() {
    let mut party = Party::start().await;
    let scope = "openid email offline_access";
    let tokens = party.tokens(&[("scope", Some(scope)), ("prompt", Some("consent"))]).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pairs = form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let refreshed = token_at(&party.app, &party.client, &pairs).await.expect(200);
    let (before, after) = (claims(&tokens["id_token"]), claims(&refreshed["id_token"]));
    for name in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
}
