//! Signet's OAuth beside the certified provider of npm, `oidc-provider`, both on this machine and in turns.
//!
//!     oauth [--signet BINARY] [--rounds NUMBER]
//!     oauth [--signet BINARY] --grants NUMBER [postgres://USER@HOST/DATABASE]
//!
//! It needs Node and npm, and installs the peer below `benches/target/oauth`. The peer keeps everything in
//! memory, and once more in a Redis that writes its log once a second; Signet keeps it in SQLite, on the disk before it answers,
//! and signs an access token where the peer hands out an opaque one. With
//! `--grants`, only this: how long a refresh takes beside few grants and beside so many, on SQLite and on empty databases.

mod form;
mod growth;
mod providers;
mod race;

use std::path::PathBuf;
use std::process::ExitCode;

use signet_benches::process;

use self::providers::{Provider, Store};

/// What the command line says.
struct Options {
    signet: Option<PathBuf>,
    rounds: usize,
    grants: Option<u64>,
    databases: Vec<String>,
}

fn options() -> Options {
    let mut options = Options { signet: None, rounds: 8, grants: None, databases: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument.contains("://") {
            options.databases.push(argument);
            continue;
        }
        let value = arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--signet" => options.signet = Some(value.into()),
            "--rounds" => options.rounds = value.parse().unwrap(),
            "--grants" => options.grants = Some(value.parse().unwrap()),
            unknown => panic!("{unknown} is not an option"),
        }
    }
    assert!(options.rounds > 0, "there is nothing to say about no round");
    options
}

#[tokio::main]
async fn main() -> ExitCode {
    let Options { signet, rounds, grants, databases } = options();
    let binary = process::signet(signet);
    if let Some(grants) = grants {
        growth::run(&binary, grants, &databases).await;
        return ExitCode::SUCCESS;
    }
    match providers::installed() {
        Ok(installed) => {
            let signet = Provider::signet(&binary, &[]).await;
            let peers = [Store::Memory, Store::Redis].map(|store| Provider::peer(&installed, store));
            let [memory, redis] = peers;
            race::run(&[signet, memory.await, redis.await], rounds).await;
            ExitCode::SUCCESS
        }
        Err(missing) => {
            eprintln!("oauth: {missing}");
            ExitCode::from(2)
        }
    }
}
