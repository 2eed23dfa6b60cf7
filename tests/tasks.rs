//! People keep tasks, and find them as they left them.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn tasks_are_created_read_changed_completed_and_deleted() {
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

#[tokio::test]
async fn create_task_with_a_bad_body_names_the_field_and_changes_nothing() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let path = api.post("/api/me/tasks", &json!({ "title": "kept" })).await.location().to_owned();
    let long = |length: usize| "\u{1F511}".repeat(length);
    for (body, field) in [
        (json!({}), "body.title"),
        (json!({ "title": "" }), "body.title"),
        (json!({ "title": null }), "body.title"),
        (json!({ "title": 7 }), "body.title"),
        (json!({ "title": long(201) }), "body.title"),
        (json!({ "title": "a\u{0}b" }), "body.title"),
        (json!({ "title": "a\nb" }), "body.title"),
        (json!({ "title": "x", "description": long(2001) }), "body.description"),
        (json!({ "title": "x", "completed": "yes" }), "body.completed"),
        (json!([]), "body"),
        (json!("x"), "body"),
    ] {
        for reply in [api.post("/api/me/tasks", &body).await, api.put(&path, &body).await] {
            reply.assert_error(422, "VALIDATION_ERROR");
            assert!(reply.json()["message"].as_str().unwrap().contains(field), "{field}: {}", reply.text);
        }
    }
    api.patch(&format!("{path}/complete"), &json!({ "complete": true }))
        .await
        .assert_error(422, "VALIDATION_ERROR");
    let tasks = api.get("/api/me/tasks").await.expect(200);
    assert_eq!((tasks.as_array().unwrap().len(), &tasks[0]["title"]), (1, &json!("kept")));
    api.post("/api/me/tasks", &json!({ "title": long(200), "description": long(2000) })).await.expect(201);
}

#[tokio::test]
async fn create_task_refuses_a_body_of_another_kind_as_what_it_is() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let post = |kind: &'static str, body: String| {
        let request = api.request(reqwest::Method::POST, "/api/me/tasks").header("content-type", kind);
        crate::support::Caller::send(request.body(body))
    };
    post("text/plain", "{}".to_owned()).await.assert_error(415, "UNSUPPORTED_MEDIA_TYPE");
    post("application/json", "{\"title\": ".to_owned()).await.assert_error(422, "INVALID_JSON");
    post("application/json", "{\"title\": \"a\", \"title\": \"b\"}".to_owned())
        .await
        .assert_error(422, "VALIDATION_ERROR");
    post("application/json", String::new()).await.assert_error(422, "VALIDATION_ERROR");
    post("application/json", " ".repeat(70_000)).await.assert_error(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn list_tasks_shows_every_task_once_newest_first_even_of_one_millisecond() {
    let app = TestApp::builder().manual_clock().start().await;
    let api = app.signed_up("alice").await.api().await;
    for number in 0..25 {
        if number % 10 == 0 {
            app.advance(std::time::Duration::from_millis(1));
        }
        api.post("/api/me/tasks", &json!({ "title": format!("{number}"), "completed": number % 2 == 0 }))
            .await
            .expect(201);
    }
    for (query, expected) in
        [("limit=7", 25), ("limit=25", 25), ("limit=4&completed=true", 13), ("limit=100&completed=false", 12)]
    {
        let mut next = Some(format!("/api/me/tasks?{query}"));
        let mut seen: Vec<serde_json::Value> = Vec::new();
        while let Some(path) = next {
            let page = api.get(&path).await;
            seen.extend(page.expect(200).as_array().unwrap().iter().cloned());
            // A task that is made while a client reads the pages comes before what they have seen.
            next = page.header("link").split(['<', '>']).nth(1).map(str::to_owned);
        }
        let times: Vec<&str> = seen.iter().map(|task| task["created_at"].as_str().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "{query}");
        let mut ids: Vec<&str> = seen.iter().map(|task| task["id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), seen.len()), (expected, expected), "{query}");
    }
}

#[tokio::test]
async fn list_tasks_names_query_parameters_that_do_not_fit() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("completed=maybe", "completed"),
        ("cursor=x", "cursor"),
        ("cursor=1-%00", "cursor"),
    ] {
        let reply = api.get(&format!("/api/me/tasks?{query}")).await;
        reply.assert_error(422, "VALIDATION_ERROR");
        assert!(
            reply.json()["message"].as_str().unwrap().contains(&format!("query.{name}")),
            "{}",
            reply.text
        );
    }
}

#[tokio::test]
async fn complete_task_twice_at_once_turns_the_mark_twice() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let path = api.post("/api/me/tasks", &json!({ "title": "x" })).await.location().to_owned();
    let turns = (0..20).map(|_| {
        let (api, path) = (api.clone(), format!("{path}/complete"));
        tokio::spawn(async move { api.patch(&path, &json!({})).await.expect(200) })
    });
    for turn in turns.collect::<Vec<_>>() {
        turn.await.unwrap();
    }
    assert_eq!(api.get(&path).await.expect(200)["completed"], false);
}

#[tokio::test]
async fn get_task_with_an_odd_id_is_not_found_or_forbidden_and_breaks_nothing() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    for id in ["%00", "%27%20OR%201=1", "..%2f..", "%F0%9F%94%91", "a".repeat(5000).as_str()] {
        api.get(&format!("/api/me/tasks/{id}")).await.assert_error(404, "NOT_FOUND");
        let status = api.get(&format!("/api/{id}/tasks")).await.status.as_u16();
        assert!([403, 404].contains(&status), "{id}: {status}");
    }
}

#[tokio::test]
async fn an_optional_member_that_is_null_is_as_if_it_were_left_out() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let body = json!({ "title": "milk", "description": null, "completed": null });
    let made = api.post("/api/me/tasks", &body).await;
    let task = made.expect(201);
    assert_eq!((&task["description"], &task["completed"]), (&json!(""), &json!(false)));
    let path = made.location().to_owned();
    api.put(&path, &json!({ "title": "milk", "description": "oat", "completed": true })).await.expect(200);
    let replaced = api.put(&path, &body).await.expect(200);
    assert_eq!((&replaced["description"], &replaced["completed"]), (&json!(""), &json!(false)));
    let turned = api.patch(&format!("{path}/complete"), &json!({ "completed": null })).await.expect(200);
    assert_eq!(turned["completed"], true);
    api.patch(&format!("{path}/complete"), &json!({ "complete": null }))
        .await
        .assert_error(422, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_list_is_filtered_by_a_flag_in_any_case() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    for completed in [true, false, true] {
        api.post("/api/me/tasks", &json!({ "title": "x", "completed": completed })).await.expect(201);
    }
    for (flag, count) in [("true", 2), ("True", 2), ("TRUE", 2), ("false", 1), ("False", 1)] {
        let page = api.get(&format!("/api/me/tasks?completed={flag}&limit=1")).await;
        assert_eq!(page.header("link").is_empty(), count == 1, "{flag}");
        let all = api.get(&format!("/api/me/tasks?completed={flag}")).await.expect(200);
        assert_eq!(all.as_array().unwrap().len(), count, "{flag}");
    }
    for flag in ["", "yes", "tru", "True%00"] {
        let reply = api.get(&format!("/api/me/tasks?completed={flag}")).await;
        reply.assert_error(422, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn a_title_shows_something() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    let path = api.post("/api/me/tasks", &json!({ "title": "kept" })).await.location().to_owned();
    for title in
        ["   ", "\u{a0}", "\u{3000}\u{2003}", "\u{200b}", "\u{feff}\u{2060}", "\u{2800}", "\u{ad}\u{202e}"]
    {
        for reply in [
            api.post("/api/me/tasks", &json!({ "title": title })).await,
            api.put(&path, &json!({ "title": title })).await,
        ] {
            reply.assert_error(422, "VALIDATION_ERROR");
            assert!(reply.json()["message"].as_str().unwrap().contains("body.title"), "{title:?}");
        }
    }
    for title in [" a ", "\u{200b}.", "\u{645}", "\u{1f36a}", "0"] {
        assert_eq!(api.post("/api/me/tasks", &json!({ "title": title })).await.expect(201)["title"], title);
    }
}

#[tokio::test]
async fn an_id_that_no_task_can_have_is_unknown() {
    let app = TestApp::start().await;
    let api = app.signed_up("alice").await.api().await;
    for id in [
        "%00",
        "a%00",
        "%ff",
        "1",
        "..%2f",
        &"A".repeat(31),
        &"A".repeat(33),
        &"A".repeat(32),
        &"%C3%BC".repeat(16),
    ] {
        let path = format!("/api/me/tasks/{id}");
        api.get(&path).await.assert_error(404, "NOT_FOUND");
        api.put(&path, &json!({ "title": "x" })).await.assert_error(404, "NOT_FOUND");
        api.patch(&format!("{path}/complete"), &json!({})).await.assert_error(404, "NOT_FOUND");
        api.delete(&path).await.assert_error(404, "NOT_FOUND");
    }
}
