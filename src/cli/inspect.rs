//! `signet token inspect`: what a token says, whoever wrote it.
//! In: a compact token from an argument or the standard input. Out: its header and claims as JSON.
//! Owns: the output says that the signature was not checked, and no input makes it fail otherwise than by one sentence.

use std::io::Read;

use serde_json::{Map, Value, json};
use signet_verify::clock::Timestamp;
use signet_verify::jose::{base64url, json as strict_json};

use super::standard_output::print_document;
use super::standard_output::tell;

/// Larger than any token that a server would take in a header.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

/// The claims that hold a time (RFC 7519 section 4.1).
const TIMES: [&str; 3] = ["iat", "nbf", "exp"];

/// Why a text is not a token that can be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the token cannot be read from the standard input: {0}")]
    Input(#[source] std::io::Error),
    #[error("the output cannot be written: {0}")]
    Output(#[source] std::io::Error),
    #[error("this is not a signed token: it has {0} parts between dots, and 3 are needed")]
    Parts(usize),
    #[error("this is an encrypted token (JWE), which only its receiver can read")]
    Encrypted,
    #[error("the {0} of this token is not base64url without padding")]
    Encoding(&'static str),
    #[error("the {part} of this token cannot be read: {error}")]
    Json { part: &'static str, error: strict_json::Error },
    #[error("the {0} of this token is not a JSON object")]
    NotAnObject(&'static str),
}

/// Prints what the token says.
///
/// # Errors
/// When it cannot be read.
pub fn run(token: Option<String>) -> Result<(), Error> {
    let text = token.map_or_else(from_standard_input, Ok).map_err(Error::Input)?;
    let printed = print_document(&describe(&text)?);
    tell("the signature was NOT checked; anybody can write such a token");
    printed.map_err(Error::Output)
}

fn from_standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn describe(text: &str) -> Result<Value, Error> {
    let text = text.trim();
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _signature] = parts[..] else {
        return Err(if parts.len() == 5 { Error::Encrypted } else { Error::Parts(parts.len()) });
    };
    let header = object("header", header)?;
    let claims = object("payload", claims)?;
    let times: Map<String, Value> = TIMES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::String(readable(claims.get(*name)?)))))
        .collect();
    Ok(json!({ "signature": "NOT checked", "header": header, "claims": claims, "times": times }))
}

fn object(part: &'static str, encoded: &str) -> Result<Map<String, Value>, Error> {
    let bytes = base64url::decode(encoded).ok_or(Error::Encoding(part))?;
    match strict_json::parse(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Error::NotAnObject(part)),
        Err(error) => Err(Error::Json { part, error }),
    }
}

/// A NumericDate as people read it (RFC 7519 section 2 allows fractions of a second).
fn readable(value: &Value) -> String {
    /// The last second of the year 9999: what lies beyond has no spelling in RFC 3339.
    const LAST: i64 = 253_402_300_799;
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
    match seconds {
        Some(seconds) if (-LAST..=LAST).contains(&seconds) => Timestamp::from_seconds(seconds).iso_8601(),
        Some(_) => "out of range".to_owned(),
        None => "not a time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.AAAA", base64url::encode(header.as_bytes()), base64url::encode(claims.as_bytes()))
    }

    #[test]
    fn inspect_shows_claims_with_readable_times_and_without_trust() {
        let shown =
            describe(&token(r#"{"alg":"none"}"#, r#"{"sub":"ada","exp":0,"iat":1.5,"nbf":1e300}"#)).unwrap();
        assert_eq!(shown["signature"], "NOT checked");
        assert_eq!(shown["header"]["alg"], "none");
        assert_eq!(shown["claims"]["sub"], "ada");
        assert_eq!(shown["times"]["exp"], "1970-01-01T00:00:00.000Z");
        assert_eq!(shown["times"]["iat"], "1970-01-01T00:00:01.000Z");
        assert_eq!(shown["times"]["nbf"], "out of range");
    }

    #[test]
    fn inspect_answers_junk_with_one_sentence() {
        for junk in
            ["", "a", "a.b", "....", "a.b.c.d.e.f", "e30.e30=.x", "e30.W10.x", "bnVsbA.e30.x", "🔑.🔑.🔑"]
        {
            assert!(!describe(junk).unwrap_err().to_string().contains('\n'), "{junk}");
        }
        assert!(matches!(describe("a.b.c.d.e"), Err(Error::Encrypted)));
    }
}
