//! Why a message cannot be written, and why none can be sent at all.

use std::path::PathBuf;

use signet_verify::clock::EntropyUnavailable;

use crate::vault;

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be sealed.
    #[error("the message cannot be sealed: {0}")]
    Vault(#[from] vault::Error),
    /// No random bytes for its name.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The address is none that mail can be sent to.
    #[error("mail cannot be sent to this address")]
    Address,
    /// A template fails on this letter, or the message cannot be put together.
    #[error("the message cannot be written: {0}")]
    Rendering(String),
}

/// Why the templates cannot be used: the rest of a sentence that begins with the name of the setting.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The folder or a file in it.
    #[error("is {0:?}, where {1:?} cannot be read: {2}")]
    Unreadable(PathBuf, String, #[source] std::io::Error),
    /// A file that takes the place of none.
    #[error(
        "is {0:?}, where {1:?} takes the place of no template; their names are like reset-password.en.txt, \
         reset-password.en.html or layout.html"
    )]
    Unknown(PathBuf, String),
    /// A template that cannot be rendered, or leaves out what a person needs.
    #[error("has a template {0:?} that cannot be used: {1}")]
    Unusable(String, String),
}

/// Why a process that writes mail does not start; each prints as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The templates.
    #[error("SIGNET_MAIL_TEMPLATES {0}.")]
    Templates(#[from] Problem),
    /// The sender.
    #[error("SIGNET_MAIL_FROM is needed: mail cannot be from {0:?}, which follows from BETTER_AUTH_URL.")]
    Sender(String),
    /// TLS to the mail server.
    #[error("SIGNET_MAIL cannot be used: {0}.")]
    Tls(String),
}
