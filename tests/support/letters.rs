//! The letters that a server wrote to a folder, read as people read them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::wait::until;
use super::{Builder, TestApp};

/// A folder that a server writes its letters to; each is handed out once.
pub struct Letters {
    folder: PathBuf,
    read: Mutex<BTreeSet<PathBuf>>,
}

/// A letter.
#[derive(Clone, Debug)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    /// All of it, with the lines as they were before they were encoded.
    pub text: String,
}

impl Letters {
    /// The letters of a server in `folder`, which is told to write them there.
    pub fn of(builder: Builder) -> (Builder, Self) {
        let mut folder = PathBuf::new();
        let builder = builder.with_folder(|settings, path| {
            folder = path.join("letters");
            settings.set("SIGNET_MAIL", format!("file:{}", folder.display()));
        });
        (builder, Self { folder, read: Mutex::default() })
    }

    /// The letters in a folder that a server was told by other means.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, read: Mutex::default() }
    }

    /// Every letter to this address, whether it was handed out or not.
    pub fn all_to(&self, address: &str) -> Vec<Letter> {
        self.all()
            .into_iter()
            .map(|(_, letter)| letter)
            .filter(|letter| letter.to.contains(address))
            .collect()
    }

    /// Waits for a letter to this address that holds `part` and was not handed out yet.
    pub async fn next(&self, address: &str, part: &str) -> Letter {
        let found = Mutex::new(None);
        until(&format!("a letter to {address} with {part}"), async || {
            let fresh = self.all().into_iter().find(|(path, letter)| {
                letter.to.contains(address) && letter.text.contains(part) && !self.read.lock().contains(path)
            });
            let Some((path, letter)) = fresh else { return false };
            self.read.lock().insert(path);
            *found.lock() = Some(letter);
            true
        })
        .await;
        found.into_inner().unwrap()
    }

    fn all(&self) -> Vec<(PathBuf, Letter)> {
        let files = std::fs::read_dir(&self.folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let letters = files.filter(|path| path.extension().is_some_and(|extension| extension == "eml"));
        letters.map(|path| (path.clone(), Letter::read(&path))).collect()
    }
}

impl Letter {
    fn read(path: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(path).unwrap())
    }

    /// Reads a message whose parts are quoted-printable or plain.
    pub fn parse(message: &str) -> Self {
        let message = message.replace("\r\n", "\n");
        let header = |name: &str| {
            let line = message.lines().find(|line| line.to_lowercase().starts_with(name));
            line.map(|line| line[name.len()..].trim().to_owned()).unwrap_or_default()
        };
        let text = message.replace("=\n", "").replace("=3D", "=");
        Self { to: header("to:"), subject: header("subject:"), text }
    }

    /// The first link of ours in it that begins with this path.
    pub fn link(&self, path: &str) -> String {
        let end =
            |text: &str| text.find(|c: char| c.is_whitespace() || "\"<>&".contains(c)).unwrap_or(text.len());
        let at = self.text.find(path).unwrap_or_else(|| panic!("no {path} in {}", self.text));
        let mut link = String::new();
        let mut rest = &self.text[at..];
        loop {
            let stop = end(rest);
            link.push_str(&rest[..stop]);
            // In HTML an ampersand is one of more characters.
            match rest[stop..].strip_prefix("&amp;").or_else(|| rest[stop..].strip_prefix('&')) {
                Some(after) => {
                    link.push('&');
                    rest = after;
                }
                None => return link,
            }
        }
    }

    /// The token of the link to a page of ours.
    pub fn token(&self) -> String {
        let at = self.text.find("#token=").unwrap_or_else(|| panic!("no token in {}", self.text));
        self.text[at + 7..].chars().take_while(char::is_ascii_alphanumeric).collect()
    }
}

impl TestApp {
    /// A server that writes its letters to a folder.
    pub fn with_letters() -> (Builder, Letters) {
        Letters::of(Self::builder())
    }
}
