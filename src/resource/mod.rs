//! The verifying half: who is calling, and what is theirs.
//! In: a request's headers, and the issuer's published keys. Out: a principal, or a reason to refuse.
//! Owns: no session store and no private key is needed here; that is what stateless means.
//!
//! In front of the handlers of another service:
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use hyper::HeaderMap;
//! use signet::clock::{SystemClock, SystemEntropy};
//! use signet::resource::fetch::{JwksEndpoint, Limits};
//! use signet::resource::guard;
//! use signet::resource::key_cache::{KeyCache, Settings};
//! use signet::resource::verifier::{KeySource, Trust, Verifier};
//! use signet::token::verify::Policy;
//!
//! # async fn run(headers: HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(SystemClock::new());
//! let endpoint = JwksEndpoint::new("https://id.example/.well-known/jwks.json", Limits::default())?;
//! let keys = KeyCache::new(endpoint, Settings::default(), clock.clone(), Arc::new(SystemEntropy::new()));
//! let (issuer, audience) = ("https://id.example".to_owned(), "https://api.example".to_owned());
//! let policy = Policy::new(issuer, audience, Duration::from_secs(30), Duration::from_secs(3600));
//! let verifier = Verifier::new(Trust::Published(KeySource::Remote(keys)), policy, clock);
//!
//! let caller = guard::authenticate(&verifier, &headers).await?; // the error knows its status and its challenge
//! println!("{}", caller.subject);
//! # Ok(())
//! # }
//! ```

pub mod fetch;
pub mod guard;
pub mod key_cache;
#[cfg(feature = "server")]
pub mod task;
mod trust;
mod verdicts;
pub mod verifier;
