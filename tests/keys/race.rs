//! Many processes start on one file, and a running server hears of an order given elsewhere.

use std::process::{Command, Stdio};
use std::sync::Arc;

use signet::keys::generator::SystemGenerator;
use signet::keys::repository::KeyRepository;
use signet::keys::rotation::Rotation;
use signet::keys::worker::RotationWorker;
use signet::model::algorithms::Algorithms;
use signet::model::contract::{Contract, Terms};
use signet::store::keys::Keys;
use signet::vault::Vault;
use signet_verify::clock::{Clock, SystemClock};
use signet_verify::crypto::{Algorithm, SystemEntropy};

use super::support::{Process, master, open, seconds, signing};
use crate::support::fresh_database::Fresh;
use crate::support::wait::LONGEST;

/// Where a process that another test has started finds its database.
const URL: &str = "SIGNET_TEST_KEYS_URL";

#[tokio::test]
#[ignore = "one of the twenty processes of the next test"]
async fn start_in_a_process_of_its_own() {
    let url = std::env::var(URL).unwrap();
    let worker = Process::new(&open(&url).await, u64::from(std::process::id())).start().await.unwrap();
    println!("signs with {}", signing(&worker.keyring()).unwrap());
}

#[tokio::test]
async fn start_of_twenty_processes_at_once_on_one_file_makes_one_key() {
    let place = Fresh::sqlite();
    let itself = std::env::current_exe().unwrap();
    let start = || {
        Command::new(&itself)
            .args(["--exact", "keys::race::start_in_a_process_of_its_own", "--ignored", "--nocapture"])
            .env(URL, &place.url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..20).map(|_| start()).collect();
    let mut signers = Vec::new();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let kid = text.split("signs with ").nth(1).and_then(|rest| rest.split_whitespace().next());
        signers.push(kid.unwrap_or_else(|| panic!("{text}")).to_owned());
    }
    signers.dedup();
    assert_eq!(signers.len(), 1);
    assert_eq!(Keys::new(open(&place.url).await).history().await.unwrap().len(), 1);
}

/// A rotation in real time, with the shortest reload there is and no deadline near.
async fn rotation(place: &Fresh) -> Rotation<Keys> {
    let terms = Terms {
        rotate_every: seconds(3600),
        jwks_max_age: seconds(1),
        token_ttl: seconds(1),
        leeway: seconds(0),
        algorithms: Algorithms::only(Algorithm::EdDsa),
    };
    let entropy = Arc::new(SystemEntropy::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let vault = Arc::new(Vault::new(master(1), Vec::new(), entropy.clone()));
    let generator = Arc::new(SystemGenerator::new(entropy));
    Rotation::new(Keys::new(open(&place.url).await), vault, generator, Contract::new(terms).unwrap(), clock)
}

#[tokio::test]
async fn worker_follows_a_command_given_elsewhere_and_stops_when_told() {
    let place = Fresh::sqlite();
    let worker = Arc::new(RotationWorker::start(rotation(&place).await).await.unwrap());
    let mut told = worker.keyring().subscribe();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let worker = worker.clone();
        async move {
            worker
                .run(async {
                    let _ = stopped.await;
                })
                .await
        }
    });

    let request = rotation(&place).await.request_rotation(Algorithm::EdDsa, "alice").await.unwrap();
    tokio::time::timeout(LONGEST, told.wait_for(|set| set.get(request.kid.as_ref()).is_some()))
        .await
        .expect("heard of the new key")
        .unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(LONGEST, running).await.expect("stops").unwrap();
}
