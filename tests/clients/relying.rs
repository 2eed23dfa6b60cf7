//! Other people's relying parties, whose users sign in with Signet: whole sign-ins, by way of the pages that a user meets.
//! In: a party that listens, registered by `signet apply`. Out: what it learnt about the user.

use std::process::Stdio;

use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{installed, issuer_of, script};
use crate::support::agent::{Agent, Page};
use crate::support::caller::PASSWORD;
use crate::support::{SECRET, TestApp, User};

/// As every party here is called.
const CLIENT_ID: &str = "party";
const CLIENT_SECRET: &str = "kT7-of-a-relying-party_WcP2mXz9Jq4RbNd8Lf5";
/// How the button that agrees is named.
const YES: &str = "Allow";

/// A relying party that runs, and a browser of a user.
struct Party {
    _running: Child,
    told: Value,
    agent: Agent,
    user: User,
    /// The server that it signs its users in with.
    _app: TestApp,
}

impl Party {
    /// Starts the party of a script, and registers it with `metadata`; none, said loudly, where it is not installed.
    async fn start(name: &str, choices: Value, metadata: Value) -> Option<Self> {
        let folder = installed()?;
        let app = TestApp::start().await;
        let user = app.signed_up("ada").await;
        let secret = choices["secret"].as_str().unwrap_or(CLIENT_SECRET).to_owned();
        let arguments = [issuer_of(&app), CLIENT_ID.to_owned(), secret, choices.to_string()];
        let arguments = arguments.each_ref().map(String::as_str);
        let mut command = script(&folder, &format!("relying/{name}"), &arguments);
        let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(running.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("{name} does not start"));
        let told: Value = serde_json::from_str(&line).unwrap();
        register(&app, &told, metadata).await;
        Some(Self { _running: running, told, agent: Agent::new(), user, _app: app })
    }

    /// Lets the user begin to sign in at the party, and does what the pages ask for; what the party learnt.
    async fn sign_in(&mut self) -> Value {
        let login = self.told["login"].as_str().unwrap().to_owned();
        let learnt = self.visit(&login).await;
        let claims = &learnt["claims"];
        assert_eq!(claims["sub"], self.user.id.as_str(), "{learnt}");
        assert_eq!(claims["email"], self.user.email.as_str(), "{learnt}");
        learnt
    }

    /// Visits a page of the party.
    async fn at(&mut self, path: &str) -> Value {
        let url = format!("{}{path}", self.told["base"].as_str().unwrap());
        self.visit(&url).await
    }

    async fn visit(&mut self, url: &str) -> Value {
        let mut page = self.agent.open(url).await;
        // A button of the party, the form for signing in, the consent, and the answer by `form_post`.
        for _ in 0..6 {
            let Some(next) = self.go_on(&page).await else { break };
            page = next;
        }
        assert_eq!(page.status, 200, "{}: {}", page.url, page.text);
        serde_json::from_str(&page.text).unwrap_or_else(|_| panic!("{}: {}", page.url, page.text))
    }

    /// Does what a page asks for; none for the last one.
    async fn go_on(&mut self, page: &Page) -> Option<Page> {
        if let Some(form) = page.find_form("password") {
            let form = form.fill("email", &self.user.email).fill("password", PASSWORD);
            return Some(self.agent.submit(page, &form, "").await);
        }
        if let Some(form) = page.find_form(YES) {
            assert!(page.shows(CLIENT_ID), "the client is shown: {}", page.words());
            return Some(self.agent.submit(page, &form, YES).await);
        }
        let form = page.document.forms.first()?.clone();
        Some(match form.buttons.is_empty() {
            true => self.agent.send_by_script(page, &form).await,
            false => self.agent.submit(page, &form, "").await,
        })
    }
}

/// Registers a party as an operator does, beside a running server.
async fn register(app: &TestApp, told: &Value, metadata: Value) {
    let mut client = json!({
        "client_id": CLIENT_ID,
        "client_name": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": told["redirect_uris"],
        "post_logout_redirect_uris": told["post_logout_redirect_uris"],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid profile email offline_access",
    });
    let members = client.as_object_mut().unwrap();
    for (name, value) in metadata.as_object().unwrap() {
        if value.is_null() {
            members.remove(name)
        } else {
            members.insert(name.clone(), value.clone())
        };
    }
    let path = |name: &str| app.folder.path().join(name);
    std::fs::write(path("apply.json"), json!({ "clients": [client] }).to_string()).unwrap();
    let mut order = Command::new(env!("CARGO_BIN_EXE_signet"));
    order.args(["apply", "apply.json"]).current_dir(app.folder.path()).env("BETTER_AUTH_SECRET", SECRET);
    order.env("DATABASE_URL", format!("sqlite:{}", path("signet.db").display()));
    order.env("BETTER_AUTH_URL", issuer_of(app)).env("SIGNET_KEYS_DIR", path("keys"));
    let ordered = order.output().await.unwrap();
    assert!(ordered.status.success(), "{}", String::from_utf8_lossy(&ordered.stderr));
}

/// The header of a token.
fn header(token: &Value) -> Value {
    let head = token.as_str().unwrap().split('.').next().unwrap();
    serde_json::from_slice(&signet_verify::jose::base64url::decode(head).unwrap()).unwrap()
}

/// A key pair of P-256, made for these tests: the public half for the metadata, both for the client.
fn key_pair() -> (Value, Value) {
    let public = json!({
        "kty": "EC", "crv": "P-256", "kid": "of-the-party", "alg": "ES256", "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let mut private = public.clone();
    // RFC 7517 appendix A.2.
    private["d"] = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE".into();
    (public, private)
}

#[rstest]
#[case::basic("RS256", "client_secret_basic", json!({}))]
#[case::post("ES256", "client_secret_post", json!({}))]
#[case::public("EdDSA", "none", json!({}))]
#[case::pushed("ES256", "client_secret_basic", json!({ "pushed": true }))]
#[case::form_post("RS256", "client_secret_basic", json!({ "responseMode": "form_post" }))]
#[case::private_key_jwt("EdDSA", "private_key_jwt", json!({}))]
#[tokio::test(flavor = "multi_thread")]
async fn openid_client_signs_in_refreshes_revokes_and_signs_out(
    #[case] algorithm: &str,
    #[case] method: &str,
    #[case] mut choices: Value,
) {
    choices["algorithm"] = algorithm.into();
    choices["method"] = method.into();
    let mut metadata =
        json!({ "token_endpoint_auth_method": method, "id_token_signed_response_alg": algorithm });
    if method == "none" {
        metadata["client_secret"] = Value::Null;
        choices["public"] = true.into();
    }
    if method == "private_key_jwt" {
        let (public, private) = key_pair();
        metadata["client_secret"] = Value::Null;
        metadata["jwks"] = json!({ "keys": [public] });
        choices["secret"] = private.to_string().into();
    }
    let Some(mut party) = Party::start("openid_client.mjs", choices, metadata).await else { return };
    let learnt = party.sign_in().await;
    assert_eq!(header(&learnt["id_token"])["alg"], algorithm);
    assert_eq!(header(&learnt["access_token"])["typ"], "at+jwt");
    assert_eq!(learnt["claims"]["email_verified"], learnt["userinfo"]["email_verified"]);
    assert_eq!((&learnt["claims"]["name"], &learnt["claims"]["amr"]), (&json!("ada"), &json!(["pwd"])));
    assert_eq!(learnt["scope"], "openid profile email offline_access");

    let refreshed = party.at("/refresh").await;
    assert_eq!(
        (&refreshed["rotated"], &refreshed["userinfo"]["sub"]),
        (&json!(true), &learnt["claims"]["sub"])
    );
    assert_eq!(refreshed["claims"]["auth_time"], learnt["claims"]["auth_time"]);
    assert_ne!(refreshed["access_token"], learnt["access_token"]);

    // Introspection is for clients that can say who they are.
    if method != "none" {
        let revoked = party.at("/revoke").await;
        let expected = json!({ "before": [true, true], "after": [false, false], "refused": "invalid_grant" });
        assert_eq!(revoked, expected);
    }
    let signed_out = party.at("/logout").await;
    assert_eq!(signed_out, json!({ "signed_out": true, "state": "of-logout" }));
    // The session at the provider is over: it asks again.
    let login = party.told["login"].as_str().unwrap().to_owned();
    assert!(party.agent.open(&login).await.find_form("password").is_some());
}

#[rstest]
#[case("RS256")]
#[case("EdDSA")]
#[tokio::test(flavor = "multi_thread")]
async fn auth_js_signs_in_and_finds_the_address_in_the_id_token(#[case] algorithm: &str) {
    let choices = json!({ "algorithm": algorithm });
    let metadata = json!({ "id_token_signed_response_alg": algorithm });
    let Some(mut party) = Party::start("auth_js.mjs", choices, metadata).await else { return };
    let learnt = party.sign_in().await;
    assert_eq!(learnt["session"]["user"], json!({ "name": "ada", "email": "ada@example.com" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn next_auth_4_as_it_comes_signs_in_with_the_default_of_registration() {
    let Some(mut party) = Party::start("next_auth.mjs", json!({}), json!({})).await else { return };
    let learnt = party.sign_in().await;
    assert_eq!(learnt["session"]["user"], json!({ "name": "ada", "email": "ada@example.com" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn passport_openidconnect_which_knows_no_pkce_signs_in_where_the_client_need_not() {
    let metadata = json!({ "require_pkce": false, "token_endpoint_auth_method": "client_secret_post" });
    let Some(mut party) = Party::start("passport.mjs", json!({}), metadata).await else { return };
    assert_eq!(party.sign_in().await["claims"]["name"], "ada");
}

#[rstest]
#[case("RS256")]
#[case("EdDSA")]
#[tokio::test(flavor = "multi_thread")]
async fn better_auth_as_a_client_signs_in_and_refreshes(#[case] algorithm: &str) {
    let metadata = json!({
        "id_token_signed_response_alg": algorithm, "token_endpoint_auth_method": "client_secret_post",
    });
    let Some(mut party) = Party::start("better_auth.mjs", json!({}), metadata).await else { return };
    let learnt = party.sign_in().await;
    assert_eq!(learnt["scope"], "openid profile email offline_access");
    assert_eq!(party.at("/refresh").await, json!({ "rotated": true }));
}

#[rstest]
#[case("RS256")]
#[case("ES256")]
#[case("EdDSA")]
#[tokio::test(flavor = "multi_thread")]
async fn authlib_signs_in_refreshes_and_signs_out(#[case] algorithm: &str) {
    let metadata = json!({ "id_token_signed_response_alg": algorithm });
    let Some(mut party) = Party::start("authlib_party.py", json!({}), metadata).await else { return };
    let learnt = party.sign_in().await;
    assert_eq!(learnt["userinfo"]["sub"], learnt["claims"]["sub"]);
    let refreshed = party.at("/refresh").await;
    assert_eq!((&refreshed["rotated"], &refreshed["userinfo"]), (&json!(true), &learnt["userinfo"]));
    assert_eq!(party.at("/logout").await, json!({ "signed_out": true, "state": "of-logout" }));
}

#[rstest]
#[case::mozilla_django_oidc("mozilla", "client_secret_post")]
#[case::social_auth("social", "client_secret_basic")]
#[case::django_allauth("allauth", "client_secret_post")]
#[tokio::test(flavor = "multi_thread")]
async fn django_signs_its_users_in(#[case] library: &str, #[case] method: &str) {
    let choices = json!({ "library": library });
    let metadata = json!({ "token_endpoint_auth_method": method });
    let Some(mut party) = Party::start("django_party.py", choices, metadata).await else { return };
    party.sign_in().await;
}
