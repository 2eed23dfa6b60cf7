//! The agent itself, at a small application.

use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Html;
use poem::{Request, Response, Route, Server, get, handler, post};

use super::Agent;

const PAGE: &str = r#"<form method="post" action="sign-in"><label for="e">E-mail</label><input id="e" name="email">
    <input type="hidden" name="csrf" value="1"><button name="go" value="yes">Sign in</button></form><a href="/seen">Seen</a>"#;

fn header<'r>(request: &'r Request, name: &str) -> &'r str {
    request.header(name).unwrap_or("-")
}

#[handler]
fn show_form() -> Response {
    let cookies = [
        ("set-cookie", "lax=1; Path=/"),
        ("set-cookie", "all=1; SameSite=None; Secure"),
        ("set-cookie", "gone=1"),
    ];
    let mut answer = Response::builder().content_type("text/html").header("referrer-policy", "no-referrer");
    for (name, value) in cookies {
        answer = answer.header(name, value);
    }
    answer.header("set-cookie", "gone=; Max-Age=0").body(PAGE)
}

#[handler]
async fn sign_in(request: &Request, body: String) -> Response {
    let seen = format!("{body} {} {}", header(request, "origin"), header(request, "cookie"));
    let to = format!("/seen?{}", url::form_urlencoded::byte_serialize(seen.as_bytes()).collect::<String>());
    Response::builder().status(StatusCode::SEE_OTHER).header("location", to).finish()
}

#[handler]
fn show_seen(request: &Request) -> Html<String> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    Html(format!("{} {query} {}", header(request, "sec-fetch-site"), header(request, "cookie")))
}

#[handler]
fn away() -> Response {
    Response::builder().status(StatusCode::FOUND).header("location", "com.example.app:/cb?code=7").finish()
}

#[tokio::test]
async fn agent_fills_forms_keeps_cookies_and_stops_where_it_is_told() {
    let app = Route::new()
        .at("/form", get(show_form))
        .at("/sign-in", post(sign_in))
        .at("/seen", get(show_seen))
        .at("/away", get(away));
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().remove(0).as_socket_addr().unwrap().to_string();
    let server = tokio::spawn(Server::new_with_acceptor(acceptor).run(app));
    let mut agent = Agent::new().stopping_at("com.example.app:/cb");
    let page = agent.open(&format!("http://{address}/form")).await;
    assert_eq!((page.status, page.words()), (200, "E-mail Sign in Seen"));
    let form = page.form("Sign in").fill("e-mail", "a@b.co");
    let landed = agent.submit(&page, &form, "Sign in").await;
    assert_eq!(landed.url.path(), "/seen");
    let query = landed.url.query_pairs().next().unwrap().0.into_owned();
    assert_eq!(query, "email=a@b.co&csrf=1&go=yes null lax=1; all=1".replace('@', "%40"));
    assert!(landed.shows("same-origin"), "{}", landed.words());
    assert_eq!((agent.cookies.value("lax"), agent.cookies.value("gone")), (Some("1"), None));

    assert_eq!(form.value("csrf"), Some("1"));
    let by_script = agent.send_by_script(&page, &form).await;
    let query = by_script.url.query_pairs().next().unwrap().0.into_owned();
    assert!(query.starts_with("email=a%40b.co&csrf=1 "), "no button: {query}");

    let elsewhere = agent.post_from_elsewhere(&format!("http://{address}/sign-in"), &[("a", "1")]).await;
    let query = elsewhere.url.query_pairs().next().unwrap().0.into_owned();
    assert_eq!(
        query, "a=1 https://elsewhere.example all=1",
        "no cookie of SameSite=Lax with a form of another site"
    );
    assert!(elsewhere.shows("cross-site"));

    let code = agent.open(&format!("http://{address}/away")).await;
    assert_eq!((code.status, code.parameter("code").as_deref()), (0, Some("7")));
    let link = agent.follow(&page, "Seen").await;
    assert!(link.shows("lax=1"));
    agent.cookies.clear();
    assert!(!agent.open(&format!("http://{address}/seen")).await.shows("lax=1"));
    server.abort();
}
