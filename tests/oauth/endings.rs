//! What ends what a user has given to clients.

use rstest::rstest;
use serde_json::{Value, json};
use signet::model::client::Client;

use super::support::{Asked, Provider, assert_error};
use crate::store::support::{Kind, Postgres, Sqlite};
use crate::support::User;
use crate::support::caller::PASSWORD;

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    SignOut,
    RevokeSessions,
    ChangePasswordAndEndOthers,
    Delete,
}
use Deed::{ChangePasswordAndEndOthers, Delete, RevokeSessions, SignOut};

impl Deed {
    async fn run(self, user: &User) {
        let (path, body) = match self {
            SignOut => ("sign-out", json!({})),
            RevokeSessions => ("revoke-sessions", json!({})),
            ChangePasswordAndEndOthers => {
                let new = "another password";
                let ends =
                    json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": true });
                ("change-password", ends)
            }
            Delete => ("delete-user", json!({ "password": PASSWORD })),
        };
        user.session.post(&format!("/api/auth/{path}"), &body).await.expect(200);
    }

    /// Whether what was given for offline access goes on.
    fn spares_offline(self) -> bool {
        matches!(self, SignOut | RevokeSessions)
    }
}

async fn assert_over(provider: &Provider, client: &Client, answer: &Value) {
    let token = answer["refresh_token"].as_str().unwrap();
    assert_error(&provider.refresh(client, token).await, 400, "invalid_grant");
    assert!(!provider.opens_tasks(&answer["access_token"]).await);
}

#[rstest]
#[tokio::test]
async fn session_that_ends_ends_what_is_bound_to_it(
    #[values(SignOut, RevokeSessions, ChangePasswordAndEndOthers, Delete)] deed: Deed,
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(provider) = Provider::on(kind).await else { return };
    let client = provider.client("app", |_| ()).await;
    let (alice, bob) = (provider.app.signed_up("alice").await, provider.app.signed_up("bob").await);
    let bound = provider.granted(&client, &alice, &Asked::default()).await;
    let offline = provider.granted(&client, &alice, &Asked::scope("offline_access tasks:read")).await;
    let of_bob = provider.granted(&client, &bob, &Asked::default()).await;
    deed.run(&alice).await;
    assert_over(&provider, &client, &bound).await;
    if deed.spares_offline() {
        let token = offline["refresh_token"].as_str().unwrap();
        let next = provider.refresh(&client, token).await.expect(200);
        assert!(provider.opens_tasks(&next["access_token"]).await);
    } else {
        assert_over(&provider, &client, &offline).await;
    }
    let token = of_bob["refresh_token"].as_str().unwrap();
    provider.refresh(&client, token).await.expect(200);
    assert!(provider.opens_tasks(&of_bob["access_token"]).await);
}

#[tokio::test]
async fn sign_out_of_one_session_leaves_what_another_has_given() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let here = provider.app.signed_up("alice").await;
    let there = here.sign_in_again(&provider.app).await;
    let (of_here, of_there) = (
        provider.granted(&client, &here, &Asked::default()).await,
        provider.granted(&client, &there, &Asked::default()).await,
    );
    SignOut.run(&here).await;
    assert_over(&provider, &client, &of_here).await;
    assert!(provider.opens_tasks(&of_there["access_token"]).await);
    provider.refresh(&client, of_there["refresh_token"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn session_that_expires_ends_what_is_bound_to_it() {
    let provider = Provider::start().await;
    let client = provider.client("app", |_| ()).await;
    let user = provider.app.signed_up("alice").await;
    let bound = provider.granted(&client, &user, &Asked::default()).await;
    let offline = provider.granted(&client, &user, &Asked::scope("offline_access tasks:read")).await;
    provider.advance(8 * 24 * 60 * 60);
    assert_over(&provider, &client, &bound).await;
    provider.refresh(&client, offline["refresh_token"].as_str().unwrap()).await.expect(200);
}
