//! People keep tasks, and find them as they left them.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_task_is_made_read_changed_completed_and_deleted() {
    let app = TestApp::builder().manual_clock().start().await;
    let alice = app.signed_up("alice").await;
    let api = alice.api().await;

    let made = api.post("/api/me/tasks", &json!({ "title": "milk" })).await;
    let task = made.expect(201);
    let path = made.location().to_owned();
    assert_eq!(path, format!("/api/me/tasks/{}", task["id"].as_str().unwrap()));
    assert_eq!(task["user_id"], alice.id);
    assert_eq!(
        (&task["title"], &task["description"], &task["completed"]),
        (&json!("milk"), &json!(""), &json!(false))
    );
    assert_eq!(task["created_at"], "2026-11-22T20:00:00.000Z");
    assert_eq!(api.get(&path).await.expect(200), task);

    app.advance(std::time::Duration::from_secs(1));
    let changed = api
        .put(&path, &json!({ "title": "oat milk", "description": "two litres\nplease" }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["title"], &changed["description"]),
        (&json!("oat milk"), &json!("two litres\nplease"))
    );
    assert_eq!((&changed["id"], &changed["created_at"]), (&task["id"], &task["created_at"]));
    assert_eq!(changed["updated_at"], "2026-11-22T20:00:01.000Z");

    let complete = format!("{path}/complete");
    assert_eq!(api.patch(&complete, &json!({})).await.expect(200)["completed"], true);
    assert_eq!(api.patch(&complete, &json!({})).await.expect(200)["completed"], false);
    for _ in 0..2 {
        assert_eq!(api.patch(&complete, &json!({ "completed": true })).await.expect(200)["completed"], true);
    }

    let gone = api.delete(&path).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    api.get(&path).await.assert_error(404, "NOT_FOUND");
    api.delete(&path).await.assert_error(404, "NOT_FOUND");
}
