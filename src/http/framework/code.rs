//! Every error code of the HTTP contract.
//! Out: the status, the text and the meaning of each code, for answers, metrics and documents alike.
//! Owns: codes are stable; `docs/errors.md` and the OpenAPI documents are made from this list.

use std::borrow::Cow;

use poem::http::StatusCode;

use super::bounds::{MAX_BODY_BYTES, REQUEST_TIMEOUT};
use crate::identity::PASSWORD_LENGTH;

/// One of the described APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// Better Auth's contract: 400 for all that does not fit.
    Identity,
    /// The sample resource: 422 for all that does not fit.
    Tasks,
    /// OAuth: the words of RFC 6749 and its successors, in bodies of their own shape.
    OAuth,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Tasks, Self::OAuth];
}

/// Where a code may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On every path.
    EveryPath,
    /// By one of the APIs.
    Of(Api),
    /// Where a process is watched.
    Operation,
}

/// Writes [`Code`] from one row for each code.
macro_rules! codes {
    ($($name:ident: $scope:expr, $status:literal $code:literal, $message:literal, $when:expr;)+) => {
        /// A stable name that programs compare, with its status. Two codes may have one name: the APIs differ in
        /// status.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $code, "`, ", stringify!($status))] $name,)+
        }

        impl Code {
            /// All of them, in the order of the documents.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name, as bodies and metrics carry it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The status in digits.
            pub const fn status_code(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// The sentence for people, where an answer says nothing more precise.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }

            /// Where it may be answered.
            pub const fn scope(self) -> Scope {
                match self { $(Self::$name => $scope,)+ }
            }

            /// When it is answered, for the documents.
            pub fn when(self) -> Cow<'static, str> {
                match self { $(Self::$name => $when.into(),)+ }
            }
        }
    };
}

const IDENTITY: Scope = Scope::Of(Api::Identity);
const TASKS: Scope = Scope::Of(Api::Tasks);
const OAUTH: Scope = Scope::Of(Api::OAuth);

codes! {
    NotFound: Scope::EveryPath, 404 "NOT_FOUND", "Not found",
        "nothing is there; for a task: not among the caller's";
    MethodNotAllowed: Scope::EveryPath, 405 "METHOD_NOT_ALLOWED", "Method not allowed",
        "the path has other methods, named by `Allow` (below `/api/auth` it is 404)";
    BadRequest: Scope::EveryPath, 400 "BAD_REQUEST", "Bad request",
        "an unreadable request, and below `/api/auth` malformed JSON; also with other statuses of 4xx";
    RequestTimeout: Scope::EveryPath, 408 "REQUEST_TIMEOUT", "The request took too long",
        format!("the request, body included, took longer than {} s, or nothing more of its body came", REQUEST_TIMEOUT.as_secs());
    PayloadTooLarge: Scope::EveryPath, 413 "PAYLOAD_TOO_LARGE", "The body is too large",
        format!("the body is larger than {} KiB", MAX_BODY_BYTES / 1024);
    UnsupportedMediaType: Scope::EveryPath, 415 "UNSUPPORTED_MEDIA_TYPE", "Content-Type is not allowed",
        "the body is not JSON";
    Internal: Scope::EveryPath, 500 "INTERNAL_SERVER_ERROR", "Internal server error",
        "a defect of ours; the log says more under the request's id";
    DatabaseUnavailable: Scope::EveryPath, 503 "DATABASE_UNAVAILABLE",
        "The database is not available. Please try again later.",
        "the database does not answer in time; `Retry-After`";
    ServerBusy: Scope::EveryPath, 503 "SERVER_BUSY", "Too much is under way. Please try again later.",
        "the client, or all together, have as many requests under way, or as many bytes, as they may; `Retry-After` \
         (over HTTP/2 the stream may be refused instead)";

    ValidationError: IDENTITY, 400 "VALIDATION_ERROR", "Validation failed",
        "fields that do not fit, all named in the message";
    Unauthorized: IDENTITY, 401 "UNAUTHORIZED", "Unauthorized", "no user is signed in, or not any more";
    InvalidEmailOrPassword: IDENTITY, 401 "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password",
        "unknown address, or wrong password";
    InvalidEmail: IDENTITY, 400 "INVALID_EMAIL", "Invalid email", "not an address (sign-in)";
    InvalidPassword: IDENTITY, 400 "INVALID_PASSWORD", "Invalid password", "the current password is wrong";
    PasswordTooShort: IDENTITY, 400 "PASSWORD_TOO_SHORT", "Password too short",
        format!("a new password of less than {} UTF-16 code units", PASSWORD_LENGTH.start());
    PasswordTooLong: IDENTITY, 400 "PASSWORD_TOO_LONG", "Password too long",
        format!("a password of more than {} UTF-16 code units", PASSWORD_LENGTH.end());
    CredentialAccountNotFound: IDENTITY, 400 "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found",
        "the user has no password";
    EmailTaken: IDENTITY, 422 "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.", "the address is taken";
    EmailCanNotBeUpdated: IDENTITY, 400 "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated",
        "`update-user` with an `email`";
    NoFieldsToUpdate: IDENTITY, 400 "NO_FIELDS_TO_UPDATE", "No fields to update",
        "`update-user` without name or image";
    SessionExpired: IDENTITY, 400 "SESSION_EXPIRED", "Session expired. Re-authenticate to perform this action.",
        "`delete-user` without a password, a day or more after signing in";
    InvalidDeletionToken: IDENTITY, 404 "INVALID_TOKEN", "Invalid token",
        "`delete-user` with a `token` that was not mailed to the user who is signed in, has expired or is spent";
    InvalidVerificationToken: IDENTITY, 401 "INVALID_TOKEN", "Invalid token",
        "`verify-email` with a token that was never mailed, is spent, or was mailed to an address that does not count any more";
    InvalidResetToken: IDENTITY, 400 "INVALID_TOKEN", "Invalid token",
        "`reset-password` without a token, or with one that was never mailed, has expired or is spent";
    TokenExpired: IDENTITY, 401 "TOKEN_EXPIRED", "Token expired", "`verify-email` with a token that has expired";
    InvalidUser: IDENTITY, 401 "INVALID_USER", "Invalid user",
        "`verify-email` with the token of a change of address, by another user than the one who is signed in";
    FailedToGetUserInfo: IDENTITY, 404 "FAILED_TO_GET_USER_INFO", "Failed to get user info",
        "`delete-user/callback` where no user is signed in";
    EmailNotVerified: IDENTITY, 403 "EMAIL_NOT_VERIFIED", "Email not verified",
        "the password was right, but the address has to be verified first (`SIGNET_REQUIRE_VERIFIED_EMAIL`)";
    EmailMismatch: IDENTITY, 400 "EMAIL_MISMATCH", "Email mismatch",
        "`send-verification-email` of a user who is signed in, for another address than theirs";
    EmailAlreadyVerified: IDENTITY, 400 "EMAIL_ALREADY_VERIFIED", "Email is already verified",
        "`send-verification-email` of a user who is signed in and has done so";
    EmailIsTheSame: IDENTITY, 400 "EMAIL_IS_THE_SAME", "Email is the same",
        "`change-email` to the address that the user has";
    VerificationEmailNotEnabled: IDENTITY, 400 "VERIFICATION_EMAIL_NOT_ENABLED",
        "Verification email isn't enabled", "mail is off (`SIGNET_MAIL`)";
    ResetPasswordDisabled: IDENTITY, 400 "RESET_PASSWORD_DISABLED", "Reset password isn't enabled",
        "mail is off (`SIGNET_MAIL`)";
    SessionNotFresh: IDENTITY, 403 "SESSION_NOT_FRESH", "Session is not fresh",
        "`list-sessions` a day or more after signing in";
    MissingOrNullOrigin: IDENTITY, 403 "MISSING_OR_NULL_ORIGIN", "Missing or null Origin",
        "a request with a cookie, or a sign-in from a browser, that does not say where it comes from";
    InvalidOrigin: IDENTITY, 403 "INVALID_ORIGIN", "Invalid origin",
        "a request with a cookie, or a sign-in, from an origin that is not trusted";
    CrossSiteLoginBlocked: IDENTITY, 403 "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
        "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
        "another site navigates to a sign-in";
    InvalidCallbackUrl: IDENTITY, 403 "INVALID_CALLBACK_URL", "Invalid callbackURL",
        "`callbackURL` leads to an origin that is not trusted";
    InvalidRedirectUrl: IDENTITY, 403 "INVALID_REDIRECT_URL", "Invalid redirectURL",
        "`redirectTo` leads to an origin that is not trusted";
    InvalidErrorCallbackUrl: IDENTITY, 403 "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL",
        "`errorCallbackURL` leads to an origin that is not trusted";
    InvalidNewUserCallbackUrl: IDENTITY, 403 "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL",
        "`newUserCallbackURL` leads to an origin that is not trusted";
    DeferSessionRequired: IDENTITY, 405 "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config", "`POST /get-session`";
    TooManyRequests: IDENTITY, 429 "TOO_MANY_REQUESTS", "Too many requests. Please try again later.",
        "limits per address, per account or per mailbox; `Retry-After`, `X-Retry-After`";
    SignInBusy: IDENTITY, 503 "SIGN_IN_BUSY", "Too many people are signing in. Please try again later.",
        "too many passwords are waiting; `Retry-After`";
    MailBusy: IDENTITY, 503 "MAIL_BUSY", "Too many people wait for mail. Please try again later.",
        "so much mail was asked for that no more can be kept; `Retry-After`";
    SigningUnavailable: IDENTITY, 503 "SIGNING_UNAVAILABLE",
        "There is no key to sign with. Please try again later.", "no key can sign now; `Retry-After`";

    MissingBearerToken: TASKS, 401 "UNAUTHORIZED", "A bearer token is needed",
        "no bearer token (`WWW-Authenticate: Bearer`)";
    InvalidBearerToken: TASKS, 401 "INVALID_TOKEN", "The bearer token is not valid",
        "a bearer token that is not good, whatever the cause (`error=\"invalid_token\"`)";
    Forbidden: TASKS, 403 "FORBIDDEN", "These are somebody else's tasks",
        "another user's `user_id` (`error=\"insufficient_scope\"`)";
    InsufficientScope: TASKS, 403 "INSUFFICIENT_SCOPE", "The access token does not allow this",
        "an access token without the scope that the operation needs (`error=\"insufficient_scope\"`, `scope`)";
    InvalidTask: TASKS, 422 "VALIDATION_ERROR", "Validation failed",
        "fields or query parameters that do not fit, all named in the message";
    InvalidJson: TASKS, 422 "INVALID_JSON", "[body] Invalid JSON in request body", "malformed JSON";
    TaskQuotaReached: TASKS, 409 "TASK_QUOTA_REACHED", "There is no room for another task. Delete some first.",
        "the user has as many tasks as `SIGNET_TASKS_PER_USER` allows; deleting some helps, waiting does not";
    TooManyTaskRequests: TASKS, 429 "TOO_MANY_REQUESTS", "Too many requests. Please try again later.",
        "limits per user, and on how many requests of one user are worked on at once; `Retry-After`";
    TasksBusy: TASKS, 503 "TASKS_BUSY", "Too many tasks are being read or written. Please try again later.",
        "so many wait for the database already that this one could not be served in time; `Retry-After`";
    KeySetUnavailable: TASKS, 503 "KEY_SET_UNAVAILABLE",
        "The keys to verify tokens with are not available. Please try again later.",
        "no keys to verify with (role `resource`); `Retry-After`";

    OAuthInvalidRequest: OAUTH, 400 "invalid_request", "The request does not fit",
        "a parameter is missing, is given twice or does not fit; the request is no form (also 404, 405, 413, 415)";
    OAuthInvalidClient: OAUTH, 401 "invalid_client", "The client has not proved who it is",
        "unknown client, wrong secret, or another way to prove it than the registered one (`WWW-Authenticate: Basic`)";
    OAuthInvalidGrant: OAUTH, 400 "invalid_grant", "The grant is not good",
        "a code, refresh token or device code that is unknown, has expired, is spent or belongs to another client";
    OAuthUnauthorizedClient: OAUTH, 400 "unauthorized_client", "The client is not registered for this grant",
        "the `grant_type` is not among the client's `grant_types`";
    OAuthUnsupportedGrantType: OAUTH, 400 "unsupported_grant_type", "There is no such grant_type",
        "another `grant_type`";
    OAuthInvalidScope: OAUTH, 400 "invalid_scope", "The scope is more than was given",
        "a `scope` that is no scope, or more than was given";
    OAuthInvalidTarget: OAUTH, 400 "invalid_target", "The resource is unknown, or was not given",
        "a `resource` that is unknown, or that was not given (RFC 8707)";
    OAuthUnsupportedResponseType: OAUTH, 400 "unsupported_response_type", "response_type is code",
        "a request that is pushed: another `response_type`";
    OAuthRequestNotSupported: OAUTH, 400 "request_not_supported", "request is not supported",
        "a request that is pushed: the parameter `request` (OpenID Connect Core section 6)";
    OAuthRegistrationNotSupported: OAUTH, 400 "registration_not_supported", "registration is not supported",
        "a request that is pushed: the parameter `registration` (OpenID Connect Core section 7.2.1)";
    OAuthInvalidToken: OAUTH, 401 "invalid_token", "The access token is not good",
        "UserInfo: no access token, or one that has expired, was taken back, or is for another resource (`WWW-Authenticate: Bearer`)";
    OAuthInsufficientScope: OAUTH, 403 "insufficient_scope", "The access token lacks the scope openid",
        "UserInfo: an access token without the scope `openid` (`WWW-Authenticate: Bearer`)";
    OAuthAuthorizationPending: OAUTH, 400 "authorization_pending", "No user has decided yet",
        "a device polls (RFC 8628), and its user has not decided yet";
    OAuthSlowDown: OAUTH, 400 "slow_down", "No user has decided yet; poll 5 s less often",
        "a device polls too soon: from now on it waits 5 s longer";
    OAuthAccessDenied: OAUTH, 400 "access_denied", "The user has refused", "a device polls, and its user has refused";
    OAuthExpiredToken: OAUTH, 400 "expired_token", "The device code has expired",
        "a device polls whose user has not decided in time";
    OAuthServerError: OAUTH, 500 "server_error", "Internal server error",
        "a defect of ours; the log says more under the request's id";
    OAuthUnavailable: OAUTH, 503 "temporarily_unavailable", "Please try again later.",
        "the database does not answer, nothing can be signed, or too much is under way; also with 429 and 408; `Retry-After`";

    NotReady: Scope::Operation, 503 "NOT_READY", "Not ready",
        "`/readyz` only: what is missing stands in the message";
}

impl Code {
    /// The status that it comes with, unless an answer says otherwise.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The codes that an API answers with this status.
    pub fn of(api: Api, status: u16) -> Vec<Self> {
        let is_own = |code: &Self| code.scope() == Scope::Of(api);
        let of_status = Self::ALL.iter().copied().filter(|code| code.status_code() == status);
        if api != Api::OAuth {
            return of_status.filter(|code| code.scope() == Scope::EveryPath || is_own(code)).collect();
        }
        // What every path may answer is said in the words of OAuth.
        let own: Vec<Self> = of_status.filter(is_own).collect();
        if own.is_empty() { vec![Self::of_oauth(status)] } else { own }
    }

    /// What OAuth calls an error with this status that has no word of its own there.
    pub fn of_oauth(status: u16) -> Self {
        match status {
            408 | 429 | 503 => Self::OAuthUnavailable,
            status if status >= 500 => Self::OAuthServerError,
            _ => Self::OAuthInvalidRequest,
        }
    }
}
