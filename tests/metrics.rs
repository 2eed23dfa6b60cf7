//! What an operator can watch: the list in the docs is what is served, and no caller can add series or labels to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::isolation::issuer::Issuer;
use crate::support::caller::PASSWORD;
use crate::support::{Caller, TestApp, closed_port};

/// The lines of `/metrics`, each as its series and its value.
async fn page(caller: &Caller) -> BTreeMap<String, f64> {
    let reply = caller.get("/metrics").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.text.ends_with("# EOF\n"), "a whole exposition");
    let samples = reply.text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// One metric as the docs list it and as it is served: its name, its type and the names of its labels.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

fn label_names(series: &str) -> BTreeSet<String> {
    let Some((_, labels)) = series.split_once('{') else { return BTreeSet::new() };
    let names = labels.trim_end_matches('}').split("\",").filter_map(|label| label.split_once('='));
    names.map(|(name, _)| name.to_owned()).filter(|name| name != "le").collect()
}

fn served(text: &str) -> Described {
    let mut described = Described::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            current = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            described.insert(current.clone(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            described.get_mut(&current).unwrap().1.extend(label_names(line.rsplit_once(' ').unwrap().0));
        }
    }
    described
}

/// The rows `| \`name\` | type | \`label\`, \`label\` | meaning |` of the docs.
fn listed() -> Described {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let words =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        (words(cells[1]).remove(0), (cells[2].to_owned(), words(cells[3]).into_iter().collect()))
    })
    .collect()
}

async fn resource(issuer: &Issuer) -> TestApp {
    let builder = TestApp::builder().with(|settings| {
        settings.set("SIGNET_ROLE", "resource");
        settings.unset("BETTER_AUTH_SECRET");
        settings.set("SIGNET_JWKS_URL", issuer.jwks_url.clone());
        settings.set("SIGNET_ISSUER", issuer.url.clone());
        settings.set("SIGNET_AUDIENCE", issuer.url.clone());
    });
    builder.start().await
}

#[tokio::test]
async fn metrics_are_exactly_those_of_the_documentation() {
    let issuer = Issuer::start().await;
    let (_bound, port) = closed_port();
    let nowhere = format!("redis://127.0.0.1:{port}");
    let both = TestApp::builder().with(|settings| {
        settings.set("SIGNET_RATE_LIMIT", "on");
        settings.set("REDIS_URL", nowhere);
    });
    let both = both.start().await;
    let alice = both.signed_up("alice").await;
    alice.sign_in_again(&both).await;
    let resource = resource(&issuer).await;
    let caller = resource.anonymous().bearing(&issuer.token("alice", |_| {}));
    caller.get("/api/me/tasks").await.expect(200);

    let mut found = served(&both.anonymous().get("/metrics").await.text);
    for (name, (kind, labels)) in served(&resource.anonymous().get("/metrics").await.text) {
        found.entry(name).or_insert((kind, BTreeSet::new())).1.extend(labels);
    }
    assert_eq!(found, listed());
}

#[tokio::test]
async fn requests_are_counted_by_the_pattern_of_their_route_and_the_code_of_their_error() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;
    let task = api.post("/api/me/tasks", &json!({ "title": "Milk" })).await.expect(201);
    let path = format!("/api/{}/tasks/{}", alice.id, task["id"].as_str().unwrap());
    api.get(&path).await.expect(200);
    api.get(&path.replace(&alice.id, "me")).await.expect(200);
    app.anonymous().get(&path).await;
    let page = page(&app.anonymous()).await;
    let count = |status: u16, code: &str| {
        let route = "/api/{user_id}/tasks/{id}";
        let labels = format!(r#"method="GET",route="{route}",status="{status}",code="{code}""#);
        page.get(&format!("signet_http_requests_total{{{labels}}}")).copied()
    };
    assert_eq!(count(200, ""), Some(2.0), "{page:#?}");
    assert_eq!(count(401, "UNAUTHORIZED"), Some(1.0), "{page:#?}");
    let timed = r#"signet_http_request_duration_seconds_count{route="/api/{user_id}/tasks/{id}"}"#;
    assert_eq!(page.get(timed), Some(&3.0));
}

#[tokio::test]
async fn requests_of_an_attacker_add_no_series_and_write_nothing_into_them() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let attacker = app.anonymous();
    let probe = |number: usize| {
        let attacker = attacker.clone();
        let email = alice.email.clone();
        async move {
            let method = Method::from_bytes(format!("PROBE{number}").as_bytes()).unwrap();
            Caller::send(attacker.request(method, "/api/me/tasks")).await;
            attacker.get(&format!("/probe{number}")).await;
            attacker.get(&format!("/api/probe{number}/tasks?probe={number}")).await;
            attacker.get(&format!("/api/auth/probe{number}")).await;
            attacker.bearing(&format!("probe{number}.e30.e30")).get("/api/me/tasks").await;
            let wrong = json!({ "email": email, "password": format!("probe {number}, wrong") });
            attacker.post("/api/auth/sign-in/email", &wrong).await;
        }
    };
    probe(0).await;
    page(&attacker).await;
    let before: BTreeSet<String> = page(&attacker).await.into_keys().collect();
    for number in 1..20 {
        probe(number).await;
    }
    let after = page(&attacker).await;
    let names: BTreeSet<String> = after.keys().cloned().collect();
    assert_eq!(names.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new(), "new series");
    for private in ["probe", "PROBE", &alice.email, &alice.id, "127.0.0.1"] {
        assert!(!names.iter().any(|name| name.contains(private)), "{private} in {names:#?}");
    }
    let unknown = r#"signet_http_requests_total{method="GET",route="none",status="404",code="NOT_FOUND"}"#;
    assert!(after[unknown] >= 20.0, "{after:#?}");
}

#[tokio::test]
async fn sign_ins_are_counted_by_outcome_and_password_checks_by_result() {
    let app = TestApp::start().await;
    let alice = app.signed_up("alice").await;
    let sign_in = async |password: &str| {
        let body = json!({ "email": alice.email, "password": password });
        app.anonymous().post("/api/auth/sign-in/email", &body).await;
    };
    sign_in(PASSWORD).await;
    sign_in("not the password").await;
    sign_in("neither is this").await;
    app.anonymous().post("/api/auth/sign-in/email", &json!({ "email": 7 })).await;
    let page = page(&app.anonymous()).await;
    for (outcome, count) in [("signed_in", 1.0), ("wrong_credentials", 2.0), ("malformed", 1.0)] {
        assert_eq!(page[&format!(r#"signet_sign_ins_total{{outcome="{outcome}"}}"#)], count, "{outcome}");
    }
    assert_eq!(
        page[r#"signet_password_hashes_total{result="hashed"}"#], 4.0,
        "the sign-up and three sign-ins"
    );
    assert_eq!(page["signet_password_queue"], 0.0);
}

#[tokio::test]
async fn refusals_are_counted_by_every_reason_from_the_start_and_answers_do_not_name_it() {
    let issuer = Issuer::start().await;
    let app = resource(&issuer).await;
    let series = |reason: &str| format!(r#"signet_token_refusals_total{{reason="{reason}"}}"#);
    let fresh = page(&app.anonymous()).await;
    for reason in ["expired", "signature", "unknown_kid", "audience", "revoked", "key_set_unavailable"] {
        assert_eq!(fresh[&series(reason)], 0.0, "{reason}");
    }
    let ask = async |token: String| app.anonymous().bearing(&token).get("/api/me/tasks").await;
    ask(issuer.token("alice", |_| {})).await.expect(200);
    ask(issuer.token("alice", |claims| claims["exp"] = 1.into())).await.assert_error(401, "INVALID_TOKEN");
    ask(issuer.forged("alice")).await.assert_error(401, "INVALID_TOKEN");
    let page = page(&app.anonymous()).await;
    assert_eq!(page["signet_tokens_accepted_total"], 1.0);
    assert_eq!((page[&series("expired")], page[&series("signature")]), (1.0, 1.0));
    assert_eq!(page["signet_key_cache_keys"], 1.0);
    assert_eq!(page["signet_key_cache_fresh"], 1.0);
    assert_eq!(page["signet_key_cache_fetches_total"], 1.0);
}

#[tokio::test]
async fn keys_show_their_states_and_their_margins_to_the_contract() {
    let app = TestApp::start().await;
    app.signed_up("alice").await.jwt().await;
    let page = page(&app.anonymous()).await;
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let count =
            |state: &str| page[&format!(r#"signet_signing_keys{{algorithm="{algorithm}",state="{state}"}}"#)];
        assert_eq!((count("active"), count("pending"), count("revoked")), (1.0, 0.0, 0.0), "{algorithm}");
        let age = page[&format!(r#"signet_active_key_age_seconds{{algorithm="{algorithm}"}}"#)];
        assert!((0.0..300.0).contains(&age), "{algorithm}: {age}");
    }
    assert_eq!(page["signet_signer_available"], 1.0);
    assert_eq!(page["signet_signing_keys_unreadable"], 0.0);
    let reload = page[r#"signet_key_margin_seconds{algorithm="",rule="reload"}"#];
    let bound = page[r#"signet_key_contract_seconds{span="reload"}"#];
    assert!(reload > 0.0 && reload <= bound, "{reload} of {bound}");
    assert!(page["signet_key_next_action_seconds"] > 0.0);
}

#[tokio::test]
async fn limiter_counts_what_it_lets_through_and_what_it_turns_away() {
    let limited = |settings: &mut signet::config::Settings| settings.set("SIGNET_RATE_LIMIT", "on");
    // No share of the window comes back while a busy machine takes its time.
    let app = TestApp::builder().manual_clock().with(limited).start().await;
    for _ in 0..5 {
        let body = json!({ "email": "nobody@example.com", "password": "whatever it is" });
        app.anonymous().post("/api/auth/sign-in/email", &body).await;
    }
    let page = page(&app.anonymous()).await;
    let count = |decision: &str| {
        page[&format!(r#"signet_rate_limit_decisions_total{{rule="sign-in",decision="{decision}"}}"#)]
    };
    assert_eq!((count("allowed"), count("limited")), (3.0, 2.0));
    assert_eq!(page[r#"signet_sign_ins_total{outcome="limited"}"#], 2.0);
}

#[tokio::test]
async fn metrics_address_serves_metrics_alone_and_the_public_one_no_longer() {
    let own = |settings: &mut signet::config::Settings| {
        settings.set("SIGNET_METRICS_LISTEN", "127.0.0.1:0");
    };
    let app = TestApp::builder().with(own).start().await;
    let operator = Caller::new(app.metrics_url.as_ref().unwrap());
    app.anonymous().get("/healthz").await.expect(200);
    app.anonymous().get("/metrics").await.assert_error(404, "NOT_FOUND");
    let page = page(&operator).await;
    assert!(page.keys().any(|series| series.contains(r#"route="/healthz""#)), "{page:#?}");
    operator.get("/healthz").await.assert_error(404, "NOT_FOUND");
    operator.get("/api/auth/jwks").await.assert_error(404, "NOT_FOUND");
    assert!(app.stop().await, "both listeners stop");
}

/// The metrics of our own that an expression reads, each with the labels that it chooses by.
fn read_by(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (start, _) in expression.match_indices(['s', 'p']) {
        let begins = !expression[..start].ends_with(is_name);
        let name: String = expression[start..].chars().take_while(|c| is_name(*c)).collect();
        if !begins || !(name.starts_with("signet_") || name.starts_with("process_")) {
            continue;
        }
        let chosen = expression[start + name.len()..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let labels =
            chosen.map(|(labels, _)| labels.split('"').step_by(2).map(str::to_owned).collect::<Vec<_>>());
        let labels = labels.unwrap_or_default().into_iter();
        let labels = labels.map(|label| label.trim_matches(|c: char| !is_name(c)).to_owned());
        found.push((name, labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

#[test]
fn dashboard_and_alerts_use_only_metrics_and_labels_of_the_list() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let read = |file: &str| fs::read_to_string(docs.join(file)).unwrap();
    let alerts = read("alerts.yml");
    let mut expressions: Vec<String> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect();
    assert_eq!(
        expressions.len(),
        alerts.matches("- alert:").count(),
        "each rule has its expression on one line"
    );
    let dashboard: serde_json::Value = serde_json::from_str(&read("grafana/signet.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        expressions.extend(targets.map(|target| target["expr"].as_str().unwrap().to_owned()));
    }
    let listed = listed();
    let mut used = BTreeSet::new();
    for expression in &expressions {
        let metrics = read_by(expression);
        assert!(!metrics.is_empty(), "{expression} reads nothing of ours");
        for (name, labels) in metrics {
            let plain =
                ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            let (_, known) =
                listed.get(plain).unwrap_or_else(|| panic!("{name} is not listed: {expression}"));
            // Prometheus itself adds which instance it scraped.
            let unknown: Vec<_> =
                labels.iter().filter(|label| *label != "instance" && !known.contains(*label)).collect();
            assert!(unknown.is_empty(), "{name} has no labels {unknown:?}: {expression}");
            used.insert(plain.to_owned());
        }
    }
    assert!(used.len() > 25, "the scan finds what it looks for: {used:?}");
}

#[tokio::test]
async fn connections_and_database_are_measured() {
    let app = TestApp::start().await;
    let held: Vec<_> = (0..5)
        .map(|_| std::net::TcpStream::connect(app.base_url.trim_start_matches("http://")).unwrap())
        .collect();
    let page = page(&app.anonymous()).await;
    assert!(page["signet_connections"] >= 6.0, "five idle ones and ours: {page:#?}");
    assert!(page["signet_connections"] < page["signet_connections_limit"]);
    assert!(page["signet_database_answer_age_seconds"] < 6.0, "{page:#?}");
    drop(held);
}

#[tokio::test]
async fn database_that_does_not_answer_is_measured_and_not_only_its_errors() {
    let app = TestApp::builder().manual_clock().start().await;
    let mut age = 0.0;
    // The database is asked every five seconds of real time, perhaps just now: the next time it is not.
    for _ in 0..3 {
        app.advance(std::time::Duration::from_secs(120));
        age = page(&app.anonymous()).await["signet_database_answer_age_seconds"];
        if age >= 120.0 {
            break;
        }
    }
    assert!(age >= 120.0, "{age}");
}
