//! What happened to whom, for those who look after security.
//! In: what the use cases and the rotation did or refused. Out: one line each in the log, under the target
//! `signet::audit`, with the same fields whatever happened.
//! Owns: a line names users, sessions and keys by their ids; no address, name, password or token stands in one.

/// Something that is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A user signed up.
    SignedUp {
        /// The new user.
        user: &'a str,
        /// Their first session; none where the address has to be verified first.
        session: Option<&'a str>,
    },
    /// A password opened a session.
    SignedIn {
        /// Who signed in.
        user: &'a str,
        /// The new session.
        session: &'a str,
    },
    /// A password opened nothing.
    SignInRefused {
        /// Why.
        refusal: Refusal,
        /// Whose address it is, where it was looked up and belongs to a user.
        user: Option<&'a str>,
    },
    /// A user signed out.
    SignedOut {
        /// Whose it was.
        user: &'a str,
        /// The session.
        session: &'a str,
    },
    /// A user ended sessions from another one, or from the same.
    SessionsRevoked {
        /// Whose they were.
        user: &'a str,
        /// How many ended.
        count: usize,
    },
    /// A user who is signed in did not prove their password.
    ProofRefused {
        /// Why.
        refusal: Refusal,
        /// Who.
        user: &'a str,
        /// Where they are signed in.
        session: &'a str,
    },
    /// A user replaced their password.
    PasswordChanged {
        /// Whose it is.
        user: &'a str,
        /// The session that they did it in.
        session: &'a str,
    },
    /// A link was mailed to a user.
    LinkMailed {
        /// What it is for: `reset_password`, `verify_email` and so on.
        purpose: &'a str,
        /// Who.
        user: &'a str,
    },
    /// A user proved that an address is theirs.
    EmailVerified {
        /// Who.
        user: &'a str,
    },
    /// A user has a new address, which is proved.
    EmailChanged {
        /// Who.
        user: &'a str,
    },
    /// A password was set by a link that was mailed, and every session has ended.
    PasswordReset {
        /// Whose it is.
        user: &'a str,
    },
    /// An operator invited a user.
    UserInvited {
        /// Who.
        user: &'a str,
    },
    /// A user deleted their account, with everything in it.
    UserDeleted {
        /// Who they were.
        user: &'a str,
        /// The session that they did it in.
        session: &'a str,
    },
    /// An operator gave a user another password, which ended their sessions.
    PasswordSet {
        /// Whose it is.
        user: &'a str,
        /// How many sessions ended.
        count: usize,
        /// Who did it.
        actor: &'a str,
    },
    /// An operator ended the sessions of a user.
    SessionsEnded {
        /// Whose they were.
        user: &'a str,
        /// How many ended.
        count: usize,
        /// Who did it.
        actor: &'a str,
    },
    /// An operator removed a user, with everything that was theirs.
    UserRemoved {
        /// Who they were.
        user: &'a str,
        /// How many sessions ended.
        count: usize,
        /// Who did it.
        actor: &'a str,
    },
    /// A client was added, changed or removed, or has another secret.
    ClientChanged {
        /// What happened: `added`, `changed`, `secret_changed`, `secret_rotated`, `removed`.
        event: &'a str,
        /// Its id.
        client: &'a str,
        /// Who did it, or `start`.
        actor: &'a str,
    },
    /// A client got tokens, or was refused because what it showed had been used before.
    ClientToken {
        /// What happened: `code_redeemed`, `code_replayed`, `refreshed`, `refresh_token_reused`, `issued_to_machine`,
        /// `revoked`; of devices `device_asked`, `device_approved`, `device_denied`, `device_redeemed`,
        /// `device_replayed`.
        event: &'a str,
        /// The client.
        client: &'a str,
        /// Who gave it; none where it asks for itself.
        user: Option<&'a str>,
        /// What it was given.
        grant: Option<&'a str>,
    },
    /// A client has asked for a user's authorization, and something was decided about that.
    Authorization {
        /// What: `pushed`, `sign_in_asked`, `consent_asked`, `consent_given`, `consent_refused`, `consent_withdrawn`,
        /// `code_issued`, `refused`.
        event: &'a str,
        /// The client.
        client: &'a str,
        /// Who, where they are signed in.
        user: Option<&'a str>,
        /// What the client is told, if it is told no.
        reason: Option<&'a str>,
    },
    /// A client could not be told for hours that a session has ended, and is not told any more.
    ClientNotTold {
        /// The client.
        client: &'a str,
        /// Whose session it was.
        user: &'a str,
        /// The session.
        session: &'a str,
    },
    /// A resource was added or changed.
    ResourceChanged {
        /// What happened: `added`, `changed`.
        event: &'a str,
        /// Its identifier.
        resource: &'a str,
        /// Who did it, or `start`.
        actor: &'a str,
    },
    /// Something happened to a signing key.
    SigningKey {
        /// What happened: `announced`, `activated`, `revoked` and so on.
        event: &'a str,
        /// The key.
        kid: &'a str,
        /// A person, or `rotation`.
        actor: &'a str,
        /// The reason, if one was given.
        reason: Option<&'a str>,
    },
}

/// Why a user was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The password was wrong, or there is no such user.
    WrongCredentials,
    /// Too many passwords had been tried before.
    Limited,
    /// The password was right, but the address has to be verified first.
    Unverified,
}

/// The fields of a line; those that an event does not have are left out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line<'a> {
    action: &'static str,
    outcome: &'static str,
    user: Option<&'a str>,
    session: Option<&'a str>,
    sessions: Option<usize>,
    event: Option<&'a str>,
    kid: Option<&'a str>,
    client: Option<&'a str>,
    resource: Option<&'a str>,
    grant: Option<&'a str>,
    actor: Option<&'a str>,
    reason: Option<&'a str>,
}

/// Writes the line of an event.
pub fn record(event: Event<'_>) {
    let Line { action, outcome, user, session, sessions, event, kid, client, resource, grant, actor, reason } =
        line(event);
    tracing::info!(
        target: "signet::audit", action, outcome, user, session, sessions, event, kid, client, resource, grant, actor, reason
    );
}

/// A client got tokens, or what it had been given has ended since something was shown twice.
fn token_of<'a>(event: &'a str, client: &'a str, user: Option<&'a str>, grant: Option<&'a str>) -> Line<'a> {
    let refused =
        ["code_replayed", "refresh_token_reused", "device_denied", "device_replayed"].contains(&event);
    Line {
        action: "client_token",
        outcome: if refused { "refused" } else { "done" },
        event: Some(event),
        client: Some(client),
        user,
        grant,
        ..Line::default()
    }
}

/// What was decided about a request of a client.
fn authorization_of<'a>(
    event: &'a str,
    client: &'a str,
    user: Option<&'a str>,
    reason: Option<&'a str>,
) -> Line<'a> {
    Line {
        action: "authorization",
        outcome: if reason.is_some() { "refused" } else { "done" },
        event: Some(event),
        client: Some(client),
        user,
        reason,
        ..Line::default()
    }
}

fn line(happened: Event<'_>) -> Line<'_> {
    let did = |action, user, session| Line {
        action,
        outcome: "done",
        user: Some(user),
        session: Some(session),
        ..Line::default()
    };
    let of = |action, user| Line { action, outcome: "done", user: Some(user), ..Line::default() };
    let ordered = |action, user, count, actor| Line {
        action,
        outcome: "done",
        user: Some(user),
        sessions: Some(count),
        actor: Some(actor),
        ..Line::default()
    };
    match happened {
        Event::SignedUp { user, session } => Line { session, ..of("sign_up", user) },
        Event::PasswordSet { user, count, actor } => ordered("set_password", user, count, actor),
        Event::SessionsEnded { user, count, actor } => ordered("end_sessions", user, count, actor),
        Event::UserRemoved { user, count, actor } => ordered("remove_user", user, count, actor),
        Event::SignedIn { user, session } => did("sign_in", user, session),
        Event::SignInRefused { refusal, user } => {
            Line { action: "sign_in", outcome: refusal.name(), user, ..Line::default() }
        }
        Event::SignedOut { user, session } => did("sign_out", user, session),
        Event::SessionsRevoked { user, count } => Line {
            action: "revoke_sessions",
            outcome: "done",
            user: Some(user),
            sessions: Some(count),
            ..Line::default()
        },
        Event::ProofRefused { refusal, user, session } => {
            Line { outcome: refusal.name(), ..did("prove_password", user, session) }
        }
        Event::LinkMailed { purpose, user } => Line { event: Some(purpose), ..of("mail_link", user) },
        Event::EmailVerified { user } => of("verify_email", user),
        Event::EmailChanged { user } => of("change_email", user),
        Event::PasswordReset { user } => of("reset_password", user),
        Event::UserInvited { user } => of("invite_user", user),
        Event::PasswordChanged { user, session } => did("change_password", user, session),
        Event::UserDeleted { user, session } => did("delete_account", user, session),
        Event::ClientChanged { event, client, actor } => {
            Line { client: Some(client), ..changed("client", event, actor) }
        }
        Event::ClientToken { event, client, user, grant } => token_of(event, client, user, grant),
        Event::Authorization { event, client, user, reason } => authorization_of(event, client, user, reason),
        Event::ClientNotTold { client, user, session } => {
            Line { client: Some(client), outcome: "dropped", ..did("logout_notice", user, session) }
        }
        Event::ResourceChanged { event, resource, actor } => {
            Line { resource: Some(resource), ..changed("resource", event, actor) }
        }
        Event::SigningKey { event, kid, actor, reason } => Line {
            action: "signing_key",
            outcome: "done",
            event: Some(event),
            kid: Some(kid),
            actor: Some(actor),
            reason,
            ..Line::default()
        },
    }
}

/// What an operator or a start has changed.
fn changed<'a>(action: &'static str, event: &'a str, actor: &'a str) -> Line<'a> {
    Line { action, outcome: "done", event: Some(event), actor: Some(actor), ..Line::default() }
}

impl Refusal {
    fn name(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong_credentials",
            Self::Limited => "limited",
            Self::Unverified => "unverified",
        }
    }
}
