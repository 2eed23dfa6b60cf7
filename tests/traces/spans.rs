//! Traces reach a collector of OpenTelemetry, continue what a caller began, and say no more than the log.

use std::sync::{Arc, Mutex};

use poem::{EndpointExt, Response};
use serde_json::json;
use signet::http::server::{Bounds, ConnectionLimit, serve};
use tokio::net::TcpListener;

use crate::command_line::server::Server;
use crate::support::Caller;
use crate::support::caller::PASSWORD;

/// One field of a protobuf message (encoding as protobuf.dev describes it), read without the library that wrote it.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Value::Number(varint(&mut bytes)),
            1 | 2 | 5 => {
                let length = match key & 7 {
                    1 => 8,
                    5 => 4,
                    _ => usize::try_from(varint(&mut bytes)).unwrap(),
                };
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(value)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

/// The messages, texts or byte strings under one field.
fn all(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let found = fields(bytes).into_iter().filter(|(field, _)| *field == number);
    found.filter_map(|(_, value)| if let Value::Bytes(bytes) = value { Some(bytes) } else { None }).collect()
}

fn text(bytes: &[u8], number: u64) -> String {
    all(bytes, number).first().map(|text| String::from_utf8(text.to_vec()).unwrap()).unwrap_or_default()
}

fn number(bytes: &[u8], number: u64) -> u64 {
    let found = fields(bytes).into_iter().find(|(field, _)| *field == number);
    if let Some((_, Value::Number(value))) = found { value } else { 0 }
}

/// A span as opentelemetry/proto/trace/v1/trace.proto numbers its fields.
#[derive(Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    attributes: Vec<(String, String)>,
    events: String,
}

fn hex(bytes: &[&[u8]]) -> String {
    bytes.concat().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(bytes: &[u8], field: u64) -> Vec<(String, String)> {
    let value = |bytes: &[u8]| match fields(bytes).first() {
        Some((_, Value::Bytes(text))) => String::from_utf8_lossy(text).into_owned(),
        Some((_, Value::Number(number))) => number.to_string(),
        None => String::new(),
    };
    all(bytes, field).into_iter().map(|pair| (text(pair, 1), value(all(pair, 2)[0]))).collect()
}

fn spans(request: &[u8]) -> Vec<Span> {
    let resource_spans = all(request, 1);
    let scope_spans = resource_spans.iter().flat_map(|bytes| all(bytes, 2));
    let read = |bytes: &[u8]| Span {
        trace: hex(&all(bytes, 1)),
        id: hex(&all(bytes, 2)),
        parent: hex(&all(bytes, 4)),
        name: text(bytes, 5),
        kind: number(bytes, 6),
        attributes: attributes(bytes, 9),
        events: all(bytes, 11).iter().map(|bytes| String::from_utf8_lossy(bytes)).collect(),
    };
    scope_spans.flat_map(|bytes| all(bytes, 2)).map(read).collect()
}

/// A collector: where it is, and the bodies that it was sent.
async fn collector() -> (String, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let kept = bodies.clone();
    let endpoint = poem::endpoint::make(move |mut request: poem::Request| {
        let kept = kept.clone();
        async move {
            assert_eq!(
                (request.uri().path(), request.content_type()),
                ("/v1/traces", Some("application/x-protobuf"))
            );
            let body = request.take_body().into_vec().await?;
            kept.lock().unwrap().push(body);
            Ok::<_, poem::Error>(Response::builder().content_type("application/x-protobuf").finish())
        }
    });
    tokio::spawn(serve(
        listener,
        endpoint.boxed(),
        ConnectionLimit::new(Bounds::default()),
        std::future::pending(),
    ));
    (url, bodies)
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_show_a_request_as_a_span_of_the_callers_trace_without_secrets() {
    let (url, bodies) = collector().await;
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_OTLP_ENDPOINT", &url)]);
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let ada = server.caller().post("/api/auth/sign-up/email", &body).await.expect(200);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let sign_in = server.caller().request(reqwest::Method::POST, "/api/auth/sign-in/email").json(&body);
    let reply = Caller::send(sign_in.header("traceparent", format!("00-{trace}-{parent}-01"))).await;
    let session = reply.expect(200)["token"].as_str().unwrap().to_owned();
    let broken =
        server.caller().request(reqwest::Method::GET, "/nothing/here").header("traceparent", "00-nonsense");
    Caller::send(broken).await;
    let (status, log) = server.terminate();
    assert!(status.success());
    assert!(!log.contains("signet::trace"), "spans are no lines of the log: {log}");

    let bodies = bodies.lock().unwrap();
    let spans: Vec<Span> = bodies.iter().flat_map(|body| spans(body)).collect();
    let named = |name: &str| {
        spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:#?}"))
    };
    let request = named("POST /api/auth/sign-in/email");
    assert_eq!(
        (request.trace.as_str(), request.parent.as_str(), request.kind),
        (trace, parent, 2),
        "{request:#?}"
    );
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/auth/sign-in/email"),
        ("http.response.status_code", "200"),
        ("signet.request.id", reply.header("x-request-id")),
    ] {
        let pair = (name.to_owned(), value.to_owned());
        assert!(request.attributes.contains(&pair), "{pair:?}: {request:#?}");
    }
    assert!(request.events.contains("INSERT INTO sessions"), "what the database was asked: {request:#?}");
    let hashing = spans.iter().find(|span| span.name == "hash a password" && span.trace == trace).unwrap();
    assert_eq!(hashing.parent, request.id);
    let unknown = named("GET");
    assert!(unknown.parent.is_empty() && unknown.trace != trace, "{unknown:#?}");

    let sent = bodies.concat();
    let sent = String::from_utf8_lossy(&sent);
    assert!(sent.contains("service.name"));
    for private in ["ada@example.com", PASSWORD, &session, ada["user"]["id"].as_str().unwrap(), "127.0.0.1"] {
        assert!(!sent.contains(private), "{private}");
    }
}

#[tokio::test]
async fn traces_without_a_collector_delay_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[("SIGNET_OTLP_ENDPOINT", "http://127.0.0.1:1")]);
    for _ in 0..100 {
        server.caller().get("/api/auth/jwks").await.expect(200);
    }
    let (status, log) = server.terminate();
    assert!(status.success());
    assert!(log.contains("opentelemetry") && !log.contains("panicked"), "it is said: {log}");
}
