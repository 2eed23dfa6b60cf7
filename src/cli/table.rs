//! Tables for people.

use std::time::Duration;

/// Columns as wide as they have to be, two spaces between them; the last one ends where it ends.
pub fn render<const N: usize>(rows: impl Iterator<Item = [String; N]> + Clone) -> String {
    let mut widths = [0; N];
    for row in rows.clone() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: [String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.map(line).collect()
}

/// An age in its two largest units.
pub fn age(span: Duration) -> String {
    let seconds = match span.as_secs() {
        day @ 86_400.. => day / 3600 * 3600,
        hour @ 3600.. => hour / 60 * 60,
        seconds => seconds,
    };
    signet::duration::format(Duration::from_secs(seconds))
}
