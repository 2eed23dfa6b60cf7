//! What a resource registers: its identifier, its scopes, the algorithm of its access tokens.
//! In: the members of an entry. Out: [`Resource`], or every problem.

use serde_json::{Map, Value};

use super::client::MOST_SCOPES;
use super::members::{Members, Problem, shown};
use super::reading::algorithm;
use super::redirect_uri::{self, Http};
use crate::model::client::ClientId;
use crate::model::scope::ScopeSet;
use crate::oauth::audience::IDENTITY_SCOPES;
use signet_verify::crypto::Algorithm;

/// A resource as a file describes it.
#[derive(Debug)]
pub struct Resource {
    /// The audience of its access tokens (RFC 8707 section 2).
    pub identifier: String,
    /// What clients may be given for it.
    pub scopes: ScopeSet,
    /// What its access tokens are signed with.
    pub access_token_alg: Algorithm,
    /// The clients that may ask what tokens for it are (RFC 7662).
    pub introspection_clients: Vec<ClientId>,
}

impl Resource {
    /// Judges the members of a resource.
    ///
    /// # Errors
    /// Every problem.
    pub fn read(entry: Map<String, Value>) -> Result<Self, Vec<Problem>> {
        let mut members = Members::new(entry);
        let identifier = identifier(&mut members);
        let scopes = scopes(&mut members);
        // RFC 9068 section 2.1: every server that reads such tokens knows it.
        let access_token_alg =
            algorithm(&mut members, "access_token_signed_response_alg").unwrap_or(Algorithm::Rs256);
        let introspection_clients = introspection_clients(&mut members);
        let problems = members.finish("a resource");
        match identifier {
            Some(identifier) if problems.is_empty() => {
                Ok(Self { identifier, scopes, access_token_alg, introspection_clients })
            }
            _ => Err(problems),
        }
    }
}

/// How many clients may ask what tokens for one resource are.
const MOST_ASKING: usize = 16;

fn introspection_clients(members: &mut Members) -> Vec<ClientId> {
    const NAME: &str = "introspection_clients";
    let ids = members.texts(NAME).unwrap_or_default();
    if ids.len() > MOST_ASKING {
        members.refuse(NAME, format_args!("has more than {MOST_ASKING} clients"));
        return Vec::new();
    }
    let mut clients: Vec<ClientId> = Vec::with_capacity(ids.len());
    for id in ids {
        match ClientId::parse(&id) {
            Some(client) if !clients.contains(&client) => clients.push(client),
            Some(_) => members.refuse(NAME, format_args!("has {} twice", shown(&id))),
            None => members.refuse(NAME, format_args!("has {}, which is no id of a client", shown(&id))),
        }
    }
    clients
}

fn identifier(members: &mut Members) -> Option<String> {
    if !members.has("identifier") {
        members.refuse("identifier", "is missing");
    }
    let identifier = members.text("identifier")?;
    if let Err(problem) = redirect_uri::check_web(&identifier, Http::Allowed) {
        members.refuse("identifier", format_args!("is {}, which {problem}", shown(&identifier)));
        return None;
    }
    Some(identifier)
}

fn scopes(members: &mut Members) -> ScopeSet {
    let words = members.texts("scopes").unwrap_or_default();
    if words.len() > MOST_SCOPES {
        members.refuse("scopes", format_args!("has more than {MOST_SCOPES} words"));
        return ScopeSet::default();
    }
    for word in &words {
        if word.contains(' ') || ScopeSet::parse(word).is_none() {
            members.refuse("scopes", format_args!("has {}, which is no word of a scope", shown(word)));
        } else if IDENTITY_SCOPES.contains(&word.as_str()) {
            members.refuse(
                "scopes",
                format_args!("has {word}, which is about the user and belongs to no resource"),
            );
        }
    }
    ScopeSet::parse(&words.join(" ")).unwrap_or_default()
}
