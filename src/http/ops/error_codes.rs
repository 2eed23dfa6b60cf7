//! The list of error codes for the docs.
//! Out: `docs/errors.md`, which a test holds to this.

use std::fmt::Write as _;

use crate::http::framework::code::{Api, Code, Scope};

const INTRODUCTION: &str = "\
# Error codes

Every error body is `{\"code\", \"message\"}`. Codes are stable; messages are for people and may change. Where Better Auth has
a code, it is the same here. The paths of OAuth answer `{\"error\", \"error_description\"}` (RFC 6749 section 5.2). This list is made from the sources.
";

/// The text of `docs/errors.md`.
pub fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (title, scope) in [
        ("Every path", Scope::EveryPath),
        ("Identity", Scope::Of(Api::Identity)),
        ("Tasks", Scope::Of(Api::Tasks)),
        ("OAuth", Scope::Of(Api::OAuth)),
        ("Operation", Scope::Operation),
    ] {
        let _ = write!(text, "\n## {title}\n\n| code | status | when |\n| --- | --- | --- |\n");
        for code in Code::ALL.iter().filter(|code| code.scope() == scope) {
            let _ = writeln!(text, "| `{}` | {} | {} |", code.as_str(), code.status_code(), code.when());
        }
    }
    text
}
