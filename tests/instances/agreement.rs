//! Instances agree although they are asked at once, their clocks differ, or the one that signs is gone.

use std::sync::Arc;

use signet_verify::clock::Clock;
use signet_verify::clock::ManualClock;

use super::*;
use crate::support::{BEGINNING, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn sign_up_by_200_at_two_instances_with_one_address_lets_one_win_and_refuses_199_properly() {
    let Some(deployment) = Deployment::start("one_of_200", None, None, &[]).await else { return };
    let attempts: Vec<_> = (0..200)
        .map(|number| {
            let client = [&deployment.one, &deployment.two][number % 2].caller();
            let body = json!({ "name": "A", "email": "a@example.com", "password": PASSWORD });
            tokio::spawn(async move { client.post("/api/auth/sign-up/email", &body).await })
        })
        .collect();
    let (mut won, mut timed_out) = (0, 0);
    for attempt in attempts {
        let reply = attempt.await.unwrap();
        match reply.status.as_u16() {
            200 => won += 1,
            422 => reply.assert_error(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
            // On a machine that is busy with other things; one of them may have won all the same.
            408 => {
                reply.assert_error(408, "REQUEST_TIMEOUT");
                timed_out += 1;
            }
            _ => {
                reply.assert_error(503, "SIGN_IN_BUSY");
                assert!(!reply.header("retry-after").is_empty());
            }
        }
    }
    assert!(won == 1 || (won == 0 && timed_out > 0), "{won} have won, {timed_out} were not told in time");
    let body = json!({ "email": "a@example.com", "password": PASSWORD });
    for server in [&deployment.one, &deployment.two] {
        server.caller().post("/api/auth/sign-in/email", &body).await.expect(200);
    }
}

/// An instance whose clock stands `ahead` or `behind` of the beginning, on the same files as the others.
async fn at(clock: &Arc<ManualClock>, files: &TestApp) -> TestApp {
    let settings = |settings: &mut signet::config::Settings| settings.set("BETTER_AUTH_URL", ISSUER);
    TestApp::in_folder(files.folder.clone()).with(settings).clock(clock.clone()).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_answers_alike_with_clocks_half_a_minute_apart() {
    let skew = Duration::from_secs(30);
    for ahead in [true, false] {
        let right = Arc::new(ManualClock::at(BEGINNING));
        let wrong = if ahead { BEGINNING.after(skew) } else { BEGINNING.before(skew) };
        let wrong = Arc::new(ManualClock::at(wrong));
        let settings = |settings: &mut signet::config::Settings| settings.set("BETTER_AUTH_URL", ISSUER);
        let one = TestApp::builder().with(settings).clock(right.clone()).start().await;
        let two = at(&wrong, &one).await;
        let alice = one.signed_up("alice").await;
        let there = alice.session.at(&two);
        let token_of = async |session: &Caller| {
            session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned()
        };
        let tokens = [token_of(&alice.session).await, token_of(&there).await];
        let verdicts = async |app: &TestApp| {
            let mut verdicts = Vec::new();
            for token in &tokens {
                verdicts.push(app.anonymous().bearing(token).get("/api/me/tasks").await.status.as_u16());
            }
            verdicts
        };
        for app in [&one, &two] {
            assert_eq!(verdicts(app).await, [200, 200], "fresh tokens of both count at both");
        }
        assert_eq!(
            one.anonymous().get("/api/auth/jwks").await.expect(200),
            two.anonymous().get("/api/auth/jwks").await.expect(200)
        );

        // Ended at the one that is behind, and then until the last of them has expired by every clock.
        alice.session.post("/api/auth/sign-out", &json!({})).await.expect(200);
        soon("the other one hears", async || verdicts(&two).await == [401, 401]).await;
        for seconds in [890, 35, 30, 30] {
            right.advance(Duration::from_secs(seconds));
            wrong.advance(Duration::from_secs(seconds));
            // Who starts only now knows what the database remembers and nothing else.
            for clock in [&right, &wrong] {
                let late = at(clock, &one).await;
                assert_eq!(verdicts(&late).await, [401, 401], "{seconds} s on, at {:?}", clock.now());
                late.stop().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_without_the_identity_service_lasts_up_to_its_bound_and_no_longer() {
    let clock = Arc::new(ManualClock::at(BEGINNING));
    let identity = TestApp::builder()
        .with(|settings| settings.set("SIGNET_TOKEN_TTL", "2h"))
        .clock(clock.clone())
        .start()
        .await;
    let alice = identity.signed_up("alice").await;
    let token = alice.jwt().await;
    let issuer = identity.base_url.replace("127.0.0.1", "localhost");
    let resource = TestApp::builder()
        .with(|settings| {
            settings.set("SIGNET_ROLE", "resource");
            settings.unset("BETTER_AUTH_SECRET");
            settings.set("SIGNET_JWKS_URL", format!("{}/api/auth/jwks", identity.base_url));
            settings.set("SIGNET_ISSUER", issuer.clone());
            settings.set("SIGNET_AUDIENCE", issuer.clone());
        })
        .clock(clock.clone())
        .start()
        .await;
    let api = resource.anonymous().bearing(&token);
    api.get("/api/me/tasks").await.expect(200);
    identity.stop().await;
    // Ten lives of the key set, which is five minutes.
    for _ in 0..49 {
        clock.advance(Duration::from_secs(60));
        api.get("/api/me/tasks").await.expect(200);
    }
    clock.advance(Duration::from_secs(120));
    let refused = api.get("/api/me/tasks").await;
    refused.assert_error(503, "KEY_SET_UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_keeps_accepting_tokens_when_the_identity_service_is_killed() {
    let Some(deployment) = Deployment::start("issuer_gone", None, None, &[]).await else { return };
    let ada = signed_up(&deployment.two, "ada").await;
    let token = jwt(&ada).await;
    assert_eq!(verdict(&deployment.resource, &token).await, 200);
    deployment.one.kill();
    for _ in 0..50 {
        assert_eq!(verdict(&deployment.resource, &token).await, 200);
    }
    let trusted = metric(&deployment.resource, "signet_key_cache_trusted_seconds").await.unwrap();
    assert!(trusted > 60.0, "{trusted}");
}
