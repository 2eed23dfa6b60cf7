//! Keys that change in the middle of every flow: what was begun goes on, and what was given stays good.

use serde_json::Value;
use signet_verify::crypto::Algorithm;

use super::device;
use super::support::{Asked, ISSUER, Provider, form, part_of, post_to, token_at};
use crate::command_line::server::{printed, run};
use crate::support::SECRET;

/// The operator puts a new key in the place of each.
fn rotate_all(provider: &Provider) {
    let folder = provider.app.folder.path();
    let database = format!("sqlite:{}", folder.join("signet.db").display());
    let keys = folder.join("keys").display().to_string();
    let settings = [
        ("BETTER_AUTH_URL", ISSUER),
        ("DATABASE_URL", &database),
        ("SIGNET_KEYS_DIR", &keys),
        ("BETTER_AUTH_SECRET", SECRET),
    ];
    for algorithm in Algorithm::ALL {
        let order = ["keys", "rotate", algorithm.name(), "--now", "--reason", "a test"];
        let said = run(folder, &order, &settings);
        assert!(said.status.success(), "{}", printed(&said));
    }
}

fn kid(token: &Value) -> String {
    part_of(token, 0)["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rotation_of_every_algorithm_in_the_middle_of_every_flow_breaks_none() {
    let provider = Provider::start().await;
    let client = provider.client("app", |client| client.id_token_alg = Algorithm::Rs256).await;
    let television = provider.client("tv", device::of_devices).await;
    let user = provider.app.signed_up("alice").await;
    let given = provider.granted(&client, &user, &Asked::default()).await;
    let of_machine = form(&[("grant_type", "client_credentials")]);
    let machine = provider.token(&client, &of_machine).await.expect(200);
    let code = provider.code(&client, &user, &Asked::default()).await;
    let begun = device::begin(&provider, &television).await;

    rotate_all(&provider);
    let second = provider.another_instance().await;
    let exchanged = token_at(&second, &client, &Provider::exchange_form(&code)).await.expect(200);
    for token in ["id_token", "access_token"] {
        assert_ne!(kid(&given[token]), kid(&exchanged[token]), "{token}");
    }
    let page = device::decide(&provider, &user, &begun, "Allow").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let code = begun["device_code"].as_str().unwrap();
    let poll = form(&[("grant_type", device::GRANT), ("device_code", code)]);
    let polled = token_at(&second, &television, &poll).await.expect(200);
    let refresh = given["refresh_token"].as_str().unwrap();
    let refresh = form(&[("grant_type", "refresh_token"), ("refresh_token", refresh)]);
    let refreshed = token_at(&second, &client, &refresh).await.expect(200);
    assert_eq!(kid(&refreshed["access_token"]), kid(&exchanged["access_token"]));
    let of_new_key = token_at(&second, &client, &of_machine).await.expect(200);
    assert_ne!(kid(&of_new_key["access_token"]), kid(&machine["access_token"]));

    let introspect = async |token: &Value| {
        let form = form(&[("token", token.as_str().unwrap())]);
        post_to(&second, &client, "/api/auth/oauth2/introspect", &form).await.expect(200)["active"] == true
    };
    for tokens in [&given, &exchanged, &refreshed] {
        let caller = second.anonymous().bearing(tokens["access_token"].as_str().unwrap());
        caller.get("/api/me/tasks").await.expect(200);
        assert_eq!(caller.get("/api/auth/oauth2/userinfo").await.expect(200)["sub"], user.id);
        assert!(introspect(&tokens["access_token"]).await);
    }
    let caller = second.anonymous().bearing(polled["access_token"].as_str().unwrap());
    assert_eq!(caller.get("/api/auth/oauth2/userinfo").await.expect(200)["sub"], user.id);
    assert!(introspect(&machine["access_token"]).await);
    let given_back = form(&[("token", machine["access_token"].as_str().unwrap())]);
    post_to(&second, &client, "/api/auth/oauth2/revoke", &given_back).await.expect(200);
    assert!(!introspect(&machine["access_token"]).await);
}
