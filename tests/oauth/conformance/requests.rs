//! Basic OP: requests that are odd, wrong, or say more than is needed.

use super::*;
use rstest::rstest;

#[rstest]
#[case::display_page(&[("display", "page")])]
#[case::display_popup(&[("display", "popup")])]
#[case::unknown_parameter(&[("extra", "foobar")])]
#[case::ui_locales(&[("ui_locales", "se de-CH")])]
#[case::claims_locales(&[("claims_locales", "se")])]
#[case::acr_values(&[("acr_values", "1 2")])]
#[case::claims_essential(&[("claims", r#"{"userinfo":{"name":{"essential":true}}}"#)])]
#[tokio::test(flavor = "multi_thread")]
async fn request_that_says_more_is_answered(#[case] more: &[(&'static str, &'static str)]) {
    let mut party = Party::start().await;
    let changed: Vec<_> = more.iter().map(|(name, value)| (*name, Some(*value))).collect();
    assert_eq!(party.id_token(&changed).await["nonce"], NONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_in_another_order_are_answered() {
    let mut party = Party::start().await;
    let claims = party.id_token(&[("scope", Some("email openid"))]).await;
    assert_eq!(claims["email"], party.user.email.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_by_post_is_answered_as_one_by_get() {
    let mut party = Party::start().await;
    let parameters = party.parameters(&[]);
    let pairs: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = party.agent.post_from_elsewhere(&party.endpoint("authorize", &[]), &pairs).await;
    let page = party.sign_in(page).await;
    party.assert_answer(&page);
    party.exchange(&page.parameter("code").unwrap()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_a_response_type_is_an_error_of_the_client() {
    let mut party = Party::start().await;
    let page = party.ask(&[("response_type", None)]).await;
    party.assert_error(&page, "invalid_request");
    for unserved in ["token", "id_token", "code id_token", "none"] {
        let page = party.ask(&[("response_type", Some(unserved))]).await;
        party.assert_error(&page, "unsupported_response_type");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_uri_that_is_not_registered_gets_a_page_and_no_redirect() {
    let mut party = Party::start().await;
    for uri in [
        Some("https://app.example/callback/"),
        Some("https://app.example/callback?x=1"),
        Some("https://app.example/CALLBACK"),
        Some("https://APP.example/callback"),
        Some("https://app.example:443/callback"),
        Some("https://app.example/x/../callback"),
        Some("https://app.example/callback#f"),
        Some("https://evil.example/callback"),
        Some("javascript:alert(1)"),
        Some(""),
        None,
    ] {
        let page = party.ask(&[("redirect_uri", uri)]).await;
        party.assert_page_of_error(&page);
    }
    let page = party.ask(&[("client_id", Some("unknown"))]).await;
    party.assert_page_of_error(&page);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_objects_are_refused_by_their_own_codes() {
    let mut party = Party::start().await;
    let unsigned = "eyJhbGciOiJub25lIn0.eyJyZXNwb25zZV90eXBlIjoiY29kZSJ9.";
    let page = party.ask(&[("request", Some(unsigned))]).await;
    party.assert_error(&page, "request_not_supported");
    let page = party.ask(&[("request_uri", Some("https://app.example/request.jwt"))]).await;
    party.assert_error(&page, "request_uri_not_supported");
}

#[tokio::test(flavor = "multi_thread")]
async fn pkce_is_demanded_and_the_wrong_verifier_refused() {
    let mut party = Party::start().await;
    for changed in [
        [("code_challenge", None), ("code_challenge_method", None)],
        [("code_challenge", Some(VERIFIER)), ("code_challenge_method", Some("plain"))],
        [("code_challenge", Some("short")), ("code_challenge_method", Some("S256"))],
    ] {
        let page = party.ask(&changed).await;
        party.assert_error(&page, "invalid_request");
    }
    let code = party.code(&[]).await;
    let mut pairs = support::Provider::exchange_form(&code);
    pairs.retain(|(name, _)| *name != "code_verifier");
    pairs.extend(form(&[("code_verifier", "another-verifier-of-forty-three-characters-or-more")]));
    let refused = token_at(&party.app, &party.client, &pairs).await;
    support::assert_error(&refused, 400, "invalid_grant");
}
