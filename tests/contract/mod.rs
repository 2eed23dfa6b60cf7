//! Signet answers as Better Auth does: captures of the real thing, replayed.
//! In: the files of `captures/`. Out: every difference that a client could notice, unless it is listed with its reason.

mod capture;
mod differences;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use capture::Capture;
use differences::{DIFFERENCES, Difference, NOT_OFFERED, OWN_COOKIE};
use serde_json::Value;
use tokio::task::JoinSet;
use world::World;

use crate::support::Reply;

/// The secret of the recorded server, so that its cookies are signed rightly here too.
const SECRET: &str = "golden-secret-0123456789abcdefghijklmnopqrstuv";

fn captures() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/captures");
    let mut found = Vec::new();
    for folder in [root.clone(), root.join("extra"), root.join("variants")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "http") {
                let name = path.strip_prefix(&root).unwrap().with_extension("");
                found.push((name.to_str().unwrap().to_owned(), path));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_answers_every_capture_alike_or_lists_the_difference() {
    let captures = captures();
    assert!(captures.len() > 120, "{}", captures.len());
    let mut problems = Vec::new();
    let mut used = BTreeSet::new();
    let replayed: Vec<_> =
        captures.iter().filter(|(name, _)| NOT_OFFERED.iter().all(|(other, _)| other != name)).collect();
    for some in replayed.chunks(8) {
        let mut replies = JoinSet::new();
        for (name, path) in some.iter().cloned().cloned() {
            replies.spawn(async move {
                let capture = Capture::read(&path);
                let reply = World::like(&name, &capture).await.replay(&capture).await;
                (name, capture, reply)
            });
        }
        for (name, capture, reply) in replies.join_all().await {
            let found = match DIFFERENCES.iter().find(|(other, ..)| *other == name) {
                Some((_, difference, _)) => {
                    used.insert(name.clone());
                    difference.problems(&capture, &reply)
                }
                None => compare(&capture, &reply),
            };
            problems.extend(found.into_iter().map(|problem| format!("{name}: {problem}")));
        }
    }
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
    let unused: Vec<_> =
        DIFFERENCES.iter().filter(|(name, ..)| !used.contains(*name)).map(|(name, ..)| name).collect();
    assert!(unused.is_empty(), "listed, but there is no such capture: {unused:?}");
}

impl Difference {
    /// What is wrong even if this difference is wanted.
    fn problems(&self, capture: &Capture, reply: &Reply) -> Vec<String> {
        match self {
            // The status is the same; the body is ours.
            Self::Body => compare_head(capture, reply),
            Self::Message => {
                let mut problems = compare_head(capture, reply);
                if reply.json()["code"] != capture.json()["code"] {
                    problems.push(format!(
                        "code {} instead of {}",
                        reply.json()["code"],
                        capture.json()["code"]
                    ));
                }
                problems
            }
            Self::Answer(status, code) => {
                let ours = (reply.status.as_u16(), reply.text.parse::<Value>().ok());
                let ours_code = ours.1.as_ref().and_then(|body| body["code"].as_str()).unwrap_or_default();
                if (ours.0, ours_code) == (*status, *code) {
                    Vec::new()
                } else {
                    vec![format!("expected our {status} {code}, got {} {}", ours.0, reply.text)]
                }
            }
        }
    }
}

/// Everything that a client could notice.
fn compare(capture: &Capture, reply: &Reply) -> Vec<String> {
    let mut problems = compare_head(capture, reply);
    if capture.body.is_empty() {
        // Better Auth answers routing errors without a body; ours have one, which its client handles alike.
        if !reply.text.is_empty() && reply.json()["code"] != "NOT_FOUND" {
            problems.push(format!("a body where there was none: {}", reply.text));
        }
        return problems;
    }
    match serde_json::from_str(&reply.text) {
        Ok(body) => compare_json("$", &capture.json(), &body, &mut problems),
        Err(_) => problems.push(format!("not JSON: {}", reply.text)),
    }
    problems
}

fn compare_head(capture: &Capture, reply: &Reply) -> Vec<String> {
    let mut problems = Vec::new();
    if reply.status.as_u16() != capture.status {
        problems.push(format!(
            "status {} instead of {}: {}",
            reply.status.as_u16(),
            capture.status,
            reply.text
        ));
    }
    for name in ["content-type", "cache-control", "pragma", "location"] {
        let expected = capture.header(name);
        let is_ours_alone = expected.is_none();
        if !is_ours_alone && expected.as_deref() != Some(reply.header(name)) {
            problems.push(format!("{name}: {:?} instead of {expected:?}", reply.header(name)));
        }
    }
    for name in ["set-auth-token", "set-auth-jwt"] {
        if capture.header(name).is_some() == reply.header(name).is_empty() {
            problems.push(format!("{name}: {:?}", reply.header(name)));
        }
    }
    for exposed in capture.header("access-control-expose-headers").iter().flat_map(|names| names.split(", "))
    {
        if !reply.header("access-control-expose-headers").contains(exposed) {
            problems.push(format!("{exposed} is not exposed"));
        }
    }
    let cookies = |values: Vec<String>| values.iter().map(|value| without_value(value)).collect::<Vec<_>>();
    let set = reply.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned());
    let (own, ours): (Vec<String>, Vec<String>) = set.partition(|cookie| cookie.starts_with(OWN_COOKIE));
    let signs_in =
        ["/api/auth/sign-in/", "/api/auth/sign-up/"].iter().any(|path| capture.path.starts_with(path));
    let has_signed_in = signs_in && reply.status.as_u16() == 200 && reply.json()["token"].is_string();
    if own.len() != usize::from(has_signed_in) {
        problems.push(format!("{} cookies of the device", own.len()));
    }
    let (ours, theirs) = (cookies(ours), cookies(capture.headers("set-cookie")));
    if ours != theirs {
        problems.push(format!("cookies {ours:?} instead of {theirs:?}"));
    }
    problems
}

/// A cookie with its name and attributes, and whether it has a value.
fn without_value(cookie: &str) -> String {
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    format!("{name}={}; {attributes}", if value.is_empty() { "" } else { "*" })
}

/// Members that are made anew each time; their types still count.
const GENERATED: [&str; 13] = [
    "id",
    "token",
    "userId",
    "createdAt",
    "updatedAt",
    "expiresAt",
    "accountId",
    "ipAddress",
    "userAgent",
    "x",
    "kid",
    "name",
    "email",
];

fn compare_json(place: &str, theirs: &Value, ours: &Value, problems: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                match ours.get(name) {
                    None => problems.push(format!("{place}.{name} is missing")),
                    Some(own) if GENERATED.contains(&name.as_str()) => {
                        if std::mem::discriminant(own) != std::mem::discriminant(value) || !alike(value, own)
                        {
                            problems.push(format!("{place}.{name} is {own} instead of one like {value}"));
                        }
                    }
                    Some(own) => compare_json(&format!("{place}.{name}"), value, own, problems),
                }
            }
            for name in ours.keys().filter(|name| !theirs.contains_key(*name) && name.as_str() != "use") {
                problems.push(format!("{place}.{name} is new"));
            }
        }
        // Lists differ in length by what happened before; their elements have one shape.
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.first(), ours.first()) {
                compare_json(&format!("{place}[0]"), theirs, ours, problems);
            } else if theirs.is_empty() != ours.is_empty() {
                problems.push(format!("{place} is empty in one of the two"));
            }
        }
        _ if theirs != ours => problems.push(format!("{place} is {ours} instead of {theirs}")),
        _ => {}
    }
}

/// Whether a generated text has the form of the other one: a time with milliseconds stays one.
fn alike(theirs: &Value, ours: &Value) -> bool {
    let form = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        (text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T').then(|| text.as_bytes()[19])
    };
    form(theirs) == form(ours)
}
