//! The current session, its JWT, and the other sessions of the same user.

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;

use super::bodies::Nothing;
use super::bodies::RevokeSession;
use super::cookie::set_jwt;
use super::objects::SessionAndUser;
use super::objects::SessionObject;
use super::objects::Status;
use super::objects::Token;
use super::request::CurrentSession;
use super::request::Input;
use super::request::PresentedToken;
use super::service::Identity;
use super::service::Tag;
use crate::http::framework::answer::Answer;
use crate::http::framework::answer::Declared;
use crate::http::framework::answer::ResponseHeaders;
use crate::http::framework::answer::refusals;
use crate::http::framework::code::Code;
use crate::http::framework::error::ApiError;
use crate::identity::Expiry;
use crate::identity::Found;
use crate::identity::Slide;

refusals!(
    /// Reading the session.
    GetSessionRefusals: 429, 500, 503
);
refusals!(
    /// `POST /get-session`.
    PostSessionRefusals: 405, 429
);
refusals!(
    /// Getting a token.
    TokenRefusals: 401, 429, 500, 503
);
refusals!(
    /// Listing sessions.
    ListRefusals: 401, 403, 429, 500, 503
);
refusals!(
    /// Revoking.
    RevokeRefusals: 400, 401, 403, 413, 415, 429, 500, 503
);

/// A new session.
#[derive(Debug)]
pub struct SetsSession;

impl ResponseHeaders for SetsSession {
    const HEADERS: &'static [(&'static str, &'static str)] = &[
        (
            "Set-Cookie",
            "The session, for browsers: `better-auth.session_token`; and `better-auth.device`, by which the browser is known \
             when it signs in again.",
        ),
        ("set-auth-token", "The session, for `Authorization: Bearer` at this API."),
    ];
}

/// A session that is being looked at.
#[derive(Debug)]
pub struct SetsJwt;

impl ResponseHeaders for SetsJwt {
    const HEADERS: &'static [(&'static str, &'static str)] =
        &[("set-auth-jwt", "A JWT like that of `GET /api/auth/token`.")];
}

/// The operations.
#[derive(Debug)]
pub struct SessionApi;

#[OpenApi(prefix_path = "/api/auth")]
impl SessionApi {
    /// Who is signed in
    ///
    /// `null` when no user is: that is not an error. A remembered session slides once a day. `set-auth-jwt` carries a
    /// fresh JWT.
    #[oai(path = "/get-session", method = "get", tag = "Tag::Sessions", operation_id = "getSession")]
    async fn get_session(
        &self,
        presented: PresentedToken,
        /// Any text: do not let the expiry slide.
        #[oai(name = "disableRefresh")]
        disable_refresh: Query<Option<String>>,
        /// Accepted for compatibility; there is no cookie cache.
        #[oai(name = "disableCookieCache")]
        _disable_cookie_cache: Query<Option<String>>,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Option<SessionAndUser>, 200, SetsJwt>, Declared<GetSessionRefusals>> {
        let slide = if disable_refresh.0.is_none_or(|text| text.is_empty()) { Slide::Yes } else { Slide::No };
        let signed_in = match identity.sessions.authenticate(presented.0, slide).await? {
            Found::SignedIn(signed_in) => *signed_in,
            Found::Ended => return Ok(Answer::new(None).headers(identity.cookies.clear())),
            Found::NoToken => return Ok(Answer::new(None)),
        };
        let mut headers = if signed_in.expiry == Expiry::Moved {
            identity.cookies.set_session(&signed_in)
        } else {
            HeaderMap::new()
        };
        let issued = identity.issuer.issue(&signed_in.user, &signed_in.session, signed_in.found_at).await;
        if identity.sessions.has_ended(&signed_in.session.id) {
            return Ok(Answer::new(None).headers(identity.cookies.clear()));
        }
        match issued {
            Ok(jwt) => set_jwt(&mut headers, &jwt),
            // The session is as good as before; only the convenience is missing.
            Err(error) => tracing::error!(%error, "get-session answers without a token"),
        }
        let session = SessionObject::new(signed_in.session, signed_in.token.into());
        Ok(Answer::new(Some(SessionAndUser { session, user: signed_in.user.into() })).headers(headers))
    }

    /// Not available: sessions slide when they are read
    #[oai(path = "/get-session", method = "post", hidden)]
    async fn post_session(
        &self,
        _input: Input<Nothing>,
    ) -> Result<Answer<Status>, Declared<PostSessionRefusals>> {
        Err(ApiError::from(Code::DeferSessionRequired).allowing("GET, HEAD").into())
    }

    /// A JWT for APIs
    ///
    /// Signed with the first of the configured algorithms, EdDSA by default (HS256 in compatibility mode); it lives for 15
    /// minutes by default. Send it as `Authorization: Bearer` to the tasks API or to any service that trusts the key set.
    #[oai(path = "/token", method = "get", tag = "Tag::Sessions", operation_id = "getToken")]
    async fn token(
        &self,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Token>, Declared<TokenRefusals>> {
        let token = identity.issuer.issue(&signed_in.user, &signed_in.session, signed_in.found_at).await?;
        // The session may have been ended while the token was made.
        if identity.sessions.has_ended(&signed_in.session.id) {
            return Err(Code::Unauthorized.into());
        }
        Ok(Answer::new(Token { token: token.into() }).headers(renewed(&identity, &signed_in)))
    }

    /// Where I am signed in
    ///
    /// Only for sessions younger than a day.
    #[oai(path = "/list-sessions", method = "get", tag = "Tag::Sessions", operation_id = "listSessions")]
    async fn list_sessions(
        &self,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Vec<SessionObject>>, Declared<ListRefusals>> {
        let sessions = identity.sessions.list(&signed_in).await?;
        let listed = sessions.into_iter().map(|session| {
            let is_own = session.id == signed_in.session.id;
            let token = if is_own { signed_in.token.clone().into() } else { session.id.clone().into() };
            SessionObject::new(session, token)
        });
        Ok(Answer::new(listed.collect()).headers(renewed(&identity, &signed_in)))
    }

    /// Sign out one session
    ///
    /// Says yes also when there is no such session, or it is another user's; then nothing happens.
    #[oai(path = "/revoke-session", method = "post", tag = "Tag::Sessions", operation_id = "revokeSession")]
    async fn revoke_session(
        &self,
        input: Input<RevokeSession>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<RevokeRefusals>> {
        let Input(RevokeSession { token }) = input;
        identity.sessions.revoke_one(&signed_in, token.expose()).await?;
        let is_own = [signed_in.token.expose(), &signed_in.session.id].contains(&token.expose());
        let headers = if is_own { identity.cookies.clear() } else { HeaderMap::new() };
        Ok(Answer::new(Status { status: true }).headers(headers))
    }

    /// Sign out everywhere
    ///
    /// Ends this session too.
    #[oai(path = "/revoke-sessions", method = "post", tag = "Tag::Sessions", operation_id = "revokeSessions")]
    async fn revoke_sessions(
        &self,
        _input: Input<Nothing>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<RevokeRefusals>> {
        identity.sessions.revoke_all(&signed_in).await?;
        Ok(Answer::new(Status { status: true }).headers(identity.cookies.clear()))
    }

    /// Sign out everywhere else
    ///
    /// Ends all sessions but this one.
    #[oai(
        path = "/revoke-other-sessions",
        method = "post",
        tag = "Tag::Sessions",
        operation_id = "revokeOtherSessions"
    )]
    async fn revoke_other_sessions(
        &self,
        _input: Input<Nothing>,
        signed_in: CurrentSession,
        identity: Data<&Arc<Identity>>,
    ) -> Result<Answer<Status>, Declared<RevokeRefusals>> {
        identity.sessions.revoke_others(&signed_in).await?;
        Ok(Answer::new(Status { status: true }).headers(renewed(&identity, &signed_in)))
    }
}

/// The headers of a session that slid just now.
pub(super) fn renewed(identity: &Identity, signed_in: &CurrentSession) -> HeaderMap {
    if signed_in.expiry == Expiry::Moved { identity.cookies.set_session(signed_in) } else { HeaderMap::new() }
}
