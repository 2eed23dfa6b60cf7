//! Why a token is refused.
//! In: nothing. Out: a closed list of reasons for logs and metrics.
//! Owns: a reason never repeats what the token said.

/// Why a token is refused.
///
/// The reasons are for the operator; the caller gets the same 401 for each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Longer than [`MAX_TOKEN_BYTES`](crate::jose::MAX_TOKEN_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// Not three parts, or no payload (RFC 7515 section 7.1).
    #[error("the token does not have three parts")]
    Shape,
    /// A part is not strict base64url (RFC 7515 section 2).
    #[error("a part of the token is not base64url")]
    Encoding,
    /// The header is not a strict JSON object (RFC 7515 section 4).
    #[error("the header is not a JSON object")]
    Header,
    /// The header asks for something that is never done: `crit`, `b64`, `zip`, `enc`, `cty`, or a key or certificate
    /// brought along (`jwk`, `jku`, `x5c`, `x5u`).
    #[error("the header has a member that is not accepted")]
    HeaderMember,
    /// `typ` names another kind of token (RFC 8725 section 3.11).
    #[error("the token is of another type")]
    Type,
    /// `alg` is missing, not a string, or not the algorithm of the key that the header points at (RFC 8725 section 3.1).
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// `kid` is not a string of 1 to 128 visible ASCII characters.
    #[error("the kid is malformed")]
    MalformedKid,
    /// A token without `kid` whose algorithm is one of published keys (RFC 7515 section 4.1.4 makes it optional; we always write it).
    #[error("the kid is missing")]
    MissingKid,
    /// No trusted key has this `kid`. The only refusal that a fresh key set may change.
    #[error("no key has this kid")]
    UnknownKid,
    /// Nothing of this kind is trusted here: no key set, or no shared secret.
    #[error("tokens of this kind are not trusted here")]
    NotTrusted,
    /// The time until which the shared secret is accepted has passed.
    #[error("the shared secret is not accepted any more")]
    SharedSecretExpired,
    /// The signature or MAC is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// The claims are not a strict JSON object (RFC 7519 section 7.2).
    #[error("the claims are not a JSON object")]
    Claims,
    /// `iss` is missing or not exactly a trusted issuer.
    #[error("the issuer is not trusted")]
    Issuer,
    /// `aud` is missing, malformed, or does not hold one of our names.
    #[error("the token is for somebody else")]
    Audience,
    /// `exp` is missing or not a number.
    #[error("the expiry is missing or malformed")]
    Expiry,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `exp` lies further ahead than a token may live.
    #[error("the token lives too long")]
    LivesTooLong,
    /// `nbf` lies ahead, or is not a number.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies ahead, or is not a number.
    #[error("the token was issued in the future")]
    IssuedAhead,
    /// `sub` is missing, not a string, empty, too long, or holds control characters.
    #[error("the subject is missing or malformed")]
    Subject,
    /// `sid` or `jti` is not a string.
    #[error("an identifier is malformed")]
    Identifier,
    /// `cnf` binds the token to a key whose possession a bearer does not show (RFC 9449 section 7.2).
    #[error("the token is bound to a key")]
    BoundToKey,
}

impl Refusal {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 24] = [
        Self::TooLong,
        Self::Shape,
        Self::Encoding,
        Self::Header,
        Self::HeaderMember,
        Self::Type,
        Self::Algorithm,
        Self::MalformedKid,
        Self::MissingKid,
        Self::UnknownKid,
        Self::NotTrusted,
        Self::SharedSecretExpired,
        Self::Signature,
        Self::Claims,
        Self::Issuer,
        Self::Audience,
        Self::Expiry,
        Self::Expired,
        Self::LivesTooLong,
        Self::NotYetValid,
        Self::IssuedAhead,
        Self::Subject,
        Self::Identifier,
        Self::BoundToKey,
    ];

    /// The stable name of the reason in logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Shape => "shape",
            Self::Encoding => "encoding",
            Self::Header => "header",
            Self::HeaderMember => "header_member",
            Self::Type => "type",
            Self::Algorithm => "algorithm",
            Self::MalformedKid => "malformed_kid",
            Self::MissingKid => "missing_kid",
            Self::UnknownKid => "unknown_kid",
            Self::NotTrusted => "not_trusted",
            Self::SharedSecretExpired => "shared_secret_expired",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expiry => "expiry",
            Self::Expired => "expired",
            Self::LivesTooLong => "lives_too_long",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedAhead => "issued_ahead",
            Self::Subject => "subject",
            Self::Identifier => "identifier",
            Self::BoundToKey => "bound_to_key",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Refusal;

    #[test]
    fn all_lists_every_reason_in_order_with_a_name_of_its_own() {
        assert!(Refusal::ALL.iter().enumerate().all(|(number, refusal)| *refusal as usize == number));
        assert_eq!(Refusal::ALL.last(), Some(&Refusal::BoundToKey), "the last one declared");
        let names: BTreeSet<&str> = Refusal::ALL.into_iter().map(Refusal::code).collect();
        assert_eq!(names.len(), Refusal::ALL.len());
    }
}
