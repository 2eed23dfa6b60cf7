//! What the shipped balancer passes on, and what it does to the others when somebody's answer fails.

use reqwest::Method;
use serde_json::json;

use super::server::Server;
use crate::support::caller::PASSWORD;
use crate::support::nginx::Nginx;
use crate::support::{Caller, free_port};

/// Two instances on one database behind the shipped configuration.
struct Deployment {
    _folder: tempfile::TempDir,
    _servers: [Server; 2],
    nginx: Nginx,
}

fn deployment(settings: &[(&str, &str)]) -> Option<Deployment> {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let public = format!("http://localhost:{port}");
    let usual = [("BETTER_AUTH_URL", public.as_str()), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
    let settings = [&usual[..], settings].concat();
    let servers = [(); 2].map(|()| Server::start(folder.path(), &settings));
    let [one, two] = servers.each_ref().map(|server| server.base_url.trim_start_matches("http://"));
    let nginx = Nginx::start(port, [one, two], one)?;
    Some(Deployment { _folder: folder, _servers: servers, nginx })
}

/// The largest name and picture that a profile may have: characters that take most bytes, and those that JSON escapes.
fn largest(letter: &str) -> (String, String) {
    (letter.repeat(256), format!("https://{}", letter.repeat(1024 - 8)))
}

#[tokio::test(flavor = "multi_thread")]
async fn balancer_passes_the_largest_permitted_profile_and_nobody_else_notices_it() {
    let Some(deployment) = deployment(&[]) else { return };
    let caller = Caller::new(&deployment.nginx.base_url);
    for (number, letter) in ["\u{10348}", "\u{20ac}", "\"", "\\", "x"].into_iter().enumerate() {
        let (name, image) = largest(letter);
        let email = format!("{number}{}@{}.example", "a".repeat(60), "b".repeat(60));
        let body = json!({ "name": name, "image": image, "email": email, "password": PASSWORD });
        let account = caller.post("/api/auth/sign-up/email", &body).await.expect(200);
        let session = caller.bearing(account["token"].as_str().unwrap());
        for _ in 0..3 {
            let reply = session.get("/api/auth/get-session").await;
            assert_eq!(reply.status, 200, "{letter}: {} {}", reply.text, deployment.nginx.log());
            assert_eq!(reply.json()["user"]["name"], *name);
            assert!(!reply.header("set-auth-jwt").is_empty(), "{letter}");
        }
        // A token of this size comes through the balancer in the other direction, too.
        let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
        let tasks = caller.bearing(&token).get("/api/me/tasks").await;
        assert_eq!(tasks.status, 200, "{letter}: {}", tasks.text);
        caller.get("/.well-known/jwks.json").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn balancer_passes_what_strangers_have_echoed_to_them() {
    let Some(deployment) = deployment(&[("BETTER_AUTH_TRUSTED_ORIGINS", "myapp://,https://*.example.com")])
    else {
        return;
    };
    let caller = Caller::new(&deployment.nginx.base_url);
    let long = "a".repeat(7000);
    for origin in
        [format!("myapp://{long}"), format!("https://x.example.com/{long}"), format!("myapp://x/?{long}")]
    {
        let request = caller.request(Method::GET, "/api/auth/ok").header("origin", &origin);
        let reply = Caller::send(request).await;
        assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, ""));
    }
    let headers: Vec<String> = (0..600).map(|number| format!("x-{number}")).collect();
    let request = caller.request(Method::OPTIONS, "/api/auth/ok").header("origin", "https://x.example.com");
    let request = request.header("access-control-request-method", "GET");
    let reply = Caller::send(request.header("access-control-request-headers", headers.join(","))).await;
    assert_eq!(reply.status, 204);
    let url = format!("myapp://x/{}", "a".repeat(2048 - 10));
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    caller.post("/api/auth/sign-up/email", &body).await.expect(200);
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "callbackURL": url });
    let reply = caller.post("/api/auth/sign-in/email", &body).await;
    assert_eq!((reply.status.as_u16(), reply.location()), (200, url.as_str()));
    assert_eq!(deployment.nginx.log().matches("too big header").count(), 0, "{}", deployment.nginx.log());
}

/// An instance that gives somebody an answer which cannot be passed on, and everybody else a good one.
async fn sick_instance() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let path =
                    String::from_utf8_lossy(&head[..read]).split(' ').nth(1).unwrap_or_default().to_owned();
                let answer = match path.as_str() {
                    "/large" => {
                        format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(100_000))
                    }
                    "/gone" => String::new(),
                    _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn balancer_rests_no_instance_for_an_answer_that_it_cannot_pass_on() {
    let (one, two) = (sick_instance().await.to_string(), sick_instance().await.to_string());
    let Some(nginx) = Nginx::start(free_port(), [&one, &two], &one) else { return };
    let caller = Caller::new(&nginx.base_url);
    for path in ["/large", "/gone"] {
        for _ in 0..4 {
            caller.get(path).await;
            let other = caller.get("/others").await;
            assert_eq!(
                (other.status.as_u16(), other.text.as_str()),
                (200, "ok"),
                "after {path}: {}",
                nginx.log()
            );
        }
    }
}
