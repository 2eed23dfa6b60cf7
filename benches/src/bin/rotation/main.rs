//! Proves that rotation refuses no living token and that revocation arrives: real processes under traffic for some minutes.
//!
//! usage: rotation [--seconds N] [--signet PROGRAM] [--seed N] [--record FILE.md]
//!
//! It needs nginx, Node, and the libraries that `./test` installs. It listens and talks on loopback only.

mod plot;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use signet_benches::rotation::{Plan, Step, Trouble, run};

/// The least number of verifications of a run that counts.
const AT_LEAST: u64 = 100_000;

/// What the command line says.
struct Orders {
    seconds: f64,
    signet: Option<PathBuf>,
    seed: Option<u64>,
    record: Option<PathBuf>,
}

fn orders() -> Result<Orders, Trouble> {
    let mut orders = Orders { seconds: 270.0, signet: None, seed: None, record: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        match name.as_str() {
            "--seconds" => orders.seconds = value.parse()?,
            "--signet" => orders.signet = Some(value.into()),
            "--seed" => orders.seed = Some(value.parse()?),
            "--record" => orders.record = Some(value.into()),
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    Ok(orders)
}

fn first_that_exists(candidates: impl IntoIterator<Item = PathBuf>, what: &str) -> Result<PathBuf, Trouble> {
    candidates.into_iter().find(|path| path.exists()).ok_or_else(|| format!("{what} is missing").into())
}

fn plan(orders: &Orders) -> Result<Plan, Trouble> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let signet = match &orders.signet {
        Some(path) => path.canonicalize()?,
        None => first_that_exists(
            ["release", "debug"].map(|profile| root.join("target").join(profile).join("signet")),
            "target/release/signet (build it, or name it with --signet)",
        )?,
    };
    let clients = std::env::var_os("SIGNET_TEST_CLIENTS").map_or(root.join("target/clients"), PathBuf::from);
    let clients = first_that_exists([clients.join("venv").join("..")], "what ./test installs")?;
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let nginx = first_that_exists(folders.map(|folder| folder.join("nginx")), "nginx")?;
    let at = |share: f64, step| (share * orders.seconds, step);
    Ok(Plan {
        signet,
        clients: clients.canonicalize()?,
        scripts: root.join("tests/clients"),
        nginx,
        seconds: orders.seconds,
        rotate_every: 15,
        jwks_max_age: 3,
        token_ttl: 15,
        leeway: 1,
        people: 4,
        rate: 250,
        steps: vec![
            at(0.20, Step::Rotate),
            at(0.26, Step::RevokeAlone),
            at(0.38, Step::Kill),
            at(0.46, Step::RevokeWithSuccessor),
            at(0.58, Step::StayDead),
            at(0.68, Step::Kill),
            at(0.82, Step::RotateNow),
        ],
        seed: orders.seed.unwrap_or(0),
        grace: 0.0,
        aloud: true,
    })
}

async fn prove() -> Result<bool, Trouble> {
    let orders = orders()?;
    let plan = plan(&orders)?;
    let folder = std::env::temp_dir().join(format!("signet-rotation-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    println!("for {} s, seed {}: {}\n", plan.seconds, plan.seed, plan.signet.display());
    let outcome = run(plan.clone(), &folder).await;
    std::fs::remove_dir_all(&folder)?;
    let mut outcome = outcome?;
    if outcome.verified() < AT_LEAST {
        outcome.failures.push(format!("fewer than {AT_LEAST} verifications"));
    }
    println!("\n{}", report::tables(&outcome));
    for failure in outcome.failures.iter().take(50) {
        println!("FAILURE {failure}");
    }
    if let Some(record) = &orders.record {
        let picture = Path::new("images").join(record.with_extension("svg").file_name().ok_or("no file")?);
        let command = "cargo build --release --locked\n\
                       cargo run --release --locked --manifest-path benches/Cargo.toml --bin rotation -- --record \
                       docs/rotation-proof.md";
        let folder = record.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder.join("images"))?;
        std::fs::write(folder.join(&picture), plot::draw(&outcome.history, plan.seconds))?;
        std::fs::write(record, report::document(&plan, &outcome, command, &picture.display().to_string()))?;
    }
    Ok(outcome.failures.is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    match prove().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            eprintln!("rotation: {trouble}");
            ExitCode::from(2)
        }
    }
}
