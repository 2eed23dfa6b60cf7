//! When a connection has been idle long enough.
//! In: what happened on it, several times within the idle timeout. Out: whether it stays.
//! Owns: only work, and bytes that move, excuse a connection; a request that has begun to arrive gets a timeout of its
//! own.

/// How many times within the idle timeout a connection, or an answer, is looked at.
pub(super) const IDLE_CHECKS: u32 = 8;

/// How many bytes of an answer have to go out within the idle timeout; or all that are left.
const PROGRESS: u64 = 8 * 1024;

/// How many checks later than its answers a whole connection ends.
const GRACE: u32 = 2;

/// What has happened on a connection since it began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Snapshot {
    /// Requests that began.
    pub begun: u64,
    /// Whether a request is being received or worked on; each has a timeout of its own.
    pub is_running: bool,
    /// Bytes that came.
    pub read: u64,
    /// Bytes of answers that went.
    pub sent: u64,
    /// Bytes of answers that wait to go.
    pub unsent: u64,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays.
    Open,
    /// It is asked to close.
    Idle,
    /// Nothing that was to go has gone: it closes at once.
    Stalled,
}

/// Watches one connection.
#[derive(Debug, Default)]
pub(super) struct IdleWatch {
    /// When something happened last.
    last: Snapshot,
    idle: u32,
    /// Whether the request that is arriving has had its own timeout.
    is_extended: bool,
    answers: ProgressWatch,
}

impl IdleWatch {
    /// Judges a connection by what has happened until now.
    pub fn check(&mut self, now: Snapshot) -> Verdict {
        if self.answers.check(now.sent, now.unsent) >= IDLE_CHECKS + GRACE {
            return Verdict::Stalled;
        }
        let is_sending = now.unsent > 0 && self.answers.quiet == 0;
        if now.is_running || now.begun != self.last.begun || is_sending {
            (self.last, self.idle, self.is_extended) = (now, 0, false);
            return Verdict::Open;
        }
        self.idle += 1;
        if self.idle < IDLE_CHECKS {
            return Verdict::Open;
        }
        if now.read != self.last.read && !self.is_extended {
            (self.idle, self.is_extended) = (0, true);
            return Verdict::Open;
        }
        Verdict::Idle
    }

    /// How many checks in a row have found it idle.
    pub fn idle_checks(&self) -> u32 {
        self.idle
    }
}

/// Watches whether bytes go out.
#[derive(Debug, Default)]
pub(super) struct ProgressWatch {
    /// How many had gone when progress was seen last.
    sent: u64,
    quiet: u32,
}

impl ProgressWatch {
    /// How many checks in a row have seen no progress of what is to be sent.
    pub fn check(&mut self, sent: u64, unsent: u64) -> u32 {
        if unsent == 0 || sent >= self.sent + PROGRESS {
            (self.sent, self.quiet) = (sent, 0);
        } else {
            self.quiet += 1;
        }
        self.quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many checks it takes until a connection ends on which nothing but `happens` goes on, of at most a hundred.
    fn ends_after(happens: impl Fn(u32, &mut Snapshot)) -> Option<(u32, Verdict)> {
        let (mut watch, mut now) = (IdleWatch::default(), Snapshot::default());
        (1..=100).find_map(|check| {
            happens(check, &mut now);
            let verdict = watch.check(now);
            (verdict != Verdict::Open).then_some((check, verdict))
        })
    }

    #[test]
    fn check_ends_what_is_quiet_and_what_arrives_slowly() {
        assert_eq!(ends_after(|_, _| ()), Some((8, Verdict::Idle)));
        assert_eq!(ends_after(|_, now| now.read += 1), Some((16, Verdict::Idle)));
        let last_moment = |check, now: &mut Snapshot| now.read = u64::from(check >= 8);
        assert_eq!(ends_after(last_moment), Some((16, Verdict::Idle)));
    }

    #[test]
    fn check_keeps_what_works_what_asks_and_what_is_read() {
        assert_eq!(ends_after(|_, now| now.is_running = true), None);
        assert_eq!(ends_after(|check, now| now.begun = u64::from(check / 7)), None);
        let reads = |_, now: &mut Snapshot| (now.unsent, now.sent) = (1 << 20, now.sent + 2000);
        assert_eq!(ends_after(reads), None);
    }

    #[test]
    fn check_ends_a_connection_whose_answers_stand_still_whatever_else_goes_on() {
        let asks = |_, now: &mut Snapshot| (now.unsent, now.begun) = (1 << 20, now.begun + 1);
        assert_eq!(ends_after(asks), Some((10, Verdict::Stalled)));
        let trickles = |_, now: &mut Snapshot| {
            (now.unsent, now.sent, now.is_running) = (1 << 20, now.sent + 10, true);
        };
        assert_eq!(ends_after(trickles), Some((10, Verdict::Stalled)));
    }

    #[test]
    fn check_counts_an_answer_that_begins_after_a_pause_from_its_beginning() {
        let mut watch = ProgressWatch::default();
        assert_eq!([0, 0, 0].map(|unsent| watch.check(0, unsent)), [0, 0, 0]);
        assert_eq!([1, 1, 0, 1].map(|unsent| watch.check(0, unsent)), [1, 2, 0, 1]);
    }
}
