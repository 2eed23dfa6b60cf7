//! Durations as people write them: `15m`, `30d`, `90s`, `1h30m`, `500ms`.
//! In: a text or a span of time. Out: the other one.
//! Owns: what `format` writes, `parse` reads back as the same span.

use std::time::Duration;

/// Units from large to small, with their milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A text that is no duration; the rest of a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("which is not a duration; write it like 15m, 30d, 90s, 1h30m or 500ms")]
pub struct Error;

/// Reads a duration.
///
/// Whole numbers with a unit, larger units first, each unit at most once, no spaces: there is one way to read each text.
///
/// # Errors
/// When the text is not one.
pub fn parse(text: &str) -> Result<Duration, Error> {
    read(text).ok_or(Error)
}

fn read(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        // The iterator only moves forward: a smaller unit before a larger one, or one used twice, is not found again.
        let (_, unit_millis) = units.find(|(name, _)| *name == unit)?;
        millis = millis.checked_add(number.parse::<u64>().ok()?.checked_mul(*unit_millis)?)?;
        rest = next;
    }
    (!text.is_empty()).then(|| Duration::from_millis(millis))
}

/// Writes a duration the way [`parse`] reads it; what is below a millisecond is left out.
pub fn format(span: Duration) -> String {
    let mut rest = span.as_millis();
    let mut text = String::new();
    for (name, unit_millis) in UNITS {
        let count = rest / u128::from(unit_millis);
        rest %= u128::from(unit_millis);
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_durations_as_people_write_them() {
        let cases =
            [("15m", 900_000), ("30d", 2_592_000_000), ("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500)];
        for (text, millis) in cases {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn parse_refuses_ambiguous_durations() {
        for text in [
            "", "15", "m", "1.5h", "-1s", "+1s", "1 h", "1h 30m", "30m1h", "1s1s", "1M", "1y", "15min", "１s",
        ] {
            assert_eq!(parse(text), Err(Error), "{text}");
        }
        assert_eq!(parse("99999999999999999999d"), Err(Error));
        assert_eq!(parse("18446744073709551615d"), Err(Error));
    }

    proptest::proptest! {
        #[test]
        fn format_is_read_back_by_parse(millis: u64) {
            let span = Duration::from_millis(millis);
            proptest::prop_assert_eq!(parse(&format(span)), Ok(span));
        }

        #[test]
        fn parse_never_panics(text: String) {
            let _ = parse(&text);
        }
    }
}
