//! OAuth 2.1 and OpenID Connect: what users give to clients, and what clients get for it; use cases without HTTP.
//! In: requests of clients, sessions of users. Out: codes and tokens, or an [`Error`] that says why not.
//! Owns: a code and a refresh token are good once; what ends is refused everywhere.

mod access_tokens;
mod assertion;
mod audience;
pub mod authorize;
mod backchannel;
mod built_in;
pub mod changes;
mod claims;
mod client_keys;
mod client_secrets;
mod clients;
mod codes;
mod consents;
mod decisions;
mod device;
mod error;
mod events;
mod grants;
pub mod logout;
mod outbound;
pub mod provision;
mod pushed;
mod refresh_token;
pub mod registration;
pub mod registry;
mod scopes;
mod token;

pub use access_tokens::{AccessTokens, Described, UserInfo, audience_of};
pub use audience::{IDENTITY_SCOPES, TASKS_SCOPES, Target, Targets};
pub use backchannel::{AT_ONCE as NOTICES_AT_ONCE, BackchannelWorker, NoticeCounts, NoticeResult};
pub use built_in::{DOCS_CLIENT, DOCS_RETURN, DocsClient};
pub use client_keys::ClientKeys;
pub use clients::{ClientProof, Clients, Presented};
pub use codes::{Approved, Codes};
pub use consents::{Consents, Given};
pub use decisions::{Decision, DecisionCounts};
pub use device::{AskedByDevice, Devices, ShownToUser, StartedDevice};
pub use error::Error;
pub use events::{TokenCounts, TokenEvent};
pub use grants::Grants;
pub use outbound::{Outbound, Reach};
pub use pushed::{PushedRequests, REQUEST_URI_PREFIX};
pub use refresh_token::RefreshToken;
pub use scopes::scope_in_words;
pub use token::{CodeExchange, Issued, MachineRequest, Refresh, Tokens};
