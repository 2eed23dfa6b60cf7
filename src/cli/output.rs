//! How a verb prints what it has found or done: sentences and tables for people, one JSON document for programs.
//! Owns: the shapes of the documents are those of `docs/command-line.md`.

use clap::Args;
use serde_json::Value;

use super::error::Error;
use super::standard_output::{print_document, print_text, tell};

/// How to print.
#[derive(Args, Clone, Copy)]
pub struct Output {
    /// Print one JSON document, for programs
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Prints one of the two on the standard output.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn print(self, text: impl FnOnce() -> String, document: impl FnOnce() -> Value) -> Result<(), Error> {
        if self.json { print_document(&document()) } else { print_text(text()) }.map_err(Error::Output)
    }

    /// Prints a remark that is not part of a document: for programs on the standard error output.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn remark(self, sentence: &str) -> Result<(), Error> {
        if self.json {
            tell(sentence);
            return Ok(());
        }
        print_text(format_args!("{sentence}\n")).map_err(Error::Output)
    }
}
