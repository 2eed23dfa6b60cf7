//! The half that signs people in.
//! In: storage and peers. Out: keys that are kept up to date, hashing threads, and what its paths work with.

use std::sync::Arc;

use super::environment::Environment;
use super::error::Error;
use super::keys::{KeyWorker, KeysHalf};
use super::mail::MailHalf;
use super::mailing::mailing;
use super::oauth::{backchannel, oauth};
use super::peers::Peers;
use super::storage::Storage;
use crate::config::{Config, Docs, IssuerSecrets, TokenMode, TrustedOrigins};
use crate::http::IdentityParts;
use crate::http::identity::{Cookies, Identity};
use crate::http::pages::Web;
use crate::identity::tokens::{Issuer, Signature, TokenProfile};
use crate::identity::{Accounts, Devices, Mailing, Sessions};
use crate::keys::keyring::Keyring;
use crate::oauth::{BackchannelWorker, Consents, DecisionCounts, NoticeCounts, TokenCounts};
use crate::password::Passwords;
use crate::store::Database;
use crate::vault::Vault;
use signet_verify::crypto::{Algorithm, MacKey};

/// What a process that signs people in works with.
#[derive(Debug)]
pub(super) struct IdentityHalf {
    /// Its secrets.
    pub(super) secrets: IssuerSecrets,
    /// What keeps its keys up to date.
    pub(super) worker: Arc<KeyWorker>,
    /// What it signs with and publishes.
    pub(super) keyring: Arc<Keyring>,
    /// The hashing threads.
    pub(super) passwords: Arc<Passwords>,
    /// How mail is asked for.
    pub(super) mailing: Arc<Mailing>,
    /// Where mail is promised, and what delivers it.
    pub(super) mail: MailHalf,
    /// What clients get, in counts.
    pub(super) client_tokens: Arc<TokenCounts>,
    /// What became of their requests, in counts.
    pub(super) decisions: Arc<DecisionCounts>,
    /// What became of word to clients, in counts.
    pub(super) notice_counts: Arc<NoticeCounts>,
    /// What tells clients of ended sessions.
    pub(super) backchannel: BackchannelWorker,
    /// What signs tokens.
    issuer: Arc<Issuer>,
    /// What seals refresh tokens.
    vault: Arc<Vault>,
    database: Database,
    sessions: Arc<Sessions>,
}

impl IdentityHalf {
    /// Opens the keys, makes the first one if there is none, and starts the hashing threads.
    ///
    /// # Errors
    /// [`Error`]; a server that cannot sign must not start.
    pub(super) async fn start(
        config: &Config,
        base_url: &str,
        storage: &Storage,
        peers: &Peers,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let keys = KeysHalf::over(storage.upkeep.clone(), peers.redis.clone(), config, environment)?;
        let worker = Arc::new(KeyWorker::start(keys.rotation).await?);
        let passwords = Arc::new(Passwords::start(environment.entropy.clone())?);
        for hash in storage.requests.credentials().hashes_of_each_kind(&passwords.todays_begin()).await? {
            passwords.expect_imported(&hash);
        }
        let vault = keys.vault;
        let mail = MailHalf::open(config, base_url, vault.clone(), storage, environment)?;
        let mailing = mailing(config, base_url, mail.outbox.clone(), peers.limiter.clone());
        let keyring = worker.keyring();
        let issuer = Arc::new(issuer(config, base_url, &keys.secrets, &keyring, environment));
        let sessions = peers.sessions(config, storage, environment);
        let notice_counts = Arc::default();
        let backchannel =
            backchannel(&storage.upkeep, &sessions, issuer.clone(), &notice_counts, environment);
        Ok(Self {
            secrets: keys.secrets,
            vault,
            notice_counts,
            backchannel,
            issuer,
            client_tokens: Arc::default(),
            decisions: Arc::default(),
            mail,
            mailing,
            keyring,
            worker,
            passwords,
            database: storage.requests.clone(),
            sessions,
        })
    }

    /// What the operator should know about this start.
    pub(super) fn startup_notices(&self) -> Vec<String> {
        let created = self.secrets.created.iter().map(|file| format!("generated {}", file.display()));
        created.chain(self.secrets.warnings.iter().cloned()).chain(self.mail.startup_notice()).collect()
    }

    /// What the paths of this half work with.
    pub(super) fn parts(
        &self,
        config: &Config,
        base_url: &str,
        origins: Arc<TrustedOrigins>,
        peers: &Peers,
        environment: &Environment,
    ) -> IdentityParts {
        let Environment { clock, entropy } = environment.clone();
        let devices = Arc::new(Devices::new(&self.secrets.shared, entropy.clone()));
        let accounts = Accounts::new(
            self.database.clone(),
            self.sessions.clone(),
            self.passwords.clone(),
            peers.limiter.clone(),
            devices.clone(),
            clock.clone(),
            entropy,
        )
        .with_mail(self.mailing.clone());
        let issuer = self.issuer.clone();
        let sealing = (&self.vault, &self.client_tokens, &self.decisions);
        let docs = config.server.docs;
        let oauth = oauth(&self.database, &self.sessions, &issuer, sealing, docs, peers, environment);
        let consents = Consents::new(
            self.database.clone(),
            self.sessions.clone(),
            clock.clone(),
            self.decisions.clone(),
        );
        let identity = Identity {
            accounts,
            consents,
            sessions: self.sessions.clone(),
            issuer,
            keyring: self.keyring.clone(),
            cookies: Cookies::new(&self.secrets.shared, base_url),
            devices,
            base_url: base_url.to_owned(),
            origins,
            clock,
        };
        let web = Web::embedded(&config.mail.app_name);
        let web = if config.server.docs == Docs::Shown { web.with_docs() } else { web };
        IdentityParts {
            web: if self.mail.outbox.is_on() { web.with_mail() } else { web },
            identity: Arc::new(identity),
            oauth,
            keyring: self.keyring.clone(),
            base_url: base_url.to_owned(),
            algorithms: match config.tokens.mode {
                TokenMode::Hs256 => vec!["HS256"],
                TokenMode::Eddsa | TokenMode::Migrate { .. } => {
                    config.tokens.algorithms.iter().map(Algorithm::name).collect()
                }
            },
        }
    }
}

/// What signs tokens, as the settings have it.
fn issuer(
    config: &Config,
    base_url: &str,
    secrets: &IssuerSecrets,
    keyring: &Arc<Keyring>,
    environment: &Environment,
) -> Issuer {
    let signature = match config.tokens.mode {
        TokenMode::Hs256 => Signature::SharedSecret(MacKey::new(&secrets.shared)),
        TokenMode::Eddsa | TokenMode::Migrate { .. } => Signature::Keyring,
    };
    let terms =
        TokenProfile { issuer: base_url.to_owned(), audience: base_url.to_owned(), ttl: config.tokens.ttl };
    Issuer::new(keyring.clone(), signature, terms, environment.entropy.clone())
}
