//! What a verb prints.
//! In: texts. Out: the same on the standard output and the standard error output.
//! Owns: no stream makes a verb panic, or leave undone what it was asked to do: what could not be written is told at
//! the end, and a reader that has gone away (`| head`) is no error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// The standard output of a verb.
#[derive(Default)]
pub struct StandardOutput {
    /// Why nothing more is written.
    error: Option<io::Error>,
}

impl StandardOutput {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a text.
    pub fn print(&mut self, text: impl Display) {
        if self.error.is_none() {
            self.error = write!(io::stdout(), "{text}").err();
        }
    }

    /// Writes what is still to be written.
    ///
    /// # Errors
    /// When something could not be written, though a reader may still be there.
    pub fn end(self) -> io::Result<()> {
        let outcome = self.error.map_or_else(|| io::stdout().flush(), Err);
        match outcome {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Writes a line to the standard error output; where that cannot be written, the line is lost.
pub fn tell(text: impl Display) {
    let _lost = writeln!(io::stderr(), "signet: {text}");
}
