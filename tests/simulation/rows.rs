//! The key rows of a deployment in memory, as the database keeps them: whole writes on top of a version, constraints
//! that judge, connections that break at any point.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use signet::keys::repository;
use signet::keys::repository::KeyRepository;
use signet::model::key_rows::KeyEvent;
use signet::model::key_rows::KeyRow;
use signet::model::key_rows::Snapshot;
use signet::model::key_rows::Version;
use signet::model::signing_key::Event;
use signet::model::signing_key::KeyRecord;
use signet::model::signing_key::KeyState;
use signet_verify::crypto::Algorithm;

#[derive(Default)]
struct Table {
    version: i64,
    rows: Vec<KeyRow>,
    /// What was written, until the story has taken note.
    news: Vec<News>,
    now: Duration,
    violations: Vec<String>,
}

/// Something that was written.
pub struct News {
    /// When, by the true clock.
    pub at: Duration,
    pub event: KeyEvent,
    /// How long the key has to be public before it signs, as its row says now.
    pub lead: Duration,
}

/// The rows themselves; clones are the same table.
#[derive(Clone, Default)]
pub struct Rows(Arc<Mutex<Table>>);

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// When it reads.
    Reading,
    /// With the write under way, which does not happen.
    BeforeCommit,
    /// With the write done, and no answer sent.
    AfterCommit,
}

/// One process's way to the rows.
#[derive(Clone, Default)]
pub struct Connection {
    rows: Rows,
    state: Arc<Mutex<Way>>,
}

#[derive(Default)]
struct Way {
    cut: bool,
    crash: Option<Crash>,
    crashed: bool,
}

impl Rows {
    /// Lets the true clock go on.
    pub fn advance_to(&self, now: Duration) {
        self.0.lock().unwrap().now = now;
    }

    /// What was written since the last time.
    pub fn news(&self) -> Vec<News> {
        std::mem::take(&mut self.0.lock().unwrap().news)
    }

    /// What writes broke, if any did.
    pub fn violation(&self) -> Option<String> {
        self.0.lock().unwrap().violations.first().cloned()
    }

    pub fn connect(&self) -> Connection {
        Connection { rows: self.clone(), state: Arc::default() }
    }
}

impl Table {
    fn put(&mut self, row: &KeyRow) {
        match self.rows.iter_mut().find(|known| known.record.kid == row.record.kid) {
            Some(known) if matches!(known.record.state, KeyState::Removed | KeyState::Revoked) => {
                self.violations.push(format!("{} came back from {:?}", row.record.kid, known.record.state));
            }
            Some(known) => *known = row.clone(),
            None => self.rows.push(row.clone()),
        }
    }

    /// What the schema and the contract ask of the rows after every write.
    fn check(&mut self) {
        for algorithm in Algorithm::ALL {
            let count = |state| {
                let of = |row: &&KeyRow| row.record.algorithm() == algorithm && row.record.state == state;
                self.rows.iter().filter(of).count()
            };
            let (active, pending) = (count(KeyState::Active), count(KeyState::Pending));
            if active != 1 || pending > 1 {
                let now = self.now;
                self.violations
                    .push(format!("{active} active and {pending} pending {algorithm} keys at {now:?}"));
            }
        }
        for row in &self.rows {
            if row.sealed.is_some() != row.record.state.signs() {
                let kid = &row.record.kid;
                self.violations.push(format!("{kid}: a private half too many or too few at {:?}", self.now));
            }
        }
    }
}

impl Connection {
    pub fn cut(&self, cut: bool) {
        self.state.lock().unwrap().cut = cut;
    }

    pub fn is_cut(&self) -> bool {
        self.state.lock().unwrap().cut
    }

    /// Makes the process die at the next such point.
    pub fn crash_at(&self, crash: Crash) {
        self.state.lock().unwrap().crash = Some(crash);
    }

    /// Whether it has died.
    pub fn has_crashed(&self) -> bool {
        self.state.lock().unwrap().crashed
    }

    fn reach(&self, point: Crash) -> Result<(), repository::Error> {
        let mut way = self.state.lock().unwrap();
        if way.crash == Some(point) {
            way.crashed = true;
        }
        if way.cut || way.crashed { Err(gone()) } else { Ok(()) }
    }
}

fn gone() -> repository::Error {
    repository::Error::Database("the connection is gone".into())
}

impl KeyRepository for Connection {
    async fn live(&self) -> Result<Snapshot, repository::Error> {
        self.reach(Crash::Reading)?;
        let table = self.rows.0.lock().unwrap();
        let live = |row: &&KeyRow| !matches!(row.record.state, KeyState::Removed | KeyState::Revoked);
        let keys = table.rows.iter().filter(live).cloned().collect();
        Ok(Snapshot { version: Version(table.version), keys })
    }

    async fn history(&self) -> Result<Vec<KeyRecord>, repository::Error> {
        self.reach(Crash::Reading)?;
        Ok(self.rows.0.lock().unwrap().rows.iter().map(|row| row.record.clone()).collect())
    }

    async fn events(&self) -> Result<Vec<KeyEvent>, repository::Error> {
        Ok(Vec::new()) // no check of these stories reads the record
    }

    async fn write(
        &self,
        expected: Version,
        rows: &[KeyRow],
        events: &[KeyEvent],
    ) -> Result<(), repository::Error> {
        self.reach(Crash::BeforeCommit)?;
        {
            let mut table = self.rows.0.lock().unwrap();
            if table.version != expected.0 {
                return Err(repository::Error::Stale);
            }
            table.version += 1;
            rows.iter().for_each(|row| table.put(row));
            let at = table.now;
            for event in events {
                let row = table.rows.iter().find(|row| row.record.kid == event.kid);
                let lead = row.map_or(Duration::ZERO, |row| row.record.lead);
                table.news.push(News { at, event: event.clone(), lead });
            }
            // A revocation and the take-over after it are one write; an import into nothing waits for a start.
            if !events.iter().all(|event| event.event == Event::Imported) {
                table.check();
            }
        }
        self.reach(Crash::AfterCommit)
    }
}
