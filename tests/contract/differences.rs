//! Where Signet answers otherwise on purpose. `docs/better-auth.md` says the same in prose.

/// In what a difference consists.
pub enum Difference {
    /// The same status and headers, but a body of our own.
    Body,
    /// The same status, headers and code, but another text.
    Message,
    /// An answer of our own: status and code (empty for a success).
    Answer(u16, &'static str),
}

/// Every deliberate difference, with its reason.
pub const DIFFERENCES: [(&str, Difference, &str); 12] = [
    ("01-options-preflight", Difference::Answer(204, ""), "trusted origins get a CORS preflight answered"),
    ("11-sign-up-text-plain", Difference::Message, "texts never repeat the caller's input"),
    ("extra/json-suffix-type", Difference::Message, "texts never repeat the caller's input"),
    ("extra/sign-out-form-urlencoded", Difference::Message, "texts never repeat the caller's input"),
    ("62-update-user-empty", Difference::Body, "every error has a code"),
    ("62-update-user-email-verified", Difference::Body, "every error has a code"),
    (
        "extra/node-fetch-shape-sign-in",
        Difference::Answer(200, ""),
        "Node's fetch is no browser, and has nothing to abuse",
    ),
    ("80-forget-password-legacy-404", Difference::Answer(200, ""), "clients before 1.4 know no other name"),
    ("82-session-still-valid-after-reset", Difference::Answer(200, ""), "a reset ends every session"),
    ("84-verify-email-again", Difference::Answer(302, ""), "a link works once"),
    ("85-change-email-same", Difference::Body, "every error has a code"),
    ("extra/update-user-name-number", Difference::Answer(400, "VALIDATION_ERROR"), "types are checked"),
];

/// The cookie that we set beside theirs, so that strangers who try passwords do not keep a device out that has signed in
/// before.
pub const OWN_COOKIE: &str = "better-auth.device=";

/// Captures of what is not offered yet.
pub const NOT_OFFERED: [(&str, &str); 2] = [
    ("extra/sign-in-social-bad-provider", "social sign-in"),
    ("extra/sign-in-social-unknown", "social sign-in"),
];
