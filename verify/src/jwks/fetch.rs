//! Where a key set comes from: the port of the cache to its issuer.
//! In: the ETag of the copy at hand. Out: the document with its validator and its life, or why not.

use std::time::Duration;

/// Where a [`KeyCache`](super::KeyCache) gets the document from: HTTP in earnest, anything in tests.
pub trait Fetch: Send + Sync + 'static {
    /// Asks for the key set once; `etag` is the validator of the copy at hand.
    ///
    /// # Errors
    /// [`Error`] when neither a document nor the word that it has not changed could be had.
    fn fetch(&self, etag: Option<&str>) -> impl Future<Output = Result<Fetched, Error>> + Send;
}

/// What the issuer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A document, as it came.
    Fresh {
        /// The document.
        bytes: Vec<u8>,
        /// Its validator (RFC 9110 section 8.8.3), quotes included.
        etag: Option<String>,
        /// How much longer it stays fresh (RFC 9111 section 4.2), as the issuer says; none if it says nothing.
        max_age: Option<Duration>,
    },
    /// The copy at hand is still the right one (RFC 9110 section 15.4.5).
    NotModified {
        /// As in [`Fetched::Fresh`].
        max_age: Option<Duration>,
    },
}

/// Why the issuer could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No complete answer in time.
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    /// No connection, a broken one, or no HTTP on it.
    #[error("the key set cannot be reached: {0}")]
    Unreachable(String),
    /// A status other than 200 and 304. Redirects belong here: keys come from the configured place or not at all.
    #[error("the key set was answered with status {0}")]
    Status(u16),
    /// The document is longer than may be read.
    #[error("the key set is longer than {0} bytes")]
    TooLarge(usize),
}
