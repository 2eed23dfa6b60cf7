//! The rows of tasks.

use std::time::Duration;

use rstest::rstest;
use signet::model::task::{Completion, Cursor, Draft, Task, TaskFilter};
use tokio::task::JoinSet;

use super::support::*;

fn task(owner: &str, number: u32) -> Task {
    Task {
        id: format!("task-{number:04}"),
        user_id: owner.to_owned(),
        title: format!("Nr. {number} 🥛"),
        description: "'; --\n\u{7f}".to_owned(),
        completed: number.is_multiple_of(3),
        // Some share a moment: then the name decides.
        created_at: START.after(Duration::from_millis(u64::from(number / 4))),
        updated_at: START,
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insert_replace_complete_and_delete_keep_a_task_as_it_was_written(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let tasks = fresh.database.tasks();
    let milk = task("ada", 1);
    tasks.insert(&milk).await.unwrap();
    assert_eq!(tasks.get("ada", &milk.id).await.unwrap(), Some(milk.clone()));
    assert!(is_conflict(&tasks.insert(&milk).await));
    let later = START.after(MINUTE);
    let draft = Draft { title: "Bread".to_owned(), description: String::new(), completed: true };
    let replaced = tasks.replace("ada", &milk.id, &draft, later).await.unwrap();
    let Draft { title, description, completed } = draft;
    let bread = Task { title, description, completed, updated_at: later, ..milk };
    assert_eq!(replaced, Some(bread.clone()));
    assert_eq!(tasks.get("ada", &bread.id).await.unwrap(), Some(bread.clone()));
    for (completion, completed) in [
        (Completion::Open, false),
        (Completion::Open, false),
        (Completion::Toggle, true),
        (Completion::Done, true),
        (Completion::Toggle, false),
    ] {
        let marked = tasks.complete("ada", &bread.id, completion, later).await.unwrap().unwrap();
        assert_eq!(marked.completed, completed, "{completion:?}");
    }
    assert!(tasks.delete("ada", &bread.id).await.unwrap());
    assert!(!tasks.delete("ada", &bread.id).await.unwrap());
    assert_eq!(tasks.get("ada", &bread.id).await.unwrap(), None);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_is_newest_first_and_goes_on_where_the_last_one_ended(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let tasks = fresh.database.tasks();
    for number in 0..30 {
        tasks.insert(&task("ada", number)).await.unwrap();
        tasks.insert(&Task { id: format!("other-{number}"), ..task("bob", number) }).await.unwrap();
    }
    for (filter, shows) in [
        (TaskFilter::All, [true, true]),
        (TaskFilter::Done, [false, true]),
        (TaskFilter::Open, [true, false]),
    ] {
        let expected: Vec<String> = (0..30)
            .rev()
            .map(|number| task("ada", number))
            .filter(|task| shows[usize::from(task.completed)])
            .map(|task| task.id)
            .collect();
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = tasks.page("ada", filter, cursor.as_ref(), 7).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(Cursor::after(last));
            found.extend(page.into_iter().map(|task| task.id));
        }
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_of_another_owner_are_reached_by_no_operation(#[values(Sqlite, Postgres)] kind: Kind) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let tasks = fresh.database.tasks();
    let milk = task("ada", 1);
    tasks.insert(&milk).await.unwrap();
    let draft = Draft { title: "x".to_owned(), description: String::new(), completed: true };
    for owner in ["bob", "", "ada' OR '1'='1", "ADA", "ada "] {
        assert!(tasks.page(owner, TaskFilter::All, None, 10).await.unwrap().is_empty());
        assert!(tasks.get(owner, &milk.id).await.unwrap().is_none());
        assert!(tasks.replace(owner, &milk.id, &draft, START).await.unwrap().is_none());
        assert!(tasks.complete(owner, &milk.id, Completion::Toggle, START).await.unwrap().is_none());
        assert!(!tasks.delete(owner, &milk.id).await.unwrap());
        tasks.delete_of(owner).await.unwrap();
    }
    assert_eq!(tasks.get("ada", &milk.id).await.unwrap(), Some(milk));
    tasks.delete_of("ada").await.unwrap();
    assert!(tasks.page("ada", TaskFilter::All, None, 10).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complete_by_two_who_turn_the_mark_over_at_once_turns_it_twice(
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    let Some(fresh) = Fresh::open(kind).await else { return };
    let milk = Task { completed: false, ..task("ada", 1) };
    fresh.database.tasks().insert(&milk).await.unwrap();
    let mut crowd = JoinSet::new();
    for _ in 0..10 {
        let (tasks, id) = (fresh.database.tasks(), milk.id.clone());
        crowd.spawn(async move {
            tasks.complete("ada", &id, Completion::Toggle, START).await.unwrap().unwrap().completed
        });
    }
    let turned = crowd.join_all().await;
    assert_eq!(turned.iter().filter(|completed| **completed).count(), 5, "{turned:?}");
    assert!(!fresh.database.tasks().get("ada", &milk.id).await.unwrap().unwrap().completed);
}
