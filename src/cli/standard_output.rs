//! What a verb prints.
//! In: texts. Out: the same on the standard output and the standard error output.
//! Owns: no stream makes a verb panic, or leave undone what it was asked to do: what could not be written is told at
//! the end, and a reader that has gone away (`| head`) is no fault.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// The standard output of a verb.
#[derive(Default)]
pub struct StandardOutput {
    /// Why nothing more is written.
    fault: Option<io::Error>,
}

impl StandardOutput {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a text.
    pub fn print(&mut self, text: impl Display) {
        if self.fault.is_none() {
            self.fault = write!(io::stdout(), "{text}").err();
        }
    }

    /// Writes a line.
    pub fn line(&mut self, text: impl Display) {
        self.print(format_args!("{text}\n"));
    }

    /// Writes what is still to be written.
    ///
    /// # Errors
    /// When something could not be written, though somebody may still be there to read it.
    pub fn end(self) -> io::Result<()> {
        let outcome = self.fault.map_or_else(|| io::stdout().flush(), Err);
        match outcome {
            Err(fault) if fault.kind() != ErrorKind::BrokenPipe => Err(fault),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Writes a line to the standard error output; where that cannot be, there is nobody to tell.
pub fn tell(text: impl Display) {
    let _nobody_to_tell = writeln!(io::stderr(), "signet: {text}");
}
