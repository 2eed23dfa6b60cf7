//! The sweep with what users give to applications: access tokens are held to their user, resource and scope as sessions are.

use serde_json::{Value, json};
use signet::model::resource_server::ResourceServer;
use signet::model::scope::ScopeSet;
use signet_verify::crypto::Algorithm;

use super::People;
use super::operation::Operation;
use crate::oauth::support::{Asked, Provider, form};
use crate::support::BEGINNING;

const TASKS: &str = "openid tasks:read tasks:write offline_access";
const ELSEWHERE: &str = "https://reports.example/";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn provider() -> Provider {
    let provider = Provider::start().await;
    let resource = ResourceServer {
        identifier: ELSEWHERE.to_owned(),
        scopes: ScopeSet::parse("reports:read").unwrap(),
        access_token_alg: Algorithm::Es256,
        introspection_clients: Vec::new(),
        created_at: BEGINNING,
        updated_at: BEGINNING,
    };
    provider.database.resources().insert(&resource).await.unwrap();
    provider
}

#[tokio::test]
async fn isolation_of_access_tokens_admits_the_owner_only_through_whichever_application() {
    let provider = provider().await;
    let (one, other) = (provider.client("one", |_| ()).await, provider.client("other", |_| ()).await);
    let (alice, bob) = (provider.app.signed_up("alice").await, provider.app.signed_up("bob").await);
    let operations = Operation::all(&provider.app).await;
    let granted = async |client, user| provider.granted(client, user, &Asked::scope(TASKS)).await;
    let bearing = |answer: &Value| provider.app.anonymous().bearing(answer["access_token"].as_str().unwrap());
    // Two users of one application, one user of two, and the sessions of both.
    let of_alice = [bearing(&granted(&one, &alice).await), bearing(&granted(&other, &alice).await)];
    let owners = [of_alice[0].clone(), of_alice[1].clone(), alice.api().await];
    let others = [bearing(&granted(&one, &bob).await), bearing(&granted(&other, &bob).await)];
    for (owner, other_user) in
        owners.into_iter().zip([others[0].clone(), others[1].clone(), others[0].clone()])
    {
        let people = People {
            owner,
            owner_id: alice.id.clone(),
            other_user,
            stranger_id: bob.id.clone(),
            anonymous: provider.app.anonymous(),
        };
        people.sweep(&operations).await;
    }
}

#[tokio::test]
async fn isolation_refuses_tokens_of_other_kinds_and_for_other_resources_as_it_refuses_forged_ones() {
    let provider = provider().await;
    let reader = |client: &mut signet::model::client::Client| {
        client.scope = ScopeSet::parse(&format!("{TASKS} reports:read")).unwrap();
    };
    let app = provider.client("app", reader).await;
    let alice = provider.app.signed_up("alice").await;
    let operations = Operation::all(&provider.app).await;
    let good = provider.granted(&app, &alice, &Asked::scope(TASKS)).await;
    let reports = Asked {
        resources: vec![ELSEWHERE.to_owned()],
        ..Asked::scope("reports:read tasks:read tasks:write")
    };
    let reports = provider.granted(&app, &alice, &reports).await;
    let userinfo = provider.granted(&app, &alice, &Asked::scope("openid")).await;
    let ended = provider.granted(&app, &alice, &Asked::scope(TASKS)).await;
    let revoke = form(&[("token", ended["refresh_token"].as_str().unwrap())]);
    crate::oauth::support::post_to(&provider.app, &app, "/api/auth/oauth2/revoke", &revoke).await.expect(200);
    let people = People {
        owner: provider.app.anonymous().bearing(good["access_token"].as_str().unwrap()),
        owner_id: alice.id.clone(),
        other_user: provider.app.anonymous(),
        stranger_id: String::new(),
        anonymous: provider.app.anonymous(),
    };
    let tokens = [
        ("an ID token", text(&good["id_token"])),
        ("a refresh token", text(&good["refresh_token"])),
        ("an access token for another resource", text(&reports["access_token"])),
        ("an access token for UserInfo alone", text(&userinfo["access_token"])),
        ("an access token whose grant has ended", text(&ended["access_token"])),
        ("a code", provider.code(&app, &alice, &Asked::scope(TASKS)).await),
    ];
    people.refuse(&operations, &tokens).await;
}

#[tokio::test]
async fn isolation_lets_a_token_do_what_its_scope_says_and_a_machine_nothing() {
    let provider = provider().await;
    let app = provider.client("app", |_| ()).await;
    let alice = provider.app.signed_up("alice").await;
    let operations = Operation::all(&provider.app).await;
    let made = alice.api().await.post("/api/me/tasks", &json!({ "title": "mine" })).await.expect(201);
    let task = text(&made["id"]);
    let before = alice.api().await.get("/api/me/tasks").await.expect(200);
    let machine = form(&[("grant_type", "client_credentials")]);
    let machine = text(&provider.token(&app, &machine).await.expect(200)["access_token"]);
    for (scope, reads) in [("openid tasks:read", true), ("openid tasks:write", false)] {
        let token = text(&provider.granted(&app, &alice, &Asked::scope(scope)).await["access_token"]);
        let caller = provider.app.anonymous().bearing(&token);
        for operation in &operations {
            if operation.reads() == reads {
                continue;
            }
            let refused = operation.call(&caller, "me", &task).await;
            refused.assert_error(403, "INSUFFICIENT_SCOPE");
            let needed = if operation.reads() { "tasks:read" } else { "tasks:write" };
            let challenge = refused.header("www-authenticate");
            assert!(
                challenge.starts_with("Bearer error=\"insufficient_scope\""),
                "{operation:?} {challenge}"
            );
            assert!(challenge.contains(&format!(", scope=\"{needed}\"")), "{operation:?} {challenge}");
        }
    }
    for operation in &operations {
        for user_id in ["me", "app"] {
            let refused = operation.call(&provider.app.anonymous().bearing(&machine), user_id, &task).await;
            refused.assert_error(403, "INSUFFICIENT_SCOPE");
        }
        let refused = operation.call(&provider.app.anonymous().bearing(&machine), &alice.id, &task).await;
        refused.assert_error(403, "FORBIDDEN");
    }
    assert_eq!(alice.api().await.get("/api/me/tasks").await.expect(200), before);
}

#[tokio::test]
async fn protected_resource_metadata_says_what_is_true_and_any_page_may_read_it() {
    let provider = provider().await;
    let reply = provider.app.anonymous().get("/.well-known/oauth-protected-resource").await;
    assert_eq!(
        reply.expect(200),
        json!({
            "resource": crate::oauth::support::ISSUER,
            "authorization_servers": [crate::oauth::support::ISSUER],
            "scopes_supported": ["tasks:read", "tasks:write"],
            "bearer_methods_supported": ["header"],
        })
    );
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let alone = crate::support::TestApp::builder().with(|settings| settings.set("SIGNET_ROLE", "identity"));
    let alone = alone.start().await;
    alone.anonymous().get("/.well-known/oauth-protected-resource").await.assert_error(404, "NOT_FOUND");
}
