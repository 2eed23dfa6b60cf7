//! Mail as files.

use std::os::unix::fs::PermissionsExt;

use signet::mail::transport::Limits;

use super::office::{Instance, LINK, database};
use crate::store::support::Sqlite;

#[tokio::test(flavor = "multi_thread")]
async fn message_becomes_a_file_that_its_owner_alone_can_read() {
    let Some(fresh) = database(Sqlite).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("mail");
    let mut ada = Instance::new(&fresh, &format!("file:{}", place.display()));
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    ada.is_in_state(&id, "sent").await;
    let files: Vec<_> = std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("2026-11-22T") && name.ends_with(&format!("{id}.eml")), "{name}");
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
    let text = std::fs::read_to_string(&files[0]).unwrap().replace("=\r\n", "");
    assert!(text.contains(&LINK.replace('=', "=3D")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_waits_for_a_folder_that_cannot_be_written() {
    let Some(fresh) = database(Sqlite).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("mail");
    std::fs::write(&place, "a file stands where the folder should be").unwrap();
    let mut ada = Instance::new(&fresh, &format!("file:{}", place.display()));
    ada.start(Limits::USUAL);
    let id = ada.promise("ada@example.com").await;
    let problem = ada.was_tried(&id, 1).await.problem.unwrap();
    assert!(problem.contains("no file was written"), "{problem}");
    std::fs::remove_file(&place).unwrap();
    ada.advance(std::time::Duration::from_secs(46));
    ada.is_in_state(&id, "sent").await;
}
