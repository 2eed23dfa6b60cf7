//! Secrets that are given, and those that a first start makes for itself.
//! In: the settings of the group `Secrets`. Out: [`Secrets`], and [`IssuerSecrets`] for a process that signs people in.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::Error;
use super::generated::{Folder, SecretFile};
use super::reader::{Line, Reader};
use super::setting::{Empty, Group, Kind, Setting, Unset, joined};
use super::sources::Source;
use super::{guessable, master_key, tokens};
use crate::secret::{MasterKey, SecretTooShort, SharedSecret};
use signet_verify::clock::{Entropy, random_alphanumeric};

pub(super) const SECRET: Setting<Option<SharedSecret>> = Setting {
    name: "BETTER_AUTH_SECRET",
    flag: "secret",
    value_name: "TEXT",
    help: "Signs cookies, and tokens in HS256 mode: at least 32 bytes",
    default: "generated",
    unset: Unset::Is(|| None),
    kind: Kind::Secret(Empty::Refused),
    parse: |text| {
        SharedSecret::new(text.to_owned()).map(Some).map_err(|SecretTooShort(length)| {
            format!(
                "has {length} bytes; it needs at least 32, such as the output of: openssl rand -base64 32"
            )
            .into()
        })
    },
    show: |secret| secret.as_ref().map_or_else(not_used, |secret| format!("{secret:?}")),
};

const MASTER_KEY: Setting<Option<MasterKey>> = Setting {
    name: "SIGNET_MASTER_KEY",
    flag: "master-key",
    value_name: "BASE64",
    help: "Seals private keys at rest: 32 bytes in base64",
    default: "generated",
    unset: Unset::Is(|| None),
    kind: Kind::Secret(Empty::Refused),
    parse: |text| match master_key::decode(text) {
        Some(key) => guessable_key(&key).map_or(Ok(Some(key)), |problem| Err(problem.into())),
        None => Err(format!("is not {NOT_A_MASTER_KEY}").into()),
    },
    show: |key| key.as_ref().map_or_else(not_used, |key| format!("{key:?}")),
};

const MASTER_KEYS_OLD: Setting<Vec<MasterKey>> = Setting {
    name: "SIGNET_MASTER_KEYS_OLD",
    flag: "master-keys-old",
    value_name: "LIST",
    help: "Earlier master keys, which still open what they sealed: a list like SIGNET_MASTER_KEY",
    default: "none",
    unset: Unset::Is(Vec::new),
    kind: Kind::Secret(Empty::Unset),
    parse: |text| {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let key = |(at, entry)| {
            let refused =
                || format!("has an entry (number {}) that is not {NOT_A_MASTER_KEY}", at + 1).into();
            master_key::decode(entry).ok_or_else(refused)
        };
        entries.enumerate().map(key).collect()
    },
    show: |keys| joined(keys.iter().map(|key| format!("{key:?}"))),
};

const KEYS_DIR: Setting<PathBuf> = Setting {
    name: "SIGNET_KEYS_DIR",
    flag: "keys-dir",
    value_name: "FOLDER",
    help: "Folder where secrets are generated that are not given",
    default: "keys",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| Ok(text.into()),
    show: |folder| folder.display().to_string(),
};

pub(super) const GROUP: Group = Group {
    heading: "Secrets (better in a file or the environment: a command line is seen by every user of the machine)",
    settings: &[
        SECRET.declaration(),
        MASTER_KEY.declaration(),
        MASTER_KEYS_OLD.declaration(),
        KEYS_DIR.declaration(),
    ],
};

const NOT_A_MASTER_KEY: &str = "32 bytes in base64; make one with: openssl rand -base64 32";

/// `better-auth.secret`: 48 letters and digits, about 285 bits, easy to hand to another service.
const SECRET_FILE: SecretFile<SharedSecret> = SecretFile {
    name: "better-auth.secret",
    setting: SECRET.name,
    content: "at least 32 bytes of text",
    generate: |entropy| random_alphanumeric(entropy, 48).map(Zeroizing::new),
    parse: |text| SharedSecret::new(text.to_owned()).ok(),
    // What it is for decides; see `Secrets::judge_shared`.
    refuse: |_| None,
};

/// `master.key`: 32 bytes in base64.
const MASTER_KEY_FILE: SecretFile<MasterKey> = SecretFile {
    name: "master.key",
    setting: MASTER_KEY.name,
    content: "32 bytes in base64",
    generate: |entropy| {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(master_key::encode(&bytes))
    },
    parse: master_key::decode,
    refuse: guessable_key,
};

/// Why a master key protects nothing.
fn guessable_key(key: &MasterKey) -> Option<String> {
    guessable::key(key.expose()).map(|why| {
        format!(
            "{why}; make another one with: openssl rand -base64 32 (if private keys are sealed under it, give it in {}, and run \
             `signet keys rewrap`)",
            MASTER_KEYS_OLD.name
        )
    })
}

/// What a shared secret is needed for in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SharedUse {
    /// Whoever knows it forges cookies, but has no session token to put into one.
    Cookies,
    /// Whoever knows it is anybody.
    Tokens,
}

/// The secrets that the settings give; a process that signs people in has the others from [`Secrets::keys_dir`].
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Folder of generated secrets.
    pub keys_dir: PathBuf,
    /// Signs cookies; the key of HS256.
    pub shared: Option<SharedSecret>,
    /// Seals private keys at rest.
    pub master: Option<MasterKey>,
    /// Earlier master keys, which still open what they sealed.
    pub retired_masters: Vec<MasterKey>,
    shared_use: SharedUse,
}

/// The secrets of a process that signs people in.
#[derive(Debug)]
pub struct IssuerSecrets {
    /// Signs cookies; the key of HS256.
    pub shared: SharedSecret,
    /// Seals private keys at rest.
    pub master: MasterKey,
    /// Earlier master keys.
    pub retired_masters: Vec<MasterKey>,
    /// Files that were generated just now; a start says so, and asks for a backup.
    pub created: Vec<PathBuf>,
    /// What the operator should mend, one sentence each.
    pub warnings: Vec<String>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Secrets> {
    let shared = reader.read(&SECRET);
    let master = reader.read(&MASTER_KEY);
    let retired_masters = reader.read(&MASTER_KEYS_OLD);
    let keys_dir = reader.read(&KEYS_DIR);
    let signs = tokens::verifies_with_shared_secret(reader);
    let secrets = Secrets {
        keys_dir: keys_dir?,
        shared: shared?,
        master: master?,
        retired_masters: retired_masters?,
        shared_use: if signs { SharedUse::Tokens } else { SharedUse::Cookies },
    };
    let judged = secrets.shared.as_ref().map_or(Ok(None), |secret| secrets.judge_shared(secret));
    if let Err(problem) = judged {
        reader.refuse(Error::new(SECRET.name, problem));
        return None;
    }
    Some(secrets)
}

impl Secrets {
    /// The secrets of a process that signs people in, generated where neither the settings nor an earlier start gave
    /// them.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be used.
    pub fn load_or_generate(&self, entropy: &dyn Entropy) -> Result<IssuerSecrets, Error> {
        let mut folder = Folder::new(KEYS_DIR.name, &self.keys_dir);
        let master = match &self.master {
            Some(key) => key.clone(),
            None => folder.load_or_generate(&MASTER_KEY_FILE, entropy)?,
        };
        let shared = match &self.shared {
            Some(secret) => secret.clone(),
            None => folder.load_or_generate(&SECRET_FILE, entropy)?,
        };
        self.judge(&shared, &mut folder)?;
        self.judge_retired(&mut folder);
        let (created, warnings) = folder.into_notices();
        Ok(IssuerSecrets { shared, master, retired_masters: self.retired_masters.clone(), created, warnings })
    }

    /// Puts what is or will be in the folder into the lines of the report, and says what the operator should mend.
    ///
    /// # Errors
    /// When a secret that an earlier start generated cannot be read.
    pub(super) fn describe_generated(&self, lines: &mut [Line]) -> Result<Vec<String>, Error> {
        let mut folder = Folder::new(KEYS_DIR.name, &self.keys_dir);
        let shared = match &self.shared {
            Some(secret) => Some(secret.clone()),
            None => describe(&mut folder, &SECRET_FILE, lines)?,
        };
        if self.master.is_none() {
            describe(&mut folder, &MASTER_KEY_FILE, lines)?;
        }
        if let Some(shared) = shared {
            self.judge(&shared, &mut folder)?;
        }
        self.judge_retired(&mut folder);
        Ok(folder.into_notices().1)
    }

    /// Warns of an old master key that anybody can guess: it may still open what it sealed.
    fn judge_retired(&self, folder: &mut Folder<'_>) {
        if self.retired_masters.iter().any(|key| guessable::key(key.expose()).is_some()) {
            let name = MASTER_KEYS_OLD.name;
            folder.warn(format!(
                "{name} holds a key that anybody can guess; run `signet keys rewrap`, and drop it"
            ));
        }
    }

    /// Warns of secrets that anybody can guess, whether they were given or lie in the folder.
    ///
    /// # Errors
    /// When the shared secret is one of them and tokens are signed with it.
    fn judge(&self, shared: &SharedSecret, folder: &mut Folder<'_>) -> Result<(), Error> {
        let refused = |problem: String| match self.shared {
            Some(_) => Error::new(SECRET.name, problem),
            None => Error::new(
                KEYS_DIR.name,
                format!("holds {:?}, which {problem}", folder.path_of(&SECRET_FILE)),
            ),
        };
        if let Some(warning) = self.judge_shared(shared).map_err(refused)? {
            folder.warn(warning);
        }
        Ok(())
    }

    /// What is to be said of a shared secret that anybody can guess: a warning, or a refusal where tokens are signed
    /// with it.
    fn judge_shared(&self, secret: &SharedSecret) -> Result<Option<String>, String> {
        const CURE: &str = "make another one with: openssl rand -base64 32";
        let Some(why) = guessable::text(secret.expose()) else { return Ok(None) };
        match self.shared_use {
            SharedUse::Cookies => Ok(Some(format!("{} {why}; {CURE}", SECRET.name))),
            SharedUse::Tokens => Err(format!(
                "{why}, and with it anybody can sign tokens in the modes hs256 and migrate; {CURE}"
            )),
        }
    }
}

/// Puts a secret of the folder into its line of the report, and hands it on if it is there.
fn describe<T: std::fmt::Debug>(
    folder: &mut Folder<'_>,
    file: &SecretFile<T>,
    lines: &mut [Line],
) -> Result<Option<T>, Error> {
    let path = folder.path_of(file).display().to_string();
    let secret = folder.load(file)?;
    let value = match &secret {
        Some(secret) => format!("{secret:?} in {path}"),
        None => format!("will be generated into {path} by the first start"),
    };
    if let Some(line) = lines.iter_mut().find(|line| line.name == file.setting) {
        line.value = value;
        line.source = Source::Generated;
    }
    Ok(secret)
}

fn not_used() -> String {
    "none (not used by this role)".to_owned()
}
