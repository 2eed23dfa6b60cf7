//! What scopes mean to the people who give them.
//! In: a scope. Out: what it lets a client do, in words.

use crate::mail::Language;

/// What a scope lets a client do, in words; one that is of a resource of the operator's is its own word.
pub fn scope_in_words(word: &str, language: Language) -> String {
    let (english, german) = match word {
        "openid" => ("know who you are", "wissen, wer Sie sind"),
        "profile" => ("see your name and picture", "Ihren Namen und Ihr Bild sehen"),
        "email" => ("see your e-mail address", "Ihre E-Mail-Adresse sehen"),
        "offline_access" => ("go on when you are not there", "weiterarbeiten, wenn Sie nicht da sind"),
        "tasks:read" => ("read your tasks", "Ihre Aufgaben lesen"),
        "tasks:write" => ("change your tasks", "Ihre Aufgaben ändern"),
        other => return other.to_owned(),
    };
    match language {
        Language::English => english.to_owned(),
        Language::German => german.to_owned(),
    }
}
