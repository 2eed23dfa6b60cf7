//! `signet apply` and `SIGNET_PROVISION`: a deployment is as its file declares it, or as it was.

use std::path::Path;
use std::process::Output;

use rstest::rstest;
use serde_json::{Value, json};

use super::json::document;
use super::server::{Server, printed, run};
use crate::support::TestApp;
use crate::support::fresh_database::Dialect;
use crate::support::letters::Letters;

const SECRET: &str = "GlBeN0sD5Q5X9WwVnxHz7iQkqE8gQb4ZB1rWk4Ks0mA=";
const OTHER_SECRET: &str = "vJ8mZr4T0pQy6LhWcE2xN9sKdU5bGf3AaRt7XoYiVlM=";
const ADA: &str = "ada@example.com";

/// A deployment whose file is changed as time goes by.
struct Deployment {
    folder: tempfile::TempDir,
    settings: Vec<(&'static str, String)>,
}

impl Deployment {
    fn new(database_url: &str) -> Self {
        let settings = vec![
            ("DATABASE_URL", database_url.to_owned()),
            ("SIGNET_MAIL", "file:letters".to_owned()),
            ("USER", "alice".to_owned()),
        ];
        Self { folder: tempfile::tempdir().unwrap(), settings }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        run(self.path(), arguments, &self.settings())
    }

    /// Applies a file; the document.
    #[track_caller]
    fn apply(&self, arguments: &[&str]) -> Value {
        document("apply --json", &self.run(&[&["apply", "--json"], arguments].concat()))
    }

    /// What is refused, with exit code 2.
    #[track_caller]
    fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(&[&["apply"], arguments].concat());
        assert_eq!(ran.status.code(), Some(2), "{}", printed(&ran));
        printed(&ran)
    }

    #[track_caller]
    fn client(&self, id: &str) -> Value {
        document("clients show --json", &self.run(&["clients", "show", id, "--json"]))
    }

    fn clients(&self) -> Vec<Value> {
        let listed = document("clients list --json", &self.run(&["clients", "list", "--json"]));
        listed["clients"].as_array().unwrap().clone()
    }
}

/// What happened to whom.
fn changes(applied: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    applied["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (text(&change["name"]), text(&change["event"])))
        .collect()
}

fn named(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, event)| ((*name).to_owned(), (*event).to_owned())).collect()
}

fn whole(name: &str, secret: &str) -> String {
    format!(
        r#"
        [[clients]]
        client_id = "grafana"
        client_secret_file = "{secret}"
        client_name = "{name}"
        redirect_uris = ["https://grafana.example/login/generic_oauth"]
        scope = "openid email reports:read"
        skip_consent = true
        [[clients]]
        client_name = "kubectl (staging)"
        application_type = "native"
        token_endpoint_auth_method = "none"
        redirect_uris = ["http://127.0.0.1/cb"]
        [[resources]]
        identifier = "https://api.example/"
        scopes = ["reports:read"]
        [[users]]
        email = "{ADA}"
        name = "Ada"
        "#
    )
}

#[rstest]
#[case(Dialect::Sqlite)]
#[case(Dialect::Postgres)]
#[tokio::test]
async fn apply_makes_what_is_declared_says_what_it_changed_and_then_changes_nothing(
    #[case] dialect: Dialect,
) {
    let Some(database) = dialect.fresh().await else { return };
    let deployment = Deployment::new(&database.url);
    std::fs::create_dir(deployment.path().join("secrets")).unwrap();
    deployment.write("secrets/grafana", &format!("{SECRET}\n"));
    deployment.write("secrets/other", OTHER_SECRET);
    deployment.write("a.toml", &whole("Grafana", "secrets/grafana"));

    let dry = deployment.apply(&["a.toml", "--dry-run"]);
    let all = named(&[
        ("https://api.example/", "added"),
        ("grafana", "added"),
        ("kubectl-staging", "added"),
        (ADA, "invited"),
    ]);
    assert_eq!((changes(&dry), &dry["dry_run"]), (all.clone(), &json!(true)));
    assert!(deployment.clients().is_empty(), "a dry run changes nothing");

    let server = Server::start(deployment.path(), &deployment.settings());
    let ran = deployment.run(&["apply", "a.toml"]);
    let said = printed(&ran);
    for line in
        ["client grafana: added", "user ada@example.com: invited by mail", "4 changes made, 0 as they were."]
    {
        assert!(ran.status.success() && said.contains(line), "{line}: {said}");
    }
    for event in [
        r#""action":"client","outcome":"done","event":"added","client":"grafana""#,
        "command line (alice)",
        "invite_user",
    ] {
        assert!(said.contains(event), "{event}: {said}");
    }
    assert!(!said.contains(SECRET), "{said}");
    Letters::in_folder(deployment.path().join("letters")).next(ADA, "/reset-password#token=").await;

    let again = deployment.apply(&["a.toml"]);
    assert_eq!((changes(&again), &again["unchanged"]), (vec![], &json!(4)));
    let grafana = deployment.client("grafana");
    assert_eq!((&grafana["client_name"], &grafana["skip_consent"]), (&json!("Grafana"), &json!(true)));
    assert_eq!(grafana["secrets"].as_array().unwrap().len(), 1);
    assert_eq!(deployment.client("kubectl-staging")["secrets"], json!([]));

    // Another name, and another secret: two of them are accepted for a while.
    deployment.write("a.toml", &whole("Dashboards", "secrets/other"));
    let changed = deployment.apply(&["a.toml"]);
    assert_eq!(changes(&changed), named(&[("grafana", "changed"), ("grafana", "secret_changed")]));
    let difference = json!([{ "member": "client_name", "before": "Grafana", "after": "Dashboards" }]);
    assert_eq!(changed["changes"][0]["differences"], difference);
    let secrets = deployment.client("grafana")["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2, "{secrets}");
    assert_eq!((&secrets[0]["expires_at"], secrets[1]["expires_at"].is_string()), (&json!(null), true));
    assert_eq!(changed["changes"][1]["former_secret_accepted_until"], secrets[1]["expires_at"]);

    // A secret that was replaced does not come back with an old file.
    deployment.write("a.toml", &whole("Dashboards", "secrets/grafana"));
    let old = deployment.apply(&["a.toml"]);
    assert!(changes(&old).is_empty(), "{old}");
    assert!(old["notices"][0].as_str().unwrap().contains("replaced"), "{old}");
    assert_eq!(deployment.client("grafana")["secrets"], secrets);
    server.terminate();
}

#[rstest]
#[case(Dialect::Sqlite)]
#[case(Dialect::Postgres)]
#[tokio::test]
async fn apply_changes_nothing_at_all_where_one_entry_cannot_be(#[case] dialect: Dialect) {
    let Some(database) = dialect.fresh().await else { return };
    let deployment = Deployment::new(&database.url);
    let good = format!(
        "[[clients]]\nclient_id = 'one'\nclient_secret = '{SECRET}'\nredirect_uris = ['https://a.example/']\n"
    );
    for (more, said) in [
        // What is wrong by itself.
        (
            "[[clients]]\nclient_id = 'two'\nredirect_uris = ['https://a.example/#x']".to_owned(),
            "client \"two\" (number 2): redirect_uris[0] is",
        ),
        ("[[users]]\nemail = 'ada@example.com'\nrole = 'admin'".to_owned(), "role is \"admin\""),
        // What does not fit the deployment.
        (
            "[[clients]]\nclient_id = 'two'\nredirect_uris = ['https://a.example/']".to_owned(),
            "client \"two\": there is neither client_secret",
        ),
        (
            format!(
                "[[clients]]\nclient_id = 'two'\nclient_secret = '{SECRET}'\nredirect_uris = ['https://a.example/']"
            ),
            "its secret is that of another client",
        ),
        (
            format!(
                "[[clients]]\nclient_id = 'two'\nclient_secret = '{OTHER_SECRET}'\nredirect_uris = ['https://a.example/']\nscope = 'reports:reed'"
            ),
            "scope has reports:reed, which no resource has",
        ),
        (
            "[[resources]]\nidentifier = 'http://localhost:8080'".to_owned(),
            "identifier is that of this server itself",
        ),
    ] {
        deployment.write("a.toml", &format!("{good}{more}"));
        for arguments in [&["a.toml"][..], &["a.toml", "--dry-run"]] {
            let refused = deployment.refused(arguments);
            assert!(
                refused.contains(&format!("a.toml: {said}")) || refused.contains(said),
                "{said}: {refused}"
            );
            assert!(refused.starts_with("signet: a.toml: ") && !refused.contains(SECRET), "{refused}");
        }
        assert!(deployment.clients().is_empty(), "{said}");
    }
    let without = [deployment.settings(), vec![("SIGNET_ALGORITHMS", "EdDSA")]].concat();
    deployment.write("a.toml", &good);
    let refused = printed(&run(deployment.path(), &["apply", "a.toml"], &without));
    assert!(
        refused.contains("id_token_signed_response_alg is RS256, of which this deployment has no key"),
        "{refused}"
    );
    let off = [deployment.settings(), vec![("SIGNET_MAIL", "off")]].concat();
    deployment.write("a.toml", &format!("{good}[[users]]\nemail = '{ADA}'"));
    let refused = printed(&run(deployment.path(), &["apply", "a.toml"], &off));
    assert!(refused.contains("no mail is sent"), "{refused}");
    assert!(deployment.clients().is_empty());
}

#[rstest]
#[case(Dialect::Sqlite)]
#[case(Dialect::Postgres)]
#[tokio::test]
async fn apply_twice_at_the_same_time_is_one_after_the_other(#[case] dialect: Dialect) {
    let Some(database) = dialect.fresh().await else { return };
    let deployment = Deployment::new(&database.url);
    assert!(deployment.run(&["migrate"]).status.success());
    let client = |place: usize, name: &str| {
        format!(
            "[[clients]]\nclient_id = 'c{place}'\nclient_name = '{name}'\ntoken_endpoint_auth_method = 'none'\nredirect_uris = ['https://a.example/']\n"
        )
    };
    for name in ["one", "two"] {
        let text: String = (0..40).map(|place| client(place, name)).collect();
        deployment.write(&format!("{name}.toml"), &format!("{text}[[users]]\nemail = '{ADA}'"));
    }
    let applied: Vec<Value> = std::thread::scope(|scope| {
        let runs: Vec<_> = ["one.toml", "two.toml"]
            .map(|file| scope.spawn(|| deployment.apply(&[file])))
            .into_iter()
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let events =
        |event: &str| applied.iter().flat_map(changes).filter(|(_, happened)| happened == event).count();
    assert_eq!((events("added"), events("changed"), events("invited")), (40, 40, 1), "{applied:?}");
    let names: std::collections::BTreeSet<String> =
        deployment.clients().iter().map(|client| client["client_name"].to_string()).collect();
    assert_eq!(names.len(), 1, "all of one file: {names:?}");
}

#[tokio::test]
async fn serve_applies_its_file_at_each_start_and_does_not_start_with_a_bad_one() {
    let database = Dialect::Sqlite.fresh().await.unwrap();
    let mut deployment = Deployment::new(&database.url);
    deployment.settings.push(("SIGNET_PROVISION", "clients.json".to_owned()));
    let client = |name: &str| {
        json!({ "clients": [{
            "client_id": "app", "client_name": name, "token_endpoint_auth_method": "none", "redirect_uris": ["https://a.example/"],
        }] })
    };
    for name in ["One", "Two"] {
        deployment.write("clients.json", &client(name).to_string());
        let (_, log) = Server::start(deployment.path(), &deployment.settings()).terminate();
        assert!(log.contains(r#""actor":"start""#), "{log}");
        assert_eq!(deployment.client("app")["client_name"], name);
    }
    let (_, log) = Server::start(deployment.path(), &deployment.settings()).terminate();
    assert!(!log.contains(r#""actor":"start""#), "nothing has changed: {log}");

    deployment
        .write("clients.json", r#"{ "clients": [{ "client_id": "app", "colour": "red", "scope": "" }] }"#);
    let ran = deployment.run(&["serve", "--listen", "127.0.0.1:0"]);
    let said = printed(&ran);
    assert_eq!(ran.status.code(), Some(2), "{said}");
    let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("signet: ")).collect();
    assert_eq!(sentences.len(), 1, "{said}");
    assert!(
        sentences[0].contains("clients.json: client \"app\" (number 1): ")
            && sentences[0].contains("other problem"),
        "{said}"
    );
    assert_eq!(deployment.client("app")["client_name"], "Two");

    let resource = [
        ("SIGNET_ROLE", "resource"),
        ("BETTER_AUTH_URL", "https://a.example"),
        ("SIGNET_PROVISION", "clients.json"),
    ];
    let refused = printed(&run(deployment.path(), &["config", "check"], &resource));
    assert!(refused.contains("SIGNET_PROVISION is given, but the role resource"), "{refused}");
}

/// Every file of the documentation, under the heading that it stands under.
fn files_of_the_documentation() -> Vec<(&'static str, &'static str)> {
    let text = include_str!("../../docs/oauth.md");
    let mut heading = "";
    let mut files = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("```toml\n") {
        let before = &rest[..start];
        heading = before
            .rsplit("\n## ")
            .next()
            .filter(|_| before.contains("\n## "))
            .map_or(heading, |part| part.lines().next().unwrap());
        let (file, after) = rest[start + 8..].split_once("```").unwrap();
        files.push((heading, file));
        rest = after;
    }
    files
}

#[tokio::test]
async fn every_file_of_the_documentation_can_be_applied() {
    let database = Dialect::Sqlite.fresh().await.unwrap();
    let deployment = Deployment::new(&database.url);
    let files = files_of_the_documentation();
    for application in ["Grafana", "Nextcloud", "oauth2-proxy", "Apache", "NextAuth", "Django", "kubectl"] {
        assert!(files.iter().any(|(heading, _)| *heading == application), "{application}: {files:?}");
    }
    std::fs::create_dir(deployment.path().join("secrets")).unwrap();
    for (place, (heading, file)) in files.iter().enumerate() {
        for name in file.lines().filter_map(|line| line.strip_prefix("client_secret_file = \"secrets/")) {
            let secret = format!("{place:02}{}", &SECRET[2..]);
            deployment.write(&format!("secrets/{}", name.trim_end_matches('"')), &secret);
        }
        deployment.write("a.toml", file);
        assert!(!changes(&deployment.apply(&["a.toml"])).is_empty(), "{heading}");
        assert!(changes(&deployment.apply(&["a.toml"])).is_empty(), "{heading}");
    }
}

/// A machine asks for a token; the status.
async fn token_for(server: &Server, client: &str, secret: &str) -> u16 {
    let form = [("grant_type", "client_credentials"), ("scope", "tasks:read")];
    let request = server.caller().request(reqwest::Method::POST, "/api/auth/oauth2/token");
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    crate::support::Caller::send(request.basic_auth(client, Some(secret))).await.status.as_u16()
}

#[rstest]
#[case(Dialect::Sqlite)]
#[case(Dialect::Postgres)]
#[tokio::test]
async fn apply_and_clients_change_what_a_running_server_does_at_once(#[case] dialect: Dialect) {
    let Some(database) = dialect.fresh().await else { return };
    let deployment = Deployment::new(&database.url);
    let server = Server::start(deployment.path(), &deployment.settings());
    let file = |secret: &str| {
        format!(
            "[[clients]]\nclient_id = 'nightly'\nclient_secret = '{secret}'\ngrant_types = ['client_credentials']\nscope = 'tasks:read'\n"
        )
    };
    assert_eq!(token_for(&server, "nightly", SECRET).await, 401);
    deployment.write("a.toml", &file(SECRET));
    deployment.apply(&["a.toml"]);
    assert_eq!(token_for(&server, "nightly", SECRET).await, 200);
    assert_eq!(token_for(&server, "nightly", OTHER_SECRET).await, 401);

    // Both are accepted while the secret is replaced.
    deployment.write("a.toml", &file(OTHER_SECRET));
    deployment.apply(&["a.toml"]);
    for secret in [SECRET, OTHER_SECRET] {
        assert_eq!(token_for(&server, "nightly", secret).await, 200);
    }
    let rotated = deployment.run(&["clients", "rotate-secret", "nightly", "--keep", "0s", "--json"]);
    let rotated = document("clients rotate-secret --json", &rotated);
    let newest = rotated["client_secret"].as_str().unwrap();
    assert_eq!(token_for(&server, "nightly", newest).await, 200);
    for secret in [SECRET, OTHER_SECRET] {
        assert_eq!(token_for(&server, "nightly", secret).await, 401);
    }
    assert!(deployment.run(&["clients", "remove", "nightly"]).status.success());
    assert_eq!(token_for(&server, "nightly", newest).await, 401);
}

#[tokio::test]
async fn serve_knows_what_is_declared_from_its_first_request_on() {
    let declared = json!({ "clients": [{
        "client_id": "nightly", "client_secret": SECRET, "grant_types": ["client_credentials"], "scope": "tasks:read",
    }] });
    let app = TestApp::builder().provisioned(&declared).start().await;
    let request = app.anonymous().request(reqwest::Method::POST, "/api/auth/oauth2/token");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body("grant_type=client_credentials").basic_auth("nightly", Some(SECRET));
    let token = crate::support::Caller::send(request).await.expect(200);
    assert_eq!((&token["scope"], &token["token_type"]), (&json!("tasks:read"), &json!("Bearer")));
}
