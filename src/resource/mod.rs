//! The verifying half: who is calling, and what is theirs.
//! In: a request's headers, and the issuer's published keys. Out: a principal, or a reason to refuse.
//! Owns: no session store and no private key is needed here; that is what stateless means.
//!
//! In front of the handlers of another service, with the feature `poem`:
//!
//! ```no_run
//! # #[cfg(feature = "poem")]
//! # mod service {
//! use poem::{EndpointExt, Route, get, handler};
//! use signet::resource::poem::{Caller, Guard};
//! use signet::resource::verifier::Verifier;
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
//! let policy = Policy::new(issuer, audience, Duration::from_secs(5), Duration::from_secs(900));
//! let verifier = Verifier::new(Trust::Published(KeySource::Remote(keys)), policy, clock).with_memory(1 << 20);
//!
//! let caller = guard::authenticate(&verifier, &headers).await?; // the error knows its status and its challenge
//! println!("{}", caller.subject);
//! # Ok(())
//! # }
//! ```

pub mod fetch;
pub mod guard;
pub mod key_cache;
#[cfg(feature = "poem")]
pub mod poem;
#[cfg(feature = "server")]
pub mod task;
mod trust;
mod verdicts;
pub mod verifier;
