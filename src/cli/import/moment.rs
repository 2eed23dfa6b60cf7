//! Times as other programs have written them.
//! In: the text of a column. Out: a moment.
//! Owns: what has no zone is UTC; a number is seconds or milliseconds by its size, and never a guess that a year decides.

use signet_verify::clock::Timestamp;

/// Numbers above this are milliseconds: as seconds they would lie beyond the year 5000, as milliseconds after 1973.
const SECONDS_UP_TO: f64 = 1e11;

/// Reads ISO 8601 with or without a zone, `YYYY-MM-DD HH:MM:SS`, a date, seconds, or milliseconds; none if it is none of these.
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(number) => of_number(number),
        Err(_) => of_iso(text),
    }
}

fn of_number(number: f64) -> Option<Timestamp> {
    // The last moment that JavaScript knows.
    const LAST: f64 = 8.64e15;
    let millis = if number.abs() > SECONDS_UP_TO { number } else { number * 1000.0 };
    (millis.is_finite() && millis.abs() <= LAST).then(|| Timestamp::from_millis(millis.round() as i64))
}

fn of_iso(text: &str) -> Option<Timestamp> {
    let (date, rest) = match text.split_once(['T', 't', ' ']) {
        Some((date, rest)) => (date, rest.trim_start()),
        None => (text, "00:00:00"),
    };
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_at)?;
    let time = match time.matches(':').count() {
        1 => format!("{time}:00"),
        _ => time.to_owned(),
    };
    let zone = match zone.trim() {
        "" | "z" | "UTC" => "Z".to_owned(),
        // PostgreSQL leaves out minutes that are none, others the colon.
        zone if zone.len() == 3 && !zone.contains(':') => format!("{zone}:00"),
        zone if zone.len() == 5 && !zone.contains(':') => {
            let (hours, minutes) = zone.split_at_checked(3)?;
            format!("{hours}:{minutes}")
        }
        zone => zone.to_owned(),
    };
    Timestamp::parse_rfc_3339(&format!("{date}T{time}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_one_moment_in_every_way_in_which_it_is_written() {
        for text in [
            "2026-11-26T20:08:12.345Z",
            "2026-11-26 20:08:12.345",
            "2026-11-26T20:08:12.345",
            "2026-11-26 20:08:12.345+00",
            "2026-11-26 21:08:12.345+01",
            "2026-11-26T21:08:12.345+01:00",
            "2026-11-26T15:08:12.345-0500",
            " 2026-11-26 20:08:12.345 UTC ",
            "1795723692345",
            "1795723692345.0",
            "1795723692.345",
            "1.795723692345e12",
        ] {
            let moment = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(moment.iso_8601(), "2026-11-26T20:08:12.345Z", "{text}");
        }
        for (text, moment) in [
            ("1795723692", "2026-11-26T20:08:12.000Z"),
            ("2026-11-26", "2026-11-26T00:00:00.000Z"),
            ("2026-11-26 20:08", "2026-11-26T20:08:00.000Z"),
            ("0", "1970-01-01T00:00:00.000Z"),
            ("-1", "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(parse(text).unwrap().iso_8601(), moment, "{text}");
        }
    }

    #[test]
    fn parse_takes_nothing_for_a_time_that_is_none() {
        for text in [
            "",
            "now",
            "infinity",
            "NaN",
            "1e300",
            "2026",
            "2026-13-01",
            "2026-11-26T25:00:00Z",
            "12:00:00",
            "T",
            "2026-11-26T",
            "\u{fc}T\u{fc}",
            "2026-11-26T20:08:12\u{fc}",
        ] {
            // A bare year is a number of seconds.
            assert!(parse(text).is_none() || text == "2026", "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn parse_reads_back_what_is_written_and_falls_over_nothing(millis in -1_000_000_000_000_i64..250_000_000_000_000, junk in ".{0,40}") {
            let moment = Timestamp::from_millis(millis);
            if (0..250_000_000_000_000 / 1000).contains(&(millis / 1000)) {
                proptest::prop_assert_eq!(parse(&moment.iso_8601()), Some(moment));
            }
            if millis.abs() > 100_000_000_000 {
                proptest::prop_assert_eq!(parse(&millis.to_string()), Some(moment));
            }
            let _ = parse(&junk);
        }
    }
}
