//! Secrets that a first start makes for itself.
//! In: the folder `keys/`. Out: the secrets in it, made now where they are missing.
//! Owns: processes that start together end up with the same secrets, and a crash leaves a whole secret or none.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::Error;
use super::sources::without_last_newline;
use signet_verify::clock::Entropy;
use signet_verify::clock::EntropyUnavailable;
use signet_verify::clock::random_alphanumeric;

/// Files of ours are far smaller.
const MAX_FILE_BYTES: u64 = 4096;

/// A secret that lives in a file of its own.
pub(super) struct SecretFile<T> {
    /// The name of the file.
    pub(super) name: &'static str,
    /// The setting that makes the file unnecessary.
    pub(super) setting: &'static str,
    /// What the file must hold, for the sentence that says it does not.
    pub(super) content: &'static str,
    /// Makes a new secret.
    pub(super) generate: fn(&dyn Entropy) -> Result<Zeroizing<String>, EntropyUnavailable>,
    /// Reads one.
    pub(super) parse: fn(&str) -> Option<T>,
}

/// The folder of generated secrets, and what happened in it during this start.
pub(super) struct Folder<'a> {
    /// The setting that names the folder.
    setting: &'static str,
    path: &'a Path,
    created: Vec<PathBuf>,
    warnings: Vec<String>,
}

impl<'a> Folder<'a> {
    /// The folder at `path`, which `setting` names and which may not exist yet.
    pub(super) fn new(setting: &'static str, path: &'a Path) -> Self {
        Self { setting, path, created: Vec::new(), warnings: Vec::new() }
    }

    /// The files that were created, and what the operator should mend.
    pub(super) fn into_notices(self) -> (Vec<PathBuf>, Vec<String>) {
        (self.created, self.warnings)
    }

    /// Where the secret is or will be.
    pub(super) fn path_of<T>(&self, secret: &SecretFile<T>) -> PathBuf {
        self.path.join(secret.name)
    }

    /// The secret in the file, if there is one; creates nothing.
    pub(super) fn load<T>(&mut self, secret: &SecretFile<T>) -> Result<Option<T>, Error> {
        let path = self.path_of(secret);
        let setting = self.setting;
        let unreadable =
            |error| Error::new(setting, format!("holds {path:?}, which cannot be read: {error}"));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).ok().filter(|text| text.len() as u64 <= MAX_FILE_BYTES);
        let Some(value) = text.map(without_last_newline).and_then(secret.parse) else {
            return Err(Error::new(
                self.setting,
                format!(
                    "holds {path:?}, which does not contain {}; restore it from a backup, or set {} instead",
                    secret.content, secret.setting
                ),
            ));
        };
        if mode & 0o077 != 0 {
            let warning =
                format!("{} can be read by other users of this machine; run: chmod 600 {0}", path.display());
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        Ok(Some(value))
    }

    /// The secret in the file, generated first if there is none.
    pub(super) fn load_or_generate<T>(
        &mut self,
        secret: &SecretFile<T>,
        entropy: &dyn Entropy,
    ) -> Result<T, Error> {
        if self.load(secret)?.is_none() {
            self.generate(secret, entropy)?;
        }
        self.sweep(secret.name);
        let (setting, folder) = (self.setting, self.path);
        let vanished = || Error::new(setting, format!("is {folder:?}, where {} vanished again", secret.name));
        self.load(secret)?.ok_or_else(vanished)
    }

    fn generate<T>(&mut self, secret: &SecretFile<T>, entropy: &dyn Entropy) -> Result<(), Error> {
        let refused = |path: &Path, verb: &str, error: std::io::Error| {
            Error::new(
                self.setting,
                format!(
                    "is {:?}, where {:?} cannot be {verb}: {error}; choose a folder that this user may write, or set {}",
                    self.path,
                    path.file_name().unwrap_or_default(),
                    secret.setting
                ),
            )
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.path)
            .map_err(|error| refused(self.path, "created", error))?;
        if let Some(parent) = self.path.parent() {
            sync_folder(parent);
        }
        let random =
            |_| Error::new(self.setting, "needs new secrets, but the operating system gave no random bytes");
        let text = (secret.generate)(entropy).map_err(random)?;
        let suffix = random_alphanumeric(entropy, 16).map_err(random)?;
        let path = self.path_of(secret);
        let temporary = self.path.join(format!("{}{suffix}.tmp", temporary_prefix(secret.name)));

        // A link to a finished file appears whole or not at all, and only the first process gets the name.
        let linked = write_durably(&temporary, &text).and_then(|()| fs::hard_link(&temporary, &path));
        // One that stays is harmless: the next start sweeps it.
        fs::remove_file(&temporary).ok();
        sync_folder(self.path);
        match linked {
            Ok(()) => self.created.push(path),
            // Another process was first; if it has swept our temporary file already, the link is not found.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == ErrorKind::NotFound && path.exists() => {}
            Err(error) => return Err(refused(&path, "written", error)),
        }
        Ok(())
    }

    /// Removes what crashed starts left behind. The secret exists by now, so no temporary file can win any more.
    fn sweep(&self, name: &str) {
        let Ok(entries) = fs::read_dir(self.path) else { return };
        let prefix = temporary_prefix(name);
        for entry in entries.flatten() {
            let file = entry.file_name();
            if file.to_str().is_some_and(|file| file.starts_with(&prefix) && file.ends_with(".tmp")) {
                // A folder may be read-only once it is complete; leftovers do no harm.
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

fn temporary_prefix(name: &str) -> String {
    format!(".{name}.")
}

/// Creates the file for its owner alone and returns when its bytes are on the disk.
fn write_durably(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Makes the names in the folder durable, where the file system knows how.
fn sync_folder(path: &Path) {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if let Ok(folder) = File::open(path) {
        // Some file systems refuse to sync a folder; the secret is in place all the same.
        folder.sync_all().ok();
    }
}
