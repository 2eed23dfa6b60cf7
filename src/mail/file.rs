//! Mail as files, for development and tests.
//! In: whole messages. Out: a file for each, which mail programs open.
//! Owns: a message has one file, however often it is written; other users of the machine cannot read it; the folder does
//! not grow for ever.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use signet_verify::clock::Timestamp;

/// How many messages stay in the folder; the oldest go first.
const MOST_FILES: usize = 1000;

/// Writes the message `id` into `folder`, which is made where it is missing, and says where it is.
///
/// # Errors
/// When the folder cannot be written.
pub fn write(folder: &Path, id: &str, created_at: Timestamp, text: &str) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(name(id, created_at));
    let temporary = folder.join(format!(".{id}.tmp"));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(folder)?.sync_all()?;
    forget_oldest(folder)?;
    Ok(path)
}

/// Such as `2026-11-27T06-30-00.123Z-ID.eml`, so that their order is that of time.
fn name(id: &str, created_at: Timestamp) -> String {
    format!("{}-{id}.eml", created_at.iso_8601().replace(':', "-"))
}

/// Whether we have written a file of this name.
fn is_ours(name: &str) -> bool {
    let stem = name.strip_suffix(".eml").and_then(|stem| stem.rsplit_once("Z-"));
    stem.is_some_and(|(time, id)| {
        time.len() == 23 && id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_ours(name)));
    }
    if names.len() <= MOST_FILES {
        return Ok(());
    }
    names.sort_unstable();
    for name in &names[..names.len() - MOST_FILES] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // Another instance was first.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_377_600_123);

    fn id(number: usize) -> String {
        format!("{number:032}")
    }

    #[test]
    fn write_makes_one_file_of_a_message_however_often_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/mail");
        let path = write(&folder, &id(1), NOW, "one").unwrap();
        assert_eq!(write(&folder, &id(1), NOW, "two").unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        assert!(is_ours(path.file_name().unwrap().to_str().unwrap()), "{path:?}");
    }

    #[test]
    fn write_forgets_the_oldest_messages_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let of_the_operator = ["kept.eml", "0000-Z-kept.eml", "notes.txt"];
        for name in of_the_operator {
            fs::write(folder.path().join(name), "").unwrap();
        }
        for number in 0..MOST_FILES {
            let created = NOW.after(Duration::from_millis(number as u64));
            fs::write(folder.path().join(name(&id(number), created)), "").unwrap();
        }
        let last = write(folder.path(), &id(MOST_FILES), NOW.after(Duration::from_secs(60)), "last").unwrap();
        assert!(last.exists() && !folder.path().join(name(&id(0), NOW)).exists());
        assert!(folder.path().join(name(&id(1), NOW.after(Duration::from_millis(1)))).exists());
        assert!(of_the_operator.iter().all(|name| folder.path().join(name).exists()));
    }
}
