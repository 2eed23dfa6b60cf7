//! A file that declares what a deployment consists of.
//! In: TOML or JSON, by the ending of its name. Out: [`Declaration`], or every problem as one sentence each.
//! Owns: every sentence names the file, the entry and the member, and shows no secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};
use signet_verify::jose::json;
use zeroize::Zeroizing;

use super::client::{ClientSecretText, GivenSecret, Registration};
use super::members::{Members, Problem, shown};
use super::resource::Resource;
use super::secret;
use super::user::Person;

/// The largest file, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;
/// The largest file of a secret, in bytes.
const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// What a deployment consists of.
#[derive(Debug, Default)]
pub struct Declaration {
    /// Its clients.
    pub clients: Vec<Registration>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// Its first users.
    pub users: Vec<Person>,
}

/// Why a file declares nothing; each problem is a sentence that begins with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Vec<String>);

impl Error {
    /// Every problem.
    pub fn problems(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.first().map_or("", String::as_str))?;
        match self.0.len() {
            0 | 1 => Ok(()),
            2 => f.write_str(" (and another problem)"),
            more => write!(f, " (and {} other problems)", more - 1),
        }
    }
}

impl std::error::Error for Error {}

impl Declaration {
    /// Reads a file, and the files of secrets that it names, relative to its folder.
    ///
    /// # Errors
    /// [`Error`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        let refused = |problem: String| Error(vec![format!("{file} {problem}")]);
        let text = read_text(path, MOST_BYTES).map_err(refused)?;
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let document = match ending.to_ascii_lowercase().as_str() {
            "toml" => from_toml(&text),
            "json" => json::parse(text.as_bytes()).map_err(|error| format!("cannot be read: {error}")),
            _ => Err("ends neither in .toml nor in .json".to_owned()),
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        match document.map_err(refused)? {
            Value::Object(document) => Self::judge(document, folder, &file),
            _ => Err(refused("is no object with clients, resources or users".to_owned())),
        }
    }

    fn judge(document: Map<String, Value>, folder: &Path, file: &str) -> Result<Self, Error> {
        let mut sentences = Vec::new();
        let mut declaration = Self::default();
        let mut rest = document;
        let clients = entries(&mut rest, "clients", &mut sentences);
        declaration.clients = read_each(clients, "client", "client_id", &mut sentences, |entry| {
            let mut client = Registration::read(entry)?;
            client.secret =
                client.secret.map(|given| settle(given, folder)).transpose().map_err(|why| vec![why])?;
            Ok(client)
        });
        let resources = entries(&mut rest, "resources", &mut sentences);
        declaration.resources =
            read_each(resources, "resource", "identifier", &mut sentences, Resource::read);
        let users = entries(&mut rest, "users", &mut sentences);
        declaration.users = read_each(users, "user", "email", &mut sentences, Person::read);
        sentences.extend(Members::new(rest).finish("a file of a deployment").iter().map(ToString::to_string));
        twice(
            declaration.clients.iter().map(|client| client.client_id.to_string()),
            "client",
            &mut sentences,
        );
        let identifiers = declaration.resources.iter().map(|resource| resource.identifier.clone());
        twice(identifiers, "resource", &mut sentences);
        twice(declaration.users.iter().map(|user| user.email.to_string()), "user", &mut sentences);
        if sentences.is_empty() {
            return Ok(declaration);
        }
        Err(Error(sentences.into_iter().map(|sentence| format!("{file}: {sentence}")).collect()))
    }
}

/// TOML as the tree that JSON has.
fn from_toml(text: &str) -> Result<Value, String> {
    toml::from_str(text).map_err(|error| {
        // Only what is wrong and where: the line itself may hold a secret.
        let line =
            error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let place = line.map_or_else(String::new, |line| format!("in line {line}: "));
        format!("cannot be read: {place}{}", error.message().replace('\n', " "))
    })
}

fn entries(document: &mut Map<String, Value>, name: &str, sentences: &mut Vec<String>) -> Vec<Value> {
    match document.remove(name) {
        None => Vec::new(),
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            sentences.push(format!("{name} is no list"));
            Vec::new()
        }
    }
}

/// Reads every entry; the sentences about one begin with what it calls itself, or else with its place.
fn read_each<T>(
    entries: Vec<Value>,
    kind: &str,
    named_by: &str,
    sentences: &mut Vec<String>,
    read: impl Fn(Map<String, Value>) -> Result<T, Vec<Problem>>,
) -> Vec<T> {
    let mut found = Vec::with_capacity(entries.len());
    for (place, entry) in entries.into_iter().enumerate() {
        let Value::Object(entry) = entry else {
            sentences.push(format!("{kind} {} is no table", place + 1));
            continue;
        };
        let own_name = entry.get(named_by).or(entry.get("client_name")).and_then(Value::as_str).map(shown);
        let place = format!("number {}", place + 1);
        let name = own_name.map_or_else(|| place.clone(), |name| format!("{name} ({place})"));
        match read(entry) {
            Ok(value) => found.push(value),
            Err(problems) => {
                sentences.extend(problems.iter().map(|problem| format!("{kind} {name}: {problem}")));
            }
        }
    }
    found
}

fn twice(names: impl Iterator<Item = String>, kind: &str, sentences: &mut Vec<String>) {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if seen.contains(&name) {
            sentences.push(format!("{kind} {} is there twice", shown(&name)));
        }
        seen.insert(name);
    }
}

/// The secret as a text that is fit to be one.
fn settle(given: GivenSecret, folder: &Path) -> Result<GivenSecret, Problem> {
    let (member, text) = match given {
        GivenSecret::Text(text) => ("client_secret", text),
        GivenSecret::File(name) => {
            let path = folder.join(&name);
            let mut text = read_text(&path, MOST_SECRET_BYTES).map_err(|why| {
                // Who writes the secret itself where its file belongs must not find it in a log.
                let known = path.parent().is_some_and(Path::exists) && name.len() < 200;
                let which = if known {
                    format!("names {}, which ", shown(&name))
                } else {
                    "names a file that ".to_owned()
                };
                Problem::of("client_secret_file", format_args!("{which}{why}"))
            })?;
            let whole = text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(&text).len();
            text.truncate(whole);
            ("client_secret_file", ClientSecretText(text))
        }
    };
    secret::check(&text.0).map_err(|why| Problem::of(member, why))?;
    Ok(GivenSecret::Text(text))
}

fn read_text(path: &Path, most: u64) -> Result<Zeroizing<String>, String> {
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path)
        .and_then(|file| file.take(most + 1).read_to_string(&mut text))
        .map_err(|error| format!("cannot be read as text: {error}"))?;
    if length as u64 > most { Err(format!("is larger than {most} bytes")) } else { Ok(text) }
}
