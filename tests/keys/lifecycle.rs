//! The state machine alone, under schedules that no operator would wish for.

use std::sync::OnceLock;
use std::time::Duration;

use proptest::prelude::*;
use signet::keys::generator::{Generator, SystemGenerator};
use signet::model::algorithms::Algorithms;
use signet::model::contract::{Contract, Terms};
use signet::model::signing_key::{
    Event, KeyRecord, KeyState, Transition, WrongState, apply, due, next_deadline, published,
    session_algorithm,
};
use signet_verify::clock::SeededEntropy;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::Algorithm;
use signet_verify::crypto::PublicKey;
use signet_verify::jose::jwk::Kid;

use super::support::{START, contract, contract_for, contract_of, seconds};

/// Rows, a clock, and the number of keys made so far.
struct Issuer {
    contract: Contract,
    keys: Vec<KeyRecord>,
    now: Timestamp,
    made: u64,
}

impl Issuer {
    fn new(contract: Contract) -> Self {
        Self { contract, keys: Vec::new(), now: START, made: 0 }
    }

    fn take(&mut self, step: &Transition) {
        self.made += 1;
        let fresh = |algorithm| Ok(key(self.made, algorithm));
        apply::<WrongState>(&mut self.keys, step, fresh, &self.contract, self.now).unwrap();
    }

    /// Takes a step that was due when something signed already, or when nothing did: a start, or after a revocation.
    fn take_due(&mut self, step: &Transition, something_signs: bool) {
        match step {
            Transition::Promote { kid, .. } if something_signs => {
                let key = self.keys.iter().find(|key| key.kid == *kid).unwrap();
                let known = key.announced_at.after(key.lead.max(self.contract.lead()));
                assert!(self.now >= known, "signs too early: {key:?}");
            }
            Transition::Bootstrap { algorithm } => {
                assert!(!something_signs, "signs unannounced");
                assert!(self.contract.algorithms().contains(*algorithm), "{algorithm} is not configured");
            }
            Transition::Announce { algorithm } => {
                assert!(self.contract.algorithms().contains(*algorithm), "{algorithm} is not configured");
            }
            _ => {}
        }
        self.take(step);
        let signs = !self.in_state(KeyState::Active).is_empty();
        assert!(signs || !something_signs, "the last key that signs goes by {step:?}");
    }

    /// Takes every step that is due, as a worker does.
    fn reconcile(&mut self) {
        for round in 0.. {
            let steps = due(&self.keys, &self.contract, self.now);
            if steps.is_empty() {
                return;
            }
            assert!(round < 10, "never at rest: {steps:?}");
            let something_signs = !self.in_state(KeyState::Active).is_empty();
            for step in steps {
                self.take_due(&step, something_signs);
                self.check_always();
            }
        }
    }

    /// Wakes at every deadline until `end`, as a worker does.
    fn live_until(&mut self, end: Timestamp) {
        while let Some(deadline) = next_deadline(&self.keys, &self.contract).filter(|at| *at <= end) {
            self.now = deadline;
            self.reconcile();
            self.check_settled();
        }
        self.now = end;
    }

    fn in_state(&self, state: KeyState) -> Vec<&KeyRecord> {
        self.keys.iter().filter(|key| key.state == state).collect()
    }

    fn of(&self, algorithm: Algorithm, state: KeyState) -> Vec<&KeyRecord> {
        self.in_state(state).into_iter().filter(|key| key.algorithm() == algorithm).collect()
    }

    /// What holds after every single step.
    fn check_always(&self) {
        for algorithm in Algorithm::ALL {
            assert!(self.of(algorithm, KeyState::Active).len() <= 1, "{algorithm}");
            assert!(self.of(algorithm, KeyState::Pending).len() <= 1, "{algorithm}");
        }
        for key in &self.keys {
            if let (Some(retired), Some(removed)) = (key.retired_at, key.removed_at) {
                assert!(removed >= retired.after(key.retain), "gone too early: {key:?}");
            }
        }
        let signs = !self.in_state(KeyState::Active).is_empty();
        assert_eq!(
            session_algorithm(&self.keys, &self.contract).is_some(),
            signs,
            "whether a key could sign"
        );
    }

    /// What holds whenever the worker has had its turn.
    fn check_settled(&self) {
        self.check_always();
        let signs = session_algorithm(&self.keys, &self.contract).expect("session tokens are signed");
        let configured = self.contract.algorithms();
        for algorithm in configured.iter() {
            let has = |state| !self.of(algorithm, state).is_empty();
            assert!(has(KeyState::Active) || has(KeyState::Pending), "{algorithm} is on its way at least");
        }
        let earlier = configured.iter().take_while(|algorithm| *algorithm != signs);
        assert!(earlier.clone().all(|earlier| self.of(earlier, KeyState::Active).is_empty()), "{signs}");
        for key in self.keys.iter().filter(|key| key.state.signs()) {
            assert!(key.lead >= self.contract.lead() && key.retain >= self.contract.retain(), "{key:?}");
        }
        let public = published(&self.keys, self.now);
        assert!(public.iter().any(|key| key.state == KeyState::Active));
        assert!(public.is_sorted_by_key(|key| key.algorithm()), "the algorithms keep their order");
        let newest_first = |pair: &[&KeyRecord]| {
            pair[0].algorithm() != pair[1].algorithm() || pair[0].announced_at >= pair[1].announced_at
        };
        assert!(public.windows(2).all(newest_first), "newest first");
        assert!(public.iter().all(|key| !matches!(key.state, KeyState::Removed | KeyState::Revoked)));
        assert!(
            next_deadline(&self.keys, &self.contract).unwrap() > self.now,
            "nothing due, yet a deadline has passed"
        );
    }
}

/// A key that never signs: the state machine knows it by its name, so one public half of each algorithm will do.
fn key(number: u64, algorithm: Algorithm) -> (Kid, PublicKey) {
    static HALVES: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let halves = HALVES.get_or_init(|| {
        let generator = SystemGenerator::new(std::sync::Arc::new(SeededEntropy::new(1)));
        Algorithm::ALL.into_iter().map(|algorithm| generator.generate(algorithm).unwrap().1).collect()
    });
    let public = halves.iter().find(|half| half.algorithm() == algorithm).unwrap().clone();
    (Kid::parse(&format!("key-{number}")).unwrap(), public)
}

#[derive(Clone, Debug)]
enum Happening {
    /// The worker sleeps, then has its turn.
    Sleep(Duration),
    /// The worker wakes at every deadline of this span.
    Live(Duration),
    /// The wall clock is set.
    Set(i64),
    Rotate(Algorithm),
    RotateNow(Algorithm),
    Revoke(Algorithm, KeyState),
    /// The process starts again with other settings.
    Restart(Contract),
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![0_u64..2_000, 0_u64..120_000, 0_u64..90 * 86_400_000].prop_map(Duration::from_millis)
}

fn algorithm() -> impl Strategy<Value = Algorithm> {
    proptest::sample::select(Algorithm::ALL.to_vec())
}

/// One, two or three of them, in any order.
fn algorithms() -> impl Strategy<Value = Algorithms> {
    (1..=3_usize, Just(Algorithm::ALL.to_vec()).prop_shuffle())
        .prop_map(|(count, list)| Algorithms::new(list.into_iter().take(count)).unwrap())
}

fn contracts() -> impl Strategy<Value = Contract> {
    let spans = proptest::sample::select(vec![(60, 4, 10), (600, 60, 900), (20, 2, 1)]);
    (spans, algorithms()).prop_map(|((rotate, max_age, ttl), list)| contract_for(rotate, max_age, ttl, list))
}

fn happening() -> impl Strategy<Value = Happening> {
    let state = proptest::sample::select(vec![KeyState::Active, KeyState::Pending, KeyState::Retiring]);
    prop_oneof![
        4 => span().prop_map(Happening::Sleep),
        4 => (0_u64..200_000).prop_map(Duration::from_millis).prop_map(Happening::Live),
        1 => prop_oneof![-100_000_i64..100_000, -40_000_000_000_i64..40_000_000_000].prop_map(Happening::Set),
        2 => algorithm().prop_map(Happening::Rotate),
        1 => algorithm().prop_map(Happening::RotateNow),
        2 => (algorithm(), state).prop_map(|(algorithm, state)| Happening::Revoke(algorithm, state)),
        2 => contracts().prop_map(Happening::Restart),
    ]
}

impl Issuer {
    /// Names the key that takes over, and makes one if there is none; none for an algorithm that is not configured.
    fn successor(&mut self, algorithm: Algorithm) -> Option<Kid> {
        if !self.contract.algorithms().contains(algorithm) {
            return None;
        }
        if self.of(algorithm, KeyState::Pending).is_empty() {
            self.take(&Transition::Announce { algorithm });
        }
        Some(self.of(algorithm, KeyState::Pending)[0].kid.clone())
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Sleep(span) => self.now = self.now.after(span),
            Happening::Live(span) => self.live_until(self.now.after(span)),
            Happening::Set(millis) => self.now = Timestamp::from_millis(self.now.millis() + millis),
            Happening::Rotate(algorithm) => {
                if let Some(kid) = self.successor(algorithm) {
                    self.take(&Transition::Request { kid });
                }
            }
            Happening::RotateNow(algorithm) => {
                if let Some(kid) = self.successor(algorithm) {
                    let retires = self.of(algorithm, KeyState::Active).first().map(|key| key.kid.clone());
                    self.take(&Transition::Promote { kid, retires });
                }
            }
            Happening::Revoke(algorithm, state) => {
                let kid = self.of(algorithm, state).first().map(|key| key.kid.clone());
                if let Some(kid) = kid {
                    self.take(&Transition::Revoke { kid, reason: "test".to_owned() });
                }
            }
            Happening::Restart(contract) => self.contract = contract,
        }
    }
}

proptest! {
    #[test]
    fn lifecycle_lets_only_announced_keys_sign_and_never_empties_the_set(
        contract in contracts(), story in proptest::collection::vec(happening(), 1..60)
    ) {
        let mut issuer = Issuer::new(contract);
        issuer.reconcile();
        issuer.check_settled();
        for happening in story {
            issuer.happens(happening);
            issuer.reconcile();
            issuer.check_settled();
        }
    }

    #[test]
    fn lifecycle_lets_no_key_sign_longer_than_its_interval_while_the_worker_runs(
        rotate in 20_u64..1_000, max_age in 1_u64..5, ttl in 1_u64..30, leeway in 0_u64..5, list in algorithms()
    ) {
        let terms = Terms {
            rotate_every: seconds(rotate), jwks_max_age: seconds(max_age), token_ttl: seconds(ttl), leeway: seconds(leeway),
            algorithms: list,
        };
        let contract = Contract::new(terms);
        prop_assume!(contract.is_ok());
        let mut issuer = Issuer::new(contract.unwrap());
        issuer.reconcile();
        for algorithm in list.iter() {
            prop_assert_eq!(issuer.of(algorithm, KeyState::Active).len(), 1, "all begin at once");
        }
        for _ in 0..40 {
            issuer.now = next_deadline(&issuer.keys, &issuer.contract).unwrap();
            issuer.reconcile();
            issuer.check_settled();
        }
        for key in &issuer.keys {
            if let (Some(activated), Some(retired)) = (key.activated_at, key.retired_at) {
                prop_assert_eq!(retired, activated.after(issuer.contract.rotate_every()));
                prop_assert!(activated == START || activated == key.announced_at.after(issuer.contract.lead()));
                prop_assert!(key.removed_at.is_none_or(|at| at == retired.after(issuer.contract.retain())));
            }
        }
        for algorithm in list.iter() {
            let made = issuer.keys.iter().filter(|key| key.algorithm() == algorithm).count();
            prop_assert!(made >= 10, "{} keys of {}", made, algorithm);
        }
    }

    #[test]
    fn lifecycle_of_instances_with_different_lists_makes_no_more_keys_than_one_alone(
        lists in proptest::collection::vec(algorithms(), 2..4), turns in proptest::collection::vec((0..4_usize, 0_u64..40_000), 200)
    ) {
        let mut issuer = Issuer::new(contract_for(60, 4, 10, lists[0]));
        for (turn, pause) in turns {
            issuer.contract = contract_for(60, 4, 10, lists[turn % lists.len()]);
            issuer.reconcile();
            issuer.check_settled();
            issuer.now = issuer.now.after(Duration::from_millis(pause));
        }
        let intervals = issuer.now.since(START).as_secs() / 60;
        for algorithm in Algorithm::ALL {
            let made = issuer.keys.iter().filter(|key| key.algorithm() == algorithm).count() as u64;
            let wanted = lists.iter().any(|list| list.contains(algorithm));
            let most = if wanted { intervals + 2 } else { 0 };
            prop_assert!(made <= most, "{} keys of {} in {} intervals", made, algorithm, intervals);
        }
    }
}

proptest! {
    /// The database lets one key wait at most; the state machine alone does not rely on that.
    #[test]
    fn of_each_algorithm_exactly_one_key_signs_however_many_wait_for_it(
        contract in contracts(),
        waiting in proptest::collection::vec((algorithm(), 0_u64..200_000, any::<bool>()), 0..10),
        signing in proptest::sample::subsequence(Algorithm::ALL.to_vec(), 0..=3),
    ) {
        let mut issuer = Issuer::new(contract);
        for (number, (algorithm, ago, is_requested)) in (1_000..).zip(waiting) {
            let (kid, public) = key(number, algorithm);
            let at = START.before(Duration::from_millis(ago));
            let requested_at = is_requested.then_some(at);
            issuer.keys.push(KeyRecord { requested_at, ..KeyRecord::announced(kid, public, &contract, at) });
        }
        for (number, algorithm) in (2_000..).zip(&signing) {
            let (kid, public) = key(number, *algorithm);
            let key = KeyRecord::announced(kid, public, &contract, START);
            issuer.keys.push(KeyRecord { state: KeyState::Active, activated_at: Some(START), ..key });
        }
        let at_first = Algorithm::ALL.map(|algorithm| issuer.of(algorithm, KeyState::Pending).len());
        let longest_known = |keys: &[KeyRecord], algorithm| {
            let waiting = keys.iter().filter(|key| key.algorithm() == algorithm && key.state == KeyState::Pending);
            waiting.map(|key| key.announced_at).min()
        };
        for round in 0.. {
            let steps = due(&issuer.keys, &issuer.contract, issuer.now);
            prop_assert!(round < 30, "never at rest: {:?}", steps);
            let before = issuer.keys.clone();
            for step in &steps {
                issuer.take(step);
                for algorithm in Algorithm::ALL {
                    prop_assert!(issuer.of(algorithm, KeyState::Active).len() <= 1, "{} by {:?}", algorithm, step);
                }
                if let Transition::Promote { kid, .. } = step {
                    let key = before.iter().find(|key| key.kid == *kid).unwrap();
                    prop_assert_eq!(Some(key.announced_at), longest_known(&before, key.algorithm()));
                }
            }
            if steps.is_empty() {
                break;
            }
        }
        for (algorithm, at_first) in Algorithm::ALL.into_iter().zip(at_first) {
            let [active, pending] = [KeyState::Active, KeyState::Pending].map(|state| issuer.of(algorithm, state));
            if signing.is_empty() && (at_first > 0 || contract.algorithms().contains(algorithm)) {
                prop_assert_eq!(active.len(), 1, "{}", algorithm);
            }
            if pending.iter().all(|key| key.requested_at.is_none()) && signing.is_empty() && at_first > 0 {
                let asked_for = issuer.keys.iter().filter(|key| key.algorithm() == algorithm);
                let asked_for = asked_for.filter(|key| key.requested_at.is_some()).count();
                prop_assert!(pending.len() + 1 + asked_for >= at_first, "nobody asked for more of {}", algorithm);
            }
        }
    }
}

#[test]
fn due_announces_a_new_algorithm_for_its_lead_while_the_others_sign() {
    let list = |list: &str| contract_for(60, 4, 10, list.parse().unwrap());
    let mut issuer = Issuer::new(list("EdDSA"));
    issuer.reconcile();
    // It comes first in the list: the one that signs today goes on until every cache knows the new one.
    issuer.now = issuer.now.after(seconds(7));
    issuer.contract = list("ES256,EdDSA");
    issuer.reconcile();
    let signs = |issuer: &Issuer| session_algorithm(&issuer.keys, &issuer.contract);
    assert_eq!(issuer.of(Algorithm::Es256, KeyState::Pending)[0].announced_at, issuer.now);
    let known = issuer.now.after(issuer.contract.lead());
    issuer.live_until(known.before(Duration::from_millis(1)));
    assert_eq!(signs(&issuer), Some(Algorithm::EdDsa));
    issuer.live_until(known);
    assert_eq!(signs(&issuer), Some(Algorithm::Es256));
    assert_eq!(issuer.of(Algorithm::EdDsa, KeyState::Active).len(), 1, "it has a life of its own");
}

#[test]
fn due_gives_a_removed_algorithm_no_successor_and_lets_it_sign_until_the_new_one_may() {
    let list = |list: &str| contract_for(60, 4, 10, list.parse().unwrap());
    let mut issuer = Issuer::new(list("EdDSA"));
    issuer.reconcile();
    issuer.now = issuer.now.after(seconds(7));
    issuer.contract = list("ES256");
    issuer.reconcile();
    // No cache knows a key of the only algorithm that is configured: the other one still signs session tokens.
    assert_eq!(session_algorithm(&issuer.keys, &issuer.contract), Some(Algorithm::EdDsa));
    issuer.live_until(START.after(seconds(60)));
    assert_eq!(session_algorithm(&issuer.keys, &issuer.contract), Some(Algorithm::Es256));
    assert_eq!(issuer.of(Algorithm::EdDsa, KeyState::Retiring).len(), 1, "its time was up");
    issuer.live_until(START.after(seconds(60) + issuer.contract.retain()));
    assert!(published(&issuer.keys, issuer.now).iter().all(|key| key.algorithm() == Algorithm::Es256));
    issuer.live_until(START.after(seconds(3600)));
    let of_eddsa = issuer.keys.iter().filter(|key| key.algorithm() == Algorithm::EdDsa);
    assert_eq!(of_eddsa.count(), 1);
}

#[test]
fn due_after_a_month_without_worker_announces_first_and_signs_a_lead_later() {
    let mut issuer = Issuer::new(contract());
    issuer.reconcile();
    issuer.now = issuer.now.after(seconds(30 * 86_400));
    assert_eq!(
        due(&issuer.keys, &issuer.contract, issuer.now),
        vec![Transition::Announce { algorithm: Algorithm::EdDsa }]
    );
    issuer.reconcile();
    issuer.now = issuer.now.after(issuer.contract.lead() - Duration::from_millis(1));
    assert_eq!(due(&issuer.keys, &issuer.contract, issuer.now), vec![]);
    issuer.now = issuer.now.after(Duration::from_millis(1));
    assert!(matches!(
        due(&issuer.keys, &issuer.contract, issuer.now)[..],
        [Transition::Promote { retires: Some(_), .. }]
    ));
}

#[test]
fn due_after_a_restart_with_shorter_spans_keeps_what_was_promised() {
    let (long, short) = (contract_of(600, 60, 900), contract());
    let mut issuer = Issuer::new(long);
    issuer.reconcile();
    issuer.contract = short;
    issuer.reconcile();
    let pending = issuer.in_state(KeyState::Pending)[0].kid.clone();
    issuer.take(&Transition::Request { kid: pending });
    // Caches may still hold the set of before for the long lead, and tokens live for the long life.
    assert_eq!(next_deadline(&issuer.keys, &short), Some(issuer.now.after(long.lead())));
    issuer.now = issuer.now.after(long.lead());
    issuer.reconcile();
    let retiring = issuer.in_state(KeyState::Retiring)[0];
    assert_eq!(retiring.public_until(), issuer.now.after(long.retain()));
    // What comes after that is of the new time alone.
    issuer.take(&Transition::Announce { algorithm: Algorithm::EdDsa });
    let pending = issuer.in_state(KeyState::Pending)[0].kid.clone();
    issuer.take(&Transition::Request { kid: pending });
    assert_eq!(next_deadline(&issuer.keys, &short), Some(issuer.now.after(short.lead())));
}

#[test]
fn is_public_ends_in_time_for_a_retired_key_even_without_a_recorded_step() {
    let mut issuer = Issuer::new(contract());
    issuer.reconcile();
    for _ in 0..2 {
        issuer.now = next_deadline(&issuer.keys, &issuer.contract).unwrap();
        issuer.reconcile();
    }
    let retired = issuer.in_state(KeyState::Retiring)[0].clone();
    let end = retired.public_until();
    let public = |now| published(&issuer.keys, now).iter().any(|key| key.kid == retired.kid);
    assert!(public(end.before(Duration::from_millis(1))));
    assert!(!public(end));
}

#[test]
fn apply_of_a_step_that_does_not_fit_changes_nothing() {
    let mut issuer = Issuer::new(contract());
    issuer.reconcile();
    let before = issuer.keys.clone();
    let active = before[0].kid.clone();
    let unknown = key(99, Algorithm::EdDsa).0;
    for step in [
        Transition::Promote { kid: active.clone(), retires: None },
        Transition::Promote { kid: active.clone(), retires: Some(unknown.clone()) },
        Transition::Request { kid: active.clone() },
        Transition::Remove { kid: active },
        Transition::Revoke { kid: unknown, reason: String::new() },
    ] {
        assert!(
            apply::<WrongState>(
                &mut issuer.keys,
                &step,
                |algorithm| Ok(key(98, algorithm)),
                &contract(),
                START
            )
            .is_err(),
            "{step:?}"
        );
        assert_eq!(issuer.keys, before, "{step:?}");
    }
}

#[test]
fn a_step_to_a_second_key_that_signs_or_waits_changes_nothing() {
    let mut issuer = Issuer::new(contract_for(60, 4, 10, "EdDSA,ES256".parse().unwrap()));
    issuer.reconcile();
    let signs = |issuer: &Issuer, algorithm| issuer.of(algorithm, KeyState::Active)[0].kid.clone();
    let [eddsa, es256] = [Algorithm::EdDsa, Algorithm::Es256].map(|algorithm| signs(&issuer, algorithm));
    issuer.take(&Transition::Announce { algorithm: Algorithm::EdDsa });
    let kid = issuer.of(Algorithm::EdDsa, KeyState::Pending)[0].kid.clone();
    let before = issuer.keys.clone();
    for step in [
        Transition::Promote { kid: kid.clone(), retires: None },
        Transition::Promote { kid: kid.clone(), retires: Some(es256) },
        Transition::Announce { algorithm: Algorithm::EdDsa },
        Transition::Bootstrap { algorithm: Algorithm::EdDsa },
        Transition::Bootstrap { algorithm: Algorithm::Es256 },
    ] {
        let fresh = |algorithm| Ok(key(98, algorithm));
        let outcome = apply::<WrongState>(&mut issuer.keys, &step, fresh, &issuer.contract, issuer.now);
        assert!(outcome.is_err(), "{step:?}");
        assert_eq!(issuer.keys, before, "{step:?}");
    }
    issuer.take(&Transition::Promote { kid: kid.clone(), retires: Some(eddsa) });
    assert_eq!(signs(&issuer, Algorithm::EdDsa), kid);
}

#[test]
fn states_and_events_are_parsed_as_they_are_written() {
    use KeyState::{Active, Pending, Removed, Retiring, Revoked};
    for state in [Pending, Active, Retiring, Removed, Revoked] {
        assert_eq!(KeyState::parse(state.name()), Some(state));
    }
    for event in
        ["announced", "extended", "requested", "activated", "retired", "removed", "revoked", "rewrapped"]
    {
        assert_eq!(Event::parse(event).map(Event::name), Some(event));
    }
    assert_eq!((KeyState::parse("live"), Event::parse("made")), (None, None));
}
