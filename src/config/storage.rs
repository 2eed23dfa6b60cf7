//! The database, and the Redis that instances share.
//! In: the settings of the group `Storage`. Out: [`Storage`].

use super::database::DatabaseUrl;
use super::reader::Reader;
use super::redis::RedisUrl;
use super::setting::{Empty, Group, Kind, Setting, Unset};

const DATABASE_URL: Setting<DatabaseUrl> = Setting {
    name: "DATABASE_URL",
    flag: "database-url",
    value_name: "URL",
    help: "Database: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME",
    default: "sqlite:signet.db",
    unset: Unset::Default,
    kind: Kind::Secret(Empty::Refused),
    parse: |text| text.parse::<DatabaseUrl>().map_err(|problem| problem.to_string().into()),
    show: DatabaseUrl::redacted,
};

const REDIS_URL: Setting<Option<RedisUrl>> = Setting {
    name: "REDIS_URL",
    flag: "redis-url",
    value_name: "URL",
    help: "Redis 6 or later, where instances meet: redis://:PASSWORD@HOST:PORT/NUMBER, rediss:// for TLS, \
           unix:///SOCKET?db=NUMBER&pass=PASSWORD",
    default: "none",
    unset: Unset::Is(|| None),
    kind: Kind::Secret(Empty::Unset),
    parse: |text| text.parse::<RedisUrl>().map(Some).map_err(|problem| problem.to_string().into()),
    show: |url| {
        let alone = || "none (limits are counted by this instance alone)".to_owned();
        url.as_ref().map_or_else(alone, RedisUrl::redacted)
    },
};

pub(super) const GROUP: Group =
    Group { heading: "Storage", settings: &[DATABASE_URL.declaration(), REDIS_URL.declaration()] };

/// The database, and the Redis that instances share.
#[derive(Clone, Debug)]
pub struct Storage {
    /// Where rows are kept.
    pub database_url: DatabaseUrl,
    /// The Redis that instances share; none where there is one instance only.
    pub redis_url: Option<RedisUrl>,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Storage> {
    let database_url = reader.read(&DATABASE_URL);
    let redis_url = reader.read(&REDIS_URL);
    Some(Storage { database_url: database_url?, redis_url: redis_url? })
}
