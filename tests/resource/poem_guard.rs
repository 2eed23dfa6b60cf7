//! The guard of poem's handlers: no handler runs for an unauthenticated caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use poem::http::StatusCode;
use poem::http::header::AUTHORIZATION;
use poem::{Endpoint, EndpointExt, Request, Response, handler};
use rstest::rstest;
use signet_verify::crypto::Algorithm;
use signet_verify::guard::poem::{Caller, Guard};
use signet_verify::verifier::{IssuerKeys, KeySource, Verifier};

use super::origin::{Answer, Origin};
use super::{Signer, cache_of, claims, impatient, manual_clock, policy, set, set_of};

#[handler]
fn name(caller: Caller) -> String {
    caller.subject.clone()
}

async fn ask(service: &impl Endpoint, token: Option<&str>) -> Response {
    let mut request = Request::builder();
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    service.get_response(request.finish()).await
}

fn verifier_of(origin: &Origin) -> Verifier {
    let cache = cache_of(origin, impatient(), manual_clock());
    Verifier::new(IssuerKeys::Published(KeySource::Remote(cache)), policy(), manual_clock())
}

#[rstest]
#[tokio::test]
async fn guard_hands_the_caller_to_the_handler(
    #[values(Algorithm::EdDsa, Algorithm::Es256, Algorithm::Rs256)] algorithm: Algorithm,
) {
    let origin = Origin::publishing(&set_of(algorithm, &["one"])).await;
    let service = name.with(Guard::new(verifier_of(&origin)));
    // One space or several before the token.
    for spaces in ["", " ", "    "] {
        let answer =
            ask(&service, Some(&format!("{spaces}{}", Signer::of(algorithm, "one").token(&claims())))).await;
        assert_eq!(
            (answer.status(), answer.into_body().into_string().await.unwrap()),
            (StatusCode::OK, "alice".into())
        );
    }
}

#[tokio::test]
async fn guard_protects_a_handler_that_does_not_extract_the_caller() {
    let origin = Origin::publishing(&set(&["one"])).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let careless = poem::endpoint::make_sync(move |_| counted.fetch_add(1, Ordering::SeqCst).to_string());
    let service = careless.with(Guard::new(verifier_of(&origin)));
    let forged = Signer::new("two").token(&claims());
    for (token, code) in
        [(None, "UNAUTHORIZED"), (Some(&*forged), "INVALID_TOKEN"), (Some("a b"), "INVALID_TOKEN")]
    {
        let answer = ask(&service, token).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
        let body: serde_json::Value = answer.into_body().into_json().await.unwrap();
        assert_eq!(body["code"], code);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn guard_without_keys_answers_unavailable_and_says_when_to_retry() {
    let origin = Origin::answering(Answer::Reset).await;
    let service = name.with(Guard::new(verifier_of(&origin)));
    let answer = ask(&service, Some(&Signer::new("one").token(&claims()))).await;
    assert_eq!((answer.status(), answer.header("www-authenticate")), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn principal_extractor_without_a_guard_refuses_every_request() {
    let token = Signer::new("one").token(&claims());
    assert_eq!(ask(&name, Some(&token)).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
