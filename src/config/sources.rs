//! Whether a setting was given, and where its text comes from.
//! In: the flag or variable, and the `NAME_FILE` beside it. Out: the text, or nothing.
//! Owns: a value given twice is refused; exactly one trailing newline of a file is dropped.

use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use super::error::Error;
use super::settings::SecretText;

/// No secret is longer; a wrong path (a device, a disk image) must not fill the memory.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// A setting of which both a value and a file may be given.
#[derive(Clone, Copy)]
pub(super) struct SecretSetting<'a> {
    pub(super) name: &'static str,
    pub(super) file_name: &'static str,
    pub(super) value: Option<&'a SecretText>,
    pub(super) file: Option<&'a str>,
    /// An empty value is refused where falling back to the default would quietly lose something.
    pub(super) empty_is_unset: bool,
}

/// The text of a plain setting; an empty one counts as not given, as deployment templates write it.
pub(super) fn plain(value: Option<&String>) -> Option<&str> {
    value.map(String::as_str).filter(|text| !text.trim().is_empty())
}

/// The texts of a comma list, trimmed, without empty ones.
pub(super) fn list(value: Option<&String>) -> impl Iterator<Item = &str> {
    plain(value).into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty())
}

/// The content of a file without the newline that editors and `echo` put at its end.
pub(super) fn without_last_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text)
}

impl SecretSetting<'_> {
    /// The text from the value or from the file, if either is given.
    pub(super) fn read(self) -> Result<Option<SecretText>, Error> {
        let file = self.file.filter(|path| !path.is_empty());
        match (self.value, file) {
            (Some(value), Some(_)) if !value.expose().is_empty() => {
                Err(Error::new(self.name, format!("and {} are both set; keep one of them", self.file_name)))
            }
            (_, Some(path)) => self.read_file(path).map(Some),
            (Some(value), None) if value.expose().is_empty() => {
                if self.empty_is_unset {
                    return Ok(None);
                }
                Err(Error::new(
                    self.name,
                    "is set but empty; give it a value, or unset it to get the default",
                ))
            }
            (value, None) => Ok(value.cloned()),
        }
    }

    fn read_file(self, path: &str) -> Result<SecretText, Error> {
        let fault = |problem: String| Error::new(self.file_name, problem);
        let mut text = Zeroizing::new(String::new());
        let length = File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
            .map_err(|error| fault(format!("names {path:?}, which cannot be read as text: {error}")))?;
        if length as u64 > MAX_FILE_BYTES {
            return Err(fault(format!("names {path:?}, which is larger than 64 KiB and so no secret")));
        }
        let whole = without_last_newline(&text).len();
        text.truncate(whole);
        if text.is_empty() {
            return Err(fault(format!("names {path:?}, which is empty")));
        }
        Ok(SecretText::from(std::mem::take(&mut *text)))
    }
}
