//! Pages of other origins.

use reqwest::Method;

use crate::support::{Caller, TestApp};

#[tokio::test]
async fn preflight_lets_trusted_origins_call_with_credentials_and_no_others() {
    let trusted = "http://localhost:3000";
    let app = TestApp::builder()
        .with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", trusted.to_owned()))
        .start()
        .await;
    let preflight = |origin: &'static str, path: &'static str| {
        let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Caller::send(request.header("access-control-request-headers", "content-type,authorization"))
    };
    for path in ["/api/auth/sign-in/email", "/api/me/tasks"] {
        let allowed = preflight(trusted, path).await;
        assert_eq!(allowed.status, 204);
        assert_eq!(allowed.header("access-control-allow-origin"), trusted);
        assert_eq!(allowed.header("access-control-allow-credentials"), "true");
        for header in ["content-type", "authorization"] {
            assert!(allowed.header("access-control-allow-headers").contains(header));
        }
        let refused = preflight("https://evil.example", path).await;
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    let read = |origin: &'static str, path: &'static str| {
        Caller::send(app.anonymous().request(Method::GET, path).header("origin", origin))
    };
    assert_eq!(read(trusted, "/api/auth/get-session").await.header("access-control-allow-origin"), trusted);
    assert_eq!(
        read("https://evil.example", "/api/auth/get-session").await.header("access-control-allow-origin"),
        ""
    );
    let public = read("https://evil.example", "/.well-known/jwks.json").await;
    assert_eq!(public.header("access-control-allow-origin"), "*");
    assert_eq!(public.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn preflight_lets_a_trusted_page_send_whatever_headers_it_asks_for() {
    let trusted = "http://localhost:3000";
    let app = TestApp::builder()
        .with(|settings| settings.set("BETTER_AUTH_TRUSTED_ORIGINS", trusted.to_owned()))
        .start()
        .await;
    let preflight = |origin: &'static str, path: &'static str, asked: String| {
        let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Caller::send(request.header("access-control-request-headers", asked))
    };
    for path in
        ["/api/auth/sign-in/email", "/api/auth/get-session", "/api/me/tasks", "/.well-known/jwks.json"]
    {
        for asked in ["baggage,sentry-trace,traceparent", "X-Datadog-Trace-Id, expo-origin", "authorization"]
        {
            let reply = preflight(trusted, path, asked.to_owned()).await;
            assert_eq!(reply.status, 204, "{path}");
            let allowed = reply.header("access-control-allow-headers").to_owned();
            for name in asked.split(',') {
                assert!(
                    allowed.split(", ").any(|one| one.eq_ignore_ascii_case(name.trim())),
                    "{name}: {allowed}"
                );
            }
            let vary: Vec<_> =
                reply.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert!(vary.join(",").contains("access-control-request-headers"), "{vary:?}");
        }
        // What is no list of headers, or a very long one, gets the usual answer, and a stranger none.
        for asked in ["a b".to_owned(), "x-a:1".to_owned(), "x".repeat(4000)] {
            let reply = preflight(trusted, path, asked).await;
            assert_eq!(
                reply.header("access-control-allow-headers"),
                "authorization, content-type, x-request-id"
            );
        }
    }
    let stranger = preflight("https://evil.example", "/api/me/tasks", "baggage".to_owned()).await;
    assert_eq!(stranger.header("access-control-allow-headers"), "");
}

#[tokio::test]
async fn an_app_signs_in_by_the_origin_that_the_expo_plugin_sends() {
    let app = TestApp::builder()
        .with(|settings| {
            settings.set("BETTER_AUTH_TRUSTED_ORIGINS", "myapp://,exp://192.168.*.*:*/**".to_owned())
        })
        .start()
        .await;
    app.signed_up("ada").await;
    let body =
        serde_json::json!({ "email": "ada@example.com", "password": crate::support::caller::PASSWORD });
    let sign_in = |headers: &'static [(&'static str, &'static str)]| {
        let mut request = app.anonymous().request(Method::POST, "/api/auth/sign-in/email").json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Caller::send(request)
    };
    // As `better-auth/expo` sends it, with a cookie of its own keeping and without `Origin`.
    const COOKIE: (&str, &str) = ("cookie", "better-auth.session_token=x");
    for headers in [
        &[("expo-origin", "myapp://"), COOKIE][..],
        &[("expo-origin", "myapp:///")],
        &[("expo-origin", "exp://192.168.1.7:8081"), COOKIE],
        &[("expo-origin", "exp://192.168.1.7:8081/--/"), ("x-skip-oauth-proxy", "true")],
        &[("expo-origin", "myapp://"), ("referer", "https://evil.example/")],
    ] {
        sign_in(headers).await.expect(200);
    }
    for headers in [
        &[("expo-origin", "otherapp://"), COOKIE][..],
        &[("expo-origin", "https://evil.example")],
        &[("expo-origin", "exp://10.0.0.1:8081"), COOKIE],
        // A page says where it comes from, whatever else it says.
        &[("expo-origin", "myapp://"), ("origin", "https://evil.example"), COOKIE],
    ] {
        sign_in(headers).await.assert_error(403, "INVALID_ORIGIN");
    }
    sign_in(&[("expo-origin", ""), COOKIE]).await.assert_error(403, "MISSING_OR_NULL_ORIGIN");
    sign_in(&[("expo-origin", "myapp://"), ("origin", "null"), COOKIE])
        .await
        .assert_error(403, "MISSING_OR_NULL_ORIGIN");
}
