//! The time of a run, and spans as programs print them.
//! In: the machine's clock. Out: seconds since the run began.
//! Owns: one clock for everything that is measured; it never steps back.

use std::time::{Duration, Instant, SystemTime};

/// Seconds since the run began; may be fractions.
pub type Moment = f64;

/// The clock of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    began_unix: f64,
}

impl Clock {
    /// A clock that stands at zero.
    #[expect(clippy::disallowed_methods, reason = "real processes live in real time")]
    pub fn start() -> Self {
        let unix = SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
        Self { began: Instant::now(), began_unix: unix }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.began.elapsed().as_secs_f64()
    }

    /// The moment that a token's claim names.
    pub fn of_unix(&self, seconds: f64) -> Moment {
        seconds - self.began_unix
    }

    /// Returns at `moment`; at once when it has passed.
    pub async fn until(&self, moment: Moment) {
        let left = moment - self.now();
        if left > 0.0 {
            tokio::time::sleep(Duration::from_secs_f64(left)).await;
        }
    }
}

/// Reads a span such as `6.75s`, `750ms` or `10m15s`; in seconds.
pub fn span(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = None;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total = Some(total.unwrap_or(0.0) + number.parse::<f64>().ok()? * seconds);
        rest = after;
    }
    total
}
