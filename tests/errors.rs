//! The list of error codes in the docs is the list of error codes in the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_error_code_is_listed_and_every_listed_code_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for room in ["src/http", "src/resource"] {
        read_all(&root.join(room), &mut sources);
    }
    let sent = words(&sources, '"');
    let listed = words(&fs::read_to_string(root.join("docs/errors.md")).unwrap(), '`');
    assert!(sent.len() > 25, "the scan finds codes: {sent:?}");
    assert_eq!(sent.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "sent, but not listed");
    assert_eq!(listed.difference(&sent).collect::<Vec<_>>(), Vec::<&String>::new(), "listed, but never sent");
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The SCREAMING_SNAKE words of at least six letters that stand alone between two quotes.
fn words(text: &str, quote: char) -> BTreeSet<String> {
    let is_code = |word: &&str| {
        word.len() >= 6
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    text.split(quote).filter(is_code).filter(|word| !word.starts_with("CARGO_")).map(str::to_owned).collect()
}
