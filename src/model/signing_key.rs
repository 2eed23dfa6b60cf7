//! The life of a signing key: pending -> active -> retiring -> removed, and revoked from anywhere.
//! In: the keys that there are, the contract and the present moment. Out: the steps that are due, which keys are public,
//! and when to look again. Pure: every process comes to the same answer, so any of them may write it down.
//! Owns: one active key of each algorithm at most; it was public for `lead` before it signs, and stays public for `retain`
//! after. The algorithms have one lifecycle each, side by side; none waits for another.
//!
//! A clock that was set back only makes things later: what lies ahead has not begun to age.

use std::time::Duration;

use crate::model::contract::Contract;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PublicKey};
use signet_verify::jose::jwk::Kid;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Public, so that caches learn it; signs nothing yet.
    Pending,
    /// Signs new tokens.
    Active,
    /// Signs no more; public while tokens of it live.
    Retiring,
    /// Gone from the key set; the row stays as a record.
    Removed,
    /// Taken out at once, for good, because its private half may be known to others.
    Revoked,
}

impl KeyState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Active, Self::Retiring, Self::Removed, Self::Revoked];

    /// The name in rows and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Removed => "removed",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether the private half is still needed; from retirement on it is not kept.
    pub fn signs(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }
}

/// What is known of a key besides its private half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its name: the thumbprint of the public half.
    pub kid: Kid,
    /// The public half, which knows the algorithm.
    pub public: PublicKey,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made and published.
    pub announced_at: Timestamp,
    /// The longest time that a cache may keep a set of this key's days; its successor has to be public for as long.
    pub lead: Duration,
    /// The longest time for which it has to stay public after it was retired.
    pub retain: Duration,
    /// When an operator asked that it sign as soon as it may.
    pub requested_at: Option<Timestamp>,
    /// Since when it signed.
    pub activated_at: Option<Timestamp>,
    /// Since when it signs no more.
    pub retired_at: Option<Timestamp>,
    /// When it left the key set.
    pub removed_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    pub reason: Option<String>,
}

impl KeyRecord {
    /// A key that is announced now.
    pub fn announced(kid: Kid, public: PublicKey, contract: &Contract, now: Timestamp) -> Self {
        Self {
            kid,
            public,
            state: KeyState::Pending,
            announced_at: now,
            lead: contract.lead(),
            retain: contract.retain(),
            requested_at: None,
            activated_at: None,
            retired_at: None,
            removed_at: None,
            revoked_at: None,
            reason: None,
        }
    }

    /// The algorithm that it signs with; each has a lifecycle of its own.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// When this active key's time is up.
    pub fn signs_until(&self, contract: &Contract) -> Timestamp {
        self.activated_at.unwrap_or(self.announced_at).after(contract.rotate_every())
    }

    /// When this retiring key leaves the key set; no token of it lives longer.
    pub fn public_until(&self) -> Timestamp {
        self.retired_at.unwrap_or(self.announced_at).after(self.retain)
    }

    /// It signs no more from `now` on; not before it began to, wherever the clock stands.
    fn retire(&mut self, now: Timestamp) {
        self.state = KeyState::Retiring;
        self.retired_at = Some(now.max(self.activated_at.unwrap_or(now)));
    }

    /// Whether the contract asks for more than was noted when this key was announced, under other settings.
    fn falls_short_of(&self, contract: &Contract) -> bool {
        self.state.signs() && (self.lead < contract.lead() || self.retain < contract.retain())
    }
}

/// How a key that was made elsewhere joins the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportAs {
    /// It is announced, and signs when its time comes, as a key of our own would.
    Successor,
    /// It signs nothing here and is public for so long, so that tokens which it signed elsewhere stay good.
    VerifyOnly {
        /// For how long; nothing here shortens it.
        retain: Duration,
    },
}

/// A step in the life of one key, or of two when one takes over from the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// Make a key that signs at once, since there is none that could.
    Bootstrap {
        /// What it signs with.
        algorithm: Algorithm,
    },
    /// Make a key and publish it; it signs later.
    Announce {
        /// What it will sign with.
        algorithm: Algorithm,
    },
    /// Let a pending key sign, in place of the active one.
    Promote {
        /// The pending key.
        kid: Kid,
        /// The active key, if there is one.
        retires: Option<Kid>,
    },
    /// Let a key sign no more without a successor, since its algorithm is not configured any more.
    Retire {
        /// The active key.
        kid: Kid,
    },
    /// Note that this process promises more than the others did: longer caches, or longer tokens.
    Extend {
        /// The pending or active key.
        kid: Kid,
    },
    /// Let a key that was made elsewhere join.
    Import {
        /// Its name.
        kid: Kid,
        /// Its public half.
        public: PublicKey,
        /// How it joins.
        import_as: ImportAs,
    },
    /// Let a pending key sign as soon as every cache knows it.
    Request {
        /// The pending key.
        kid: Kid,
    },
    /// Take a retired key out of the key set.
    Remove {
        /// The retiring key.
        kid: Kid,
    },
    /// Take a key out of the key set at once.
    Revoke {
        /// Any key that is not removed or revoked.
        kid: Kid,
        /// Why, for the record.
        reason: String,
    },
}

/// What happened to a key, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was made and published.
    Announced,
    /// It was made elsewhere, and published.
    Imported,
    /// Its lead or retention became longer.
    Extended,
    /// An operator asked that it sign as soon as it may.
    Requested,
    /// It began to sign.
    Activated,
    /// It ceased to sign.
    Retired,
    /// It left the key set.
    Removed,
    /// It was revoked.
    Revoked,
    /// Its private half was sealed anew under another master key.
    Rewrapped,
}

impl Event {
    /// The name in rows and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Imported => "imported",
            Self::Extended => "extended",
            Self::Requested => "requested",
            Self::Activated => "activated",
            Self::Retired => "retired",
            Self::Removed => "removed",
            Self::Revoked => "revoked",
            Self::Rewrapped => "rewrapped",
        }
    }

    /// The event of that name.
    pub fn parse(name: &str) -> Option<Self> {
        use Event::{
            Activated, Announced, Extended, Imported, Removed, Requested, Retired, Revoked, Rewrapped,
        };
        [Announced, Imported, Extended, Requested, Activated, Retired, Removed, Revoked, Rewrapped]
            .into_iter()
            .find(|event| event.name() == name)
    }
}

/// A step that does not fit the state of its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {kid} is not in a state for this step")]
pub struct WrongState {
    /// The key, known or not.
    pub kid: Kid,
}

/// The two keys of an algorithm that matter for what comes next.
#[derive(Clone, Copy, Debug)]
pub struct Ring<'a> {
    /// The key that signs.
    pub active: Option<&'a KeyRecord>,
    /// The key that takes over from it.
    pub pending: Option<&'a KeyRecord>,
}

impl<'a> Ring<'a> {
    /// The keys of `algorithm` among `keys`.
    ///
    /// There is one of each at most; should there be several that wait, it is the one that caches have known longest,
    /// whatever the order of the rows.
    pub fn of(keys: &'a [KeyRecord], algorithm: Algorithm) -> Self {
        let in_state = |state| {
            let keys = keys.iter().filter(move |key| key.algorithm() == algorithm && key.state == state);
            keys.min_by(|a, b| (a.announced_at, &a.kid).cmp(&(b.announced_at, &b.kid)))
        };
        Self { active: in_state(KeyState::Active), pending: in_state(KeyState::Pending) }
    }

    /// When the pending key takes over, or begins to sign where none does.
    pub fn takeover(self, contract: &Contract) -> Option<Timestamp> {
        self.pending.map(|pending| takeover(self.active, pending, contract))
    }
}

/// Whether any key signs, of whatever algorithm.
fn anything_signs(keys: &[KeyRecord]) -> bool {
    keys.iter().any(|key| key.state == KeyState::Active)
}

/// The next step of the succession of `algorithm`, and when it is due.
///
/// While any key signs, the first key of a further algorithm is announced like a successor, so that caches learn it. An
/// algorithm that is not configured any more gets no successor; its key signs until its time is up and one that is
/// configured signs, so that instances with different settings do not undo each other's steps.
fn succession(
    keys: &[KeyRecord],
    algorithm: Algorithm,
    contract: &Contract,
) -> Option<(Timestamp, Transition)> {
    const AT_ONCE: Timestamp = Timestamp::from_millis(0);
    let ring = Ring::of(keys, algorithm);
    let configured = contract.algorithms().contains(algorithm);
    match (ring.active, ring.pending) {
        (None, None) if !configured => None,
        (None, None) if anything_signs(keys) => Some((AT_ONCE, Transition::Announce { algorithm })),
        (None, None) => Some((AT_ONCE, Transition::Bootstrap { algorithm })),
        (active, Some(pending)) => {
            // Where nothing signs, a key that some caches know beats one that none knows.
            let at = if anything_signs(keys) { takeover(active, pending, contract) } else { AT_ONCE };
            let retires = active.map(|active| active.kid.clone());
            Some((at, Transition::Promote { kid: pending.kid.clone(), retires }))
        }
        (Some(active), None) if configured => {
            Some((announcement(active, contract), Transition::Announce { algorithm }))
        }
        (Some(active), None) => {
            // While nothing that is configured signs yet, it goes on: one key has to.
            let is_replaced =
                contract.algorithms().iter().any(|other| Ring::of(keys, other).active.is_some());
            let retire = Transition::Retire { kid: active.kid.clone() };
            is_replaced.then(|| (active.signs_until(contract), retire))
        }
    }
}

/// The algorithms that are configured, in their order, and those that still have keys.
fn algorithms(contract: &Contract) -> impl Iterator<Item = Algorithm> {
    let configured = contract.algorithms();
    configured.iter().chain(Algorithm::ALL.into_iter().filter(move |other| !configured.contains(*other)))
}

/// The algorithm of session tokens: the first configured one whose key signs. While all that are configured are only being
/// introduced, it is one that is not configured any more, so that a key signs at any time.
pub fn session_algorithm(keys: &[KeyRecord], contract: &Contract) -> Option<Algorithm> {
    algorithms(contract).find(|algorithm| Ring::of(keys, *algorithm).active.is_some())
}

/// The steps that are due now, in the order in which they are to be taken.
pub fn due(keys: &[KeyRecord], contract: &Contract, now: Timestamp) -> Vec<Transition> {
    let successions = algorithms(contract)
        .filter_map(|algorithm| succession(keys, algorithm, contract))
        .filter(|(at, _)| now >= *at)
        .map(|(_, step)| step);
    let extensions = keys
        .iter()
        .filter(|key| key.falls_short_of(contract))
        .map(|key| Transition::Extend { kid: key.kid.clone() });
    let removals = keys
        .iter()
        .filter(|key| key.state == KeyState::Retiring && now >= key.public_until())
        .map(|key| Transition::Remove { kid: key.kid.clone() });
    // Extensions come first: a key must not be retired by spans that the settings have made longer since.
    extensions.chain(successions).chain(removals).collect()
}

/// The keys that are public now, newest first of each algorithm.
///
/// A retired key goes when its time is up, whether or not that could be written.
pub fn published(keys: &[KeyRecord], now: Timestamp) -> Vec<&KeyRecord> {
    published_until(keys, |key| now >= key.public_until())
}

/// The keys that are public, newest first of each algorithm, where `is_over` says of a retiring key whether its time is up.
pub fn published_until(keys: &[KeyRecord], is_over: impl Fn(&KeyRecord) -> bool) -> Vec<&KeyRecord> {
    let mut public: Vec<&KeyRecord> = keys
        .iter()
        .filter(|key| match key.state {
            KeyState::Pending | KeyState::Active => true,
            KeyState::Retiring => !is_over(key),
            KeyState::Removed | KeyState::Revoked => false,
        })
        .collect();
    // The order of the algorithms is always the same, so that a set changes only where a key does.
    public.sort_by(|a, b| {
        let newest_first = b.announced_at.cmp(&a.announced_at);
        a.algorithm().cmp(&b.algorithm()).then(newest_first).then_with(|| a.kid.cmp(&b.kid))
    });
    public
}

/// When the next step is due if no command interferes; a moment in the past means that it is due already.
pub fn next_deadline(keys: &[KeyRecord], contract: &Contract) -> Option<Timestamp> {
    let successions =
        algorithms(contract).filter_map(|algorithm| succession(keys, algorithm, contract)).map(|(at, _)| at);
    let removals = keys.iter().filter(|key| key.state == KeyState::Retiring).map(|key| key.public_until());
    successions.chain(removals).min()
}

/// How far the keys lie ahead of the present: a clock was wrong when they were written, or is wrong now. Rotation waits
/// until time has caught up, since no safe step can tell the two apart; a rotation that is asked for does not wait.
pub fn ahead(keys: &[KeyRecord], contract: &Contract, now: Timestamp) -> Duration {
    let began =
        keys.iter().filter(|key| key.state.signs()).map(|key| key.activated_at.unwrap_or(key.announced_at));
    let ahead = began.max().map_or(Duration::ZERO, |latest| latest.since(now));
    if ahead > contract.skew() { ahead } else { Duration::ZERO }
}

/// When the successor of `active` is announced: `lead` before it is wanted.
pub fn announcement(active: &KeyRecord, contract: &Contract) -> Timestamp {
    active.signs_until(contract).before(active.lead.max(contract.lead()))
}

/// When `pending` takes over from `active`: when every cache knows it and it is wanted.
pub fn takeover(active: Option<&KeyRecord>, pending: &KeyRecord, contract: &Contract) -> Timestamp {
    let known = pending.announced_at.after(lead(active, pending, contract));
    match active {
        Some(active) if pending.requested_at.is_none() => known.max(active.signs_until(contract)),
        _ => known,
    }
}

/// How long `pending` has to be public before it takes over from `active`, by the longest that any process promised to
/// caches while one of them was public: a restart with a shorter max-age does not shorten what caches hold already.
pub fn lead(active: Option<&KeyRecord>, pending: &KeyRecord, contract: &Contract) -> Duration {
    let before = active.map_or(Duration::ZERO, |active| active.lead);
    before.max(pending.lead).max(contract.lead())
}

/// Takes one step. `fresh` is asked for a new key where the step makes one.
///
/// Answers what happened to which key, in an order in which rows can be written: who leaves a state comes first.
///
/// # Errors
/// [`WrongState`] when the step does not fit, and whatever `fresh` fails with; `keys` is as it was then.
pub fn apply<E: From<WrongState>>(
    keys: &mut Vec<KeyRecord>,
    step: &Transition,
    fresh: impl FnOnce(Algorithm) -> Result<(Kid, PublicKey), E>,
    contract: &Contract,
    now: Timestamp,
) -> Result<Vec<(Kid, Event)>, E> {
    Ok(match step {
        Transition::Announce { algorithm } | Transition::Bootstrap { algorithm } => {
            let (kid, public) = fresh(*algorithm)?;
            let ring = Ring::of(keys, *algorithm);
            let place = match step {
                // One that waits may be one that nobody can open.
                Transition::Bootstrap { .. } => ring.active,
                _ => ring.pending,
            };
            let known = keys.iter().any(|key| key.kid == kid);
            if known || place.is_some() || public.algorithm() != *algorithm {
                return Err(WrongState { kid }.into());
            }
            keys.push(KeyRecord::announced(kid.clone(), public, contract, now));
            let mut events = vec![(kid.clone(), Event::Announced)];
            if matches!(step, Transition::Bootstrap { .. }) {
                events.extend(promote(keys, &kid, None, now)?);
            }
            events
        }
        Transition::Import { kid, public, import_as } => {
            import(keys, kid, public, *import_as, contract, now)?;
            vec![(kid.clone(), Event::Imported)]
        }
        Transition::Promote { kid, retires } => promote(keys, kid, retires.as_ref(), now)?,
        Transition::Retire { kid } => {
            find(keys, kid, |state| state == KeyState::Active)?.retire(now);
            vec![(kid.clone(), Event::Retired)]
        }
        Transition::Extend { kid } => {
            let key = find(keys, kid, KeyState::signs)?;
            key.lead = key.lead.max(contract.lead());
            key.retain = key.retain.max(contract.retain());
            vec![(kid.clone(), Event::Extended)]
        }
        Transition::Request { kid } => {
            find(keys, kid, |state| state == KeyState::Pending)?.requested_at = Some(now);
            vec![(kid.clone(), Event::Requested)]
        }
        Transition::Remove { kid } => {
            let key = find(keys, kid, |state| state == KeyState::Retiring)?;
            key.state = KeyState::Removed;
            key.removed_at = Some(now);
            vec![(kid.clone(), Event::Removed)]
        }
        Transition::Revoke { kid, reason } => {
            let key = find(keys, kid, |state| !matches!(state, KeyState::Removed | KeyState::Revoked))?;
            key.state = KeyState::Revoked;
            key.revoked_at = Some(now);
            key.reason = Some(reason.clone());
            vec![(kid.clone(), Event::Revoked)]
        }
    })
}

/// Lets the pending key `kid` sign; `retires` signs no more, which is the active key of its algorithm, if there is one.
fn promote(
    keys: &mut [KeyRecord],
    kid: &Kid,
    retires: Option<&Kid>,
    now: Timestamp,
) -> Result<Vec<(Kid, Event)>, WrongState> {
    let algorithm = find(keys, kid, |state| state == KeyState::Pending)?.algorithm();
    if Ring::of(keys, algorithm).active.map(|active| &active.kid) != retires {
        return Err(WrongState { kid: kid.clone() });
    }
    let mut events = Vec::new();
    if let Some(predecessor) = retires {
        find(keys, predecessor, |state| state == KeyState::Active)?.retire(now);
        events.push((predecessor.clone(), Event::Retired));
    }
    let key = find(keys, kid, |state| state == KeyState::Pending)?;
    key.state = KeyState::Active;
    key.activated_at = Some(now);
    events.push((kid.clone(), Event::Activated));
    Ok(events)
}

/// Lets a key that was made elsewhere join, unless it is here already or another one waits in its place.
fn import(
    keys: &mut Vec<KeyRecord>,
    kid: &Kid,
    public: &PublicKey,
    import_as: ImportAs,
    contract: &Contract,
    now: Timestamp,
) -> Result<(), WrongState> {
    let waits = import_as == ImportAs::Successor && Ring::of(keys, public.algorithm()).pending.is_some();
    if waits || keys.iter().any(|key| key.kid == *kid || key.public == *public) {
        return Err(WrongState { kid: kid.clone() });
    }
    let mut key = KeyRecord::announced(kid.clone(), public.clone(), contract, now);
    if let ImportAs::VerifyOnly { retain } = import_as {
        key.retain = retain;
        key.activated_at = Some(now);
        key.retire(now);
    }
    keys.push(key);
    Ok(())
}

fn find<'a>(
    keys: &'a mut [KeyRecord],
    kid: &Kid,
    fits: impl Fn(KeyState) -> bool,
) -> Result<&'a mut KeyRecord, WrongState> {
    let found = keys.iter_mut().find(|key| key.kid == *kid && fits(key.state));
    found.ok_or_else(|| WrongState { kid: kid.clone() })
}
