//! The crate `openidconnect` signs people in.

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata, CoreUserInfoClaims};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, RedirectUrl, Scope, TokenResponse,
};
use serde_json::json;

use super::issuer_of;
use crate::support::TestApp;
use crate::support::agent::Agent;

const SECRET: &str = "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA=";
const REDIRECT: &str = "https://app.example/cb";

/// How the crate asks, by way of the client that all tests have.
async fn ask(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let (parts, body) = request.into_parts();
    let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let response = request.send().await?;
    let mut answer = HttpResponse::new(Vec::new());
    *answer.status_mut() = response.status();
    *answer.headers_mut() = response.headers().clone();
    *answer.body_mut() = response.bytes().await?.to_vec();
    Ok(answer)
}

#[tokio::test]
async fn openidconnect_of_rust_signs_people_in_with_each_algorithm_and_refreshes() {
    let algorithms = ["RS256", "ES256", "EdDSA"];
    let client = |algorithm: &&str| {
        json!({
            "client_id": format!("rust-{algorithm}"), "client_secret": SECRET.replace("GlBe", algorithm),
            "redirect_uris": [REDIRECT], "grant_types": ["authorization_code", "refresh_token"],
            "id_token_signed_response_alg": algorithm, "skip_consent": *algorithm != "RS256",
        })
    };
    let declared = json!({ "clients": algorithms.iter().map(client).collect::<Vec<_>>() });
    let app = TestApp::builder().provisioned(&declared).start().await;
    let ada = app.signed_up("ada").await;
    let issuer = IssuerUrl::new(issuer_of(&app)).unwrap();
    let metadata = CoreProviderMetadata::discover_async(issuer, &ask).await.unwrap();
    for algorithm in algorithms {
        let id = ClientId::new(format!("rust-{algorithm}"));
        let secret = ClientSecret::new(SECRET.replace("GlBe", algorithm));
        let client = CoreClient::from_provider_metadata(metadata.clone(), id, Some(secret))
            .set_redirect_uri(RedirectUrl::new(REDIRECT.to_owned()).unwrap());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(["profile", "email", "offline_access"].map(|word| Scope::new(word.to_owned())))
            .add_prompt(openidconnect::core::CoreAuthPrompt::Consent)
            .set_pkce_challenge(challenge)
            .url();
        let mut agent = Agent::new().stopping_at(REDIRECT);
        let landed = agent.sign_in_at(url.as_str(), "ada@example.com").await;
        let code = landed.parameter("code").unwrap_or_else(|| panic!("{} {}", landed.url, landed.text));
        assert_eq!(landed.parameter("state").as_ref(), Some(state.secret()));
        assert_eq!(landed.parameter("iss"), Some(issuer_of(&app)));

        let exchange = client.exchange_code(AuthorizationCode::new(code)).unwrap();
        let tokens = exchange.set_pkce_verifier(verifier).request_async(&ask).await.unwrap();
        let claims = tokens.id_token().unwrap().claims(&client.id_token_verifier(), &nonce).unwrap();
        assert_eq!(claims.subject().as_str(), ada.id);
        assert_eq!(claims.email().map(|email| email.as_str()), Some("ada@example.com"));

        let about: CoreUserInfoClaims = client
            .user_info(tokens.access_token().clone(), Some(claims.subject().clone()))
            .unwrap()
            .request_async(&ask)
            .await
            .unwrap();
        assert_eq!(about.email().map(|email| email.as_str()), Some("ada@example.com"));
        let refresh = tokens.refresh_token().unwrap();
        let again = client.exchange_refresh_token(refresh).unwrap().request_async(&ask).await.unwrap();
        assert_ne!(again.refresh_token().unwrap().secret(), refresh.secret());
    }
}
