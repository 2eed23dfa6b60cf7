//! Durations as settings.

use std::time::Duration;

use super::setting::Problems;
use crate::duration::{format, parse};

/// The rule of a setting that is a duration.
pub(super) fn parse_setting(text: &str) -> Result<Duration, Problems> {
    parse(text).map_err(|problem| format!("is {text:?}, {problem}").into())
}

/// What the report shows for a duration.
pub(super) fn show(span: &Duration) -> String {
    format(*span)
}
