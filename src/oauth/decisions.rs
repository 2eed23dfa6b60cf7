//! What becomes of requests for authorization.
//! In: a decision. Out: a line of the audit log, and a count.
//! Owns: the lists are closed, and no line has a code, a token or a text of a client in it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::{self, Event};
use crate::model::client::ClientId;

use super::authorize::Refusal;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A client has pushed a request (RFC 9126).
    Pushed,
    /// A user was asked to sign in, or up.
    SignInAsked,
    /// A user was asked for consent.
    ConsentAsked,
    /// A user has agreed.
    ConsentGiven,
    /// A user has said no, on either page.
    ConsentRefused,
    /// A user has taken back what they had agreed to.
    ConsentWithdrawn,
    /// A client got a code.
    CodeIssued,
    /// A client was told no.
    Refused,
}

impl Decision {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Pushed,
        Self::SignInAsked,
        Self::ConsentAsked,
        Self::ConsentGiven,
        Self::ConsentRefused,
        Self::ConsentWithdrawn,
        Self::CodeIssued,
        Self::Refused,
    ];

    /// The word for it, in the audit log and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pushed => "pushed",
            Self::SignInAsked => "sign_in_asked",
            Self::ConsentAsked => "consent_asked",
            Self::ConsentGiven => "consent_given",
            Self::ConsentRefused => "consent_refused",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::CodeIssued => "code_issued",
            Self::Refused => "refused",
        }
    }
}

/// How often each has been decided in this process.
#[derive(Debug, Default)]
pub struct DecisionCounts([AtomicU64; Decision::ALL.len()]);

impl DecisionCounts {
    /// Each with its count.
    pub fn read(&self) -> impl Iterator<Item = (Decision, u64)> {
        Decision::ALL.into_iter().zip(&self.0).map(|(event, count)| (event, count.load(Ordering::Relaxed)))
    }

    /// Notes a decision about a client, and the user where one is known.
    pub fn note(&self, decision: Decision, client: &ClientId, user: Option<&str>) {
        self.record(decision, client, user, None);
    }

    /// Notes that a client is told no.
    pub fn note_refusal(&self, refusal: Refusal, client: &ClientId) {
        let denied = refusal == Refusal::DENIED;
        let decision = if denied { Decision::ConsentRefused } else { Decision::Refused };
        self.record(decision, client, None, Some(refusal.error));
    }

    fn record(
        &self,
        decision: Decision,
        client: &ClientId,
        user: Option<&str>,
        reason: Option<&'static str>,
    ) {
        if let Some(count) = self.0.get(decision as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let event = decision.name();
        audit::record(Event::Authorization { event, client: client.as_str(), user, reason });
    }
}
