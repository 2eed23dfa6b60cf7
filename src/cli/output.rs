//! How a verb prints what it has found or done: sentences and tables for people, one JSON document for programs.
//! Owns: a terminal obeys nothing that is printed; the shapes of the documents are those of `docs/command-line.md`.

use clap::Args;
use serde_json::Value;

/// How to print.
#[derive(Args, Clone, Copy)]
pub struct Output {
    /// Print one JSON document, for programs
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Prints one of the two on the standard output.
    pub fn print(self, text: impl FnOnce() -> String, document: impl FnOnce() -> Value) {
        if self.json { print_document(&document()) } else { print!("{}", text()) }
    }

    /// Prints a remark that is not part of a document: for programs on the standard error output.
    pub fn remark(self, sentence: &str) {
        if self.json { eprintln!("{sentence}") } else { println!("{sentence}") }
    }
}

/// Prints a document that is JSON for people, too.
pub fn print_document(document: &Value) {
    println!("{}", without_control_characters(&format!("{document:#}")));
}

/// JSON lets a few control characters stand as they are that a terminal would obey; as escapes they mean the same.
fn without_control_characters(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_control() && character != '\n' {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_cannot_command_the_terminal_and_says_what_it_said() {
        let document = json!({ "name": "\u{9b}2J\u{7f}" });
        let shown = without_control_characters(&format!("{document:#}"));
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), document);
    }
}
