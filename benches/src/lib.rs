//! Measures several ways of doing one thing side by side, so that a noisy machine disturbs all of them alike.
//! In: contestants, the first of which is the floor. Out: a table of medians and of ratios to the floor.
//! Owns: a ratio is taken within one round, between turns that lie milliseconds apart, and the median over all rounds counts.

pub mod client;
pub mod people;
pub mod process;
pub mod rotation;
pub mod traffic;

use std::time::{Duration, Instant};

/// One way of doing it.
pub struct Contestant<'a> {
    name: &'a str,
    work: Box<dyn FnMut() + 'a>,
    /// Calls of one turn.
    calls: u32,
    /// Nanoseconds per call, one figure per round.
    figures: Vec<f64>,
}

/// Several ways of doing one thing.
pub struct Contest<'a> {
    title: &'a str,
    contestants: Vec<Contestant<'a>>,
}

/// How long one contestant's turn takes, about.
const TURN: Duration = Duration::from_millis(4);

impl<'a> Contest<'a> {
    /// A contest without contestants; the first to enter is the floor.
    pub fn new(title: &'a str) -> Self {
        Self { title, contestants: Vec::new() }
    }

    /// One more way of doing it.
    #[must_use]
    pub fn enter(mut self, name: &'a str, work: impl FnMut() + 'a) -> Self {
        self.contestants.push(Contestant { name, work: Box::new(work), calls: 1, figures: Vec::new() });
        self
    }

    /// Lets every candidate take `rounds` turns and prints the outcome as a table of Markdown.
    pub fn run(mut self, rounds: usize) {
        for contestant in &mut self.contestants {
            contestant.warm_up();
        }
        for round in 0..rounds {
            // The first one may find colder caches: each is first in turn.
            let count = self.contestants.len();
            for turn in 0..count {
                self.contestants[(round + turn) % count].take_turn();
            }
        }
        println!("\n| {} | median | to the floor |\n| --- | --- | --- |", self.title);
        let floor = self.contestants[0].figures.clone();
        for contestant in &self.contestants {
            let ratios = contestant.figures.iter().zip(&floor).map(|(own, floor)| own / floor).collect();
            println!(
                "| {} | {} | {:.3} |",
                contestant.name,
                shown(median(contestant.figures.clone())),
                median(ratios)
            );
        }
    }
}

impl Contestant<'_> {
    fn warm_up(&mut self) {
        loop {
            let took = self.time();
            if took >= TURN {
                return;
            }
            let missing = TURN.as_secs_f64() / took.as_secs_f64().max(1e-9);
            self.calls = (f64::from(self.calls) * missing.clamp(1.1, 10.0)).ceil() as u32;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a stopwatch measures real time")]
    fn time(&mut self) -> Duration {
        let start = Instant::now();
        for _ in 0..self.calls {
            (self.work)();
        }
        start.elapsed()
    }

    fn take_turn(&mut self) {
        let took = self.time();
        self.figures.push(took.as_secs_f64() * 1e9 / f64::from(self.calls));
    }
}

/// The middle one of `figures`.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn shown(nanos: f64) -> String {
    if nanos >= 1000.0 { format!("{:.2} µs", nanos / 1000.0) } else { format!("{nanos:.0} ns") }
}
