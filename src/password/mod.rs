//! Hashes passwords without starving other work.
//! In: passwords and stored hashes. Out: new hashes, and whether a password fits one.
//! Owns: at most one computation per core, Argon2's in memory that its thread keeps; the excess is told to come back.

mod bcrypt_hash;
mod imported;
mod phc;
mod stored;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use self::phc::StoredHash;
use self::stored::{Spelling, Stored};
use crate::secret::Password;
use signet_verify::clock::{Entropy, EntropyUnavailable};

/// OWASP's recommendation for Argon2id (Password Storage Cheat Sheet): 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// How many passwords may wait; at 20 ms each and two cores that is 0.6 s.
const QUEUE: usize = 64;

/// How many of these places unknown clients may take. The rest is for those who are signed in, or whose device is known: a
/// crowd of the others does not keep them out.
const QUEUE_OF_UNKNOWN: usize = 48;

/// For whom a password is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// Anybody.
    Unknown,
    /// A client that is signed in, or signs in from a device that has done so before.
    Known,
}

/// How long a caller is asked to wait when the queue is full.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why there is no answer about a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many are waiting; come back after [`RETRY_AFTER`].
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// No salt could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The computation failed or its thread is gone.
    #[error("a password could not be hashed: {0}")]
    Failed(String),
}

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The password fits.
    Fits,
    /// The password fits, but the hash was made in another way than today's: make a new one.
    FitsOutdated,
    /// The password does not fit, or there was nothing to compare it with.
    Wrong,
}

/// How busy the hashing threads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Passwords that have a place in the queue.
    pub waiting: usize,
    /// How many may wait.
    pub capacity: usize,
    /// Threads.
    pub threads: usize,
    /// Passwords that were hashed since the start.
    pub hashed: u64,
    /// Passwords that found the queue full.
    pub turned_away: u64,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicUsize,
    hashed: AtomicU64,
    turned_away: AtomicU64,
}

/// A place in the queue. Whoever wants a password hashed takes one before anything else is done for them, so that the
/// excess of a storm costs no more than being told to come back.
#[derive(Debug)]
pub struct Permit(Arc<Counts>, Requester);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The pool of hashing threads.
pub struct Passwords {
    queue: Sender<Job>,
    threads: usize,
    counts: Arc<Counts>,
    entropy: Arc<dyn Entropy>,
    params: Params,
    /// What a password is compared with when there is no such user, so that this costs the same.
    decoy: Stored,
    /// One hash of nothing for each other kind that some users still have.
    imported: Mutex<Vec<Stored>>,
}

/// How many kinds of imported hashes are told apart; each makes a wrong password dearer.
const MAX_KINDS: usize = 8;

/// Whether a password can be compared with this stored hash.
pub fn is_verifiable(stored: &str) -> bool {
    Stored::parse(stored).is_some()
}

struct Job {
    permit: Permit,
    password: Password,
    spelling: Spelling,
    target: Stored,
    reply: oneshot::Sender<Result<Vec<u8>, Error>>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("params", &self.params).finish_non_exhaustive()
    }
}

impl Passwords {
    /// Starts one thread per core, at a low priority: a storm of sign-ins takes little of what others need, and others who
    /// keep the processors busy leave it a tenth of one.
    ///
    /// # Errors
    /// [`Error::Failed`] when a thread can't be started, [`Error::Entropy`] without randomness.
    pub fn start(entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES))
            .map_err(|error| Error::Failed(error.to_string()))?;
        let (queue, jobs) = channel();
        let (jobs, counts) = (Arc::new(Mutex::new(jobs)), Arc::new(Counts::default()));
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for number in 0..threads {
            let (jobs, counts) = (jobs.clone(), counts.clone());
            std::thread::Builder::new()
                .name(format!("argon2-{number}"))
                .spawn(move || work(&jobs, &counts))
                .map_err(|error| Error::Failed(error.to_string()))?;
        }
        let mut decoy_hash = vec![0; HASH_BYTES];
        entropy.fill(&mut decoy_hash)?;
        let (algorithm, salt) = (Algorithm::Argon2id, salt(&*entropy)?);
        let decoy = Stored::Argon2(StoredHash { algorithm, params: params.clone(), salt, hash: decoy_hash });
        Ok(Self { queue, threads, counts, entropy, params, decoy, imported: Mutex::default() })
    }

    /// Takes a place in the queue, if there is one for this requester.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub fn enter(&self, requester: Requester) -> Result<Permit, Error> {
        let places = match requester {
            Requester::Unknown => QUEUE_OF_UNKNOWN,
            Requester::Known => QUEUE,
        };
        let enter = |waiting| (waiting < places).then_some(waiting + 1);
        match self.counts.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter) {
            Ok(_) => Ok(Permit(self.counts.clone(), requester)),
            Err(_) => {
                self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
                Err(Error::Busy)
            }
        }
    }

    /// Hashes a new password into the text to store.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn hash(&self, permit: Permit, password: &Password) -> Result<String, Error> {
        let mut target = StoredHash {
            algorithm: Algorithm::Argon2id,
            params: self.params.clone(),
            salt: salt(&*self.entropy)?,
            hash: vec![0; HASH_BYTES],
        };
        let empty = Stored::Argon2(target.clone());
        target.hash = self.compute(permit, password, Spelling::Normal, empty).await?;
        Ok(target.print())
    }

    /// What every hash begins with that is made today.
    pub fn todays_begin(&self) -> String {
        phc::begin(Algorithm::Argon2id, &self.params)
    }

    /// Some users still have hashes of the kind of this one, which take another time to compare with.
    pub fn expect_imported(&self, stored: &str) {
        if let Some(stored) = Stored::parse(stored) {
            self.expect(&stored);
        }
    }

    fn expect(&self, stored: &Stored) {
        let kind = stored.kind();
        let mut imported = self.imported.lock();
        if kind == self.decoy.kind() || imported.iter().any(|known| known.kind() == kind) {
            return;
        }
        match imported.len() {
            MAX_KINDS => {
                tracing::warn!(?kind, "more kinds of password hashes than are told apart by their time")
            }
            _ => imported.push(stored.decoy()),
        }
    }

    /// Compares a password with a stored hash. Without one, or with one that can't be read, it does the same work and says [`Comparison::Wrong`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn compare(
        &self,
        permit: Permit,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<Comparison, Error> {
        let requester = permit.1;
        let known = stored.and_then(Stored::parse);
        if stored.is_some() && known.is_none() {
            tracing::error!("a stored password hash cannot be read; nobody can sign in with it");
        }
        if let Some(known) = &known {
            self.expect(known);
        }
        let target = known.as_ref().unwrap_or(&self.decoy);
        let fitting = self.repeat(Some(permit), requester, password, target).await?;
        if let (Some(known), Some(spelling)) = (&known, fitting) {
            let is_todays = known.is_of(&self.params) && spelling == Spelling::Normal;
            return Ok(if is_todays { Comparison::Fits } else { Comparison::FitsOutdated });
        }
        // As long as there are hashes of several kinds, a wrong password costs one of each, whoever it is tried for.
        let others: Vec<Stored> = {
            let imported = self.imported.lock();
            let all = std::iter::once(&self.decoy).chain(imported.iter());
            all.filter(|decoy| decoy.kind() != target.kind()).cloned().collect()
        };
        for decoy in &others {
            self.repeat(None, requester, password, decoy).await?;
        }
        Ok(Comparison::Wrong)
    }

    /// Computes what the password comes to, in every spelling that `target` may have been made of; says which one fits.
    async fn repeat(
        &self,
        mut permit: Option<Permit>,
        requester: Requester,
        password: &Password,
        target: &Stored,
    ) -> Result<Option<Spelling>, Error> {
        for spelling in target.spellings(password) {
            let permit = permit.take().map_or_else(|| self.enter(requester), Ok)?;
            let computed = self.compute(permit, password, *spelling, target.clone()).await?;
            if bool::from(computed.ct_eq(target.hash())) {
                return Ok(Some(*spelling));
            }
        }
        Ok(None)
    }

    #[tracing::instrument(name = "hash a password", target = "signet::trace", skip_all)]
    async fn compute(
        &self,
        permit: Permit,
        password: &Password,
        spelling: Spelling,
        target: Stored,
    ) -> Result<Vec<u8>, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job { permit, password: password.clone(), spelling, target, reply };
        self.queue.send(job).map_err(|_| Error::Failed("the pool is gone".to_owned()))?;
        answer.await.map_err(|_| Error::Failed("the thread is gone".to_owned()))?
    }

    /// How busy the threads are.
    pub fn load(&self) -> Load {
        Load {
            waiting: self.counts.waiting.load(Ordering::Relaxed),
            capacity: QUEUE,
            threads: self.threads,
            hashed: self.counts.hashed.load(Ordering::Relaxed),
            turned_away: self.counts.turned_away.load(Ordering::Relaxed),
        }
    }
}

fn salt(entropy: &dyn Entropy) -> Result<Vec<u8>, EntropyUnavailable> {
    let mut salt = vec![0; SALT_BYTES];
    entropy.fill(&mut salt)?;
    Ok(salt)
}

/// How much lower the priority of these threads is: beside one ordinary thread that never rests, each gets a tenth of a
/// processor. At the lowest priority, 19, it would be a seventieth, and whatever keeps the processors busy would keep
/// everybody from signing in.
const NICENESS: i32 = 10;

/// The life of one thread: takes jobs until the pool is dropped.
fn work(jobs: &Mutex<Receiver<Job>>, counts: &Counts) {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "a hashing thread keeps its ordinary priority");
    }
    let mut memory: Vec<Block> = Vec::new();
    loop {
        let next = jobs.lock().recv();
        let Ok(Job { permit, password, spelling, target, reply }) = next else { return };
        drop(permit);
        // Whoever asked may have hung up while waiting.
        if reply.is_closed() {
            continue;
        }
        let text = match spelling {
            Spelling::Normal => password.normalized(),
            Spelling::AsTyped => Zeroizing::new(password.expose().to_owned()),
        };
        let computed = compute(text.as_bytes(), &target, &mut memory);
        counts.hashed.fetch_add(1, Ordering::Relaxed);
        let _hung_up = reply.send(computed);
    }
}

fn compute(password: &[u8], target: &Stored, memory: &mut Vec<Block>) -> Result<Vec<u8>, Error> {
    let target = match target {
        Stored::Argon2(target) => target,
        Stored::Scrypt(target) => {
            let refused = || Error::Failed("scrypt refused its parameters".to_owned());
            return target.repeat(password).ok_or_else(refused);
        }
        Stored::Bcrypt(target) => return Ok(target.repeat(password)),
    };
    let argon2 = Argon2::new(target.algorithm, Version::V0x13, target.params.clone());
    if memory.len() < target.params.block_count() {
        memory.resize(target.params.block_count(), Block::default());
    }
    let mut hash = vec![0; target.hash.len()];
    argon2
        .hash_password_into_with_memory(password, &target.salt, &mut hash, memory.as_mut_slice())
        .map_err(|error| Error::Failed(error.to_string()))?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use signet_verify::clock::SeededEntropy;

    #[test]
    fn enter_leaves_places_to_those_who_are_known() {
        let passwords = Passwords::start(Arc::new(SeededEntropy::new(7))).unwrap();
        let enter = |requester| std::iter::from_fn(|| passwords.enter(requester).ok()).collect::<Vec<_>>();
        let unknown = enter(Requester::Unknown);
        let known = enter(Requester::Known);
        assert_eq!((unknown.len(), known.len()), (QUEUE_OF_UNKNOWN, QUEUE - QUEUE_OF_UNKNOWN));
        assert!(enter(Requester::Unknown).is_empty());
        drop(known);
        assert!(enter(Requester::Unknown).is_empty(), "what the known leave is not for the others");
        drop(unknown);
        assert_eq!(enter(Requester::Known).len(), QUEUE);
    }
}
