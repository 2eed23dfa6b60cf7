//! The database, and the Redis that instances share.
//! In: the settings of the group `Storage`. Out: [`Storage`].

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

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

impl Storage {
    /// What the operator should mend, one sentence each; looks at the file of a SQLite database, if it is there.
    pub fn warnings(&self) -> Vec<String> {
        let url = self.database_url.unknown_parameters();
        let mut warnings: Vec<String> =
            url.map(|problem| format!("{} {problem}", DATABASE_URL.name)).into_iter().collect();
        let Some(file) = self.database_url.file() else { return warnings };
        let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode());
        let shown = file.display();
        if let Some(mode) = mode(&file).filter(|mode| mode & 0o077 != 0) {
            let may = if mode & 0o022 == 0 { "read" } else { "changed" };
            warnings
                .push(format!("{shown} can be {may} by other users of this machine; run: chmod 600 {shown}"));
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if mode(&file).and(mode(folder)).is_some_and(|mode| mode & 0o022 != 0) {
            let folder = folder.display();
            warnings.push(format!(
                "{folder}, the folder of the database, can be written by other users of this machine; run: chmod go-w {folder}"
            ));
        }
        warnings
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<Storage> {
    let database_url = reader.read(&DATABASE_URL);
    let redis_url = reader.read(&REDIS_URL);
    Some(Storage { database_url: database_url?, redis_url: redis_url? })
}
