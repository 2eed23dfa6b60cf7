//! Hostile text in every place of every operation, on both databases at once: a sweep that is made from the OpenAPI
//! documents, so that a new operation is swept, or fails here, on the day it is described.

mod connection;
mod operation;
mod person;
mod texts;

use crate::support::TestApp;
use crate::support::fresh_database::Dialect;
use connection::Answer;
use operation::{Caller, NEW_PASSWORD, Operation, Place};
use person::Side;
use texts::Hostile;

/// The same server on either database.
async fn sides() -> Option<[Side; 2]> {
    let mut sides = Vec::new();
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let fresh = dialect.fresh().await?;
        let url = fresh.url.clone();
        let app = TestApp::builder()
            .with_folder(|settings, folder| {
                settings.set("SIGNET_MAIL", format!("file:{}", folder.join("letters").display()));
                settings.set("DATABASE_URL", url);
                settings.set("SIGNET_TOKEN_TTL", "24h");
            })
            .start()
            .await;
        sides.push(Side::new(app, fresh).await);
    }
    sides.try_into().ok()
}

/// Sends a request to both sides, and holds both to the same answer.
async fn ask(
    sides: &mut [Side; 2],
    operation: &Operation,
    caller: Caller,
    hostile: Option<(&Place, &Hostile)>,
) -> [Answer; 2] {
    let [sqlite, postgres] = sides;
    let requests =
        [&sqlite.person, &postgres.person].map(|person| operation.request(person, caller, hostile));
    let (one, other) = tokio::join!(sqlite.send(&requests[0]), postgres.send(&requests[1]));
    let what = || {
        let place = hostile.map(|(place, text)| format!("{} in {place:?}", text.name));
        let body = String::from_utf8_lossy(&one.body).chars().take(500).collect::<String>();
        format!("{} {caller:?}, {}: {body}", operation.id, place.unwrap_or_default())
    };
    assert!(one.status < 500 && other.status < 500, "{} and {}: {}", one.status, other.status, what());
    assert_eq!((one.status, one.code()), (other.status, other.code()), "{}", what());
    // What is refused by the server's own reader of HTTP has no body; whatever reached us has a code.
    assert!(one.status < 400 || one.body.is_empty() || one.code().is_some(), "{}", what());
    [one, other]
}

/// After a success: what was stored is what was sent, and who is signed out by it gets a successor.
async fn settle(
    sides: &mut [Side; 2],
    operation: &Operation,
    place: &Place,
    text: &Hostile,
    answers: &[Answer; 2],
) {
    if !answers[0].is_success() {
        return;
    }
    for (side, answer) in sides.iter_mut().zip(answers) {
        let (token, jwt) = (side.person.session_token.clone(), side.person.jwt.clone());
        let read = match operation.id.as_str() {
            "signUpEmail" => {
                let token = answer.json()["token"].as_str().unwrap().to_owned();
                side.get("/api/auth/get-session", &token).await["user"].clone()
            }
            "updateUser" => side.get("/api/auth/get-session", &token).await["user"].clone(),
            "createTask" => side.get(&answer.headers["location"], &jwt).await,
            "replaceTask" => side.get(&format!("/api/me/tasks/{}", side.person.task), &jwt).await,
            _ => continue,
        };
        if let (Place::Member(name), Some(text)) = (place, &text.text)
            && let Some(kept) = read.get(name)
        {
            assert_eq!(kept.as_str(), Some(text.as_str()), "{} keeps {name}", operation.id);
        }
    }
    for side in sides {
        match operation.id.as_str() {
            "signOut" | "revokeSessions" | "deleteUser" | "deleteTask" => side.renew().await,
            "changePassword" => {
                let is_new = *place == Place::Member("newPassword".to_owned());
                let new = text.text.clone().filter(|_| is_new);
                side.person.password = new.unwrap_or_else(|| NEW_PASSWORD.to_owned());
            }
            _ => {}
        }
    }
}

async fn sweep(document: &str) {
    let Some(mut sides) = sides().await else { return };
    let texts = texts::all();
    let mut asked = 0;
    for operation in Operation::all(document) {
        for caller in [Caller::SignedIn, Caller::SignedOut] {
            if caller == Caller::SignedIn {
                let usual = ask(&mut sides, &operation, caller, None).await;
                let code = usual[0].code();
                assert!(
                    usual[0].is_success()
                        || operation.needs_mail()
                            && (usual[0].status == 302 || code.as_deref() == Some("INVALID_TOKEN"))
                        // The user has given nothing that they could take back.
                        || operation.id == "deleteConsent" && code.as_deref() == Some("NOT_FOUND"),
                    "{}: {}",
                    operation.id,
                    usual[0].json()
                );
                settle(&mut sides, &operation, &Place::UnknownMember, &texts[0], &usual).await;
            }
            for place in operation.places() {
                // Signed out nearly all are refused before they are read, and the rest is read alike everywhere.
                let is_read_alike =
                    matches!(place, Place::Header(_) | Place::UnknownMember | Place::UnknownParameter);
                let is_brief = caller == Caller::SignedOut || is_read_alike;
                for text in texts.iter().filter(|text| !is_brief || text.is_typical) {
                    let answers = ask(&mut sides, &operation, caller, Some((&place, text))).await;
                    if caller == Caller::SignedIn {
                        settle(&mut sides, &operation, &place, text, &answers).await;
                    }
                    asked += 1;
                }
                for side in &mut sides {
                    side.read_everything().await;
                }
            }
        }
    }
    assert!(asked > 1000, "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_to_the_identity_api_is_answered_alike_on_both_databases_and_never_with_5xx() {
    sweep("identity").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_to_the_tasks_api_is_answered_alike_on_both_databases_and_never_with_5xx() {
    sweep("tasks").await;
}
