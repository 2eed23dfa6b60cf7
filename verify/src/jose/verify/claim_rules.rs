//! The rules that the claims of a signed token must keep (RFC 7519 section 4.1, RFC 8725 sections 3.8 to 3.10).
//! In: a payload whose signature is right, and the policy. Out: a principal.
//! Owns: a claim of the wrong type is refused, never ignored, and no number makes the arithmetic wrap.

use serde_json::{Map, Value};

use super::header::KeyReference;
use super::policy::Policy;
use super::refusal::Refusal;
use crate::clock::Timestamp;
use crate::jose::claims::{Principal, TokenType, VerifiedClaims};
use crate::jose::json;

/// The longest subject, in bytes.
const MAX_SUBJECT_BYTES: usize = 255;

/// Makes a principal of a payload that `signer` signed.
pub(super) fn admit(
    payload: &[u8],
    signer: &KeyReference,
    token_type: TokenType,
    policy: &Policy,
    now: Timestamp,
) -> Result<Principal, Refusal> {
    let Ok(Value::Object(claims)) = json::parse(payload) else { return Err(Refusal::Claims) };
    if claims.contains_key("cnf") {
        return Err(Refusal::BoundToKey);
    }
    let (kid, presence) = match signer {
        KeyReference::Published(kid, _) => (Some(kid.clone()), Presence::Required),
        // Old backends' tokens carry neither issuer nor audience; the secret itself says who made them.
        KeyReference::Shared => (None, Presence::Optional),
    };
    let issuer = issuer(&claims, policy, presence)?;
    check_audience(&claims, policy, presence)?;

    let expires = claims.get("exp").and_then(numeric_date).ok_or(Refusal::Expiry)?;
    let not_before = moment(&claims, "nbf", Refusal::NotYetValid)?;
    let issued_at = moment(&claims, "iat", Refusal::IssuedAhead)?;

    let session = identifier(&claims, "sid")?;
    let token_id = identifier(&claims, "jti")?;
    let subject = subject(&claims)?;
    let principal = Principal::new(VerifiedClaims {
        subject,
        session,
        token_id,
        issuer,
        expires,
        issued_at,
        not_before,
        kid,
        token_type,
        all: claims,
    });
    check_times(&principal, policy, now)?;
    Ok(principal)
}

/// The rules that time can turn against a token, or in its favour.
fn check_times(claims: &VerifiedClaims, policy: &Policy, now: Timestamp) -> Result<(), Refusal> {
    let max_lifetime = match claims.kid {
        Some(_) => policy.max_lifetime,
        None => policy.shared_max_lifetime,
    };
    let lies_ahead =
        |moment: Option<Timestamp>| moment.is_some_and(|moment| moment > now.after(policy.leeway));
    if claims.expires <= now.before(policy.leeway) {
        Err(Refusal::Expired)
    } else if claims.expires > now.after(max_lifetime).after(policy.leeway) {
        Err(Refusal::LivesTooLong)
    } else if lies_ahead(claims.not_before) {
        Err(Refusal::NotYetValid)
    } else if lies_ahead(claims.issued_at) {
        Err(Refusal::IssuedAhead)
    } else {
        Ok(())
    }
}

impl Policy {
    /// Whether the time is still right for a token that was verified before under this same policy.
    ///
    /// # Errors
    /// The [`Refusal`] that verifying the token anew would give.
    pub fn check_times(&self, principal: &Principal, now: Timestamp) -> Result<(), Refusal> {
        check_times(principal, self, now)
    }
}

/// Whether a token may go without `iss` and `aud`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    /// It may not: a published key signs for many.
    Required,
    /// It may: old backends that share a secret name neither.
    Optional,
}

fn issuer(
    claims: &Map<String, Value>,
    policy: &Policy,
    presence: Presence,
) -> Result<Option<String>, Refusal> {
    match claims.get("iss") {
        None if presence == Presence::Optional => Ok(None),
        Some(Value::String(issuer)) if policy.issuers.contains(issuer) => Ok(Some(issuer.clone())),
        _ => Err(Refusal::Issuer),
    }
}

/// Wants a string, or an array of strings only, that holds one of our names exactly.
fn check_audience(claims: &Map<String, Value>, policy: &Policy, presence: Presence) -> Result<(), Refusal> {
    let ours =
        |name: &Value| name.as_str().is_some_and(|name| policy.audiences.iter().any(|own| own == name));
    let sound = match claims.get("aud") {
        None => presence == Presence::Optional,
        Some(Value::Array(names)) => names.iter().all(Value::is_string) && names.iter().any(ours),
        Some(name) => ours(name),
    };
    if sound { Ok(()) } else { Err(Refusal::Audience) }
}

/// The moment that the claim `name` names, if there is one; refused when it is no number.
fn moment(claims: &Map<String, Value>, name: &str, refusal: Refusal) -> Result<Option<Timestamp>, Refusal> {
    claims.get(name).map(|claim| numeric_date(claim).ok_or(refusal)).transpose()
}

fn identifier(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Refusal::Identifier),
    }
}

/// Wants a name that can be logged, compared and put into a path without surprises.
fn subject(claims: &Map<String, Value>) -> Result<String, Refusal> {
    match claims.get("sub") {
        Some(Value::String(subject))
            if (1..=MAX_SUBJECT_BYTES).contains(&subject.len()) && !subject.contains(char::is_control) =>
        {
            Ok(subject.clone())
        }
        _ => Err(Refusal::Subject),
    }
}

/// Reads seconds since the epoch, whole or with a fraction (NumericDate, RFC 7519 section 2).
fn numeric_date(claim: &Value) -> Option<Timestamp> {
    let number = claim.as_number()?;
    if let Some(seconds) = number.as_i64() {
        return Some(Timestamp::from_seconds(seconds));
    }
    // JSON has no NaN, and the cast saturates: an absurd moment stays absurd and does not come round from the other side.
    number.as_f64().map(|seconds| Timestamp::from_millis((seconds * 1000.0).floor() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_times_saturates_and_never_wraps() {
        let moment = |text: &str| numeric_date(&serde_json::from_str(text).unwrap()).map(Timestamp::millis);
        assert_eq!(moment("1.5"), Some(1500));
        assert_eq!(moment("-0.0001"), Some(-1));
        for far in ["9223372036854775807", "18446744073709551615", "36893488147419103232", "1e308"] {
            assert_eq!(moment(far), Some(i64::MAX), "{far}");
        }
        assert_eq!(moment("-1e308"), Some(i64::MIN));
        for other in ["null", "true", "\"1\"", "[1]", "{}"] {
            assert_eq!(moment(other), None, "{other}");
        }
    }
}
