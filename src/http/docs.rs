//! The OpenAPI documents, and the page on which people try the APIs.
//! In: the two described services. Out: JSON documents; one Swagger UI page for both, with every asset inside.
//! Owns: the page asks no other host for anything, and runs only the scripts that it was built with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::StatusCode;
use poem::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH};
use poem::{Endpoint, Request, Response};
use poem_openapi::OpenApiService;
use ring::digest;

use super::{identity, tasks};

/// The OpenAPI document of the identity API.
pub fn identity_document() -> String {
    tidy(&identity::service().spec())
}

/// The OpenAPI document of the tasks API.
pub fn tasks_document() -> String {
    tidy(&tasks::service().spec())
}

/// What is true of a schema, in JSON Schema's words, and poem-openapi has no way to say.
const AMENDMENTS: [(&str, &str, &str); 2] = [
    ("Completion", "additionalProperties", "false"),
    ("UpdateUser", "anyOf", r#"[{"required": ["name"]}, {"required": ["image"]}]"#),
];

/// Says what poem-openapi cannot; indented and with a line feed at its end, as a file in a repository should be.
fn tidy(document: &str) -> String {
    let Ok(mut parsed) = serde_json::from_str::<serde_json::Value>(document) else {
        return document.to_owned();
    };
    for (name, member, value) in AMENDMENTS {
        let schema = parsed.pointer_mut(&format!("/components/schemas/{name}"));
        if let (Some(schema), Ok(value)) = (schema, serde_json::from_str(value)) {
            schema[member] = value;
        }
    }
    format!("{parsed:#}\n")
}

/// Serves an OpenAPI document. Anybody may read it from anywhere.
pub fn document(text: String) -> impl Endpoint<Output = Response> {
    immutable("application/json", text, None)
}

/// The page at `/docs`: both APIs together, so that a token got from one can be used at the other.
pub fn page() -> impl Endpoint<Output = Response> {
    let description = "Try it: sign up, get a token (`GET /api/auth/token`), press **Authorize**, paste the token \
                       under `jwt`, and create a task.";
    let service =
        OpenApiService::new((identity::apis(), tasks::TasksApi), "Signet", env!("CARGO_PKG_VERSION"))
            .description(description)
            .server("/");
    let page = service.swagger_ui_html();
    let page = format!("<!doctype html>{}", page.trim_start())
        .replacen(
            "<title>Swagger UI</title>",
            "<title>Signet API</title><link rel=\"icon\" href=\"data:,\">",
            1,
        )
        .replacen("<html charset=\"UTF-8\">", "<html lang=\"en\">", 1);
    // Browsers read every line end as a line feed, and hash what they have read.
    let page = page.replace("\r\n", "\n").replace('\r', "\n");
    // Swagger UI writes style attributes as it goes; scripts are only the two of the page, by their hashes.
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        script_hashes(&page)
    );
    immutable("text/html; charset=utf-8", page, Some(policy))
}

/// The CSP source expressions of the inline scripts of a page (CSP Level 3 section 2.3.1).
fn script_hashes(page: &str) -> String {
    let mut hashes = Vec::new();
    let mut rest = page;
    // One after the other, as a browser reads them: a script may hold the text `<script` itself.
    while let Some((script, after)) = rest
        .split_once("<script")
        .and_then(|(_, tag)| tag.split_once('>'))
        .and_then(|(_, body)| body.split_once("</script>"))
    {
        hashes.push(format!(
            "'sha256-{}'",
            STANDARD.encode(digest::digest(&digest::SHA256, script.as_bytes()))
        ));
        rest = after;
    }
    hashes.join(" ")
}

/// A text that stays the same as long as the process runs.
fn immutable(
    media_type: &'static str,
    text: String,
    policy: Option<String>,
) -> impl Endpoint<Output = Response> {
    let etag =
        format!("\"{}\"", STANDARD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..18]));
    let body = bytes::Bytes::from(text);
    poem::endpoint::make_sync(move |request: Request| {
        let seen = request.header(IF_NONE_MATCH).is_some_and(|tags| tags.contains(&etag));
        let response = Response::builder().header(ETAG, &etag).header(CACHE_CONTROL, "no-cache");
        if seen {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        let response = response.content_type(media_type);
        match &policy {
            Some(policy) => response.header(CONTENT_SECURITY_POLICY, policy).body(body.clone()),
            None => response.body(body.clone()),
        }
    })
}
