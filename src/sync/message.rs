//! What instances publish to each other, as JSON in Redis.
//! In: revoked sessions, deleted users, changed keys. Out: the text of a message, and the message that a text holds.
//! Owns: what is published here is what is read here; what a later version adds is an error that the reader passes
//! over.

use serde::{Deserialize, Serialize};

use signet_verify::clock::Timestamp;
use signet_verify::jose::jwk::Kid;

/// Ids of sessions are 32 letters and digits; longer ones are none of ours.
const MAX_SESSION_ID: usize = 64;
/// Ids of users may come from elsewhere; longer ones fit into no token.
const MAX_USER_ID: usize = 255;

/// One message on the channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Message {
    /// Tokens of these sessions are refused from now on.
    SessionsRevoked { sessions: Vec<RevokedSession> },
    /// These users are gone, and with them whatever is theirs.
    UsersDeleted { users: Vec<DeletedUser> },
    /// The rows of the signing keys have changed.
    KeysChanged,
    /// A key is not public any more.
    KeyWithdrawn {
        #[serde(with = "kid_text")]
        kid: Kid,
    },
}

/// A session whose tokens are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RevokedSession {
    /// Its `sid`.
    pub(super) id: String,
    /// The millisecond from which it may be forgotten, since no token of it lives any more.
    pub(super) forget_at: i64,
}

/// A user whose account was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeletedUser {
    /// Their id.
    pub(super) id: String,
    /// The millisecond from which they may be forgotten, since no token of theirs lives any more.
    pub(super) forget_at: i64,
}

/// Why a text is no message of ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// No JSON of a message that this version knows.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No message of the version before either.
    #[error("of a kind that is not known here")]
    Unknown,
    /// A session whose id could not be one of ours.
    #[error("the id of a session is not 1 to {MAX_SESSION_ID} letters and digits")]
    SessionId,
    /// A user whose id could not be one of ours.
    #[error("the id of a user is not 1 to {MAX_USER_ID} bytes without control characters")]
    UserId,
}

impl Message {
    /// The message that says of these sessions that they are revoked.
    pub(super) fn revoking(sessions: &[(String, Timestamp)]) -> Self {
        let sessions = sessions
            .iter()
            .map(|(id, forget_at)| RevokedSession { id: id.clone(), forget_at: forget_at.millis() })
            .collect();
        Self::SessionsRevoked { sessions }
    }

    /// The message that says of these users that they are deleted.
    pub(super) fn deleting(users: &[(String, Timestamp)]) -> Self {
        let users = users.iter();
        let users =
            users.map(|(id, forget_at)| DeletedUser { id: id.clone(), forget_at: forget_at.millis() });
        Self::UsersDeleted { users: users.collect() }
    }

    /// Reads what another instance published.
    ///
    /// # Errors
    /// When it is none of the messages that this version knows.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Error> {
        let message = match text.first() {
            Some(b'{') => serde_json::from_slice(text)?,
            _ => previous::parse(text)?,
        };
        match &message {
            Self::SessionsRevoked { sessions } if !sessions.iter().all(RevokedSession::is_sound) => {
                Err(Error::SessionId)
            }
            Self::UsersDeleted { users } if !users.iter().all(DeletedUser::is_sound) => Err(Error::UserId),
            _ => Ok(message),
        }
    }

    /// The text to publish.
    pub(super) fn to_json(&self) -> String {
        // Texts and numbers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl RevokedSession {
    fn is_sound(&self) -> bool {
        (1..=MAX_SESSION_ID).contains(&self.id.len())
            && self.id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

impl DeletedUser {
    fn is_sound(&self) -> bool {
        (1..=MAX_USER_ID).contains(&self.id.len()) && !self.id.chars().any(char::is_control)
    }
}

/// A kid as its text.
mod kid_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Kid;

    pub(super) fn serialize<S: Serializer>(kid: &Kid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(kid)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Kid::parse(&text).ok_or_else(|| D::Error::custom("not the name of a key"))
    }
}

/// The words, split by spaces, that version 0.1 published before JSON; read while a deployment is replaced instance by
/// instance. To be removed with 0.2.
mod previous {
    use super::{Error, Kid, Message, RevokedSession};

    pub(super) fn parse(text: &[u8]) -> Result<Message, Error> {
        let text = std::str::from_utf8(text).map_err(|_| Error::Unknown)?;
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["keys"] => Ok(Message::KeysChanged),
            ["withdrawn", kid] => {
                Kid::parse(kid).map(|kid| Message::KeyWithdrawn { kid }).ok_or(Error::Unknown)
            }
            ["ended", sessions @ ..] => {
                let sessions = sessions.chunks(2).map(|pair| match pair {
                    [id, millis] => {
                        let forget_at = millis.parse().map_err(|_| Error::Unknown)?;
                        Ok(RevokedSession { id: (*id).to_owned(), forget_at })
                    }
                    _ => Err(Error::Unknown),
                });
                Ok(Message::SessionsRevoked { sessions: sessions.collect::<Result<_, _>>()? })
            }
            _ => Err(Error::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revoking(id: &str) -> Message {
        Message::revoking(&[(id.to_owned(), Timestamp::from_millis(70))])
    }

    fn deleting(id: &str) -> Message {
        Message::deleting(&[(id.to_owned(), Timestamp::from_millis(70))])
    }

    #[test]
    fn parse_reads_every_message_as_it_was_written() {
        let kid = Kid::parse("a-key").unwrap();
        let withdrawn = r#"{"type":"key_withdrawn","kid":"a-key"}"#;
        let revoked = r#"{"type":"sessions_revoked","sessions":[{"id":"abc","forget_at":70}]}"#;
        for (message, text) in [
            (Message::KeysChanged, r#"{"type":"keys_changed"}"#),
            (Message::KeyWithdrawn { kid }, withdrawn),
            (revoking("abc"), revoked),
            (deleting("a-b"), r#"{"type":"users_deleted","users":[{"id":"a-b","forget_at":70}]}"#),
        ] {
            assert_eq!(message.to_json(), text);
            assert_eq!(Message::parse(text.as_bytes()).unwrap(), message);
        }
    }

    #[test]
    fn parse_reads_messages_of_the_version_before() {
        let read = |text: &str| Message::parse(text.as_bytes()).unwrap();
        assert_eq!(read("keys"), Message::KeysChanged);
        assert_eq!(read("withdrawn a-key"), Message::KeyWithdrawn { kid: Kid::parse("a-key").unwrap() });
        assert_eq!(read("ended abc 70"), revoking("abc"));
    }

    #[test]
    fn parse_refuses_what_no_instance_publishes() {
        let json = r#"{"type":"sessions_revoked","sessions":[{"id":"../x","forget_at":5}]}"#;
        let long = revoking(&"a".repeat(MAX_SESSION_ID + 1)).to_json();
        for nonsense in ["", "{}", r#"{"type":"of_tomorrow"}"#, json, &long, &revoking("").to_json()] {
            assert!(Message::parse(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
        for id in ["", "a\0b", &"a".repeat(MAX_USER_ID + 1)] {
            assert!(Message::parse(deleting(id).to_json().as_bytes()).is_err(), "{id:?}");
        }
        let withdrawn = format!(r#"{{"type":"key_withdrawn","kid":"{}"}}"#, "k".repeat(Kid::MAX_BYTES + 1));
        assert!(Message::parse(withdrawn.as_bytes()).is_err());
        for words in ["ended abc", "ended abc x", "ended d-0 70", "ended  5", "withdrawn", "of tomorrow 1"] {
            assert!(Message::parse(words.as_bytes()).is_err(), "{words}");
        }
        assert!(Message::parse(b"\xff\xfe").is_err());
    }
}
