//! The house is laid out as `docs/architecture.md` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, in the order in which data flows through them: a room uses only rooms before it.
const ROOMS: [&str; 14] = [
    "clock", "secret", "model", "audit", "config", "token", "password", "keys", "store", "shared",
    "identity", "resource", "http", "app",
];

/// What a source file uses of the crate: the first two names of each path.
fn uses(text: &str) -> BTreeSet<(String, String)> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            let room = name(rest);
            let next = rest[room.len()..].strip_prefix("::").map(name).unwrap_or_default();
            (room, next)
        })
        .collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

/// The room that a file belongs to; none for the crate's root and the binary.
fn room_of(path: &Path) -> Option<usize> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    ROOMS.iter().position(|room| *room == first.trim_end_matches(".rs"))
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let mut seen = 0;
    for (path, text) in sources() {
        let Some(room) = room_of(&path) else { continue };
        for (used, _) in uses(&text) {
            let Some(other) = ROOMS.iter().position(|room| *room == used) else { continue };
            seen += 1;
            assert!(other <= room, "{} uses crate::{used}, which lies below it", path.display());
        }
    }
    assert!(seen > 100, "the scan finds what it looks for: {seen}");
}

#[test]
fn the_verifying_half_knows_no_accounts_no_sessions_and_no_private_keys() {
    for (path, text) in sources() {
        if room_of(&path) != ROOMS.iter().position(|room| *room == "resource") {
            continue;
        }
        for (room, next) in uses(&text) {
            let forbidden = ["identity", "keys", "http", "app"].contains(&room.as_str())
                || (room == "store" && ["credentials", "sessions", "keys", "users"].contains(&next.as_str()));
            assert!(!forbidden, "{} uses crate::{room}::{next}", path.display());
        }
    }
}

#[test]
fn every_file_is_small_and_opens_with_what_it_is() {
    for (path, text) in sources() {
        assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
        assert!(text.lines().count() <= 600, "{} is longer than 600 lines", path.display());
    }
}
