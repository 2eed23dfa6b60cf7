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
