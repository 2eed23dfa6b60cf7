//! Writes the span and the log line of a request as JSON, without the general formatter.
//! In: fields of spans and events. Out: the same JSON that the formatter of `tracing_subscriber` makes of them.
//! Owns: nothing that a field holds can break out of its string.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{Format, Json, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::buffered_writer::BUFFERED;

/// Writes the line of a request by itself, and leaves all others to the usual formatter.
pub struct Events(pub Format<Json>);

impl<S, N> FormatEvent<S, N> for Events
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let meta = event.metadata();
        if meta.target() != BUFFERED {
            return self.0.format_event(context, writer, event);
        }
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", meta.level())?;
        let mut members = Members { writer: writer.by_ref(), comma: true, outcome: Ok(()) };
        event.record(&mut members);
        members.outcome?;
        writeln!(writer, ",\"target\":\"{BUFFERED}\"}}")
    }
}

/// Writes the fields of spans as one object.
pub struct Fields;

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        writer.write_char('{')?;
        let mut members = Members { writer: writer.by_ref(), comma: false, outcome: Ok(()) };
        fields.record(&mut members);
        members.outcome?;
        writer.write_char('}')
    }

    /// Appends to an object that was written before.
    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        current.fields.pop();
        let comma = current.fields.len() > 1;
        let mut members = Members { writer: current.as_writer(), comma, outcome: Ok(()) };
        fields.record(&mut members);
        members.outcome?;
        current.fields.push('}');
        Ok(())
    }
}

/// Writes one member after the other.
struct Members<'writer> {
    writer: Writer<'writer>,
    /// Whether something stands before the next member.
    comma: bool,
    outcome: fmt::Result,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: impl fmt::Display) {
        self.write_member(field, |writer| write!(writer, "{value}"));
    }

    fn write_member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let begin = if std::mem::replace(&mut self.comma, true) { ",\"" } else { "\"" };
        if self.outcome.is_ok() {
            let Self { writer, .. } = self;
            self.outcome = writer
                .write_str(begin)
                .and_then(|()| writer.write_str(field.name()))
                .and_then(|()| writer.write_str("\":"))
                .and_then(|()| value(writer));
        }
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
            self.write_member(field, |writer| {
                writer.write_char('"')?;
                writer.write_str(value)?;
                writer.write_char('"')
            });
        } else {
            self.member(field, serde_json::Value::from(value));
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written while `log` runs, line by line.
    fn lines(log: impl FnOnce()) -> Vec<Value> {
        let kept = Kept::default();
        let writer = kept.clone();
        let usual = tracing_subscriber::fmt::format().json().flatten_event(true);
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .event_format(Events(usual))
            .fmt_fields(Fields)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    const NASTY: &str = "a \"quote\", a \\, a\nline, a \u{1} and a ü";

    #[test]
    fn event_is_written_as_one_line_of_json_whatever_its_fields_hold() {
        let log = || tracing::info!(target: "signet::request", route = NASTY, id = %NASTY, status = 200_u16, ok = true);
        let lines = lines(log);
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(
            [&line["route"], &line["id"], &line["status"], &line["ok"], &line["level"], &line["target"]],
            [
                &json!(NASTY),
                &json!(NASTY),
                &json!(200),
                &json!(true),
                &json!("INFO"),
                &json!("signet::request")
            ]
        );
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn span_holds_fields_recorded_at_its_start_and_later() {
        let lines = lines(|| {
            let span = tracing::info_span!("request", id = NASTY, later = tracing::field::Empty);
            let bare = tracing::info_span!("bare", later = tracing::field::Empty);
            span.record("later", "}}");
            bare.record("later", 7);
            span.in_scope(|| tracing::warn!("one"));
            bare.in_scope(|| tracing::warn!("two"));
        });
        assert_eq!(lines[0]["span"], json!({ "name": "request", "id": NASTY, "later": "}}" }));
        assert_eq!(lines[1]["span"], json!({ "name": "bare", "later": 7 }));
    }
}
