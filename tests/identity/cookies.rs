//! The cookie of a session, among those of everybody else on the same host.

use reqwest::header::{AUTHORIZATION, COOKIE, HeaderValue};
use reqwest::{Client, Method};
use serde_json::json;

use crate::support::caller::PASSWORD;
use crate::support::{Caller, Reply, TestApp};

/// The cookie that signing in sets, as a browser sends it back.
async fn cookie(app: &TestApp) -> String {
    let body = json!({ "email": "alice@example.com", "password": PASSWORD });
    let signed_in = app.anonymous().post("/api/auth/sign-in/email", &body).await;
    signed_in.header("set-cookie").split(';').next().unwrap().to_owned()
}

async fn send(app: &TestApp, method: Method, path: &str, lines: &[&[u8]]) -> Reply {
    let mut request = app
        .anonymous()
        .request(method, path)
        .header("origin", app.base_url.replace("127.0.0.1", "localhost"));
    for line in lines {
        request = request.header(COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    Caller::send(request.json(&json!({}))).await
}

#[tokio::test]
async fn sign_out_ends_the_session_of_a_cookie_whatever_stands_beside_it() {
    let app = TestApp::start().await;
    app.signed_up("alice").await;
    for (before, after) in [
        ("a=\u{eb}; ".as_bytes(), &b""[..]),
        (b"a=\xeb; ", b""),
        (b"", b"; \xff"),
        (b"better-auth.session_token=nobody; ", b"; better-auth.session_token=somebody"),
        (b"better-auth.session_token=%ff.x; ", b""),
        (b"; a; =; b=\"; ", b";;"),
    ] {
        let good = cookie(&app).await;
        let line = [before, good.as_bytes(), after].concat();
        let session = send(&app, Method::GET, "/api/auth/get-session", &[&line]).await.expect(200);
        assert!(session.is_object(), "{line:?}");
        send(&app, Method::POST, "/api/auth/sign-out", &[&line]).await.expect(200);
        let gone = send(&app, Method::GET, "/api/auth/get-session", &[good.as_bytes()]).await.expect(200);
        assert!(gone.is_null(), "sign-out said success and ended nothing: {line:?}");
    }
}

#[tokio::test]
async fn get_session_reads_cookies_that_come_in_several_lines_also_over_http_2() {
    let app = TestApp::start().await;
    app.signed_up("alice").await;
    let good = cookie(&app).await;
    let lines: [&[u8]; 4] = [b"a=\xeb", b"better-auth.session_token=nobody", good.as_bytes(), b"b=c"];
    assert!(send(&app, Method::GET, "/api/auth/get-session", &lines).await.expect(200).is_object());
    let http_2 = Client::builder().http2_prior_knowledge().no_proxy().build().unwrap();
    let mut request = http_2.get(format!("{}/api/auth/get-session", app.base_url));
    for line in lines {
        request = request.header(COOKIE, HeaderValue::from_bytes(line).unwrap());
    }
    assert!(Caller::send(request).await.expect(200).is_object());
}

#[tokio::test]
async fn bearer_credentials_may_have_several_spaces_before_them_at_both_apis() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let jwt = alice.jwt().await;
    for scheme in ["Bearer ", "Bearer  ", "bearer     ", "BEARER  "] {
        for (path, token) in [("/api/auth/token", &alice.session_token), ("/api/me/tasks", &jwt)] {
            let request = app.anonymous().request(Method::GET, path);
            Caller::send(request.header(AUTHORIZATION, format!("{scheme}{token}"))).await.expect(200);
        }
    }
}
