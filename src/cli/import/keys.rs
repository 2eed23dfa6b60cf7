//! The signing keys of the old server.
//! In: the rows of the plugin `jwt`. Out: keys that verify what they signed, or one that goes on signing.
//! Owns: a private half is asked for only where the operator wants it; one that does not open stops nothing.

use std::time::Duration;

use futures_util::TryStreamExt;
use signet::app::KeysHalf;
use signet::keys::better_auth::{self, JwksRow};
use signet::keys::key_formats::{self, ImportedKey};
use signet::keys::repository::KeyRepository;
use signet::keys::rotation::{self, Order};
use signet::model::signing_key::{ImportAs, KeyRecord, KeyState};
use signet::secret::SharedSecret;
use signet_verify::clock::Timestamp;

use super::error::Error;
use super::names::Table;
use super::report::{Reason, Report};
use super::source::{Pictures, Source};

/// How long tokens of Better Auth live unless its options say otherwise.
const TOKENS_LIVE: Duration = Duration::from_secs(15 * 60);

/// A key of the old server that comes.
pub struct Coming {
    key: ImportedKey,
    import_as: ImportAs,
}

/// What is done with keys.
pub struct Wanted {
    /// What opens private halves; none where they stay behind.
    pub secrets: Option<Vec<SharedSecret>>,
    /// Now.
    pub now: Timestamp,
}

/// A row as texts.
struct Row {
    id: String,
    public_key: String,
    private_key: String,
    algorithm: Option<String>,
    expires_at: Option<Timestamp>,
    created_at: Option<Timestamp>,
}

impl Row {
    fn texts(&self) -> JwksRow<'_> {
        JwksRow {
            id: &self.id,
            public_key: &self.public_key,
            private_key: &self.private_key,
            algorithm: self.algorithm.as_deref().filter(|name| !name.is_empty()),
        }
    }
}

/// Looks at the keys; those that come are in the order in which they are to be imported.
///
/// # Errors
/// When the source or the database cannot be read.
pub async fn look(
    source: &mut Source,
    table: &Table,
    ours: &KeysHalf,
    wanted: &Wanted,
    report: &mut Report,
) -> Result<Vec<Coming>, Error> {
    let known = ours.rotation.rows().history().await?;
    let rows = read(source, table).await?;
    // The newest one that has not expired is the one that signs.
    let signs = |row: &&Row| row.expires_at.is_none_or(|at| at > wanted.now);
    let signing = rows.iter().filter(signs).max_by_key(|row| row.created_at).map(|row| row.id.clone());
    let mut coming = Vec::new();
    for row in rows {
        report.keys.read += 1;
        let is_over = row.expires_at.is_some_and(|at| at.after(TOKENS_LIVE) <= wanted.now);
        let public = match row.texts().public(ours.rotation.vault()) {
            Ok(public) => public,
            Err(error) => {
                report.keys.refused += 1;
                report.conflicts.push((row.id, reason(&error)));
                continue;
            }
        };
        if is_over || is_known(&known, &public) {
            report.keys.skipped += 1;
            continue;
        }
        report.keys.inserted += 1;
        let is_signing = signing.as_ref() == Some(&row.id);
        let private = wanted.secrets.as_ref().filter(|_| is_signing);
        match private.map(|secrets| successor(&row, secrets, ours)) {
            Some(Ok(key)) => coming.push(Coming { key, import_as: ImportAs::Successor }),
            private => {
                if let Some(Err(reason)) = private {
                    report.conflicts.push((row.id, reason));
                }
                let contract = ours.rotation.contract();
                let retain = contract.retain_for(contract.token_ttl().max(TOKENS_LIVE));
                coming.push(Coming { key: public, import_as: ImportAs::VerifyOnly { retain } });
            }
        }
    }
    // Verifiers know the older ones as well; the one that goes on signing comes last.
    coming.sort_by_key(|coming| coming.import_as == ImportAs::Successor);
    Ok(coming)
}

async fn read(source: &mut Source, table: &Table) -> Result<Vec<Row>, Error> {
    let at = |field| table.position(field);
    let (id, public_key, private_key, alg) = (at("id"), at("publicKey"), at("privateKey"), at("alg"));
    let (created_at, expires_at) = (at("createdAt"), at("expiresAt"));
    let read = source.rows(table, Pictures::Leave).map_ok(|mut row| Row {
        created_at: row.moment(created_at),
        expires_at: row.moment(expires_at),
        id: row.take(id).unwrap_or_default(),
        public_key: row.take(public_key).unwrap_or_default(),
        private_key: row.take(private_key).unwrap_or_default(),
        algorithm: row.take(alg),
    });
    Ok(read.try_collect().await?)
}

/// The key with both halves, where it can sign here.
fn successor(row: &Row, secrets: &[SharedSecret], ours: &KeysHalf) -> Result<ImportedKey, Reason> {
    let key = row.texts().private(secrets, ours.rotation.vault()).map_err(|error| reason(&error))?;
    let algorithms = ours.rotation.contract().algorithms();
    let fits = key.private.is_some() && algorithms.contains(key.public.algorithm());
    if fits { Ok(key) } else { Err(Reason::OtherAlgorithm) }
}

fn is_known(known: &[KeyRecord], key: &ImportedKey) -> bool {
    known.iter().any(|record| record.kid == key.kid || record.public == key.public)
}

fn reason(error: &better_auth::Error) -> Reason {
    match error {
        better_auth::Error::WrongSecret => Reason::WrongSecret,
        better_auth::Error::Key(key_formats::Error::Json(_)) => Reason::OtherAlgorithm,
        _ => Reason::UnreadableKey,
    }
}

/// Lets the keys join; answers a sentence about each.
///
/// # Errors
/// When the database fails, or our own keys cannot be opened.
pub async fn write(
    ours: &KeysHalf,
    coming: Vec<Coming>,
    order: &Order,
    report: &mut Report,
) -> Result<Vec<String>, Error> {
    let mut said = Vec::new();
    for Coming { key, import_as } in coming {
        let algorithm = key.public.algorithm();
        match ours.rotation.import(&key, import_as, order.clone()).await {
            Ok(imported) => said.push(imported.to_string()),
            Err(rotation::Error::KnownKey { .. }) => {
                report.keys.inserted -= 1;
                report.keys.skipped += 1;
                continue;
            }
            Err(error) => {
                let reason = match error {
                    rotation::Error::SuccessorWaits(_) => Reason::SuccessorWaits,
                    rotation::Error::TooManyKeys(_) => Reason::TooManyKeys,
                    error => return Err(error.into()),
                };
                report.keys.inserted -= 1;
                report.keys.refused += 1;
                report.conflicts.push((key.kid.to_string(), reason));
                continue;
            }
        }
        let signs_here = ours
            .rotation
            .rows()
            .live()
            .await?
            .keys
            .iter()
            .any(|row| row.record.state == KeyState::Active && row.record.algorithm() == algorithm);
        // The verifiers of the old server know the key that comes, and not the one of Signet.
        if import_as == ImportAs::Successor && signs_here {
            said.push(ours.rotation.rotate_now(algorithm, order.clone()).await?.to_string());
        }
    }
    Ok(said)
}
