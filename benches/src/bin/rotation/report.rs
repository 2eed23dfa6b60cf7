//! What came of a run, in words and tables.
//! In: a plan and its outcome. Out: Markdown.
//! Owns: what was counted apart stands beside what failed.

use std::fmt::Write;

use signet_benches::rotation::{Mark, Outcome, Plan};

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap_or("")).collect();
    groups.join(",")
}

fn seconds(span: Option<f64>) -> String {
    span.map_or("–".to_owned(), |span| format!("{span:.2} s"))
}

/// The tables.
pub fn tables(outcome: &Outcome) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| verifier | verifications | failures | revoked key: last accepted after | bound | ended session: last \
         accepted after | bound |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    for (kind, tally) in &outcome.verifiers {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {:.2} s | {} | {:.2} s |",
            kind.name,
            thousands(tally.verified),
            tally.failures,
            seconds(tally.key_lag),
            kind.key_bound,
            seconds(tally.session_lag),
            kind.session_bound
        );
    }
    let _ = writeln!(
        out,
        "| together | **{}** | **{}** | | | | |\n",
        thousands(outcome.verified()),
        outcome.failures.len()
    );
    let _ = writeln!(
        out,
        "| counted apart | dead, revoked or ended: refused, as they should be | key that could not wait: refused until every \
         cache knew it | no answer while the identity process was dead |\n| --- | ---: | ---: | ---: |"
    );
    for (kind, tally) in &outcome.verifiers {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            kind.name,
            thousands(tally.rightly_refused),
            thousands(tally.too_new),
            thousands(tally.silent)
        );
    }
    out
}

/// What was done when.
pub fn events(outcome: &Outcome) -> String {
    let mut out = String::new();
    for event in outcome.history.events.iter().filter(|event| event.mark != Mark::Step) {
        let _ = writeln!(out, "- {:.1} s: {}", event.at, event.text);
    }
    out
}

/// The whole document; `command` is how it was made, and `picture` where the plot is, as seen from the document.
pub fn document(plan: &Plan, outcome: &Outcome, command: &str, picture: &str) -> String {
    let spans = &outcome.spans;
    let lives = outcome.whole_lives();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{HEAD}```sh\n{command}\n```\n\n\
         which exits 1 on a single failure, here on {cores} cores that did other work too. `./test` does the same for half \
         a minute.\n\n\
         ## What came of it\n\n{}\n\
         {} sign-ins and {} tokens in {:.0} s; {} keys were seen, {lives} of them from announcement to removal.\n\n\
         ![The life of every key: pending, active, retiring, and the events]({picture})\n\n{}\n\
         ## How it works\n\n\
         {SETUP}\n\
         With `SIGNET_ROTATE_EVERY={}s`, `SIGNET_JWKS_MAX_AGE={}s`, `SIGNET_TOKEN_TTL={}s` and `SIGNET_LEEWAY={}s`,\n\
         `signet serve` promises: a key is public for {} s before it signs and for {} s after, and a revoked key is\n\
         refused everywhere within {} s. The bounds of the table follow:\n\n{BOUNDS}",
        tables(outcome),
        thousands(outcome.sign_ins),
        thousands(outcome.tokens as u64),
        plan.seconds,
        outcome.history.keys.len(),
        events(outcome),
        plan.rotate_every,
        plan.jwks_max_age,
        plan.token_ttl,
        plan.leeway,
        spans.lead,
        spans.retain,
        spans.revocation_bound,
    )
}

const HEAD: &str = "\
# Rotation under traffic

Signing keys come, sign, go and are revoked while real processes and other people's libraries verify tokens all the time.
No living token may be refused, and no token of a revoked key or an ended session may be accepted after its bound. This
page is written by

";

const SETUP: &str = "\
One identity process on an SQLite file, two resource processes on the same file, nginx as a shared cache that honours
`Cache-Control`, a Node process with `jose` and two Python processes with PyJWT, all on loopback. People sign in and take
tokens all the time, and one of them signs out again and again. Every token is shown to every verifier many times, until
three seconds after its end. The libraries keep their own defaults in proportion: what they do with keys that may be
cached for five minutes, they do here with keys that may be cached for seconds.

- A *failure* is a token that its verifier refused although it was alive (not expired when the answer came, its key not
  revoked, its session not ended), a token accepted after its end, a token accepted after the bound of a revocation, any
  other answer, a sign-in or a token that could not be had while the identity process lived, a key set without keys, or
  any number of active keys but one.
- *Last accepted after* counts from the moment when the order had returned to the moment when the last token that was
  accepted was shown; the longest of all revocations counts.
- After an emergency or a rotation that could not wait (`rotate --now`) a key has to sign before every cache can know it.
  Refusals of its tokens until every cache had to know it are counted apart: that is what they cost.
- Only the identity process itself, and libraries that keep no keys past their time, may be without an answer, and only
  while the identity process is dead.

It is started again at once, and once only when the key that it had just announced is long due to sign: caches have handed
out the old set meanwhile, so that key has to wait until they have caught up.
";

const BOUNDS: &str = "\
- A process that signs rereads the keys within the reload interval, which is a quarter of `max-age` here.
- A resource process that asks the identity process itself: the reload interval and one `max-age`.
- `jose` keeps keys for twice as long as they may be cached: the reload interval and two `max-age`.
- Behind a shared cache: the reload interval, one `max-age` in the cache and one in the verifier. nginx counts cache lives
  in whole seconds, so one second more.
- Ended sessions: at once in the process that ended them, within the poll interval of 5 s in the other processes on the
  database. Third parties do not hear of them: they accept a token until its end.
";
