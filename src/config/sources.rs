//! Whether a setting was given, and where its text comes from.
//! In: the flag or variable, and the `NAME_FILE` beside it. Out: the text and its source, or nothing.
//! Owns: a value given twice is refused; exactly one trailing newline of a file is dropped.

use std::fmt;
use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use super::error::Error;
use super::setting::{Declaration, Empty, Kind};
use super::settings::{SecretText, Settings};

/// No secret is longer; a wrong path (a device, a disk image) must not fill the memory.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// None was given.
    Default,
    /// An environment variable or a flag.
    Given,
    /// The file that `NAME_FILE` names.
    File,
    /// A file in the folder of generated secrets.
    Generated,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Given => "environment or flag",
            Self::File => "file",
            Self::Generated => "generated",
        })
    }
}

/// The content of a file without the newline that editors and `echo` put at its end.
pub(super) fn without_last_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text)
}

impl Settings {
    /// The text of a setting, if it is given.
    pub(super) fn find(&self, setting: &Declaration) -> Result<Option<(SecretText, Source)>, Error> {
        match setting.kind {
            Kind::Plain => {
                let given = self.get(setting.name).filter(|text| !text.expose().trim().is_empty());
                Ok(given.map(|text| (text.clone(), Source::Given)))
            }
            Kind::Secret(empty) => self.find_secret(setting, empty),
        }
    }

    fn find_secret(
        &self,
        setting: &Declaration,
        empty: Empty,
    ) -> Result<Option<(SecretText, Source)>, Error> {
        let file_name = setting.file_name().unwrap_or_default();
        let file = self.get(&file_name).map(SecretText::expose).filter(|path| !path.is_empty());
        match (self.get(setting.name), file) {
            (Some(value), Some(_)) if !value.expose().is_empty() => {
                Err(Error::new(setting.name, format!("and {file_name} are both set; keep one of them")))
            }
            (_, Some(path)) => Ok(Some((read_file(file_name.clone(), path)?, Source::File))),
            (Some(value), None) if value.expose().is_empty() => match empty {
                Empty::Unset => Ok(None),
                Empty::Refused => Err(Error::new(
                    setting.name,
                    "is set but empty; give it a value, or unset it to get the default",
                )),
            },
            (value, None) => Ok(value.map(|text| (text.clone(), Source::Given))),
        }
    }
}

fn read_file(setting: String, path: &str) -> Result<SecretText, Error> {
    let refused = |problem: String| Error::new(setting.clone(), problem);
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| refused(format!("names {path:?}, which cannot be read as text: {error}")))?;
    if length as u64 > MAX_FILE_BYTES {
        return Err(refused(format!("names {path:?}, which is larger than 64 KiB and so no secret")));
    }
    let whole = without_last_newline(&text).len();
    text.truncate(whole);
    if text.is_empty() {
        return Err(refused(format!("names {path:?}, which is empty")));
    }
    Ok(SecretText::from(std::mem::take(&mut *text)))
}
