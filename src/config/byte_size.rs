//! Amounts of memory as people write them: `32MiB`, `512KiB`, `1GiB`, or `off` for none.
//! In: a text or a number of bytes. Out: the other one.
//! Owns: what `format` writes, `parse` reads back as the same number, for whole KiB.

/// Units from large to small, with their bytes (IEC 80000-13).
const UNITS: [(&str, usize); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A text that is no amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be off, or a size such as 512KiB, 32MiB or 1GiB")]
pub(super) struct Error;

/// Reads an amount in bytes. There is one unit, and no sign, fraction or space.
///
/// # Errors
/// When the text is not one.
pub(super) fn parse(text: &str) -> Result<usize, Error> {
    if text == "off" { Ok(0) } else { read(text).ok_or(Error) }
}

fn read(text: &str) -> Option<usize> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<usize>().ok()?.checked_mul(*bytes)
}

/// Writes an amount the way [`parse`] reads it.
pub(super) fn format(bytes: usize) -> String {
    if bytes == 0 {
        return "off".to_owned();
    }
    let (name, unit) = UNITS.iter().find(|(_, unit)| bytes.is_multiple_of(*unit)).unwrap_or(&UNITS[2]);
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_sizes_as_people_write_them() {
        for (text, bytes) in [("off", 0), ("512KiB", 512 << 10), ("32MiB", 32 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
            assert_eq!(format(bytes), text);
        }
    }

    #[test]
    fn parse_refuses_ambiguous_sizes() {
        for text in
            ["", "0", "32", "MiB", "32MB", "32mib", "32 MiB", "1.5GiB", "-1KiB", "1GiB512MiB", "１MiB"]
        {
            assert_eq!(parse(text), Err(Error), "{text}");
        }
        assert_eq!(parse("99999999999999999GiB"), Err(Error));
    }
}
