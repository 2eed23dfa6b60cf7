//! What users may keep.
//! In: the settings of the group `Tasks`. Out: [`Tasks`].

use super::reader::Reader;
use super::setting::{Group, Kind, Setting, Unset};

/// Adding a task counts those that are there: at this many it takes some milliseconds.
const MOST_PER_USER: u32 = 100_000;

const PER_USER: Setting<u32> = Setting {
    name: "SIGNET_TASKS_PER_USER",
    flag: "tasks-per-user",
    value_name: "NUMBER",
    help: "How many tasks a user may have",
    default: "10000",
    unset: Unset::Default,
    kind: Kind::Plain,
    parse: |text| {
        let number = text.parse::<u32>().ok().filter(|number| (1..=MOST_PER_USER).contains(number));
        number.ok_or_else(|| format!("is {text:?}; it must be a number from 1 to {MOST_PER_USER}").into())
    },
    show: u32::to_string,
};

pub(super) const GROUP: Group = Group { heading: "Tasks", settings: &[PER_USER.declaration()] };

/// What users may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// How many tasks each may have.
    pub per_user: u32,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Tasks> {
    let per_user = reader.read(&PER_USER);
    Some(Tasks { per_user: per_user? })
}
