//! Loads a real Signet, started as a process of its own on this machine, and prints what it bears as tables of Markdown.
//!
//!     load [speed | storm | soak | footprint] [--signet BINARY] [--seconds NUMBER] [--cold]
//!
//! Without `--signet` the release build of this repository is used. Nothing but loopback is ever asked, every mode ends by
//! itself, and all files lie in a temporary folder.

mod floor;
mod footprint;
mod soak;
mod speed;
mod storm;

use std::path::PathBuf;
use std::time::Duration;

/// What the command line says.
struct Options {
    mode: String,
    signet: Option<PathBuf>,
    length: Option<Duration>,
    cold: bool,
}

fn options() -> Options {
    let mut options = Options { mode: "speed".to_owned(), signet: None, length: None, cold: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--signet" => options.signet = Some(value().into()),
            "--seconds" => options.length = Some(Duration::from_secs(value().parse().unwrap())),
            "--cold" => options.cold = true,
            mode if !mode.starts_with('-') => options.mode = argument,
            unknown => panic!("{unknown} is not an option"),
        }
    }
    options
}

#[tokio::main]
async fn main() {
    // The floor is this program too, as another process.
    if std::env::args().nth(1).as_deref() == Some(floor::MODE) {
        return floor::serve().await;
    }
    let options = options();
    let binary = signet_benches::process::signet(options.signet);
    match options.mode.as_str() {
        "speed" => speed::run(&binary).await,
        "storm" => storm::run(&binary).await,
        "soak" => soak::run(&binary, options.length.unwrap_or(Duration::from_secs(20 * 60))).await,
        "footprint" => footprint::run(&binary, options.cold).await,
        unknown => panic!("{unknown} is not a mode"),
    }
}
