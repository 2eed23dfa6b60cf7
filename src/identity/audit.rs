//! What happened to whom, for those who look after security.
//! In: what the use cases did or refused. Out: one line each in the log, under the target `signet::audit`.
//! Owns: a line names users and sessions by their ids; no address, name, password or token stands in one.

/// What somebody did, or tried to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Made an account.
    SignUp,
    /// Gave a password to sign in with.
    SignIn,
    /// Ended the own session.
    SignOut,
    /// Ended sessions from another one, or from the same.
    RevokeSessions,
    /// Gave the password of the session's user once more.
    ProvePassword,
    /// Replaced the password.
    ChangePassword,
    /// Deleted the own account, with everything in it.
    DeleteAccount,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::RevokeSessions => "revoke_sessions",
            Self::ProvePassword => "prove_password",
            Self::ChangePassword => "change_password",
            Self::DeleteAccount => "delete_account",
        }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Done,
    /// The password was wrong, or there is no such user.
    WrongCredentials,
    /// Too many passwords had been tried before.
    Limited,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WrongCredentials => "wrong_credentials",
            Self::Limited => "limited",
        }
    }
}

/// Writes a line about what `user` did in `session`, as far as they are known.
pub fn record(deed: Deed, outcome: Outcome, user: Option<&str>, session: Option<&str>) {
    tracing::info!(target: "signet::audit", deed = deed.name(), outcome = outcome.name(), user, session);
}

/// Writes a line about `count` sessions that `user` ended.
pub fn record_revoked(user: &str, count: usize) {
    let (deed, outcome) = (Deed::RevokeSessions.name(), Outcome::Done.name());
    tracing::info!(target: "signet::audit", deed, outcome, user, sessions = count);
}
