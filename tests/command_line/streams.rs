//! No verb minds what its streams are: closed, full, or read by nobody any more.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;

use super::server::{Server, printed, run, signet, until};
use crate::support::{Caller, free_port};

/// What may be the matter with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fine,
    Closed,
    Full,
    Abandoned,
}

const STATES: [State; 4] = [State::Fine, State::Closed, State::Full, State::Abandoned];

/// Where a stream in this state leads.
fn writer(state: State) -> Stdio {
    match state {
        State::Fine => Stdio::piped(),
        // The shell closes it.
        State::Closed => Stdio::null(),
        State::Full => std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into(),
        State::Abandoned => {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer.into()
        }
    }
}

/// Runs a verb with its three streams in these states.
fn run_with(folder: &Path, arguments: &[&str], [input, output, errors]: [State; 3]) -> Output {
    let close = |state, redirection| if state == State::Closed { redirection } else { "" };
    let script = format!(
        "exec \"$0\" \"$@\" {} {} {}",
        close(input, "<&-"),
        close(output, ">&-"),
        close(errors, "2>&-")
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_signet")]).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder);
    let input = match input {
        State::Full => std::fs::File::open("/").unwrap().into(), // a folder cannot be read
        _ => Stdio::null(),
    };
    command.stdin(input).stdout(writer(output)).stderr(writer(errors));
    command.spawn().unwrap().wait_with_output().unwrap()
}

/// Every verb that ends by itself, with arguments that make it do its work, and whether it prints on the standard
/// output.
const VERBS: [(&[&str], bool); 33] = [
    (&["--help"], false),
    (&["--version"], false),
    (&["no-such-verb"], false),
    (&["serve", "--role", "king"], false),
    (&["openapi", "identity"], true),
    (&["openapi", "tasks"], true),
    (&["config", "check"], true),
    (&["migrate"], true),
    (&["keys", "list"], true),
    (&["keys", "list", "--events"], true),
    (&["keys", "rotate"], true),
    (&["keys", "rotate", "EdDSA", "--now"], true),
    (&["keys", "revoke", "ES256", "--reason", "x"], true),
    (&["keys", "export"], true),
    (&["keys", "import", "-"], false),
    (&["keys", "rewrap"], true),
    (&["token", "inspect", "e30.e30.x"], true),
    (&["mail", "list"], true),
    (&["mail", "retry", "--parked"], true),
    (&["mail", "retry", "unknown"], true),
    (&["users", "list"], true),
    (&["users", "show", "unknown"], false),
    (&["users", "invite", "ada@example.com"], true),
    (&["users", "set-password", "unknown", "--password-stdin"], false),
    (&["users", "end-sessions", "unknown"], false),
    (&["users", "remove", "unknown"], false),
    (&["clients", "list"], true),
    (&["clients", "show", "unknown"], false),
    (&["clients", "add", "app", "--redirect-uri", "ftp://app.example"], false),
    (&["clients", "rotate-secret", "unknown"], false),
    (&["clients", "remove", "unknown"], false),
    (&["apply", "unknown.toml"], false),
    (&["import", "better-auth", "sqlite:unknown.db"], false),
];

/// The verbs that the help names, and those of their verbs.
fn verbs_of_the_help(folder: &Path, of: &[&str]) -> Vec<String> {
    let help = printed(&run(folder, &[of, &["--help"]].concat(), &[]));
    let Some((_, list)) = help.split_once("Commands:\n") else { return vec![of.join(" ")] };
    let names = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names
        .filter_map(|line| line.split_whitespace().next().filter(|name| *name != "help"))
        .flat_map(|name| verbs_of_the_help(folder, &[of, &[name]].concat()))
        .collect()
}

#[test]
fn every_verb_of_the_help_is_among_those_that_are_tried() {
    let folder = tempfile::tempdir().unwrap();
    let known = verbs_of_the_help(folder.path(), &[]);
    assert!(known.len() >= 10, "{known:?}");
    for verb in known.iter().filter(|verb| *verb != "serve") {
        let tried = VERBS.iter().any(|(arguments, _)| arguments.join(" ").starts_with(verb.as_str()));
        assert!(tried, "signet {verb} joins `VERBS`");
    }
}

#[test]
fn every_verb_ends_without_panic_whatever_its_streams_are() {
    for (arguments, prints) in VERBS {
        let folder = tempfile::tempdir().unwrap();
        Server::start(folder.path(), &[]).terminate();
        let states = STATES.iter().flat_map(|output| STATES.map(|errors| [State::Fine, *output, errors]));
        let inputs = [State::Closed, State::Full].map(|input| [input, State::Fine, State::Fine]);
        let usual = run_with(folder.path(), arguments, [State::Fine; 3]).status.code();
        for states in states.chain(inputs) {
            let ended = run_with(folder.path(), arguments, states);
            let said = printed(&ended);
            assert!(!said.contains("panicked"), "{arguments:?} {states:?}: {said}");
            // A full disk is told where something should have been written; nothing else changes how a verb ends.
            let expected = if states[1] == State::Full && prints { Some(1) } else { usual };
            assert_eq!(ended.status.code(), expected, "{arguments:?} {states:?}: {said}");
            if states[1] == State::Full && prints && states[2] == State::Fine {
                assert!(said.contains("the output cannot be written"), "{arguments:?}: {said}");
            }
            if states[1] == State::Abandoned && states[2] == State::Fine && usual == Some(0) {
                assert!(!said.contains("cannot be written"), "{arguments:?} ends quietly: {said}");
            }
        }
    }
}

#[test]
fn keys_rotate_does_all_that_it_was_asked_for_when_nobody_reads_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    Server::start(folder.path(), &[]).terminate();
    for state in [State::Abandoned, State::Full] {
        run_with(folder.path(), &["keys", "rotate", "--now", "--reason", "x"], [State::Fine, state, state]);
    }
    let events = printed(&run(folder.path(), &["keys", "list", "--events"], &[]));
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let listed = printed(&run(folder.path(), &["keys", "list"], &[]));
        let keys = listed.lines().filter(|line| line.contains(algorithm)).count();
        assert!(keys >= 3, "{algorithm}: {listed}{events}");
    }
}

#[tokio::test]
async fn serve_goes_on_when_nobody_reads_its_log_or_the_disk_is_full() {
    for state in [State::Abandoned, State::Full, State::Closed] {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let script = if state == State::Closed { "exec \"$0\" serve 2>&-" } else { "exec \"$0\" serve" };
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_signet")]).env_clear();
        command
            .env("SIGNET_LISTEN", format!("127.0.0.1:{port}"))
            .env("RUST_LOG", "debug")
            .current_dir(folder.path());
        let mut child =
            command.stdin(Stdio::null()).stdout(writer(state)).stderr(writer(state)).spawn().unwrap();
        let connects = async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        until("it listens", connects).await;
        let caller = Caller::new(&format!("http://127.0.0.1:{port}"));
        let body = super::sign_up_body("ada@example.com");
        let ada = caller.post("/api/auth/sign-up/email", &body).await.expect(200);
        let session = caller.bearing(ada["token"].as_str().unwrap());
        let token = session.get("/api/auth/token").await.expect(200)["token"].as_str().unwrap().to_owned();
        // Each of these writes lines at once: a refused token, an audit line, a request.
        for _ in 0..20 {
            caller.bearing("not.a.token").get("/api/me/tasks").await.expect(401);
            caller.bearing(&token).get("/api/me/tasks").await.expect(200);
        }
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{state:?}");
    }
}

/// What a signal does: every one that may come, first alone and then while the server drains.
#[rstest]
#[tokio::test]
async fn stop_signals_drain_and_a_second_one_of_any_kind_changes_nothing(
    #[values("TERM", "INT", "HUP", "QUIT")] first: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    // Whoever runs the tests may ignore some of them, and a process begins with what its parent ignores.
    let mut command = Command::new("env");
    command.args(["--default-signal", env!("CARGO_BIN_EXE_signet"), "serve"]).current_dir(folder.path());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs([("SIGNET_LISTEN", "127.0.0.1:0"), ("SIGNET_DRAIN_DELAY", "20s")]);
    let server = Server::run(&mut command);
    server.tell(first);
    until("it drains", async || server.caller().get("/readyz").await.status == 503).await;
    for second in ["HUP", "INT", "TERM", "QUIT", "USR1", "USR2", "PIPE"] {
        server.tell(second);
    }
    // A new connection, and a request whose answer takes a hash of a password.
    server.caller().post("/api/auth/sign-up/email", &super::sign_up_body("a@example.com")).await.expect(200);
    let (status, log) = server.end();
    assert!(status.success() && log.contains("stopped"), "{status} {log}");
}

#[tokio::test]
async fn signals_that_mean_nothing_here_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for signal in ["USR1", "USR2", "PIPE", "WINCH"] {
        server.tell(signal);
    }
    server.caller().get("/readyz").await.expect(200);
    let (status, _) = server.terminate();
    assert!(status.success());
}

#[tokio::test]
async fn hangup_is_ignored_by_a_server_that_was_started_with_nohup() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" serve", env!("CARGO_BIN_EXE_signet")]);
    command.env_clear().env("SIGNET_LISTEN", "127.0.0.1:0").current_dir(folder.path());
    let server = Server::run(&mut command);
    server.tell("HUP");
    for _ in 0..5 {
        server.caller().get("/readyz").await.expect(200);
    }
    let (status, _) = server.terminate();
    assert!(status.success());
}

#[test]
fn arguments_in_the_wrong_place_are_refused_without_the_password_in_them() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["serve", "postgres://u:S3CRET@h/d"][..],
        &["serve", "--databse-url=postgres://u:S3CRET@h/d"],
        &["migrate", "redis://:S3CRET@h"],
        &["postgres://u:S3CRET@h/d"],
    ] {
        let output = signet(folder.path()).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!printed(&output).contains("S3CRET"), "{arguments:?}: {}", printed(&output));
    }
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "BETTER_AUTH_URL",
        "SIGNET_JWKS_URL",
        "SIGNET_OTLP_ENDPOINT",
        "BETTER_AUTH_TRUSTED_ORIGINS",
    ] {
        let help = run(folder.path(), &["serve", "--help"], &[(name, "https://u:S3CRET@h/d")]);
        assert!(help.status.success() && !printed(&help).contains("S3CRET"), "{name}");
    }
}

#[test]
fn serve_keeps_a_password_of_a_url_out_of_everything_it_says_however_much_it_logs() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "postgres://u:1/S3CRET@127.0.0.1:1/d",
        "postgres://u:1?S3CRET@127.0.0.1:1/d",
        "postgres://u@127.0.0.1:1/d?sslpassword=S3CRET",
        "postgres://u@127.0.0.1:1/d?S3CRET=1",
        "postgres://u:S3CRET@127.0.0.1:1/d",
        "postgres://u@127.0.0.1:1/d?password=S3CRET&options=-c%20a.b%3DS3CRET",
    ] {
        for verb in [&["serve"][..], &["migrate"], &["keys", "list"], &["config", "check"]] {
            let settings = [("DATABASE_URL", url), ("RUST_LOG", "trace"), ("SIGNET_LISTEN", "127.0.0.1:0")];
            let said = printed(&run(folder.path(), verb, &settings));
            assert!(!said.contains("S3CRET"), "{verb:?} {url}: {said}");
        }
    }
}
