//! What is to be said, to whom and in which language; pure data.
//! In: the header Accept-Language, names and links. Out: a [`Letter`] for [`super::Outbox::write`].

use crate::model::message::Kind;

/// A language that mail is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, also for whoever prefers a language that is not here.
    #[default]
    English,
    /// German.
    German,
}

impl Language {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// The one that a client prefers who sends this header Accept-Language (RFC 9110 section 12.5.4).
    pub fn of(accept_language: Option<&str>) -> Self {
        let mut preferred = (Self::English, 0);
        // Browsers send a handful; whoever sends more gets what the first ones say.
        for range in accept_language.unwrap_or_default().split(',').take(16) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| weight(part.trim())).unwrap_or(1000);
            let primary = tag.split('-').next().unwrap_or_default();
            let known = Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary));
            if let Some(language) = known.filter(|_| weight > preferred.1) {
                preferred = (language, weight);
            }
        }
        preferred.0
    }

    /// Its tag (RFC 5646), which is part of the name of a template.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The language with this tag.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }
}

/// `q=0.8` in thousandths; none if it is something else.
fn weight(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    let value: f32 = value.trim().parse().ok().filter(|value| (0.0..=1.0).contains(value))?;
    // Within 0 and 1000, as asked for above.
    name.trim().eq_ignore_ascii_case("q").then_some((value * 1000.0) as u32)
}

/// A letter to a person. Whatever it holds is data: it cannot change a header, the markup or the parts of the message.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The address.
    pub to: &'a str,
    /// What the person wants to be called; may be empty.
    pub name: &'a str,
    /// The language of the request.
    pub language: Language,
    /// What it says.
    pub content: Content<'a>,
}

/// What a letter says.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Follow the link to verify the address.
    VerifyAddress {
        /// The link.
        link: &'a str,
    },
    /// Follow the link to choose a new password.
    ResetPassword {
        /// The link.
        link: &'a str,
    },
    /// The password was reset, and every session has ended.
    PasswordWasReset,
    /// To the new address: follow the link to make it the account's.
    ConfirmNewAddress {
        /// The link.
        link: &'a str,
    },
    /// To the old address: a change was asked for.
    AddressWillChange {
        /// The new address.
        new: &'a str,
    },
    /// To the old address: the change is done.
    AddressChanged {
        /// The new address.
        new: &'a str,
    },
    /// Follow the link to delete the account.
    ConfirmDeletion {
        /// The link.
        link: &'a str,
    },
    /// The account is deleted.
    AccountDeleted,
    /// Follow the link to choose a password for the account that an operator has made.
    Invitation {
        /// The link.
        link: &'a str,
    },
    /// A sign-up was tried with an address that has an account; the link leads to the reset of its password.
    AlreadyRegistered {
        /// The link.
        link: &'a str,
    },
}

impl Content<'_> {
    /// What it is about.
    pub fn kind(&self) -> Kind {
        match self {
            Self::VerifyAddress { .. } => Kind::VerifyAddress,
            Self::ResetPassword { .. } => Kind::ResetPassword,
            Self::PasswordWasReset => Kind::PasswordWasReset,
            Self::ConfirmNewAddress { .. } => Kind::ConfirmNewAddress,
            Self::AddressWillChange { .. } => Kind::AddressWillChange,
            Self::AddressChanged { .. } => Kind::AddressChanged,
            Self::ConfirmDeletion { .. } => Kind::ConfirmDeletion,
            Self::AccountDeleted => Kind::AccountDeleted,
            Self::Invitation { .. } => Kind::Invitation,
            Self::AlreadyRegistered { .. } => Kind::AlreadyRegistered,
        }
    }

    /// Where it leads, if it does.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::VerifyAddress { link }
            | Self::ResetPassword { link }
            | Self::ConfirmNewAddress { link }
            | Self::ConfirmDeletion { link }
            | Self::Invitation { link }
            | Self::AlreadyRegistered { link } => Some(link),
            Self::PasswordWasReset
            | Self::AddressWillChange { .. }
            | Self::AddressChanged { .. }
            | Self::AccountDeleted => None,
        }
    }

    /// The new address, if it is about one.
    pub fn new_address(&self) -> Option<&str> {
        match self {
            Self::AddressWillChange { new } | Self::AddressChanged { new } => Some(new),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_takes_the_language_with_the_greatest_weight_and_english_otherwise() {
        for (header, expected) in [
            (None, Language::English),
            (Some(""), Language::English),
            (Some("de"), Language::German),
            (Some("de-CH, en;q=0.8"), Language::German),
            (Some("en-GB,en;q=0.9,de;q=0.8"), Language::English),
            (Some("fr, de;q=0.5, en;q=0.4"), Language::German),
            (Some("fr;q=1, ja"), Language::English),
            (Some("DE-at;q=0.7"), Language::German),
            (Some("en;q=0, de;q=0.1"), Language::German),
            (Some("de;q=0"), Language::English),
            (Some("de;q=nan, en;q=inf"), Language::German),
            (Some("deutsch, *"), Language::English),
        ] {
            assert_eq!(Language::of(header), expected, "{header:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn of_never_panics(text: String) {
            let _ = Language::of(Some(&text));
        }
    }
}
