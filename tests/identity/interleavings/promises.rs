//! What holds of an account whatever happened to it at once.
//! In: what came of a schedule. Out: every promise that was broken, in words.

use signet::identity::{Error, OtherSessions};

use super::operations::{Operation, Outcome, Typed};
use super::world::After;

impl After {
    /// Whether a busy machine has kept an operation from coming to an end that can be judged.
    pub fn is_unknown(&self) -> bool {
        self.outcomes.iter().any(|(outcome, _)| outcome.is_unknown())
    }

    /// The promises that were broken.
    pub fn broken(&self) -> Vec<String> {
        let mut broken = self.broken_about_sessions();
        broken.extend(self.broken_about_the_account());
        broken.extend(
            self.all().filter_map(|(number, operation, outcome)| self.unfounded(number, operation, outcome)),
        );
        broken
    }

    fn all(&self) -> impl Iterator<Item = (usize, Operation, &Outcome)> {
        let both = self.operations.iter().zip(&self.outcomes).enumerate();
        both.map(|(number, (operation, (outcome, _)))| (number, *operation, outcome))
    }

    fn succeeded(&self, which: impl Fn(Operation) -> bool) -> usize {
        self.all().filter(|(_, operation, outcome)| which(*operation) && outcome.is_success()).count()
    }

    fn broken_about_sessions(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut must = |holds: bool, promise: String| {
            if !holds {
                broken.push(promise);
            }
        };
        let lives = |id: &String| self.living.contains(id);
        for (place, id) in self.first_sessions.iter().enumerate() {
            let has_ended = self.succeeded(|operation| operation.ends(place)) > 0;
            must(
                lives(id) != has_ended,
                format!("session {place} ends when somebody has ended it, and only then"),
            );
        }
        let deleted = self.succeeded(Operation::deletes) > 0;
        let ended_by_change =
            self.succeeded(|one| matches!(one, Operation::Change(_, OtherSessions::End))) > 0;
        for (number, operation, outcome) in self.all() {
            let Outcome::Opened(opened) = outcome else { continue };
            let id = &opened.session.id;
            must(!deleted || !lives(id), format!("the session of {number} does not outlive the account"));
            if operation == Operation::SignIn(Typed::First) {
                must(
                    !ended_by_change || !lives(id),
                    format!("the session of {number} does not outlive its password"),
                );
            }
            if operation.changes() {
                must(lives(id), format!("the session that the change {number} has opened lives"));
            }
            must(
                lives(id) || self.revocation(id).is_some(),
                format!("the session of {number} leaves a revocation when it ends"),
            );
        }
        for (place, id) in self.first_sessions.iter().enumerate() {
            let revoked = self.revocation(id);
            must(lives(id) != revoked.is_some(), format!("session {place} leaves a revocation when it ends"));
            for (_, operation, outcome) in self.all() {
                if let (Outcome::Issued { expires_at }, Some(forget_at)) = (outcome, revoked)
                    && operation.by() == Some(place)
                {
                    must(
                        *expires_at <= forget_at,
                        format!("a token of session {place} outlives its revocation"),
                    );
                }
            }
        }
        broken
    }

    /// The second from which the revocation of a session may be forgotten.
    fn revocation(&self, id: &str) -> Option<i64> {
        let found = self.revoked.iter().find(|revocation| revocation.session_id == id);
        found.map(|revocation| revocation.forget_at.seconds())
    }

    fn broken_about_the_account(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut must = |holds: bool, promise: &str| {
            if !holds {
                broken.push(promise.to_owned());
            }
        };
        let deleted = self.succeeded(Operation::deletes);
        let changed: Vec<_> = self
            .all()
            .filter(|(_, operation, outcome)| operation.changes() && outcome.is_success())
            .collect();
        must(self.succeeded(Operation::ends_all) <= 1, "of those that end every session one succeeds");
        let [one, two] =
            [0, 1].map(|by| self.succeeded(|operation| operation == Operation::RevokeOthers(by)) > 0);
        must(!(one && two), "of two that end each other one succeeds");
        must(changed.len() <= 1, "the first password is changed once");
        if deleted == 1 {
            let nothing = self.user.is_none() && self.credentials == 0 && self.living.is_empty();
            must(nothing && self.fitting.is_empty(), "of a deleted account nothing is left");
        } else {
            must(self.user.is_some() && self.credentials == 1, "an account that nobody has deleted is there");
            let fits = changed.first().map_or(Typed::First, |(number, ..)| Typed::Of(*number));
            must(self.fitting == [fits], "the password is the one that was last changed to");
            let renamed = self.succeeded(|operation| matches!(operation, Operation::Update(_))) > 0;
            let name = self.user.as_ref().map(|user| user.name.as_str());
            must(
                name == Some(if renamed { "Countess" } else { "Ada" }),
                "the name is the one that was last given",
            );
        }
        let lines = |action: &str| self.audit.iter().filter(|line| *line == action).count();
        must(lines("delete_account") == deleted, "one line says that the account was deleted");
        must(lines("change_password") == changed.len(), "one line says that the password was changed");
        let signed_in = self.succeeded(|operation| matches!(operation, Operation::SignIn(_)));
        must(lines("sign_in") == signed_in, "one line for each that signed in");
        must(lines("sign_out") <= self.first_sessions.len(), "a session is signed out once");
        broken
    }

    /// Says so if an operation was refused without a reason.
    fn unfounded(&self, number: usize, operation: Operation, outcome: &Outcome) -> Option<String> {
        let others = |which: &dyn Fn(Operation) -> bool| {
            self.all().any(|(other, did, came)| other != number && which(did) && came.is_success())
        };
        let has_reason = match outcome {
            Outcome::Done | Outcome::Opened(_) | Outcome::Issued { .. } => match operation {
                // A password that nobody has changed to opens nothing.
                Operation::SignIn(Typed::Of(change)) => {
                    self.operations[change].changes() && self.outcomes[change].0.is_success()
                }
                _ => true,
            },
            Outcome::NotSignedIn | Outcome::Refused(Error::SessionEnded) => {
                let by = operation.by()?;
                others(&|did| did.ends(by))
            }
            Outcome::Refused(Error::InvalidPassword) => others(&Operation::changes),
            Outcome::Refused(Error::InvalidEmailOrPassword) => match operation {
                Operation::SignIn(Typed::First) => others(&|did| did.changes() || did.deletes()),
                _ => true,
            },
            Outcome::Refused(_) => false,
        };
        (!has_reason).then(|| format!("operation {number} came to {outcome:?} without a reason"))
    }
}
