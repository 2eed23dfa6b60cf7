//! A user whom a file invites.
//! In: the members of an entry. Out: [`Person`], or every problem.

use serde_json::{Map, Value};

use super::members::{Members, Problem, shown};
use crate::identity::Email;

/// The longest name, in characters, as where people sign up themselves.
const LONGEST_NAME: usize = 256;

/// A user as a file describes them.
#[derive(Debug)]
pub struct Person {
    /// Where the invitation goes.
    pub email: Email,
    /// What they are called.
    pub name: String,
}

impl Person {
    /// Judges the members of a user.
    ///
    /// # Errors
    /// Every problem.
    pub fn read(entry: Map<String, Value>) -> Result<Self, Vec<Problem>> {
        let mut members = Members::new(entry);
        if !members.has("email") {
            members.refuse("email", "is missing");
        }
        let email = members.text("email").and_then(|text| {
            let email = Email::parse(&text);
            if email.is_none() {
                members.refuse("email", format_args!("is {}, which is no address of e-mail", shown(&text)));
            }
            email
        });
        let name = members.text("name").unwrap_or_default();
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            members.refuse("name", format_args!("must be one line of at most {LONGEST_NAME} characters"));
        }
        // There are no other ones yet: whoever asks for one must not believe that it was given.
        let _ = members.word("role", "user", |role| (role == "user").then_some(()));
        let problems = members.finish("a user");
        match email {
            Some(email) if problems.is_empty() => Ok(Self { email, name }),
            _ => Err(problems),
        }
    }
}
