//! The unit of work: statements that happen together, or not at all.
//! In: what to do, written against repositories. Out: what it came to, committed; or an error, and nothing has changed.
//! Owns: the time limit, BEGIN IMMEDIATE, the commit, and the second try of what the database itself has undone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use sqlx::any::AnyRow;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::authorization_codes::AuthorizationCodeRepository;
use super::authorization_requests::AuthorizationRequestRepository;
use super::client_assertions::ClientAssertionRepository;
use super::clients::ClientRepository;
use super::connection::{Connection, run_on};
use super::consents::ConsentRepository;
use super::credentials::CredentialRepository;
use super::database::{Database, Dialect};
use super::devices::DeviceRepository;
use super::error::Error;
use super::grants::GrantRepository;
use super::lane::{Access, Place};
use super::logout_notices::LogoutNoticeRepository;
use super::logout_requests::LogoutRequestRepository;
use super::mail_requests::MailRequestRepository;
use super::mailed_tokens::MailedTokenRepository;
use super::outbox::OutboxRepository;
use super::resources::ResourceRepository;
use super::scope::{Scope, Statement, Transactional, storable};
use super::session_clients::SessionClientRepository;
use super::sessions::SessionRepository;
use super::tasks::{TaskRepository, lock};
use super::users::UserRepository;

/// How often a unit is begun at most. Another try means that another transaction went ahead, so a few are plenty.
const ATTEMPTS: u32 = 4;

/// How long SQLite is left alone, times the number of tries, when it has said BUSY before its own timeout.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// What has become of the transaction of a unit.
#[repr(u8)]
enum State {
    /// Every statement has succeeded.
    Sound,
    /// A statement was refused: PostgreSQL does nothing more in this transaction, and turns its commit into a rollback.
    Failed,
    /// The database has undone the transaction so that another one could go on.
    Undone,
}

/// A unit of work that is under way: repositories whose statements happen together.
#[derive(Debug)]
pub struct Unit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dialect: Dialect,
    /// None once the unit has ended.
    transaction: Mutex<Option<Connection>>,
    state: AtomicU8,
}

impl Unit {
    /// The users.
    pub fn users(&self) -> UserRepository<&Self> {
        UserRepository::new(self)
    }

    /// The ways to sign in.
    pub fn credentials(&self) -> CredentialRepository<&Self> {
        CredentialRepository::new(self)
    }

    /// The sessions.
    pub fn sessions(&self) -> SessionRepository<&Self> {
        SessionRepository::new(self)
    }

    /// The clients.
    pub fn clients(&self) -> ClientRepository<&Self> {
        ClientRepository::new(self)
    }

    /// The resources.
    pub fn resources(&self) -> ResourceRepository<&Self> {
        ResourceRepository::new(self)
    }

    /// The codes.
    pub fn authorization_codes(&self) -> AuthorizationCodeRepository<&Self> {
        AuthorizationCodeRepository::new(self)
    }

    /// The devices that ask to be signed in.
    pub fn devices(&self) -> DeviceRepository<&Self> {
        DeviceRepository::new(self)
    }

    /// What users have given to clients.
    pub fn grants(&self) -> GrantRepository<&Self> {
        GrantRepository::new(self)
    }

    /// What users have agreed to.
    pub fn consents(&self) -> ConsentRepository<&Self> {
        ConsentRepository::new(self)
    }

    /// Clients that are to be told that a session has ended.
    pub fn logout_notices(&self) -> LogoutNoticeRepository<&Self> {
        LogoutNoticeRepository::new(self)
    }

    /// The clients that got an ID token in a session.
    pub fn session_clients(&self) -> SessionClientRepository<&Self> {
        SessionClientRepository::new(self)
    }

    /// The assertions of clients.
    pub fn client_assertions(&self) -> ClientAssertionRepository<&Self> {
        ClientAssertionRepository::new(self)
    }

    /// The tokens that were mailed.
    pub fn mailed_tokens(&self) -> MailedTokenRepository<&Self> {
        MailedTokenRepository::new(self)
    }

    /// Mail that was asked for.
    pub fn mail_requests(&self) -> MailRequestRepository<&Self> {
        MailRequestRepository::new(self)
    }

    /// The tasks.
    pub fn tasks(&self) -> TaskRepository<&Self> {
        TaskRepository::new(self)
    }

    /// The mail that is promised.
    pub fn outbox(&self) -> OutboxRepository<&Self> {
        OutboxRepository::new(self)
    }

    /// Waits, until the end of the unit, for every other unit that holds the lock of this name. On SQLite units are alone
    /// already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lock(&self, name: &str) -> Result<(), Error> {
        lock(&self, name).await
    }

    /// Notes that a statement has failed: then the unit can only be rolled back.
    fn note<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        outcome.inspect_err(|error| {
            let state = if error.is_undone() { State::Undone } else { State::Failed };
            // What fails in a transaction that has failed already says nothing about why.
            let state = (State::Sound as u8, state as u8);
            let _ = self.shared.state.compare_exchange(state.0, state.1, Ordering::AcqRel, Ordering::Acquire);
        })
    }

    fn is(&self, state: State) -> bool {
        self.shared.state.load(Ordering::Acquire) == state as u8
    }

    /// Commits what went well, and rolls everything else back.
    async fn end<T, E: From<Error>>(&self, outcome: Result<T, E>) -> Result<T, E> {
        let transaction = self.shared.transaction.lock().await.take();
        match (outcome, transaction) {
            (Ok(value), Some(transaction)) if self.is(State::Sound) => {
                self.note(transaction.commit().await)?;
                Ok(value)
            }
            (Ok(_), _) => Err(Error::Abandoned.into()),
            // Dropped transactions are rolled back before another request gets their connection.
            (Err(error), _) => Err(error),
        }
    }
}

/// Runs one statement of a unit.
macro_rules! run {
    ($unit:expr, $statement:expr, $method:ident) => {{
        let statement = $unit.note(storable($statement))?;
        let mut transaction = $unit.shared.transaction.lock().await;
        let connection = transaction.as_mut().ok_or(Error::Abandoned)?;
        let outcome = async { run_on!(connection, statement, $method) }.await;
        $unit.note(outcome)
    }};
}

impl Scope for &Unit {
    fn dialect(&self) -> Dialect {
        self.shared.dialect
    }

    async fn fetch_all(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        run!(self, statement, fetch_all)
    }

    async fn fetch_optional(&self, statement: Statement<'_>) -> Result<Option<AnyRow>, Error> {
        run!(self, statement, fetch_optional)
    }

    async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        Ok(run!(self, statement, execute)?.rows_affected())
    }

    async fn execute_returning(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, Error> {
        run!(self, statement, fetch_all)
    }
}

impl Transactional for &Unit {}

impl Database {
    /// The users, each statement by itself.
    pub fn users(&self) -> UserRepository<Self> {
        UserRepository::new(self.clone())
    }

    /// The ways to sign in, each statement by itself.
    pub fn credentials(&self) -> CredentialRepository<Self> {
        CredentialRepository::new(self.clone())
    }

    /// The sessions, each statement by itself.
    pub fn sessions(&self) -> SessionRepository<Self> {
        SessionRepository::new(self.clone())
    }

    /// The clients, each statement by itself.
    pub fn clients(&self) -> ClientRepository<Self> {
        ClientRepository::new(self.clone())
    }

    /// The resources, each statement by itself.
    pub fn resources(&self) -> ResourceRepository<Self> {
        ResourceRepository::new(self.clone())
    }

    /// The codes, each statement by itself.
    pub fn authorization_codes(&self) -> AuthorizationCodeRepository<Self> {
        AuthorizationCodeRepository::new(self.clone())
    }

    /// The devices that ask to be signed in, each statement by itself.
    pub fn devices(&self) -> DeviceRepository<Self> {
        DeviceRepository::new(self.clone())
    }

    /// What users have given to clients, each statement by itself.
    pub fn grants(&self) -> GrantRepository<Self> {
        GrantRepository::new(self.clone())
    }

    /// What clients have asked users for, each statement by itself.
    pub fn authorization_requests(&self) -> AuthorizationRequestRepository<Self> {
        AuthorizationRequestRepository::new(self.clone())
    }

    /// What users have agreed to, each statement by itself.
    pub fn consents(&self) -> ConsentRepository<Self> {
        ConsentRepository::new(self.clone())
    }

    /// The clients that got an ID token in a session, each statement by itself.
    pub fn session_clients(&self) -> SessionClientRepository<Self> {
        SessionClientRepository::new(self.clone())
    }

    /// Clients that are to be told that a session has ended, each statement by itself.
    pub fn logout_notices(&self) -> LogoutNoticeRepository<Self> {
        LogoutNoticeRepository::new(self.clone())
    }

    /// Requests for a sign-out, each statement by itself.
    pub fn logout_requests(&self) -> LogoutRequestRepository<Self> {
        LogoutRequestRepository::new(self.clone())
    }

    /// The assertions of clients, each statement by itself.
    pub fn client_assertions(&self) -> ClientAssertionRepository<Self> {
        ClientAssertionRepository::new(self.clone())
    }

    /// The tokens that were mailed, each statement by itself.
    pub fn mailed_tokens(&self) -> MailedTokenRepository<Self> {
        MailedTokenRepository::new(self.clone())
    }

    /// Mail that was asked for, each statement by itself.
    pub fn mail_requests(&self) -> MailRequestRepository<Self> {
        MailRequestRepository::new(self.clone())
    }

    /// The tasks, each statement by itself.
    pub fn tasks(&self) -> TaskRepository<Self> {
        TaskRepository::new(self.clone())
    }

    /// The mail that is promised, each statement by itself.
    pub fn outbox(&self) -> OutboxRepository<Self> {
        OutboxRepository::new(self.clone())
    }

    /// Does `work` in one transaction and commits it. An error of `work` rolls it back, and so does dropping the future,
    /// at whatever point.
    ///
    /// `work` is called again when the database has undone the transaction so that another one could go on: a deadlock,
    /// or rows that cannot be put in an order. So it may do nothing outside the unit that must not happen twice: draw
    /// identifiers, hash passwords and tell others before or after.
    ///
    /// `work` takes the unit by value and is no `async` closure, because the compiler cannot prove yet that the future of
    /// an `async` closure over borrowed values may move between threads.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Slow`] when everything together took too long once it had its turn, and then it may or may not have happened;
    /// [`Error::Abandoned`] when `work` went on after one of its statements had failed.
    pub async fn write<T, E, F>(&self, work: impl Fn(Unit) -> F + Send) -> Result<T, E>
    where
        T: Send,
        E: From<Error> + Send,
        F: Future<Output = Result<T, E>> + Send,
    {
        let place = self.enter(Access::Write).await?.map(Arc::new);
        let whole = async {
            let mut attempt = 1;
            loop {
                let shared = Arc::new(Shared {
                    dialect: self.dialect(),
                    transaction: Mutex::new(Some(self.begin(place.as_ref()).await?)),
                    state: AtomicU8::new(State::Sound as u8),
                });
                let unit = Unit { shared: shared.clone() };
                let outcome = work(Unit { shared }).await;
                let outcome = unit.end(outcome).await;
                if outcome.is_ok() {
                    self.condition.note_write();
                }
                if outcome.is_ok() || !unit.is(State::Undone) || attempt >= ATTEMPTS {
                    return outcome;
                }
                tracing::debug!(attempt, "the database has undone a unit of work; it is done again");
                attempt += 1;
            }
        };
        match timeout(self.time_limit(), whole).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Slow(self.time_limit()).into()),
        }
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, since a lock taken later can fail
    /// with BUSY whatever the timeout says.
    async fn begin(&self, place: Option<&Arc<Place>>) -> Result<Connection, Error> {
        let mut attempt = 1;
        loop {
            match Connection::for_unit(self, place.cloned()).await {
                Err(error) if error.is_busy() && attempt < ATTEMPTS => {
                    tokio::time::sleep(BUSY_PAUSE * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }
}
