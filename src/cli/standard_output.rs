//! What a verb prints.
//! In: texts. Out: the same on the standard output and the standard error output.
//! Owns: no stream makes a verb panic, or leave undone what it was asked to do: what could not be written is told at
//! the end, and a reader that has gone away (`| head`) is no error. A terminal obeys nothing in a document.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use serde_json::Value;

/// Writes a line to the standard error output; where that cannot be written, the line is lost.
pub fn tell(text: impl Display) {
    let _lost = writeln!(io::stderr(), "signet: {text}");
}

/// Prints a text as it is.
///
/// # Errors
/// When it could not be written, though a reader may still be there.
pub fn print_text(text: impl Display) -> io::Result<()> {
    let mut output = io::stdout();
    match write!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a document that is JSON for people, too.
///
/// # Errors
/// When it could not be written.
pub fn print_document(document: &Value) -> io::Result<()> {
    print_text(format_args!("{}\n", without_control_characters(&format!("{document:#}"))))
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
