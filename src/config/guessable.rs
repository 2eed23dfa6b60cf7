//! Secrets that the world knows, or that anybody can guess.
//! In: a secret. Out: what is wrong with it, if anything.
//! Owns: nothing that a generator of random bytes makes is called guessable, but for once in a billion billion times.

/// Why a secret is none: the rest of a sentence that begins with its setting and shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Guessable {
    /// A default, an example, a placeholder.
    #[error("is an example or a default that has been published")]
    Published,
    /// Hardly any different characters.
    #[error("consists of a few characters again and again")]
    FewCharacters,
    /// One short text again and again.
    #[error("repeats a shorter text")]
    Repeated,
    /// The alphabet, the digits, a row of the keyboard.
    #[error("is a sequence that anybody can guess")]
    Sequence,
}

/// Fewer different bytes than this in 32 random ones come once in 10^20 times.
const FEWEST_BYTES: usize = 12;
/// Fewer different characters than this in 32 random digits come once in 10^7 times, and hardly ever otherwise.
const FEWEST_CHARACTERS: usize = 6;
/// What a secret needs at least; what it repeats counts once.
const ENOUGH_BYTES: usize = 32;

/// What people write in order, forwards or backwards.
const SEQUENCES: [&str; 7] = [
    "0123456789",
    "1234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "azertyuiop",
];

/// Letters and digits of secrets that stand in documents and in software, and of words that ask for another one:
/// Better Auth, Supabase, NextAuth and their tutorials among them. No random secret has one of them in it.
const PUBLISHED: [&str; 26] = [
    "betterauthsecret",
    "jwttokenwithatleast",
    "supersecret",
    "yoursecret",
    "yourownsecret",
    "mysecret",
    "oursecret",
    "thisisasecret",
    "secretkey",
    "secretsecret",
    "secretgoeshere",
    "somesecret",
    "randomsecret",
    "generatedsecret",
    "verysecret",
    "topsecret",
    "changeme",
    "changethis",
    "changeit",
    "pleasechange",
    "replaceme",
    "replacethis",
    "replacewith",
    "placeholder",
    "passwordpassword",
    "correcthorsebattery",
];

/// Phrases that say how long a secret has to be in place of being one.
const DEMANDS: [&str; 8] = [
    "atleast32",
    "32characters",
    "32chars",
    "32bytes",
    "32ormore",
    "minimum32",
    "thirtytwocharacters",
    "thirtytwobytes",
];

/// What is wrong with a secret that is a text.
pub fn text(secret: &[u8]) -> Option<Guessable> {
    let lower = secret.to_ascii_lowercase();
    let plain: Vec<u8> = lower.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let contains = |part: &&str| plain.windows(part.len()).any(|window| window == part.as_bytes());
    if distinct(secret.trim_ascii()) < FEWEST_CHARACTERS {
        Some(Guessable::FewCharacters)
    } else if period(secret) < ENOUGH_BYTES.min(secret.len()) {
        Some(Guessable::Repeated)
    } else if is_sequence(&lower) {
        Some(Guessable::Sequence)
    } else if PUBLISHED.iter().chain(&DEMANDS).any(contains) {
        Some(Guessable::Published)
    } else {
        None
    }
}

/// What is wrong with a key of 32 bytes.
pub(super) fn key(bytes: &[u8; 32]) -> Option<Guessable> {
    let steps: Vec<u8> = bytes.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let first = steps.first().copied().unwrap_or_default();
    let even = steps.iter().filter(|step| **step == first).count();
    if bytes.iter().all(u8::is_ascii_graphic) {
        // A text was taken for a key: hexadecimal digits of a generator are good enough, words are not.
        text(bytes)
    } else if even * 4 >= steps.len() * 3 && first != 0 {
        Some(Guessable::Sequence)
    } else if distinct(bytes) < FEWEST_BYTES {
        Some(Guessable::FewCharacters)
    } else if period(bytes) < ENOUGH_BYTES {
        Some(Guessable::Repeated)
    } else {
        None
    }
}

fn distinct(bytes: &[u8]) -> usize {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

/// The length of the shortest text of which this one is made by repeating it; its own length where it repeats none
/// twice.
fn period(bytes: &[u8]) -> usize {
    let repeats = |length: &usize| bytes[*length..].iter().zip(bytes).all(|(one, other)| one == other);
    (1..=bytes.len() / 2).find(repeats).unwrap_or(bytes.len())
}

/// Whether three quarters of all characters follow the one before them in a sequence that people write.
fn is_sequence(lower: &[u8]) -> bool {
    let follows = |pair: &[u8]| {
        SEQUENCES.iter().any(|sequence| {
            let mut steps = sequence.as_bytes().windows(2);
            steps.any(|step| step == pair || (step[0], step[1]) == (pair[1], pair[0]))
        })
    };
    let following = lower.windows(2).filter(|pair| pair[0] == pair[1] || follows(pair)).count();
    following * 4 >= lower.len().saturating_sub(1) * 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use signet_verify::clock::{Entropy, SeededEntropy, random_alphanumeric};

    use super::*;

    #[test]
    fn text_knows_what_the_world_knows() {
        let blanks = " ".repeat(32);
        let [same, two, word] = ["a".repeat(32), "ab".repeat(20), "hunter2-".repeat(5)];
        for (secret, why) in [
            (blanks.as_str(), Guessable::FewCharacters),
            (&same, Guessable::FewCharacters),
            (&two, Guessable::FewCharacters),
            (&format!("{} {}", "a".repeat(20), "b".repeat(20)), Guessable::FewCharacters),
            (&format!("   {}   ", "0".repeat(32)), Guessable::FewCharacters),
            (&word, Guessable::Repeated),
            ("0123456789abcdef0123456789abcdef", Guessable::Repeated),
            ("12345678901234567890123456789012", Guessable::Repeated),
            ("abcdefghijklmnopqrstuvwxyz012345", Guessable::Sequence),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", Guessable::Sequence),
            ("zyxwvutsrqponmlkjihgfedcba9876543210", Guessable::Sequence),
            ("qwertyuiopasdfghjklzxcvbnm1234567890", Guessable::Sequence),
            ("aaaaaabbbbbbccccccddddddeeeeeeffffff", Guessable::Sequence),
            ("better-auth-secret-12345678901234567890", Guessable::Published),
            ("better-auth-secret-that-is-long-enough-for-validation-test", Guessable::Published),
            ("your-super-secret-jwt-token-with-at-least-32-characters-long", Guessable::Published),
            ("super-secret-jwt-token-with-at-least-32-characters-long", Guessable::Published),
            ("Please-Change_Me: it is a must, 0815", Guessable::Published),
            ("YOUR_SECRET_KEY_OF_32_CHARACTERS!", Guessable::Published),
            ("a string of text that has at least 32 of them", Guessable::Published),
            ("correct horse battery staple, 4 words", Guessable::Published),
        ] {
            assert_eq!(text(secret.as_bytes()), Some(why), "{secret}");
        }
    }

    #[test]
    fn key_knows_what_the_world_knows() {
        let ascending: [u8; 32] = std::array::from_fn(|at| at as u8);
        let descending: [u8; 32] = std::array::from_fn(|at| 255 - at as u8);
        let twice: [u8; 32] = std::array::from_fn(|at| {
            [7, 99, 180, 3, 250, 16, 71, 8, 14, 200, 33, 91, 60, 2, 123, 77][at % 16]
        });
        for (bytes, why) in [
            ([0; 32], Guessable::FewCharacters),
            ([255; 32], Guessable::FewCharacters),
            ([b'a'; 32], Guessable::FewCharacters),
            (ascending, Guessable::Sequence),
            (descending, Guessable::Sequence),
            (twice, Guessable::Repeated),
            (*b"01234567890123456789012345678901", Guessable::Repeated),
            (*b"change-me-change-me-or-lose-them", Guessable::Published),
        ] {
            assert_eq!(key(&bytes), Some(why), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_generator_makes_is_not_guessable(seed in any::<u64>()) {
            let entropy = SeededEntropy::new(seed);
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes).unwrap();
            prop_assert_eq!(key(&bytes), None);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(text(hex.as_bytes()), None);
            prop_assert_eq!(text(&hex.as_bytes()[..32]), None);
            prop_assert_eq!(key(hex.as_bytes()[..32].try_into().unwrap()), None);
            prop_assert_eq!(text(random_alphanumeric(&entropy, 32).unwrap().as_bytes()), None);
        }
    }
}
