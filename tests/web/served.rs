//! How the pages and their parts are served: to whom, with which policy, and for how long they are kept.

use reqwest::Method;
use reqwest::header::{ACCEPT, IF_NONE_MATCH};
use signet::config::Settings;

use crate::support::{Caller, Reply, TestApp};

const PAGES: [&str; 9] = [
    "/",
    "/sign-up",
    "/sign-in",
    "/forgot-password",
    "/reset-password",
    "/verify-email",
    "/delete-account",
    "/tasks",
    "/account",
];

/// Asks as a browser that goes to a page.
async fn visit(app: &TestApp, path: &str) -> Reply {
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    Caller::send(app.anonymous().request(Method::GET, path).header(ACCEPT, accept)).await
}

/// The parts that a page names.
fn parts(page: &Reply) -> Vec<String> {
    page.text.split('"').filter(|text| text.starts_with("/assets/")).map(str::to_owned).collect()
}

#[tokio::test]
async fn get_page_answers_with_a_policy_and_is_revalidated() {
    let app = TestApp::start().await;
    for path in PAGES {
        let page = visit(&app, path).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = page.header("content-security-policy");
        // Only the form for signing in works without its script.
        let forms = if path == "/sign-in" { "form-action 'self'" } else { "form-action 'none'" };
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", forms] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-cache");
        for inline in ["<style", "style=", "onclick=", "<script>"] {
            assert!(!page.text.contains(inline), "{path} holds {inline}");
        }
        let again = app.anonymous().request(Method::GET, path).header(IF_NONE_MATCH, page.header("etag"));
        assert_eq!(Caller::send(again).await.status.as_u16(), 304, "{path}");
    }
}

#[tokio::test]
async fn get_asset_is_cached_for_a_year_under_a_name_that_changes_with_it() {
    let app = TestApp::start().await;
    let named = parts(&visit(&app, "/tasks").await);
    assert!(named.len() >= 5, "{named:?}");
    for path in named {
        let part = app.anonymous().get(&path).await;
        assert_eq!(part.status.as_u16(), 200, "{path}");
        assert_eq!(part.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
        let again = app.anonymous().request(Method::GET, &path).header(IF_NONE_MATCH, part.header("etag"));
        assert_eq!(Caller::send(again).await.status.as_u16(), 304, "{path}");
        // Of another version there is what there is, and no cache keeps it without revalidating.
        let (_, name) = path.strip_prefix("/assets/").unwrap().split_once('/').unwrap();
        let other = app.anonymous().get(&format!("/assets/another/{name}")).await;
        assert_eq!((other.header("cache-control"), &other.text), ("no-cache", &part.text));
    }
    for nothing in ["/assets/x/js/none.js", "/assets/x/../../Cargo.toml", "/assets/x/%2e%2e/layout.html"] {
        app.anonymous().get(nothing).await.assert_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn not_found_is_a_page_for_browsers_and_json_for_programs() {
    let app = TestApp::start().await;
    let page = visit(&app, "/nothing/here").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.text.contains("There is nothing here") && !page.text.contains("{{"));
    app.anonymous().get("/nothing/here").await.assert_error(404, "NOT_FOUND");
    for path in ["/api/nothing", "/api/auth/nothing", "/.well-known/nothing", "/openapi/nothing.json"] {
        visit(&app, path).await.assert_error(404, "NOT_FOUND");
    }
    let wrong = app.anonymous().request(Method::POST, "/sign-up").header(ACCEPT, "text/html");
    Caller::send(wrong).await.assert_error(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn pages_bear_the_name_that_the_operator_gave_as_text_and_not_as_markup() {
    let named = |settings: &mut Settings| settings.set("SIGNET_APP_NAME", "Käse & <b>\"Söhne\" {{assets}}");
    let app = TestApp::builder().with(named).start().await;
    for path in PAGES {
        let page = visit(&app, path).await;
        let name = "Käse &amp; &lt;b&gt;&quot;Söhne&quot; {{assets}}";
        let title = page.text.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0;
        assert!(title.contains(name), "{path}: {title}");
        assert!(page.text.contains(&format!("<span class=\"wordmark\">{name}</span>")), "{path}");
        assert!(!page.text.contains("<b>"), "{path}");
    }
}

#[tokio::test]
async fn well_known_change_password_leads_password_managers_to_the_page() {
    let app = TestApp::start().await;
    let reply = app.anonymous().get("/.well-known/change-password").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "/account#password"));
}

#[tokio::test]
async fn pages_are_served_only_where_their_api_is() {
    let role = |role: &'static str| {
        TestApp::builder().with(move |settings: &mut Settings| {
            settings.set("SIGNET_ROLE", role);
            if role == "resource" {
                settings.unset("BETTER_AUTH_SECRET");
                settings.set("SIGNET_JWKS_URL", "http://127.0.0.1:1/jwks");
            }
        })
    };
    let identity = role("identity").start().await;
    for path in PAGES.into_iter().filter(|path| *path != "/tasks") {
        let page = visit(&identity, path).await;
        assert_eq!(page.status.as_u16(), 200, "{path}");
        assert!(!page.text.contains("/tasks"), "{path} leads to no tasks");
    }
    assert_eq!(visit(&identity, "/tasks").await.status.as_u16(), 404);
    // There is no sign-in at a resource service: it shows its API.
    let resource = role("resource").start().await;
    assert_eq!(visit(&resource, "/").await.location(), "/docs");
    for path in PAGES.into_iter().filter(|path| *path != "/") {
        visit(&resource, path).await.assert_error(404, "NOT_FOUND");
    }
}
