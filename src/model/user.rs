//! People who have signed up.
//! In: what they said about themselves. Out: the user, and changes to it.

use signet_verify::clock::Timestamp;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// 32 letters and digits.
    pub id: String,
    /// In lower case.
    pub email: String,
    /// Whether the address has been proved.
    pub email_verified: bool,
    /// What the person wants to be called; may be empty.
    pub name: String,
    /// Where a picture is.
    pub image: Option<String>,
    /// When the person signed up.
    pub created_at: Timestamp,
    /// When one of these fields last changed.
    pub updated_at: Timestamp,
}

/// A change of a user's profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name; `None` leaves it.
    pub name: Option<String>,
    /// What becomes of the picture.
    pub image: ImageChange,
}

/// What becomes of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ImageChange {
    /// It stays.
    #[default]
    Keep,
    /// There is none any more.
    Remove,
    /// This one takes its place.
    Replace(String),
}

impl ProfileChange {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
