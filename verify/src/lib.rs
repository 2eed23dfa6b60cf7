//! The verifying half of Signet: who is calling, decided from a token and the issuer's published keys alone.
//!
//! Read the modules in the order in which data flows through them; each uses only those above it.
//!
//! 1. [`clock`]: time and randomness, handed in from outside;
//! 2. [`crypto`]: the one module over the library that does the arithmetic;
//! 3. [`jose`]: key sets, compact tokens, claims and the rules for them; pure;
//! 4. [`jwks`]: the cache of an issuer's key set;
//! 5. [`verifier`]: issuers, the cache of verified tokens, revocations;
//! 6. [`guard`]: the bearer rules of RFC 6750, in front of handlers.
//!
//! # In front of the handlers of a service
//!
//! With the feature `poem`:
//!
//! ```no_run
//! # #[cfg(feature = "poem")]
//! # mod service {
//! use poem::{EndpointExt, Route, get, handler};
//! use signet_verify::guard::poem::{Caller, Guard};
//! use signet_verify::verifier::Verifier;
//!
//! #[handler]
//! fn diary(caller: Caller) -> String {
//!     format!("The diary of {}", caller.subject)
//! }
//!
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = "https://id.example/.well-known/jwks.json";
//! let verifier = Verifier::remote(keys, "https://id.example", "https://api.example")?;
//! let app = Route::new().at("/diary", get(diary)).with(Guard::new(verifier));
//! # Ok(())
//! # }
//! # }
//! ```
//!
//! In front of anything else that has the headers of a request, and with settings of its own:
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use hyper::HeaderMap;
//! use signet_verify::clock::SystemClock;
//! use signet_verify::crypto::SystemEntropy;
//! use signet_verify::guard;
//! use signet_verify::jose::verify::Policy;
//! use signet_verify::jwks::endpoint::{JwksEndpoint, Limits};
//! use signet_verify::jwks::{KeyCache, Settings};
//! use signet_verify::verifier::{IssuerKeys, KeySource, Verifier};
//!
//! # async fn run(headers: HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Arc::new(SystemClock::new());
//! let endpoint = JwksEndpoint::new("https://id.example/.well-known/jwks.json", Limits::default())?;
//! let keys = KeyCache::new(endpoint, Settings::default(), clock.clone(), Arc::new(SystemEntropy::new()));
//! let (issuer, audience) = ("https://id.example".to_owned(), "https://api.example".to_owned());
//! let policy = Policy::new(issuer, audience, Duration::from_secs(5), Duration::from_secs(900));
//! let verifier = Verifier::new(IssuerKeys::Published(KeySource::Remote(keys)), policy, clock).with_cache_bytes(1 << 20);
//!
//! let caller = guard::authenticate(&verifier, &headers).await?; // the error knows its status and its challenge
//! println!("{}", caller.subject);
//! # Ok(())
//! # }
//! ```

pub mod clock;
pub mod crypto;
pub mod guard;
pub mod jose;
pub mod jwks;
pub mod verifier;

/// The examples of the README compile and hold.
#[cfg(all(doctest, feature = "poem", feature = "signing"))]
#[doc = include_str!("../README.md")]
struct Readme;
