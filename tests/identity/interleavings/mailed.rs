//! What happens at once where links were mailed: of two uses of one link one succeeds, and nobody gets back in by what a
//! reset, a change of address or a deletion has ended.

use std::time::Duration;

use rstest::rstest;
use signet::identity::{DeletionProof, Device, Error, Found, MailOptions, OtherSessions, SignedIn, Slide};
use signet::mail::Language;
use signet::model::mailed_token::{MailedToken, Purpose, TokenUse};
use signet::model::session::Remember;
use signet::model::user::User;
use signet::password::{Comparison, Requester};
use signet::secret::OpaqueToken;
use signet_verify::clock::Clock;

use super::operations::{Instance, Typed};
use super::schedule::{Running, run};
use super::world::{Hash, STEP, World};
use super::{ALL, runtime};
use crate::store::support::{Kind, Postgres, START, Sqlite};

/// Something that is done to an account of which each link is on its way; sessions 0 and 1 are there from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Reset,
    Verify,
    ChangeEmail,
    Delete(usize),
    ChangePassword(usize),
    SignIn,
}
use Deed::{ChangeEmail, ChangePassword, Delete, Reset, SignIn, Verify};

fn mailed(number: u32, purpose: Purpose) -> OpaqueToken {
    OpaqueToken::new(format!("{} of {number}", purpose.name()))
}

impl Deed {
    async fn run(
        self,
        place: usize,
        number: u32,
        instance: Instance,
        email: signet::identity::Email,
        tokens: [OpaqueToken; 2],
    ) -> Result<Option<SignedIn>, Error> {
        let Instance { accounts, sessions, .. } = &instance;
        let (language, device) = (Language::English, Device::default());
        let signed_in =
            async |by: usize| match sessions.authenticate(Some(tokens[by].clone()), Slide::No).await? {
                Found::SignedIn(current) => Ok(*current),
                _ => Err(Error::SessionEnded),
            };
        let token = |purpose| mailed(number, purpose);
        match self {
            Reset => {
                let new = Typed::Of(place).password();
                accounts.reset_password(&token(Purpose::ResetPassword), &new, language).await?;
            }
            Verify => drop(accounts.verify_email(&token(Purpose::VerifyEmail), None, language).await?),
            ChangeEmail => drop(accounts.verify_email(&token(Purpose::ChangeEmail), None, language).await?),
            Delete(by) => {
                let (current, token) = (signed_in(by).await?, token(Purpose::DeleteUser));
                let shown = DeletionProof { token: Some(&token), password: None };
                accounts.request_deletion(&current, shown, &MailOptions::default()).await?;
            }
            ChangePassword(by) => {
                let (current, new) = (signed_in(by).await?, Typed::Of(place).password());
                let (old, others) = (Typed::First.password(), OtherSessions::End);
                return accounts.change_password(&current, &old, &new, others, &device).await;
            }
            SignIn => {
                let first = Typed::First.password();
                return accounts.sign_in(&email, &first, Remember::Yes, &device).await.map(Some);
            }
        }
        Ok(None)
    }
}

/// What came of two deeds.
struct After {
    deeds: [Deed; 2],
    outcomes: Vec<Result<Option<SignedIn>, Error>>,
    user: Option<User>,
    living: Vec<String>,
    tokens: Vec<Purpose>,
    fits: Vec<Typed>,
}

async fn both(world: &World, deeds: [Deed; 2], pause: usize) -> (After, usize) {
    let (number, email, user_id, sessions, tokens) = world.new_account(Hash::Own).await;
    let address = |purpose| match purpose {
        Purpose::ChangeEmail => format!("new{number}@example.com"),
        _ => email.as_str().to_owned(),
    };
    for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword, Purpose::ChangeEmail, Purpose::DeleteUser] {
        let kept = MailedToken {
            purpose,
            user_id: user_id.clone(),
            address: address(purpose),
            expires_at: world.clock.now().after(Duration::from_secs(3600)),
        };
        let hash = mailed(number, purpose).hash();
        world.fresh.database.mailed_tokens().replace(&kept, &hash).await.unwrap();
    }
    let running = deeds.iter().enumerate().map(|(place, deed)| {
        let instance = world.instances[place].clone();
        Running::new(deed.run(place, number, instance, email.clone(), tokens.clone()))
    });
    let turns = [(0, pause), (1, ALL), (0, ALL)];
    let ran = run(running.collect(), &turns, || world.clock.advance(STEP)).await;
    let steps = ran[0].1;
    let database = &world.fresh.database;
    let living = database.sessions().of_user(&user_id, START).await.unwrap();
    let mut left = Vec::new();
    for shown_for in [TokenUse::ProveAddress, TokenUse::SetPassword, TokenUse::DeleteUser] {
        for purpose in Purpose::ALL {
            let hash = mailed(number, purpose).hash();
            left.extend(
                database.mailed_tokens().find(&hash, shown_for).await.unwrap().map(|token| token.purpose),
            );
        }
    }
    let stored = database.credentials().password_hash(&user_id).await.unwrap();
    let mut fits = Vec::new();
    for typed in [Typed::First, Typed::Of(0), Typed::Of(1)] {
        let permit = world.passwords.enter(Requester::Known).unwrap();
        let compared = world.passwords.compare(permit, &typed.password(), stored.as_deref()).await.unwrap();
        fits.extend((compared != Comparison::Wrong).then_some(typed));
    }
    let after = After {
        deeds,
        outcomes: ran.into_iter().map(|(outcome, _)| outcome).collect(),
        user: database.users().by_id(&user_id).await.unwrap(),
        living: living.into_iter().map(|session| session.id).filter(|id| !sessions.contains(id)).collect(),
        tokens: left,
        fits,
    };
    (after, steps)
}

impl After {
    fn is_unknown(&self) -> bool {
        use signet::store::Error::{Slow, Unavailable};
        self.outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Store(Slow(_) | Unavailable(_)))))
    }

    fn did(&self, which: impl Fn(Deed) -> bool) -> Option<usize> {
        (0..2).find(|place| which(self.deeds[*place]) && self.outcomes[*place].is_ok())
    }

    fn broken(&self) -> Vec<&'static str> {
        let mut broken = Vec::new();
        let mut must = |holds: bool, promise| broken.extend((!holds).then_some(promise));
        let [one, two] = self.deeds;
        let both = self.outcomes.iter().all(Result::is_ok);
        let is_change = |deed| matches!(deed, ChangePassword(_));
        let is_deletion = |deed| matches!(deed, Delete(_));
        let takes_over = |deed| matches!(deed, Reset | ChangeEmail) || is_change(deed) || is_deletion(deed);
        if both {
            let same = one == two || is_deletion(one) && is_deletion(two);
            must(!same || one == SignIn, "a link works once");
            let ends_the_other = match (one, two) {
                (ChangeEmail, ChangePassword(_)) | (ChangePassword(_), ChangeEmail) => {
                    // The change of address first: then the password may change.
                    self.user.as_ref().is_some_and(|user| user.email.starts_with("ada"))
                }
                (one, two) => takes_over(one) && takes_over(two),
            };
            must(!ends_the_other, "what one has ended, the other does not use");
        }
        let (reset, deleted) = (self.did(|deed| deed == Reset), self.did(is_deletion));
        let moved = self.did(|deed| deed == ChangeEmail);
        if deleted.is_some() {
            must(self.user.is_none() && self.tokens.is_empty(), "of a deleted account nothing is left");
            must(self.living.is_empty(), "no session outlives the account");
            return broken;
        }
        let Some(user) = &self.user else { return vec!["an account that nobody has deleted is there"] };
        if let Some(place) = reset {
            must(self.fits == [Typed::Of(place)], "the password is the one that was set");
            must(self.living.is_empty(), "no session outlives the password");
            must(user.email_verified, "a reset proves the address");
            must(self.tokens.iter().all(|left| *left == Purpose::VerifyEmail), "no other link does anything");
        }
        if let Some(place) = self.did(is_change) {
            must(self.fits == [Typed::Of(place)], "the password is the one that was changed to");
            must(self.living.len() == 1, "the one session is that of the change");
        }
        must(user.email.starts_with("new") == moved.is_some(), "the address changes by its link alone");
        if moved.is_some() {
            must(user.email_verified && self.tokens.is_empty(), "no link to the old address is left");
        }
        let proved = self.did(|deed| deed == Verify).is_some() || moved.is_some() || reset.is_some();
        must(user.email_verified == proved, "the address is verified by a link alone");
        broken
    }
}

#[rstest]
#[case::reset(Reset, &[Reset, Verify, ChangeEmail, Delete(0), ChangePassword(0), SignIn])]
#[case::verify(Verify, &[Reset, Verify, ChangeEmail, Delete(0)])]
#[case::change_email(ChangeEmail, &[Reset, Verify, ChangeEmail, Delete(0), ChangePassword(0), SignIn])]
#[case::delete(Delete(0), &[Reset, Verify, ChangeEmail, Delete(0), Delete(1), ChangePassword(1), SignIn])]
#[case::others(ChangePassword(0), &[Reset, ChangeEmail, Delete(1)])]
#[case::sign_in(SignIn, &[Reset, ChangeEmail, Delete(0)])]
fn links_that_are_followed_at_once_keep_what_was_proved(
    #[case] first: Deed,
    #[case] others: &[Deed],
    #[values(Sqlite, Postgres)] kind: Kind,
) {
    runtime().block_on(async {
        let Some(world) = World::start(kind).await else { return };
        for second in others {
            let (mut judged, mut pause) = (0, 0);
            loop {
                let (after, steps) = both(&world, [first, *second], pause).await;
                let broken = after.broken();
                assert!(
                    after.is_unknown() || broken.is_empty(),
                    "{first:?} overtaken by {second:?} after {pause} steps: {broken:#?}\n{:#?}",
                    after.outcomes
                );
                judged += usize::from(!after.is_unknown());
                if steps <= pause {
                    break;
                }
                pause += 1;
            }
            assert!(pause >= 1 && judged >= 1, "{first:?} and {second:?}: {judged} of {pause}");
        }
    });
}
