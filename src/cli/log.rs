//! Where the log goes, and the traces.
//! In: `RUST_LOG`, and the address of a collector if there is one. Out: lines on the standard error output, spans to the collector.
//! Owns: a span is no line of the log, whatever is logged.

use std::io::IsTerminal;

use super::buffered_writer::BufferedWriter;
use super::error::Error;
use super::json::{Events, Fields};
use signet::http::framework::traces::TARGET;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// A log that was started.
pub struct Log {
    lines: BufferedWriter,
    #[cfg(feature = "otlp")]
    traces: Option<super::traces::Traces>,
}

/// Human lines on a terminal, JSON otherwise; `RUST_LOG` chooses what is logged.
///
/// # Errors
/// [`Error::Traces`], [`Error::Log`].
pub fn start(collector: Option<&str>) -> Result<Log, Error> {
    start_at("info", collector)
}

/// The same for a verb that does something worth a line of the audit log: those lines, and what is wrong.
///
/// # Errors
/// [`Error::Log`].
pub fn start_for_verb() -> Result<Log, Error> {
    start_at("warn,signet::audit=info", None)
}

fn start_at(usual: &str, collector: Option<&str>) -> Result<Log, Error> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let filter = match format!("{TARGET}=off").parse() {
        Ok(no_spans) => filter.add_directive(no_spans),
        Err(_) => filter,
    };
    let writer = BufferedWriter::start().map_err(Error::Log)?;
    // What it would say of its own failures goes to the same output, and panics where that is gone.
    let lines = tracing_subscriber::fmt::layer().with_writer(writer.clone()).log_internal_errors(false);
    let lines = if std::io::stderr().is_terminal() {
        lines.boxed()
    } else {
        let usual = tracing_subscriber::fmt::format().json().flatten_event(true);
        lines.with_ansi(false).json().event_format(Events(usual)).fmt_fields(Fields).boxed()
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otlp")]
    {
        let (traces, spans) = collector.map(super::traces::to).transpose()?.unzip();
        subscriber.with(spans).init();
        Ok(Log { lines: writer, traces })
    }
    #[cfg(not(feature = "otlp"))]
    {
        // The settings have refused a collector.
        let _ = collector;
        subscriber.init();
        Ok(Log { lines: writer })
    }
}

impl Log {
    /// Sends and writes what is still to be sent and written.
    pub async fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces {
            traces.end().await;
        }
        self.lines.flush();
    }
}
