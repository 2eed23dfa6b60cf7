//! Signet beside the stack it replaces: Node with Better Auth, and FastAPI with PyJWT, all of them on this machine.
//!
//!     peers [--signet BINARY] [--rounds NUMBER]
//!
//! It needs Node, npm and Python with venv, and installs what the peers are made of below `benches/target/peers`. Afterwards
//! nothing but loopback is asked, and all files lie in temporary folders.

mod install;
mod people;
mod race;
mod report;
mod servers;

use std::path::PathBuf;
use std::process::ExitCode;

use signet_benches::process;
use tokio::signal::unix::{SignalKind, signal};

/// What the command line says.
struct Options {
    signet: Option<PathBuf>,
    rounds: usize,
}

fn options() -> Options {
    let mut options = Options { signet: None, rounds: 12 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--signet" => options.signet = Some(value.into()),
            "--rounds" => options.rounds = value.parse().unwrap(),
            unknown => panic!("{unknown} is not an option"),
        }
    }
    assert!(options.rounds > 0, "there is nothing to say about no round");
    options
}

/// Until a signal says to end.
async fn told_to_stop() {
    let mut interrupted = signal(SignalKind::interrupt()).unwrap();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = interrupted.recv() => (),
        _ = terminated.recv() => (),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = options();
    let installed = match install::installed() {
        Ok(installed) => installed,
        Err(missing) => {
            eprintln!("peers: {missing}");
            return ExitCode::from(2);
        }
    };
    let binary = process::signet(options.signet);
    // Whoever is not ready is dropped, and with a race its servers.
    tokio::select! {
        () = race::run(&binary, &installed, options.rounds) => ExitCode::SUCCESS,
        () = told_to_stop() => ExitCode::FAILURE,
    }
}
