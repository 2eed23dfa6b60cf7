//! What the settings amount to, for `signet config check`.
//! In: the settings. Out: one line for each of them, with its source, and what the operator should mend.
//! Owns: nothing is created and no secret is shown.

use std::fmt;

use super::reader::Line;

/// Every setting as it takes effect, and what the operator should mend.
#[derive(Debug)]
pub struct Report {
    /// One line for each setting, in the order of the help text.
    pub lines: Vec<Line>,
    /// One sentence each.
    pub warnings: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        let value_width = self.lines.iter().map(|line| line.value.chars().count()).max().unwrap_or(0);
        for line in &self.lines {
            writeln!(f, "{:name_width$}  {:value_width$}  ({})", line.name, line.value, line.source)?;
        }
        Ok(())
    }
}
