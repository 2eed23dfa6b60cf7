//! The tables of docs/oauth-conformance.md and docs/rfc9700.md: every module, piece and section has its tests, and every test
//! that is named exists.

use std::collections::BTreeSet;
use std::path::Path;

use syn::visit::Visit;

const DOCUMENT: &str = include_str!("../../../docs/oauth-conformance.md");
const RFC_9700: &str = include_str!("../../../docs/rfc9700.md");

/// The modules of the plans *Basic Certification Profile*, *Config Certification Profile* and *RP-Initiated Logout*, without
/// `oidcc-`.
const MODULES: [&str; 49] = [
    "server",
    "response-type-missing",
    "idtoken-signature",
    "idtoken-unsigned",
    "userinfo-get",
    "userinfo-post-header",
    "userinfo-post-body",
    "ensure-request-without-nonce-succeeds-for-code-flow",
    "scope-profile",
    "scope-email",
    "scope-all",
    "ensure-other-scope-order-succeeds",
    "display-page",
    "display-popup",
    "prompt-login",
    "prompt-none-not-logged-in",
    "prompt-none-logged-in",
    "max-age-1",
    "max-age-10000",
    "ensure-request-with-unknown-parameter-succeeds",
    "id-token-hint",
    "login-hint",
    "ui-locales",
    "claims-locales",
    "ensure-request-with-acr-values-succeeds",
    "codereuse",
    "codereuse-30seconds",
    "ensure-registered-redirect-uri",
    "ensure-post-request-succeeds",
    "server-client-secret-post",
    "request-uri-unsigned",
    "unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "ensure-request-object-with-redirect-uri",
    "claims-essential",
    "refresh-token",
    "ensure-request-with-valid-pkce-succeeds",
    "discovery-endpoint-verification",
    "server-rotate-keys",
    "rp-initiated-logout",
    "rp-initiated-logout-discovery-endpoint-verification",
    "rp-initiated-logout-bad-post-logout-redirect-uri",
    "rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "rp-initiated-logout-modified-id-token-hint",
    "rp-initiated-logout-bad-id-token-hint",
    "rp-initiated-logout-no-id-token-hint",
    "rp-initiated-logout-no-params",
    "rp-initiated-logout-only-state",
    "rp-initiated-logout-no-post-logout-redirect-uri",
    "rp-initiated-logout-no-state",
];

/// The pieces of the specifications, each with how the first test that is named after it begins.
const PIECES: [(&str, &str); 25] = [
    ("authorization endpoint", "authorize_"),
    ("redirect URIs", "redirect_uri_"),
    ("PKCE", "pkce_"),
    ("token endpoint", "token_"),
    ("code", "code_"),
    ("client authentication", "client_secret_"),
    ("`private_key_jwt`", "assertion_"),
    ("ID token", "id_token_"),
    ("UserInfo", "userinfo_"),
    ("scopes and claims", "scope_"),
    ("discovery", "discovery_"),
    ("key set", "jwks_"),
    ("`iss` in answers", "iss_"),
    ("refresh", "refresh_"),
    ("client credentials", "client_credentials_"),
    ("revocation", "revocation_"),
    ("introspection", "introspection_"),
    ("access token", "access_token_"),
    ("pushed requests", "push_"),
    ("RP-initiated logout", "end_session_"),
    ("back-channel logout", "logout_token_"),
    ("device grant", "device_"),
    ("resource indicators", "resource_"),
    ("limits", "client_is_limited_"),
    ("log", "log_"),
];

/// The names of tests of a file.
#[derive(Default)]
struct Tests(BTreeSet<String>);

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let is_test = function.attrs.iter().any(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| last.ident == "test" || last.ident == "rstest")
        });
        if is_test {
            self.0.insert(function.sig.ident.to_string());
        }
    }
}

fn collect(folder: &Path, found: &mut Tests) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.visit_file(&syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap());
        }
    }
}

/// The tests that a cell names, without the modules that they are in.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).map(|name| name.rsplit("::").next().unwrap()).collect()
}

/// The cells of the row that begins with this one.
fn row(first: &str) -> Vec<&'static str> {
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split('|').map(str::trim).collect()).collect();
    let mut found = rows.into_iter().filter(|cells| cells[0] == first);
    let row = found.next().unwrap_or_else(|| panic!("there is no row of {first}"));
    assert!(found.next().is_none(), "there are two rows of {first}");
    row
}

#[test]
fn table_has_a_test_for_each_module_and_each_piece_and_names_none_that_does_not_exist() {
    let mut tests = Tests::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    collect(&root.join("tests"), &mut tests);
    collect(&root.join("src"), &mut tests);
    for module in MODULES {
        let cells = row(&format!("`oidcc-{module}`"));
        assert!(!named(cells[1]).is_empty(), "{module}");
    }
    for (piece, begin) in PIECES {
        let first = named(row(piece)[2]).first().copied().unwrap_or_default();
        assert!(first.starts_with(begin), "{piece}: {first}");
    }
    for section in sections() {
        let row = RFC_9700.lines().find(|line| line.starts_with(&format!("| {section} ")));
        let row = row.unwrap_or_else(|| panic!("there is no row of section {section}"));
        assert!(!named(row.split('|').nth(3).unwrap()).is_empty(), "{row}");
    }
    let tables = DOCUMENT.lines().chain(RFC_9700.lines()).filter(|line| line.starts_with("| "));
    for name in tables.flat_map(|line| line.split('|').skip(2).flat_map(named)) {
        let looks_like_a_test = name.bytes().filter(|byte| *byte == b'_').count() >= 4;
        assert!(!looks_like_a_test || tests.0.contains(name), "{name} does not exist");
    }
}

/// The sections of chapters 2 and 4 of RFC 9700 that say what to do.
fn sections() -> Vec<String> {
    let practices =
        ["2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6"].map(str::to_owned);
    practices.into_iter().chain((1..=17).map(|number| format!("4.{number}"))).collect()
}
