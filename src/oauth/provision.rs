//! Applying what a deployment is declared to consist of.
//! In: a declaration. Out: what was changed; or every problem, and nothing was.
//! Owns: all of it happens or nothing; applied again, it changes nothing; two who apply at once follow one another.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use signet_verify::clock::{Clock, Entropy, EntropyUnavailable, Timestamp};
use signet_verify::crypto::Algorithm;

use super::changes::{Change, Done, Outcome, differences};
use super::client_secrets::{Secrets, Settled};
use super::registration::{
    ClientSecretText, Declaration, GivenSecret, Registration, Resource, metadata, shown,
};
use crate::audit::{self, Event};
use crate::identity::{self, Invitations, PreparedInvitation};
use crate::mail::Language;
use crate::model::algorithms::Algorithms;
use crate::model::client::{Client, ClientId};
use crate::model::resource_server::ResourceServer;
use crate::model::user::User;
use crate::secret::ClientSecret;
use crate::store::{self, Database, Unit};

/// The lock that units which apply a declaration hold, one after the other.
const LOCK: &str = "signet apply";

/// How long a declaration may take, with the wait for another one.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a secret is still accepted that a file has replaced.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// Scopes that every deployment has.
const ALWAYS: [&str; 6] = ["openid", "profile", "email", "offline_access", "tasks:read", "tasks:write"];

/// Whether a declaration is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// It is.
    Real,
    /// Everything is done and then undone, so that it is known what would change.
    Dry,
    /// It is, and what is declared must not be there yet.
    New,
}

/// Why nothing was applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is declared does not fit this deployment: a sentence each.
    #[error("{}", .0.join("\n"))]
    Refused(Vec<String>),
    /// Users could not be invited.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What leaves a unit of work without committing it.
enum Left {
    Error(Error),
    Dry(Outcome),
}

impl From<store::Error> for Left {
    fn from(error: store::Error) -> Self {
        Self::Error(error.into())
    }
}

impl From<identity::Error> for Left {
    fn from(error: identity::Error) -> Self {
        Self::Error(match error {
            identity::Error::Store(error) => Error::Store(error),
            error => Error::Identity(error),
        })
    }
}

/// Applies declarations.
pub struct Provisioning {
    database: Database,
    invitations: Invitations,
    algorithms: Algorithms,
    /// Audiences that are no resource of a file: the tasks API and what belongs to the issuer.
    reserved: Vec<String>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Provisioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provisioning").finish_non_exhaustive()
    }
}

/// What is changed in one unit of work.
struct Work<'a> {
    unit: &'a Unit,
    run: Run,
    now: Timestamp,
    outcome: Outcome,
    problems: Vec<String>,
}

impl Provisioning {
    /// Applies to `database`, in a deployment that signs with `algorithms` and calls itself `base_url`.
    pub fn new(
        database: Database,
        invitations: Invitations,
        algorithms: Algorithms,
        base_url: &str,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let reserved = vec![base_url.to_owned(), format!("{base_url}/api/auth/oauth2/userinfo")];
        let database = database.with_time_limit(LIMIT);
        Self { database, invitations, algorithms, reserved, clock }
    }

    /// Applies a declaration: all of it, or nothing.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn apply(&self, declaration: &Declaration, run: Run, actor: &str) -> Result<Outcome, Error> {
        let prepared = self.prepare(declaration).await?;
        let prepared = &prepared;
        let now = self.clock.now();
        let applied = self.database.write(|unit| async move {
            let mut work = Work { unit: &unit, run, now, outcome: Outcome::default(), problems: Vec::new() };
            unit.lock(LOCK).await?;
            for resource in &declaration.resources {
                self.resource(&mut work, resource).await?;
            }
            let known = self.scopes(&unit).await?;
            for client in &declaration.clients {
                self.client(&mut work, client, &known).await?;
            }
            let invited = self.users(&mut work, declaration, prepared).await?;
            match work.problems {
                problems if !problems.is_empty() => Err(Left::Error(Error::Refused(problems))),
                _ if run == Run::Dry => Err(Left::Dry(work.outcome)),
                _ => Ok((work.outcome, invited)),
            }
        });
        match applied.await {
            Ok((outcome, invited)) => {
                self.report(&outcome, &invited, actor);
                Ok(outcome)
            }
            Err(Left::Dry(outcome)) => Ok(outcome),
            Err(Left::Error(error)) => Err(error),
        }
    }

    /// Registers one client that is not there yet; one that proves itself by a secret and brings none gets one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add(
        &self,
        mut registration: Registration,
        entropy: &dyn Entropy,
        actor: &str,
    ) -> Result<(Client, Option<ClientSecret>), Error> {
        let now = self.clock.now();
        let client = registration.client(now, now);
        let mut made = None;
        if client.auth_method.is_by_secret() && registration.secret.is_none() {
            let secret = ClientSecret::generate(entropy)?;
            registration.secret = Some(GivenSecret::Text(ClientSecretText::new(secret.expose())));
            made = Some(secret);
        }
        let declaration = Declaration { clients: vec![registration], ..Declaration::default() };
        self.apply(&declaration, Run::New, actor).await?;
        Ok((client, made))
    }

    /// An invitation for each user who is not there: its id and token are drawn before the unit of work.
    async fn prepare(&self, declaration: &Declaration) -> Result<Vec<Option<PreparedInvitation>>, Error> {
        let mut prepared = Vec::with_capacity(declaration.users.len());
        for person in &declaration.users {
            let mut is_there = false;
            for spelling in person.email.spellings() {
                is_there |= self.database.credentials().by_email(spelling).await?.is_some();
            }
            prepared.push(match is_there {
                true => None,
                false => Some(self.invitations.prepare(&person.email, &person.name, Language::English)?),
            });
        }
        Ok(prepared)
    }

    /// Every scope that this deployment has.
    async fn scopes(&self, unit: &Unit) -> Result<BTreeSet<String>, Left> {
        let mut known: BTreeSet<String> = ALWAYS.map(str::to_owned).into();
        for resource in unit.resources().list().await? {
            known.extend(resource.scopes.iter().map(str::to_owned));
        }
        Ok(known)
    }

    async fn resource(&self, work: &mut Work<'_>, declared: &Resource) -> Result<(), Left> {
        let name = &declared.identifier;
        if self.reserved.contains(name) {
            work.problems.push(format!("resource {}: identifier is that of this server itself", shown(name)));
            return Ok(());
        }
        self.algorithm(work, "resource", name, "access_token_signed_response_alg", declared.access_token_alg);
        let before = work.unit.resources().find(name).await?;
        let after = ResourceServer {
            identifier: name.clone(),
            scopes: declared.scopes.clone(),
            access_token_alg: declared.access_token_alg,
            introspection_clients: declared.introspection_clients.clone(),
            created_at: before.as_ref().map_or(work.now, |before| before.created_at),
            updated_at: work.now,
        };
        let differences = before.as_ref().map(|before| differences(&members_of(before), &members_of(&after)));
        match differences {
            None => {
                work.unit.resources().insert(&after).await?;
                work.changed("resource", name, Done::Added);
            }
            Some(differences) if differences.is_empty() => work.outcome.unchanged += 1,
            Some(differences) => {
                work.unit.resources().update(&after).await?;
                work.changed("resource", name, Done::Changed(differences));
            }
        }
        Ok(())
    }

    async fn client(
        &self,
        work: &mut Work<'_>,
        declared: &Registration,
        known: &BTreeSet<String>,
    ) -> Result<(), Left> {
        let name = declared.client_id.to_string();
        self.algorithm(work, "client", &name, "id_token_signed_response_alg", declared.id_token_alg);
        for (member, scope) in [("scope", &declared.scope), ("machine_scope", &declared.machine_scope)] {
            for word in scope.iter().filter(|word| !known.contains(*word)) {
                work.problems
                    .push(format!("client {}: {member} has {word}, which no resource has", shown(&name)));
            }
        }
        let before = work.unit.clients().find(&declared.client_id).await?;
        let after = declared.client(before.as_ref().map_or(work.now, |before| before.created_at), work.now);
        let done = match before.as_ref().map(|before| differences(&metadata(before), &metadata(&after))) {
            None => {
                work.unit.clients().insert(&after).await?;
                Some(Done::Added)
            }
            Some(differences) if differences.is_empty() => None,
            Some(differences) => {
                work.unit.clients().update(&after).await?;
                Some(Done::Changed(differences))
            }
        };
        if before.is_some() && work.run == Run::New {
            work.problems.push(format!("client {}: is there already", shown(&name)));
            return Ok(());
        }
        let secret_done = self.secret(work, declared, &after).await?;
        if done.is_none() && secret_done.is_none() {
            work.outcome.unchanged += 1;
        }
        for done in done.into_iter().chain(secret_done) {
            work.changed("client", &name, done);
        }
        Ok(())
    }

    /// Lets the secret of a client be the declared one.
    async fn secret(
        &self,
        work: &mut Work<'_>,
        declared: &Registration,
        client: &Client,
    ) -> Result<Option<Done>, Left> {
        let secrets = Secrets { unit: work.unit, client, now: work.now };
        let name = shown(client.id.as_str());
        match secrets.settle(declared.secret_hash().as_ref(), OVERLAP).await? {
            Settled::Kept => {}
            Settled::Added { .. } if client.created_at == work.now => {}
            Settled::Added { old_until } => return Ok(Some(Done::SecretChanged(old_until))),
            Settled::Missing => work.problems.push(format!(
                "client {name}: there is neither client_secret nor client_secret_file, and token_endpoint_auth_method is {}",
                client.auth_method.name()
            )),
            Settled::Replaced => work.outcome.notices.push(format!(
                "client {name}: the secret of the file has been replaced by another one, and stays so; put that one into the file"
            )),
            Settled::OfAnother => {
                work.problems.push(format!("client {name}: its secret is that of another client"));
            }
        }
        Ok(None)
    }

    async fn users(
        &self,
        work: &mut Work<'_>,
        declaration: &Declaration,
        prepared: &[Option<PreparedInvitation>],
    ) -> Result<Vec<User>, Left> {
        let mut invited = Vec::new();
        for (person, prepared) in declaration.users.iter().zip(prepared) {
            let new = match prepared {
                Some(prepared) => self.invitations.invite_new(work.unit, prepared).await?,
                None => None,
            };
            match new {
                Some(user) => {
                    work.changed("user", person.email.as_str(), Done::Invited);
                    invited.push(user);
                }
                None => work.outcome.unchanged += 1,
            }
        }
        Ok(invited)
    }

    /// An algorithm without a key would be a promise that no token keeps.
    fn algorithm(&self, work: &mut Work<'_>, kind: &str, name: &str, member: &str, algorithm: Algorithm) {
        if !self.algorithms.contains(algorithm) {
            let name = shown(name);
            work.problems.push(format!(
                "{kind} {name}: {member} is {algorithm}, of which this deployment has no key: SIGNET_ALGORITHMS is {}",
                self.algorithms
            ));
        }
    }

    /// Tells the audit log, once everything is committed.
    fn report(&self, outcome: &Outcome, invited: &[User], actor: &str) {
        for Change { kind, name, done } in &outcome.changes {
            let event = match done {
                Done::Added => "added",
                Done::Changed(_) => "changed",
                Done::SecretChanged(_) => "secret_changed",
                Done::Invited => continue,
            };
            audit::record(match *kind {
                "resource" => Event::ResourceChanged { event, resource: name, actor },
                _ => Event::ClientChanged { event, client: name, actor },
            });
        }
        for user in invited {
            self.invitations.invited(user);
        }
    }
}

impl Work<'_> {
    fn changed(&mut self, kind: &'static str, name: &str, done: Done) {
        self.outcome.changes.push(Change { kind, name: name.to_owned(), done });
    }
}

fn members_of(resource: &ResourceServer) -> Map<String, Value> {
    let scopes: Vec<&str> = resource.scopes.iter().collect();
    let clients: Vec<&str> = resource.introspection_clients.iter().map(ClientId::as_str).collect();
    let members = [
        ("scopes", Value::from(scopes)),
        ("access_token_signed_response_alg", Value::from(resource.access_token_alg.name())),
        ("introspection_clients", Value::from(clients)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
