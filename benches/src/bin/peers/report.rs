//! What came of it, as tables of Markdown.
//! In: rows whose first entry is Signet. Out: figures of every peer, and how many times Signet's they are.
//! Owns: Signet is compared with whichever set-up of a peer is the best in the measure at hand.

use std::time::Duration;

use signet_benches::median;

use super::race::{CONNECTIONS, Entry, Row, TURN};
use super::servers::Server;

/// An order of magnitude.
const GOAL: f64 = 10.0;

/// Milliseconds of processor time for a thousand answers.
fn work(entry: &Entry<'_>) -> f64 {
    entry.worked.as_secs_f64() * 1e6 / entry.outcome.nanos.len() as f64
}

fn alone(entry: &Entry<'_>) -> f64 {
    entry.alone.quantile(0.5).as_secs_f64()
}

/// How many times the answers of another Signet gives, in the rounds of both.
fn times(signet: &Entry<'_>, other: &Entry<'_>) -> f64 {
    median(signet.rates.iter().zip(&other.rates).map(|(own, other)| own / other).collect())
}

fn least(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(f64::INFINITY, f64::min)
}

pub fn print(rows: &[Row<'_>], rounds: usize) {
    println!(
        "{CONNECTIONS} connections, {rounds} turns of {TURN:?} each; client and servers on the same cores.\n"
    );
    println!(
        "| request | server | per second | Signet to it | p50 | p99 | p50 on 1 connection | server CPU per 1000 |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for row in rows {
        for entry in &row.entries {
            println!(
                "| {} | {} | {:.0} | {:.1} | {} | {} | {} | {:.1} ms |",
                row.name,
                entry.server.name,
                median(entry.rates.clone()),
                times(&row.entries[0], entry),
                millis(entry.outcome.quantile(0.5)),
                millis(entry.outcome.quantile(0.99)),
                millis(entry.alone.quantile(0.5)),
                work(entry),
            );
        }
    }
    println!("\nSignet to the best set-up of the peer in each measure:\n");
    println!(
        "| request | answers per second | processor time | p50 on 1 connection | ten times the answers |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for row in rows {
        let [signet, peers @ ..] = &row.entries[..] else { continue };
        let rate = least(peers.iter().map(|peer| times(signet, peer)));
        let work = least(peers.iter().map(work)) / work(signet);
        let wait = least(peers.iter().map(alone)) / alone(signet);
        let reached = if rate >= GOAL { "reached" } else { "not reached" };
        println!(
            "| {} | {rate:.1} times | {work:.1} times less | {wait:.1} times sooner | {reached} |",
            row.name
        );
    }
}

pub fn memory<'a>(servers: impl Iterator<Item = &'a Server>) {
    println!(
        "\n| server | processes | resident at first | shared pages split | after the run | shared pages split |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for server in servers {
        let (idle, now) = (server.idle, server.process.memory_of_all());
        let [idle, idle_split, now, split] = [idle.0, idle.1, now.0, now.1].map(|bytes| bytes / 1e6);
        println!(
            "| {} | {} | {idle:.0} MB | {idle_split:.0} MB | {now:.0} MB | {split:.0} MB |",
            server.name,
            server.process.family().len(),
        );
    }
}

fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}
