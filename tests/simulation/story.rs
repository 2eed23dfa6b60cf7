//! One story: issuers on one table of keys, verifiers around them, an operator, people who sign out; and everything that
//! can go wrong. After every tick it is asked whether every promise still holds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use signet::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use signet::identity::tokens::{Issuer, Signature, TokenProfile};
use signet::keys::contract::Contract;
use signet::keys::keyring::Signer;
use signet::keys::lifecycle::{Adoption, Event};
use signet::keys::operator::WhenSealed;
use signet::keys::rotation::{Rotation, RotationFault};
use signet::keys::transfer::ForeignKey;
use signet::keys::vault::Vault;
use signet::keys::worker::RotationWorker;
use signet::model::session::{Remember, Session};
use signet::model::user::User;
use signet::secret::Seed;
use signet::token::arithmetic::SigningKey;
use signet::token::claims::{IssuedClaims, UserClaims};
use signet::token::jwk::{Kid, thumbprint};
use signet::token::sign;
use signet::token::verify::Unverified;

use super::dice::Dice;
use super::rows::{Connection, Crash, News, Rows};
use super::verifiers::{Balancer, Bearer, Ours, Serving, Stranger, Verdict};
use crate::keys::support::{START, contract_of, master, seconds};

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";
/// How far two clocks may lie apart.
pub const LEEWAY: Duration = seconds(1);
pub const LONGEST_TOKEN: Duration = seconds(60);

/// True time moves by this much, and everybody with it.
const TICK: Duration = Duration::from_millis(250);
/// How long a story takes: several lives of a key.
const TICKS: u32 = 360;
/// How often a process asks the database for ended sessions.
const RECALL: Duration = seconds(2);

const ISSUERS: usize = 3;

/// A rule of the contract that the world breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// Shared caches keep a set for longer than its `max-age`.
    SharedCaches,
    /// Verifiers keep a set for longer than its `max-age`.
    VerifierCaches,
    /// Processes read the rows less often than they promise, and go on serving.
    Reload,
    /// Clocks differ by more than the leeway.
    Clocks,
    /// Tokens live longer than the retention has room for.
    TokenLife,
    /// A process that cannot read the rows goes on signing as if nothing could have changed.
    SignsBlind,
    /// Ended sessions are asked for less often than promised.
    Recall,
}

impl Breach {
    pub const ALL: [Self; 7] = [
        Self::SharedCaches,
        Self::VerifierCaches,
        Self::Reload,
        Self::Clocks,
        Self::TokenLife,
        Self::SignsBlind,
        Self::Recall,
    ];
}

/// What a story came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub verifications: u64,
    pub rotations: u64,
    pub revocations: u64,
    pub ended_sessions: u64,
    pub crashes: u64,
}

impl Tally {
    pub fn add(&mut self, other: Self) {
        self.verifications += other.verifications;
        self.rotations += other.rotations;
        self.revocations += other.revocations;
        self.ended_sessions += other.ended_sessions;
        self.crashes += other.crashes;
    }
}

/// A process of the issuer.
struct Member {
    clock: Arc<ManualClock>,
    /// How far its clock is from the truth, in milliseconds.
    offset: i64,
    connection: Connection,
    contract: Contract,
    running: Option<Running>,
    /// When it last read the rows, and when it does so next; when it starts, if it does not run.
    read_at: Duration,
    next_at: Duration,
    /// Until when it sleeps like a suspended machine, or its clock shows nonsense.
    sleeps_until: Duration,
    leaps_until: Duration,
}

struct Running {
    worker: RotationWorker<Connection>,
    issuer: Issuer,
    room: Ours,
    /// The last signer that it had, for a process that signs blind.
    signer: Option<Arc<Signer>>,
}

impl Member {
    fn is_awake(&self, elapsed: Duration) -> bool {
        self.running.is_some() && elapsed >= self.sleeps_until
    }

    fn is_sane(&self, elapsed: Duration) -> bool {
        elapsed >= self.leaps_until
    }

    /// Whether it keeps to its part of the contract.
    fn is_fresh(&self, elapsed: Duration) -> bool {
        self.is_awake(elapsed) && elapsed.saturating_sub(self.read_at) <= self.contract.reload()
    }
}

struct Ended {
    at: Duration,
    forget_at: Timestamp,
}

struct Story {
    dice: Dice,
    breach: Option<Breach>,
    elapsed: Duration,
    rows: Rows,
    balancer: Balancer,
    members: Vec<Member>,
    ours: Vec<Ours>,
    /// Since when each of them has heard the database, where it does.
    hears_since: Vec<Option<Duration>>,
    strangers: Vec<Stranger>,
    tokens: Vec<Bearer>,
    sessions: Vec<String>,
    ended: HashMap<String, Ended>,
    announced: HashMap<Kid, Duration>,
    revoked: HashMap<String, Duration>,
    /// Keys that signed before every cache could know them, and until when that may show.
    hurried: HashMap<String, Duration>,
    /// The longest spans that any process has promised so far.
    bound: Duration,
    lead: Duration,
    made: u64,
    tally: Tally,
}

/// Plays the story of `seed`; the fault is a sentence.
pub fn play(seed: u64, breach: Option<Breach>) -> Result<Tally, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let mut story = Story::begin(seed, breach).await;
        for _ in 0..TICKS {
            story.tick().await.map_err(|fault| format!("after {:?}: {fault}", story.elapsed))?;
        }
        Ok(story.tally)
    })
}

impl Story {
    async fn begin(seed: u64, breach: Option<Breach>) -> Self {
        let dice = Dice::new(seed);
        let rows = Rows::default();
        let balancer = Balancer::new(seed + 1);
        // Two clocks that both keep to the leeway may lie a whole leeway apart.
        let reach = if breach == Some(Breach::Clocks) { 4000 } else { 500 };
        let mut offsets = (0..20).map(|_| i64::try_from(dice.below(2 * reach + 1)).unwrap() - reach as i64);
        let mut clock = || {
            let offset = offsets.next().unwrap();
            (Arc::new(ManualClock::at(Timestamp::from_millis(START.millis() + offset))), offset)
        };
        let members = (0..ISSUERS)
            .map(|_| {
                let (clock, offset) = clock();
                Member {
                    clock,
                    offset,
                    connection: rows.connect(),
                    contract: contract_of(20, 2, 8),
                    running: None,
                    read_at: Duration::ZERO,
                    next_at: Duration::ZERO,
                    sleeps_until: Duration::ZERO,
                    leaps_until: Duration::ZERO,
                }
            })
            .collect();
        let ours = vec![
            Ours::remote(&balancer, clock().0, seed + 2, 1 << 20),
            Ours::remote(&balancer, clock().0, seed + 3, 0),
        ];
        let mut strangers: Vec<_> =
            (0..3).map(|hurries| Stranger::new(&balancer, clock().0, hurries)).collect();
        for stranger in &mut strangers {
            match breach {
                Some(Breach::SharedCaches) => stranger.too_long[0] = seconds(5),
                Some(Breach::VerifierCaches) => stranger.too_long[1] = seconds(5),
                _ => {}
            }
        }
        let contract = contract_of(20, 2, 8);
        let mut story = Self {
            dice,
            breach,
            elapsed: Duration::ZERO,
            rows,
            balancer,
            members,
            hears_since: vec![Some(Duration::ZERO); ours.len()],
            ours,
            strangers,
            tokens: Vec::new(),
            sessions: (0..6).map(|number| format!("session-{number}")).collect(),
            ended: HashMap::new(),
            announced: HashMap::new(),
            revoked: HashMap::new(),
            hurried: HashMap::new(),
            bound: contract.revocation_bound(),
            lead: contract.lead(),
            made: seed.wrapping_mul(1_000_003),
            tally: Tally::default(),
        };
        if story.dice.in_thousand(100) {
            // A deployment whose first key comes from elsewhere.
            let rotation = story.rotation(0);
            let key = story.foreign_key();
            rotation.import(&key, Adoption::Successor, "operator").await.unwrap();
        }
        story
    }

    fn fresh_seed(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    fn foreign_key(&mut self) -> ForeignKey {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&self.fresh_seed().to_le_bytes());
        let seed = Seed::new(bytes);
        let public = SigningKey::from_seed(&seed).unwrap().public();
        ForeignKey { kid: thumbprint(&public), public, seed: Some(seed) }
    }

    fn rotation(&mut self, which: usize) -> Rotation<Connection> {
        let entropy = Arc::new(SeededEntropy::new(self.fresh_seed()));
        let vault = Arc::new(Vault::new(master(1), Vec::new(), entropy));
        let member = &self.members[which];
        Rotation::new(member.connection.clone(), vault, member.contract, member.clock.clone())
    }

    async fn tick(&mut self) -> Result<(), String> {
        self.elapsed += TICK;
        let elapsed = self.elapsed;
        self.rows.advance_to(elapsed);
        for member in &self.members {
            if elapsed < member.sleeps_until {
                continue; // neither of its clocks is asked before it wakes
            }
            member.clock.advance(TICK);
            if member.is_sane(elapsed) {
                // After a sleep or a leap, somebody has set the clock right.
                let right = START.after(elapsed).millis() + member.offset;
                member.clock.set_wall(Timestamp::from_millis(right));
            }
        }
        for clock in
            self.ours.iter().map(|ours| &ours.clock).chain(self.strangers.iter().map(|one| &one.clock))
        {
            clock.advance(TICK);
        }
        self.mishaps();
        self.members_live().await?;
        self.note_news()?;
        self.balance();
        // Lets the tasks of the key caches run.
        tokio::time::advance(TICK).await;
        self.operator().await?;
        self.note_news()?;
        self.people_sign_out();
        self.hear_of_ended_sessions();
        for stranger in &mut self.strangers {
            stranger.live(elapsed);
        }
        self.issue().await?;
        self.check().await
    }

    /// Everything that nobody asked for.
    fn mishaps(&mut self) {
        let elapsed = self.elapsed;
        for which in 0..ISSUERS {
            let dice = &self.dice;
            let member = &mut self.members[which];
            if dice.in_thousand(8) {
                member.connection.cut(!member.connection.is_cut());
            } else if dice.in_thousand(15) {
                let points = [Crash::Reading, Crash::BeforeCommit, Crash::AfterCommit];
                member.connection.crash_at(points[dice.place(points.len())]);
            } else if dice.in_thousand(4) && elapsed >= member.sleeps_until {
                // Its clocks stand still, so that monotonic time knows nothing of it; when it wakes, wall time is right.
                member.sleeps_until = elapsed + TICK * (1 + u32::try_from(dice.below(150)).unwrap());
            } else if dice.in_thousand(4) && member.running.is_some() {
                let far = i64::try_from(dice.below(400 * 86_400_000)).unwrap() + 60_000;
                let leap = if dice.in_thousand(700) { far } else { -far };
                member.leaps_until = elapsed + TICK * (1 + u32::try_from(dice.below(40)).unwrap());
                let now = member.clock.now().millis();
                member.clock.set_wall(Timestamp::from_millis(now + leap));
            }
        }
        for number in 0..self.ours.len() {
            if self.dice.in_thousand(8) {
                self.ours[number].toggle();
            }
            if self.dice.in_thousand(8) {
                let hears = &mut self.hears_since[number];
                *hears = if hears.is_some() { None } else { Some(elapsed) };
            }
            if self.dice.in_thousand(4) {
                // A new process: nothing is cached, and the database is asked before anything else.
                let (clock, memory) =
                    (self.ours[number].clock.clone(), if number == 0 { 1 << 20 } else { 0 });
                let seed = self.fresh_seed();
                self.ours[number] = Ours::remote(&self.balancer, clock, seed, memory);
                self.hears_since[number] = Some(elapsed);
                self.recall(number);
            }
        }
        for stranger in &mut self.strangers {
            if self.dice.in_thousand(8) {
                stranger.toggle();
            }
        }
    }

    /// Processes that are down start, those that run read the rows when they should.
    async fn members_live(&mut self) -> Result<(), String> {
        let elapsed = self.elapsed;
        for which in 0..ISSUERS {
            if self.members[which].connection.has_crashed() {
                self.tally.crashes += 1;
                let member = &mut self.members[which];
                member.running = None;
                member.connection = self.rows.connect();
                member.next_at = elapsed + TICK * u32::try_from(self.dice.below(12)).unwrap();
                // A process that starts with a wrong clock has nothing to tell it by.
                member.leaps_until = Duration::ZERO;
                continue;
            }
            let restarts = self.dice.in_thousand(5);
            let member = &self.members[which];
            if elapsed < member.sleeps_until || (elapsed < member.next_at && !restarts) {
                continue;
            }
            if member.running.is_none() || (restarts && member.is_sane(elapsed)) {
                self.start(which).await?;
                continue;
            }
            let member = &mut self.members[which];
            let worker = &member.running.as_ref().unwrap().worker;
            match worker.settle().await {
                Ok(()) => member.read_at = elapsed,
                Err(RotationFault::Rows(_)) => {}
                Err(fault) => return Err(format!("process {which} could not settle: {fault}")),
            }
            let reload = member.contract.reload();
            let late = if self.breach == Some(Breach::Reload) { seconds(6) } else { Duration::ZERO };
            // At the latest when it has promised to, and at the next deadline.
            let sooner = worker.keyring().health().next_deadline.map(|at| at.since(member.clock.now()));
            let pause = reload.min(sooner.unwrap_or(reload)).max(TICK) + late;
            let early = self.dice.below(2) == 0 && late.is_zero();
            member.next_at = elapsed + if early { TICK } else { pause };
        }
        Ok(())
    }

    async fn start(&mut self, which: usize) -> Result<(), String> {
        let elapsed = self.elapsed;
        let contracts =
            [contract_of(20, 2, 8), contract_of(20, 2, 8), contract_of(30, 3, 6), contract_of(25, 1, 12)];
        self.members[which].contract = contracts[self.dice.place(contracts.len())];
        let rotation = self.rotation(which);
        let seed = self.fresh_seed();
        let member = &mut self.members[which];
        member.next_at = elapsed + TICK * 4;
        member.running = match RotationWorker::start(rotation).await {
            Ok(worker) => {
                let profile = TokenProfile {
                    issuer: ISSUER.to_owned(),
                    audience: AUDIENCE.to_owned(),
                    ttl: member.contract.token_ttl(),
                };
                let entropy = Arc::new(SeededEntropy::new(seed));
                let keyring = worker.keyring();
                let room = Ours::local(&keyring, member.clock.clone(), 1 << 20);
                let issuer = Issuer::new(keyring, Signature::Keyring, profile, member.clock.clone(), entropy);
                member.read_at = elapsed;
                self.bound = self.bound.max(member.contract.revocation_bound());
                self.lead = self.lead.max(member.contract.lead());
                let ended = self.ended.iter().map(|(sid, ended)| (sid.clone(), ended.forget_at));
                room.revocations.add(ended);
                Some(Running { worker, issuer, room, signer: None })
            }
            Err(RotationFault::Rows(_)) => None,
            Err(fault) => return Err(format!("process {which} does not start: {fault}")),
        };
        Ok(())
    }

    /// Takes note of what was written, and judges it.
    fn note_news(&mut self) -> Result<(), String> {
        if let Some(fault) = self.rows.fault() {
            return Err(fault);
        }
        let news = self.rows.news();
        for News { at, event, lead } in &news {
            match event.event {
                Event::Announced | Event::Imported => drop(self.announced.insert(event.kid.clone(), *at)),
                Event::Revoked => {
                    self.tally.revocations += 1;
                    self.revoked.insert(event.kid.to_string(), *at);
                }
                Event::Retired => self.tally.rotations += 1,
                Event::Activated => {
                    let public_for = *at - self.announced[&event.kid];
                    // The two clocks that stamped and judged may differ.
                    let known = public_for + LEEWAY >= *lead;
                    let succeeds = news.iter().any(|News { event: other, .. }| {
                        other.event == Event::Retired && other.actor == event.actor && other.at == event.at
                    });
                    if !known && succeeds && event.actor == "rotation" {
                        return Err(format!("{} signs after {public_for:?} in public", event.kid));
                    }
                    if !known {
                        self.hurried.insert(event.kid.to_string(), *at + self.lead);
                    }
                }
                Event::Extended | Event::Requested | Event::Removed | Event::Rewrapped => {}
            }
        }
        // The word of a change reaches some of the others at once.
        if !news.is_empty() {
            for member in &mut self.members {
                if self.dice.in_thousand(600) && self.breach != Some(Breach::Reload) {
                    member.next_at = self.elapsed;
                }
            }
        }
        Ok(())
    }

    /// Tells the balancer who answers: those that are ready, as /readyz says.
    fn balance(&self) {
        let elapsed = self.elapsed;
        let serves = |member: &&Member| match self.breach {
            Some(Breach::Reload) => member.is_awake(elapsed),
            _ => member.is_fresh(elapsed),
        };
        let serving = self.members.iter().filter(serves).filter_map(|member| {
            let running = member.running.as_ref()?;
            Some(Serving { keyring: Arc::downgrade(&running.worker.keyring()), clock: member.clock.clone() })
        });
        self.balancer.set(serving.collect(), 50);
    }

    /// Orders, given through a process that works.
    async fn operator(&mut self) -> Result<(), String> {
        let works = |member: &Member| {
            member.is_fresh(self.elapsed) && member.is_sane(self.elapsed) && !member.connection.is_cut()
        };
        let Some(which) = self.members.iter().position(works) else { return Ok(()) };
        let luck = self.dice.below(1000);
        if luck >= 22 {
            return Ok(());
        }
        let key = self.foreign_key();
        let worker = &self.members[which].running.as_ref().unwrap().worker;
        let rotation = worker.rotation();
        let outcome = match luck {
            0..12 => rotation.request_rotation("operator").await.map(drop),
            12..15 => rotation.rotate_now("operator").await.map(drop),
            15..19 => match worker.keyring().health().active {
                Some(kid) => rotation.revoke(&kid, "operator", "test", WhenSealed::Refuse).await.map(drop),
                None => Ok(()),
            },
            _ => rotation.import(&key, Adoption::Successor, "operator").await.map(drop),
        };
        match outcome {
            // Somebody else was there first, or the process died over it.
            Ok(())
            | Err(RotationFault::Rows(_) | RotationFault::UnknownKey(_) | RotationFault::SuccessorWaits(_)) => {
                Ok(())
            }
            Err(fault) => Err(format!("an order failed: {fault}")),
        }
    }

    fn people_sign_out(&mut self) {
        if !self.dice.in_thousand(40) {
            return;
        }
        let Some(which) = self.members.iter().position(|member| {
            member.is_fresh(self.elapsed) && member.is_sane(self.elapsed) && !member.connection.is_cut()
        }) else {
            return;
        };
        let next = format!("session-{}", self.fresh_seed());
        let place = self.dice.place(self.sessions.len());
        let sid = std::mem::replace(&mut self.sessions[place], next);
        let member = &self.members[which];
        // The longest token of any process that signs for this deployment.
        let forget_at = member.clock.now().after(seconds(12) + 3 * LEEWAY);
        member.running.as_ref().unwrap().room.revocations.end([(sid.clone(), forget_at)]);
        for ours in &self.ours {
            if self.dice.in_thousand(700) && self.breach.is_none() {
                ours.revocations.add([(sid.clone(), forget_at)]);
            }
        }
        self.ended.insert(sid, Ended { at: self.elapsed, forget_at });
        self.tally.ended_sessions += 1;
    }

    /// Reads the ended sessions from the database, as every process does now and then.
    fn hear_of_ended_sessions(&mut self) {
        let late = if self.breach == Some(Breach::Recall) { seconds(8) } else { Duration::ZERO };
        for number in 0..self.ours.len() {
            let due = self.elapsed >= self.ours[number].asked_at + RECALL + late;
            if due && self.hears_since[number].is_some() {
                self.recall(number);
                self.ours[number].revocations.sweep();
            }
        }
        for member in &mut self.members {
            if !member.is_awake(self.elapsed) || member.connection.is_cut() {
                continue;
            }
            let room = &mut member.running.as_mut().unwrap().room;
            if self.elapsed >= room.asked_at + RECALL + late {
                room.asked_at = self.elapsed;
                let now = room.clock.now();
                let living = self.ended.iter().filter(|(_, ended)| ended.forget_at > now);
                room.revocations.add(living.map(|(sid, ended)| (sid.clone(), ended.forget_at)));
                room.revocations.sweep();
            }
        }
    }

    fn recall(&mut self, number: usize) {
        let ours = &mut self.ours[number];
        ours.asked_at = self.elapsed;
        let now = ours.clock.now();
        let living = self.ended.iter().filter(|(_, ended)| ended.forget_at > now);
        ours.revocations.add(living.map(|(sid, ended)| (sid.clone(), ended.forget_at)));
    }

    /// Somebody gets a token, wherever they are sent.
    async fn issue(&mut self) -> Result<(), String> {
        let elapsed = self.elapsed;
        let which = self.dice.place(ISSUERS);
        let sid = self.sessions[self.dice.place(self.sessions.len())].clone();
        let member = &mut self.members[which];
        if !member.is_awake(elapsed) || !member.is_sane(elapsed) || self.dice.in_thousand(400) {
            return Ok(());
        }
        let (clock, contract) = (member.clock.clone(), member.contract);
        let running = member.running.as_mut().unwrap();
        let keyring = running.worker.keyring();
        if let Some(signer) = keyring.signer() {
            running.signer = Some(signer);
        }
        let text = match self.breach {
            Some(Breach::TokenLife) => {
                let Some(signer) = keyring.signer() else { return Ok(()) };
                mint(&signer, &sid, clock.now(), contract.token_ttl() + seconds(6))
            }
            Some(Breach::SignsBlind) => {
                let Some(signer) = &running.signer else { return Ok(()) };
                mint(signer, &sid, clock.now(), contract.token_ttl())
            }
            _ => {
                if keyring.signer().is_none() {
                    return Ok(()); // it would wait for the rows
                }
                let (user, session) = person(&sid);
                running.issuer.issue(&user, &session).await.map_err(|fault| format!("no token: {fault}"))?
            }
        };
        let kid = Unverified::parse(&text).map_err(|fault| fault.to_string())?.kid().unwrap().to_owned();
        if keyring.published().set.get(&kid).is_none() {
            return Err(format!("process {which} signs with {kid}, which it does not publish"));
        }
        let claims = text.split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&signet::token::base64url::decode(claims).unwrap()).unwrap();
        let exp = Timestamp::from_seconds(claims["exp"].as_i64().unwrap());
        self.tokens.push(Bearer { text, kid, sid, exp });
        Ok(())
    }

    async fn check(&mut self) -> Result<(), String> {
        let elapsed = self.elapsed;
        let now = START.after(elapsed);
        self.tokens.retain(|token| now < token.exp.after(3 * LEEWAY));
        for member in self.members.iter().filter_map(|member| member.running.as_ref()) {
            let published = member.worker.keyring().published();
            if published.set.is_empty() || published.json.windows(3).any(|window| window == b"\"d\"") {
                return Err("a key set is empty, or holds a private half".to_owned());
            }
        }
        // The newest and the oldest ones, and some in between.
        let mut chosen: Vec<usize> = (0..self.tokens.len().min(2)).collect();
        chosen.extend((0..self.tokens.len()).rev().take(1));
        chosen.extend((0..3).map(|_| self.dice.place(self.tokens.len())));
        for (turn, place) in chosen.into_iter().enumerate() {
            let Some(token) = self.tokens.get(place) else { continue };
            for (number, stranger) in self.strangers.iter().enumerate() {
                let name = format!("stranger {number}");
                self.tally.verifications += 1;
                let verdict = stranger.verdict(token);
                self.judge(&name, token, verdict, stranger.clock.now(), stranger.is_fresh(elapsed), None)?;
            }
            for (number, ours) in self.ours.iter().enumerate() {
                if number > 0 && turn % 3 != 0 {
                    continue; // the one that remembers nothing is slow
                }
                let name = format!("verifier {number}");
                self.tally.verifications += 1;
                let verdict = ours.verdict(token).await;
                let hears = self.hears_since[number];
                self.judge(&name, token, verdict, ours.clock.now(), ours.is_fresh(), hears)?;
            }
            for (number, member) in self.members.iter().enumerate() {
                let is_off =
                    !member.is_fresh(elapsed) || !member.is_sane(elapsed) || member.connection.is_cut();
                if is_off || turn % 3 != number {
                    continue;
                }
                let room = &member.running.as_ref().unwrap().room;
                self.tally.verifications += 1;
                let verdict = room.verdict(token).await;
                // While its clock showed nonsense it took ended sessions for forgotten ones.
                let hears = (elapsed - room.asked_at <= RECALL).then_some(member.leaps_until);
                self.judge(&format!("issuer {number}"), token, verdict, member.clock.now(), true, hears)?;
            }
        }
        Ok(())
    }

    /// Whether a verdict is one that the promises allow. `fresh`: the verifier's keys are within their life; `hears`:
    /// since when it has heard of ended sessions, if it does.
    fn judge(
        &self,
        name: &str,
        token: &Bearer,
        verdict: Verdict,
        now: Timestamp,
        fresh: bool,
        hears: Option<Duration>,
    ) -> Result<(), String> {
        let elapsed = self.elapsed;
        let revoked = self.revoked.get(&token.kid);
        let ended = self.ended.get(&token.sid);
        let accepted = verdict == Verdict::Accepted;
        if accepted && now >= token.exp.after(LEEWAY) {
            return Err(format!("{name} accepts a token that has expired"));
        }
        if accepted && fresh && revoked.is_some_and(|at| elapsed > *at + self.bound) {
            return Err(format!(
                "{name} accepts a token of {}, revoked {:?} ago",
                token.kid,
                elapsed - *revoked.unwrap()
            ));
        }
        if let (true, Some(ended), Some(hears)) = (accepted, ended, hears)
            && elapsed > ended.at.max(hears) + RECALL + TICK
        {
            return Err(format!(
                "{name} accepts a token of a session that ended {:?} ago",
                elapsed - ended.at
            ));
        }
        let unknown_yet = self.hurried.get(&token.kid).is_some_and(|until| elapsed <= *until);
        let lives = revoked.is_none() && ended.is_none() && now < token.exp && !unknown_yet;
        match verdict {
            Verdict::Refused(why) if lives && fresh => {
                let left = token.exp.since(now);
                Err(format!("{name} refuses ({why}) a token of {} with {left:?} to live", token.kid))
            }
            Verdict::Refused(why) if lives && why != "unknown_kid" => {
                Err(format!("{name} refuses ({why}) a token that lives"))
            }
            Verdict::Unavailable if fresh => Err(format!("{name} has keys and says that it has none")),
            _ => Ok(()),
        }
    }
}

fn person(sid: &str) -> (User, Session) {
    let user = User {
        id: "ada".to_owned(),
        email: "ada@example.com".to_owned(),
        email_verified: false,
        name: "Ada".to_owned(),
        image: None,
        created_at: START,
        updated_at: START,
    };
    let session = Session {
        id: sid.to_owned(),
        user_id: user.id.clone(),
        created_at: START,
        updated_at: START,
        expires_at: START.after(seconds(86_400)),
        remember: Remember::Yes,
        ip_address: String::new(),
        user_agent: String::new(),
    };
    (user, session)
}

/// A token that asks nobody how long it may live.
fn mint(signer: &Signer, sid: &str, now: Timestamp, life: Duration) -> String {
    let (user, _) = person(sid);
    let claims = IssuedClaims {
        iat: now.seconds(),
        user: UserClaims {
            name: &user.name,
            email: &user.email,
            email_verified: false,
            image: None,
            created_at: START.iso_8601(),
            updated_at: START.iso_8601(),
            id: &user.id,
        },
        sub: &user.id,
        sid,
        jti: "minted",
        exp: now.after(life).seconds(),
        iss: ISSUER,
        aud: Some(AUDIENCE),
        user_id_camel: None,
        user_id_snake: None,
    };
    sign::eddsa(&signer.key, &signer.kid, &claims).unwrap()
}
