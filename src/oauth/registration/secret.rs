//! The secret that an operator gives a client.
//! In: a text. Out: nothing, or what is wrong with it, which shows nothing of it.
//! Owns: a secret that is kept as a fast hash is one that no list of words has (NIST SP 800-63B section 5.1.2).

use crate::config::guessable;

/// The shortest secret, in characters.
const SHORTEST: usize = 32;
/// The longest one.
const LONGEST: usize = 256;

/// Judges a secret.
///
/// # Errors
/// What is wrong with it: the rest of a sentence that begins with where it stands.
pub fn check(text: &str) -> Result<(), String> {
    const CURE: &str = "make one with: openssl rand -base64 32";
    // RFC 6749 appendix A.2.
    if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        return Err(
            "has characters that no secret of a client has: visible ASCII on one line alone".to_owned()
        );
    }
    match text.len() {
        ..SHORTEST => Err(format!("has {} characters; it needs at least {SHORTEST}: {CURE}", text.len())),
        SHORTEST..=LONGEST => guessable(text.as_bytes()).map_or(Ok(()), |why| Err(format!("{why}; {CURE}"))),
        _ => Err(format!("has more than {LONGEST} characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_wants_a_secret_that_cannot_be_guessed_and_shows_nothing_of_it() {
        assert_eq!(check("GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA="), Ok(()));
        for text in [
            "",
            "hunter2",
            "hunter2hunter2hunter2hunter2hunter2",
            "your-secret-key-change-me-in-production-1",
            "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA=\n",
            "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0m\u{e4}",
            &"GlBeN0sD5Q5X9WwVnxHz".repeat(20),
        ] {
            let problem = check(text).unwrap_err();
            assert!(!problem.contains("hunter2") && !problem.contains("GlBe"), "{text}: {problem}");
        }
    }
}
