//! The state machine alone, under schedules that no operator would wish for.

use std::time::Duration;

use proptest::prelude::*;
use signet::model::algorithms::Algorithms;
use signet::model::contract::{Contract, Terms};
use signet::model::signing_key::{
    Event, KeyRecord, KeyState, Transition, WrongState, apply, due, next_deadline, published,
};
use signet_verify::clock::Timestamp;
use signet_verify::crypto::{Algorithm, PublicKey, SigningKey};
use signet_verify::jose::jwk::{Kid, thumbprint};

use super::support::{START, contract, contract_of, seconds};

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
        if let Transition::Promote { kid, retires: Some(_) } = step {
            let key = self.keys.iter().find(|key| key.kid == *kid).unwrap();
            let known = key.announced_at.after(key.lead.max(self.contract.lead()));
            assert!(self.now >= known, "signs too early: {key:?}");
        }
        self.made += 1;
        let fresh = key(self.made);
        apply::<WrongState>(&mut self.keys, step, |_| Ok(fresh), &self.contract, self.now).unwrap();
    }

    /// Takes every step that is due, as a worker does.
    fn reconcile(&mut self) {
        for round in 0.. {
            let steps = due(&self.keys, &self.contract, self.now);
            if steps.is_empty() {
                return;
            }
            assert!(round < 10, "never at rest: {steps:?}");
            for step in steps {
                self.take(&step);
                self.check_always();
            }
        }
    }

    fn in_state(&self, state: KeyState) -> Vec<&KeyRecord> {
        self.keys.iter().filter(|key| key.state == state).collect()
    }

    /// What holds after every single step.
    fn check_always(&self) {
        assert!(self.in_state(KeyState::Active).len() <= 1);
        assert!(self.in_state(KeyState::Pending).len() <= 1);
        for key in &self.keys {
            if let (Some(retired), Some(removed)) = (key.retired_at, key.removed_at) {
                assert!(removed >= retired.after(key.retain), "gone too early: {key:?}");
            }
        }
    }

    /// What holds whenever the worker has had its turn.
    fn check_settled(&self) {
        self.check_always();
        assert_eq!(self.in_state(KeyState::Active).len(), 1);
        for key in self.keys.iter().filter(|key| key.state.signs()) {
            assert!(key.lead >= self.contract.lead() && key.retain >= self.contract.retain(), "{key:?}");
        }
        let public = published(&self.keys, self.now);
        assert!(public.iter().any(|key| key.state == KeyState::Active));
        assert!(public.windows(2).all(|pair| pair[0].announced_at >= pair[1].announced_at), "newest first");
        assert!(public.iter().all(|key| !matches!(key.state, KeyState::Removed | KeyState::Revoked)));
        assert!(
            next_deadline(&self.keys, &self.contract).unwrap() > self.now,
            "nothing due, yet a deadline has passed"
        );
    }
}

fn key(number: u64) -> (Kid, PublicKey) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let public = SigningKey::from_seed(&seed).unwrap().public().clone();
    (thumbprint(&public), public)
}

#[derive(Clone, Debug)]
enum Happening {
    /// The worker sleeps, then has its turn.
    Sleep(Duration),
    /// The worker wakes at every deadline of this span.
    Live(Duration),
    /// Somebody sets the clock.
    Set(i64),
    Rotate,
    RevokeActive,
    RevokePending,
    /// The process starts again with other settings.
    Restart(Contract),
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![0_u64..2_000, 0_u64..120_000, 0_u64..90 * 86_400_000].prop_map(Duration::from_millis)
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => span().prop_map(Happening::Sleep),
        4 => (0_u64..200_000).prop_map(Duration::from_millis).prop_map(Happening::Live),
        1 => prop_oneof![-100_000_i64..100_000, -40_000_000_000_i64..40_000_000_000].prop_map(Happening::Set),
        2 => Just(Happening::Rotate),
        1 => Just(Happening::RevokeActive),
        1 => Just(Happening::RevokePending),
        1 => prop_oneof![
            Just(contract()), Just(contract_of(600, 60, 900)), Just(contract_of(20, 2, 1)),
        ].prop_map(Happening::Restart),
    ]
}

fn revoke(issuer: &mut Issuer, state: KeyState) {
    if let Some(kid) = issuer.in_state(state).first().map(|key| key.kid.clone()) {
        issuer.take(&Transition::Revoke { kid, reason: "test".to_owned() });
    }
}

proptest! {
    #[test]
    fn whatever_happens_one_announced_key_signs_and_the_set_is_never_empty(
        story in proptest::collection::vec(happening(), 1..60)
    ) {
        let mut issuer = Issuer::new(contract());
        issuer.reconcile();
        for happening in story {
            match happening {
                Happening::Sleep(span) => issuer.now = issuer.now.after(span),
                Happening::Live(span) => {
                    let end = issuer.now.after(span);
                    while let Some(deadline) = next_deadline(&issuer.keys, &issuer.contract).filter(|at| *at <= end) {
                        issuer.now = deadline;
                        issuer.reconcile();
                        issuer.check_settled();
                    }
                    issuer.now = end;
                }
                Happening::Set(millis) => {
                    issuer.now = Timestamp::from_millis(issuer.now.millis() + millis);
                }
                Happening::Rotate => {
                    if issuer.in_state(KeyState::Pending).is_empty() {
                        issuer.take(&Transition::Announce { algorithm: Algorithm::EdDsa });
                    }
                    let kid = issuer.in_state(KeyState::Pending)[0].kid.clone();
                    issuer.take(&Transition::Request { kid });
                }
                Happening::RevokeActive => revoke(&mut issuer, KeyState::Active),
                Happening::RevokePending => revoke(&mut issuer, KeyState::Pending),
                Happening::Restart(contract) => issuer.contract = contract,
            }
            issuer.reconcile();
            issuer.check_settled();
        }
    }

    #[test]
    fn while_the_worker_lives_no_key_signs_longer_than_its_interval(
        rotate in 20_u64..1_000, max_age in 1_u64..5, ttl in 1_u64..30, leeway in 0_u64..5
    ) {
        let terms = Terms {
            rotate_every: seconds(rotate), jwks_max_age: seconds(max_age), token_ttl: seconds(ttl), leeway: seconds(leeway),
            algorithms: Algorithms::only(Algorithm::EdDsa),
        };
        let contract = Contract::new(terms);
        prop_assume!(contract.is_ok());
        let mut issuer = Issuer::new(contract.unwrap());
        issuer.reconcile();
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
        prop_assert!(issuer.made >= 10);
    }
}

#[test]
fn a_worker_that_slept_a_month_announces_first_and_signs_a_lead_later() {
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
fn a_restart_with_shorter_spans_keeps_what_was_promised_before_it() {
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
fn a_retired_key_is_not_public_after_its_time_even_if_nobody_wrote_that_down() {
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
fn a_step_that_does_not_fit_changes_nothing() {
    let mut issuer = Issuer::new(contract());
    issuer.reconcile();
    let before = issuer.keys.clone();
    let active = before[0].kid.clone();
    let stranger = key(99).0;
    for step in [
        Transition::Promote { kid: active.clone(), retires: None },
        Transition::Promote { kid: active.clone(), retires: Some(stranger.clone()) },
        Transition::Request { kid: active.clone() },
        Transition::Remove { kid: active },
        Transition::Revoke { kid: stranger, reason: String::new() },
    ] {
        assert!(
            apply::<WrongState>(&mut issuer.keys, &step, |_| Ok(key(98)), &contract(), START).is_err(),
            "{step:?}"
        );
        assert_eq!(issuer.keys, before, "{step:?}");
    }
}

#[test]
fn states_and_events_are_read_as_they_are_written() {
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
