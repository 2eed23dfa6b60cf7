//! The OpenAPI documents, and the page on which people try the APIs.
//! In: the two described services. Out: JSON documents; one Swagger UI page for both, with every asset inside.
//! Owns: the page asks no other host for anything, and runs only the scripts that it was built with.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use poem::http::header::CONTENT_SECURITY_POLICY;
use poem::{Endpoint, Request, Response, Result};
use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};
use signet_verify::crypto::sha256;

use crate::http::framework::static_document::StaticDocument;
use crate::http::{identity, oauth, tasks};
use crate::oauth::{DOCS_CLIENT, DOCS_RETURN, TASKS_SCOPES};

/// The password of the examples; no value of a password type can be written into a document.
const PASSWORD: &str = "correct horse battery";

/// The OpenAPI document of the identity API.
pub fn identity_document() -> String {
    tidy(&identity::service().spec())
}

/// The OpenAPI document of OAuth and OpenID Connect.
pub fn oauth_document() -> String {
    tidy(&oauth::service().spec())
}

/// The OpenAPI document of the tasks API.
pub fn tasks_document() -> String {
    tidy(&tasks::service().spec())
}

/// Says what poem-openapi cannot; indented and with a line feed at its end, as a file in a repository should be.
fn tidy(document: &str) -> String {
    let Ok(mut parsed) = serde_json::from_str(document) else {
        return document.to_owned();
    };
    amend(&mut parsed);
    format!("{parsed:#}\n")
}

/// What is true of the APIs, in JSON Schema's and OpenAPI's words, and poem-openapi has no way to say.
fn amend(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    if let Some(completion) = schemas.get_mut("Completion") {
        completion["additionalProperties"] = json!(false);
    }
    // At least one of the two. Each alternative is written out, since generators of clients look at each alone.
    if let Some(update) = schemas.get_mut("UpdateUser") {
        let properties = update["properties"].take();
        let naming = |name| json!({ "type": "object", "required": [name], "properties": &properties });
        let alternatives = ["name", "image"].map(naming);
        *update =
            json!({ "title": "UpdateUser", "description": &update["description"], "anyOf": alternatives });
    }
    let address = "ada@example.com";
    for (schema, example) in [
        ("SignUp", json!({ "name": "Ada Lovelace", "email": address, "password": PASSWORD })),
        ("SignIn", json!({ "email": address, "password": PASSWORD })),
    ] {
        if let Some(schema) = schemas.get_mut(schema) {
            schema["example"] = example;
        }
    }
    // Members that may be null, and are always there.
    for (schema, member) in [("User", "image"), ("PasswordChanged", "token")] {
        if let Some(Value::Array(required)) = schemas.get_mut(schema).map(|schema| &mut schema["required"]) {
            required.push(json!(member));
        }
    }
    for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let members = schema.get_mut("properties").and_then(Value::as_object_mut);
        for member in members.into_iter().flat_map(Map::values_mut) {
            // A reference with a description beside it, which stands there already.
            if let Some(Value::Array(parts)) = member.get_mut("allOf") {
                parts.truncate(1);
            }
        }
    }
    show_pages(document);
    let mut in_use = Vec::new();
    for path in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for operation in path.as_object_mut().into_iter().flat_map(Map::values_mut) {
            in_use.push(operation["tags"][0].clone());
            // An operation for everybody says so; else it could have been forgotten.
            operation.as_object_mut().map(|operation| operation.entry("security").or_insert(json!([])));
        }
    }
    // In the order in which a client needs them, and not by the alphabet.
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| in_use.iter().position(|used| *used == tag["name"]));
    }
}

/// Where a browser is sent, what does not fit is said on a page.
fn show_pages(document: &mut Value) {
    let path = document["paths"].get_mut("/api/auth/oauth2/authorize").and_then(Value::as_object_mut);
    for operation in path.into_iter().flat_map(Map::values_mut) {
        for status in ["400", "429", "503"] {
            let content = operation["responses"].get_mut(status).map(|answer| &mut answer["content"]);
            if let Some(Value::Object(content)) = content {
                content
                    .insert("text/html; charset=utf-8".to_owned(), json!({ "schema": { "type": "string" } }));
            }
        }
    }
}

/// Serves an OpenAPI document. Any client and any origin may read it.
pub fn document(text: String) -> StaticDocument {
    StaticDocument::new("application/json", text)
}

/// The page at `/docs`: both APIs together, so that a token got from one can be used at the other.
///
/// It is made at the first request: it is by far the largest thing that we serve, and most processes are never
/// asked.
#[derive(Debug)]
pub struct DocsPage {
    made: OnceLock<StaticDocument>,
    /// The issuer at which people sign in, where this process is that.
    issuer: Option<String>,
}

impl DocsPage {
    /// A page on which people sign in at `issuer`, if there is one.
    pub fn new(issuer: Option<String>) -> Self {
        Self { made: OnceLock::new(), issuer }
    }
}

impl Endpoint for DocsPage {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        self.made.get_or_init(|| page(self.issuer.as_deref())).call(request).await
    }
}

/// Where the answer of the authorization endpoint is handed to the page that has asked.
pub fn signed_in() -> StaticDocument {
    let page = include_str!("../../../web/docs/oauth2-redirect.html");
    let policy = format!(
        "default-src 'none'; script-src {}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        script_hashes(page)
    );
    StaticDocument::new("text/html; charset=utf-8", page).with_header(CONTENT_SECURITY_POLICY, policy)
}

/// Adds the way in by OAuth beside that by a token which is pasted.
fn with_sign_in(document: &str, issuer: Option<&str>) -> String {
    let (Some(issuer), Ok(mut parsed)) = (issuer, serde_json::from_str::<Value>(document)) else {
        return document.to_owned();
    };
    let [reading, writing] = TASKS_SCOPES;
    parsed["components"]["securitySchemes"]["oauth2"] = json!({
        "type": "oauth2",
        "description": "Sign in here, in a window of its own: a code with PKCE, by the client of this page.",
        "flows": { "authorizationCode": {
            "authorizationUrl": format!("{issuer}/api/auth/oauth2/authorize"),
            "tokenUrl": format!("{issuer}/api/auth/oauth2/token"),
            "scopes": { reading: "Read your tasks", writing: "Change your tasks" },
        } },
    });
    for methods in parsed["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let scope = if method == "get" { reading } else { writing };
            if let Some(ways) =
                operation["security"].as_array_mut().filter(|ways| ways.contains(&json!({ "jwt": [] })))
            {
                ways.push(json!({ "oauth2": [scope] }));
            }
        }
    }
    format!("{parsed:#}\n")
}

/// What Swagger UI is started with, beside what poem-openapi writes: where it is answered, and as whom it asks.
fn start_script() -> [(&'static str, String); 2] {
    let client = json!({ "clientId": DOCS_CLIENT, "usePkceWithAuthorizationCodeGrant": true });
    [
        (
            "oauth2RedirectUrl: oauth2RedirectUrl,",
            format!("oauth2RedirectUrl: new URL(\"{DOCS_RETURN}\", location.href).href,"),
        ),
        ("deepLinking: true,\n    })", format!("deepLinking: true,\n    }}).initOAuth({client})")),
    ]
}

fn page(issuer: Option<&str>) -> StaticDocument {
    let description = match issuer {
        Some(_) => {
            "Try it: press **Authorize** and sign in, or sign up, get a token (`GET /api/auth/token`) and paste it under \
             `jwt`; then create a task."
        }
        None => "Try it: press **Authorize**, paste a token under `jwt`, and create a task.",
    };
    let service =
        OpenApiService::new((identity::apis(), tasks::TasksApi), "Signet", env!("CARGO_PKG_VERSION"))
            .description(description)
            .server("/");
    let document = service.spec();
    let mut page = service.swagger_ui_html();
    for (from, to) in [
        (document.as_str(), with_sign_in(&tidy(&document), issuer).as_str()),
        ("<title>Swagger UI</title>", "<title>Signet API</title><link rel=\"icon\" href=\"data:,\">"),
        ("<html charset=\"UTF-8\">", "<!doctype html><html lang=\"en\">"),
    ] {
        page = page.replacen(from, to, 1);
    }
    for (from, to) in start_script() {
        debug_assert!(page.contains(from), "poem-openapi writes its page in other words: {from}");
        page = page.replacen(from, &to, 1);
    }
    // Browsers read every line end as a line feed, and hash what they have read.
    for line_end in ["\r\n", "\r"] {
        page = page.replace(line_end, "\n");
    }
    let page = page.trim_start().to_owned();
    // Swagger UI writes style attributes as it goes; scripts are only the two of the page, by their hashes.
    let policy = format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        script_hashes(&page)
    );
    StaticDocument::new("text/html; charset=utf-8", page).with_header(CONTENT_SECURITY_POLICY, policy)
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
        hashes.push(format!("'sha256-{}'", STANDARD.encode(sha256(script.as_bytes()))));
        rest = after;
    }
    hashes.join(" ")
}
