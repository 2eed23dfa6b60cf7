//! What applying a declaration has changed.
//! In: members before and after. Out: what is different, for people and programs.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};
use signet_verify::clock::Timestamp;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What is different now.
    pub changes: Vec<Change>,
    /// How many entries were as they are declared.
    pub unchanged: usize,
    /// What the operator should know, one sentence each.
    pub notices: Vec<String>,
}

/// One thing that is different now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// `client`, `resource` or `user`.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
    /// What has happened to it.
    pub done: Done,
}

/// What has happened to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is new.
    Added,
    /// These members are different.
    Changed(Vec<Difference>),
    /// It has another secret; the former one is accepted until then.
    SecretChanged(Option<Timestamp>),
    /// A mail with a link to set a password is on its way.
    Invited,
}

/// A member that is different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub member: String,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
}

/// The members that are not the same, in the order of their names.
pub(super) fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |members: &Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or(Value::Null);
    let difference =
        |name: &String| Difference { member: name.clone(), before: of(before, name), after: of(after, name) };
    names.into_iter().map(difference).filter(|found| found.before != found.after).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, done } = self;
        let name = name.escape_debug();
        match done {
            Done::Added => write!(f, "{kind} {name}: added"),
            Done::Invited => write!(f, "{kind} {name}: invited by mail"),
            Done::SecretChanged(None) => write!(f, "{kind} {name}: has another secret"),
            Done::SecretChanged(Some(end)) => {
                write!(
                    f,
                    "{kind} {name}: has another secret; the former one is accepted until {}",
                    end.iso_8601()
                )
            }
            Done::Changed(differences) => {
                write!(f, "{kind} {name}: ")?;
                for (place, Difference { member, before, after }) in differences.iter().enumerate() {
                    let then = if place == 0 { "" } else { "; " };
                    write!(f, "{then}{member} was {before}, is {after}")?;
                }
                Ok(())
            }
        }
    }
}
