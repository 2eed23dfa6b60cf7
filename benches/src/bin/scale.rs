//! Whether the statements of every request stay as fast as the tables grow: ten users beside a million with ten million tasks.
//! In: addresses of empty databases, and how many users to make. Out: a table of Markdown for each, with p50, p99 and ratios.
//! Owns: what is measured are the repositories of the store, as the server calls them, one call after the other.
//!
//!   scale [--users N] sqlite:FILE postgres://USER@HOST/DATABASE ...

use std::process::ExitCode;
use std::time::{Duration, Instant};

use signet::model::task::TaskFilter;
use signet::store::{Database, Dialect};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Executor};

/// The small database.
const FEW: u64 = 10;
const TASKS_EACH: u64 = 10;
/// How many calls of each kind are measured.
const CALLS: u64 = 20_000;
/// How many rows one statement makes.
const CHUNK: u64 = 500_000;

/// What a request asks for, and how long each call took.
struct Figures {
    name: &'static str,
    times: Vec<Duration>,
}

impl Figures {
    fn at(&self, share: f64) -> f64 {
        let place = ((self.times.len() - 1) as f64 * share) as usize;
        self.times[place].as_secs_f64() * 1e6
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut users = 1_000_000;
    if arguments.first().is_some_and(|first| first == "--users") && arguments.len() > 1 {
        users = arguments[1].parse().unwrap_or(users);
        arguments.drain(..2);
    }
    if arguments.is_empty() {
        eprintln!("usage: scale [--users N] URL...   (each an empty database)");
        return ExitCode::from(2);
    }
    for url in &arguments {
        if let Err(error) = compare(url, users).await {
            eprintln!("scale: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn compare(url: &str, users: u64) -> Result<(), Box<dyn std::error::Error>> {
    let database = Database::open(url, 2).await?;
    database.migrate().await?;
    let dialect = database.dialect();
    load(url, dialect, 0, FEW).await?;
    let small = measure(&database, FEW).await?;
    let began = now();
    load(url, dialect, FEW, users).await?;
    eprintln!("{dialect:?}: {users} users loaded in {:.0?}", began.elapsed());
    let large = measure(&database, users).await?;
    database.close().await;

    println!(
        "\n| {dialect:?} | {FEW} users: p50, p99 | {users} users: p50, p99 | ratio of p50 | ratio of p99 |"
    );
    println!("| --- | --- | --- | --- | --- |");
    for (small, large) in small.iter().zip(&large) {
        let [a, b, c, d] = [small.at(0.5), small.at(0.99), large.at(0.5), large.at(0.99)];
        println!(
            "| {} | {a:.0} µs, {b:.0} µs | {c:.0} µs, {d:.0} µs | {:.2} | {:.2} |",
            small.name,
            c / a,
            d / b
        );
    }
    Ok(())
}

/// The name of the row `number`: 32 letters and digits that lie all over an index, as random ones do.
fn id(number: u64) -> String {
    format!("{:08x}{number:024x}", number * 2_654_435_761 % 4_294_967_296)
}

/// The same in SQL.
fn id_in(dialect: Dialect, number: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("printf('%08x%024x', {number} * 2654435761 % 4294967296, {number})"),
        Dialect::Postgres => format!(
            "lpad(to_hex({number} * 2654435761 % 4294967296), 8, '0') || lpad(to_hex({number}), 24, '0')"
        ),
    }
}

/// Makes the users from `first` to before `end`, each with an account, a session and tasks that lie far apart.
async fn load(url: &str, dialect: Dialect, first: u64, end: u64) -> Result<(), sqlx::Error> {
    let pool = AnyPool::connect(url).await?;
    let mut connection = pool.acquire().await?;
    if dialect == Dialect::Sqlite {
        connection
            .execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -2000000; PRAGMA foreign_keys = OFF")
            .await?;
    }
    let bytes = if dialect == Dialect::Sqlite { "CAST({id} AS BLOB)" } else { "convert_to({id}, 'UTF8')" };
    let user = "INSERT INTO users (id, email, email_verified, name, created_at, updated_at) \
                SELECT {id}, {id} || '@example.com', 0, 'Somebody', 1800000000000 + n, 1800000000000 + n FROM numbers";
    let account = "INSERT INTO accounts (id, user_id, provider_id, account_id, password_hash, created_at, updated_at) \
                   SELECT {id}, {id}, 'credential', {id}, '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                   fc0kXoC0ZQr0Zq7j3dS1Ew0v0a3mHq1m7mC5o9mW0lA', 1800000000000 + n, 1800000000000 + n FROM numbers";
    let session = "INSERT INTO sessions (id, token_hash, user_id, created_at, updated_at, expires_at, remembered, \
                   ip_address, user_agent) SELECT {id}, {bytes}, {id}, 1800000000000 + n, 1800000000000 + n, \
                   4000000000000, 1, '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36' FROM numbers";
    for statement in [user, account, session] {
        let statement = statement.replace("{bytes}", bytes).replace("{id}", &id_in(dialect, "n"));
        run(&mut connection, dialect, &statement, first, end).await?;
    }
    // One step of 7919 from task to task: whose turn it is changes each time, and every user gets as many.
    let owner = id_in(dialect, &format!("({first} + n * 7919 % {})", end - first));
    let task = format!(
        "INSERT INTO tasks (id, user_id, title, description, completed, created_at, updated_at) SELECT {}, {owner}, \
         'Something that has to be done', 'and a few words about how, by whom and until when', n % 2, \
         1800000000000 + n, 1800000000000 + n FROM numbers",
        id_in(dialect, "n")
    );
    run(&mut connection, dialect, &task, first * TASKS_EACH, end * TASKS_EACH).await?;
    let tidy = if dialect == Dialect::Sqlite {
        "ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)"
    } else {
        "VACUUM ANALYZE"
    };
    connection.execute(tidy).await?;
    drop(connection);
    pool.close().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch measures real time")]
fn now() -> Instant {
    Instant::now()
}

/// Runs `statement` over the numbers from `first` to before `end`, a chunk at a time.
async fn run(
    connection: &mut AnyConnection,
    dialect: Dialect,
    statement: &str,
    first: u64,
    end: u64,
) -> Result<(), sqlx::Error> {
    for from in (first..end).step_by(CHUNK as usize) {
        let to = (from + CHUNK).min(end) - 1;
        let numbers = match dialect {
            Dialect::Sqlite => format!(
                "WITH RECURSIVE numbers (n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM numbers WHERE n < {to})"
            ),
            Dialect::Postgres => {
                format!("WITH numbers AS (SELECT n FROM generate_series({from}::bigint, {to}::bigint) AS n)")
            }
        };
        sqlx::query(AssertSqlSafe(format!("{numbers} {statement}"))).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Looks up a user to sign in, a session and a page of tasks, of another user each time.
async fn measure(database: &Database, users: u64) -> Result<[Figures; 3], Box<dyn std::error::Error>> {
    let (credentials, sessions, tasks) = (database.credentials(), database.sessions(), database.tasks());
    let mut figures = ["sign-in: user by address", "session by token", "a page of tasks"]
        .map(|name| Figures { name, times: Vec::new() });
    let mut turn = 1_u64;
    for call in 0..CALLS + CALLS / 10 {
        turn = turn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = id((turn >> 33) % users);
        let (email, mut hash) = (format!("{id}@example.com"), [0; 32]);
        hash.copy_from_slice(id.as_bytes());
        let mut times = [Duration::ZERO; 3];
        let began = now();
        let found = credentials.by_email(&email).await?.is_some();
        times[0] = began.elapsed();
        let began = now();
        let signed_in = sessions.by_token_hash(&hash).await?.is_some();
        times[1] = began.elapsed();
        let began = now();
        let page = tasks.page(&id, TaskFilter::All, None, 50).await?;
        times[2] = began.elapsed();
        if !found || !signed_in || page.len() as u64 != TASKS_EACH {
            return Err(format!("{id} is not there with {TASKS_EACH} tasks").into());
        }
        // The first calls warm up.
        if call >= CALLS / 10 {
            figures.iter_mut().zip(times).for_each(|(figures, time)| figures.times.push(time));
        }
    }
    figures.iter_mut().for_each(|figures| figures.times.sort_unstable());
    Ok(figures)
}
