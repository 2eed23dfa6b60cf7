//! Writes the lines of the log, those about requests several at once.
//! In: lines. Out: the same lines, in order, on the standard error output.
//! Owns: only the line of a request may wait, and for a moment only; no line is dropped, each is written whole, and all are
//! in one order, which is what a writer with a queue for some of them would not promise. An output that is closed or
//! full disturbs no thread that has something to log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// What a line waits for at most; a crash of the process loses the lines of this long, and none that is no request's.
const FLUSH_AFTER: Duration = Duration::from_millis(5);
/// Past so many bytes a thread that logs writes them all: a slow reader slows requests, and memory is bounded.
const FLUSH_BYTES: usize = 64 * 1024;

/// The target whose lines may wait: one for each request.
pub const BUFFERED: &str = "signet::request";

/// The writing end of the log.
#[derive(Clone, Default)]
pub struct BufferedWriter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Vec<u8>>,
    some: Condvar,
}

impl BufferedWriter {
    /// Starts to write.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> io::Result<Self> {
        let lines = Self::default();
        let writing = lines.clone();
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writing.flush_from_time_to_time())?;
        Ok(lines)
    }

    /// Writes all lines that wait.
    pub fn flush(&self) {
        write_all(&mut self.waiting());
    }

    fn flush_from_time_to_time(&self) {
        loop {
            let waiting = self.0.some.wait_while(self.waiting(), |waiting| waiting.is_empty());
            drop(waiting.unwrap_or_else(PoisonError::into_inner));
            std::thread::sleep(FLUSH_AFTER);
            self.flush();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what was written even if it could not be: the log must not grow in memory when its reader is gone.
fn write_all(waiting: &mut Vec<u8>) {
    let _lost = io::stderr().write_all(waiting);
    waiting.clear();
}

/// Takes one line.
pub struct Line<'a> {
    lines: &'a BufferedWriter,
    may_wait: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lines.waiting();
        let is_first = waiting.is_empty();
        waiting.extend_from_slice(line);
        if !self.may_wait || waiting.len() > FLUSH_BYTES {
            write_all(&mut waiting);
        } else if is_first {
            self.lines.0.some.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for BufferedWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, may_wait: false }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Line<'a> {
        Line { lines: self, may_wait: meta.target() == BUFFERED }
    }
}
