//! The members of one entry of a file, taken one after the other.
//! In: an object. Out: its members by name and kind, and every problem with them.
//! Owns: a member that nothing takes is refused by its name; the text of a secret stands in no problem.

use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// What is wrong with an entry: the rest of a sentence that begins with the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    /// `problem` is the rest of a sentence that begins with `member`.
    pub fn of(member: &str, problem: impl std::fmt::Display) -> Self {
        Self(format!("{member} {problem}"))
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest text of a member that problems show, in characters.
const LONGEST_SHOWN: usize = 120;

/// The members that have not been taken yet, and the problems so far.
#[derive(Debug)]
pub struct Members {
    left: Map<String, Value>,
    problems: Vec<Problem>,
}

impl Members {
    /// Nothing is taken yet.
    pub fn new(entry: Map<String, Value>) -> Self {
        Self { left: entry, problems: Vec::new() }
    }

    /// Whether the entry has a member that has not been taken.
    pub fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    /// Notes a problem with a member.
    pub fn refuse(&mut self, member: &str, problem: impl std::fmt::Display) {
        self.problems.push(Problem::of(member, problem));
    }

    /// A text that is not empty.
    pub fn text(&mut self, name: &str) -> Option<String> {
        match self.left.remove(name)? {
            Value::String(text) if text.is_empty() => self.wrong(name, "is empty"),
            Value::String(text) => Some(text),
            other => self.wrong(name, wanted(&other, "a text")),
        }
    }

    /// A text that no problem shows, and that is wiped when it goes.
    pub fn secret(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.text(name).map(Zeroizing::new)
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let entries = match self.left.remove(name)? {
            Value::Array(entries) => entries,
            other => return self.wrong(name, wanted(&other, "a list of texts")),
        };
        let mut texts = Vec::with_capacity(entries.len());
        for (place, entry) in entries.into_iter().enumerate() {
            match entry {
                Value::String(text) => texts.push(text),
                other => return self.wrong(&format!("{name}[{place}]"), wanted(&other, "a text")),
            }
        }
        Some(texts)
    }

    /// `true` or `false`.
    pub fn switch(&mut self, name: &str) -> Option<bool> {
        match self.left.remove(name)? {
            Value::Bool(on) => Some(on),
            other => self.wrong(name, wanted(&other, "true or false")),
        }
    }

    /// An object.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.left.remove(name)? {
            Value::Object(object) => Some(object),
            other => self.wrong(name, wanted(&other, "an object")),
        }
    }

    /// A text that `read` turns into something; what is none is refused together with `known`, the texts that are one.
    pub fn word<T>(&mut self, name: &str, known: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        match read(&text) {
            Some(value) => Some(value),
            None => self.wrong(name, format!("is {}; it must be one of: {known}", shown(&text))),
        }
    }

    /// Members that are understood and of which nothing is kept, in whichever language (RFC 7591 section 2.2).
    pub fn pass_over(&mut self, names: &[&str]) {
        self.left.retain(|name, _| {
            let plain = name.split_once('#').map_or(name.as_str(), |(plain, _)| plain);
            !names.contains(&plain)
        });
    }

    /// Every problem; what is left over is one each.
    pub fn finish(mut self, kind: &str) -> Vec<Problem> {
        for name in self.left.keys() {
            self.problems.push(Problem::of(&shown(name), format_args!("is no member of {kind}")));
        }
        self.problems
    }

    fn wrong<T>(&mut self, member: &str, problem: impl std::fmt::Display) -> Option<T> {
        self.refuse(member, problem);
        None
    }
}

fn wanted(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("is {found}; it must be {wanted}")
}

/// A text as a problem may show it: on one line, and not longer than it helps.
pub fn shown(text: &str) -> String {
    let begin: String = text.chars().take(LONGEST_SHOWN).collect();
    let more = if begin.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", begin.escape_debug())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn members(entry: Value) -> Members {
        let Value::Object(entry) = entry else { panic!("{entry}") };
        Members::new(entry)
    }

    fn problems(members: Members) -> Vec<String> {
        members.finish("a client").iter().map(Problem::to_string).collect()
    }

    #[test]
    fn members_are_read_by_kind_and_what_nothing_takes_is_refused_by_name() {
        let mut entry = members(json!({
            "client_name": "Grafana", "redirect_uris": ["a", 1], "skip_consent": "yes", "jwks": [], "colour": "red",
            "client_name#de": "Grafana", "contacts": [1], "scope": "",
        }));
        assert_eq!(entry.text("client_name").as_deref(), Some("Grafana"));
        assert_eq!(entry.text("client_uri"), None, "what is not there is no problem");
        assert_eq!((entry.texts("redirect_uris"), entry.switch("skip_consent")), (None, None));
        assert_eq!((entry.object("jwks"), entry.text("scope")), (None, None));
        entry.pass_over(&["client_name", "contacts"]);
        assert_eq!(
            problems(entry),
            [
                "redirect_uris[1] is a number; it must be a text",
                "skip_consent is a text; it must be true or false",
                "jwks is a list; it must be an object",
                "scope is empty",
                "\"colour\" is no member of a client",
            ]
        );
    }

    #[test]
    fn problems_show_no_secret_and_no_more_of_a_text_than_helps() {
        let mut entry =
            members(json!({ "client_secret": ["hunter2"], "a": "x".repeat(10_000), "b\u{1b}": 1 }));
        assert!(entry.secret("client_secret").is_none());
        assert_eq!(entry.word("a", "one, two", |_| None::<u8>), None);
        let problems = problems(entry).join("\n");
        assert!(!problems.contains("hunter2") && problems.len() < 400, "{problems}");
        assert!(problems.contains("\"b\\u{1b}\"") && !problems.contains('\u{1b}'), "{problems}");
    }
}
