//! What is applied at each start.
//! In: the settings of the group `Clients`. Out: [`Provision`].

use std::path::PathBuf;

use super::error::Error;
use super::reader::Reader;
use super::server::{ROLE, Role};
use super::setting::{Group, Kind, Setting, Unset};

const PROVISION: Setting<Option<PathBuf>> = Setting {
    name: "SIGNET_PROVISION",
    flag: "provision",
    value_name: "FILE",
    help: "File with clients, resources and first users that is applied at each start, as by signet apply",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Plain,
    parse: |text| Ok(Some(text.into())),
    show: |file| file.as_ref().map_or_else(|| "none".to_owned(), |file| file.display().to_string()),
};

pub(super) const GROUP: Group =
    Group { heading: "Clients, resources and first users", settings: &[PROVISION.declaration()] };

/// What is applied at each start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provision {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Provision> {
    let file = reader.read(&PROVISION)?;
    if file.is_some() && reader.peek(&ROLE) == Some(Role::Resource) {
        let why = "is given, but the role resource has no clients; give it to the identity service";
        reader.refuse(Error::new(PROVISION.name, why));
        return None;
    }
    Some(Provision { file })
}
