//! How many requests of one subject are worked on at once, and how soon the others hear that they are too many.
//! In: the subject of a token that was verified. Out: a place until the request is answered, or none.
//! Owns: whatever one account sends at once, this many of its requests reach anything behind this; memory is bounded by
//! the requests that are here. A crowd of one account that sends again whenever it is refused keeps no processor busy.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::http::framework::shares::hold_for;

/// How many requests of one subject are worked on at once. A page asks for a handful, a program that copies a list for
/// some dozens.
pub const PER_SUBJECT: u32 = 64;

/// The requests that are here, by their subject.
#[derive(Debug, Default)]
pub struct InFlight {
    requests: Mutex<HashMap<String, Count>>,
    turned_away: AtomicU64,
}

/// The requests of one subject.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// Those that are worked on.
    working: u32,
    /// Those that are refused, and wait to be told so.
    held: u32,
}

/// What a request is counted as.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Working,
    Held,
}

impl Count {
    fn of(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Working => &mut self.working,
            Kind::Held => &mut self.held,
        }
    }
}

/// A request that is counted, until this is dropped.
#[derive(Debug)]
pub struct Place {
    requests: Arc<InFlight>,
    subject: String,
    kind: Kind,
}

impl InFlight {
    /// A place for one more request of `subject`; none when it has enough of them.
    pub fn enter(self: &Arc<Self>, subject: &str) -> Option<Place> {
        let place = self.count(subject, Kind::Working, |count| count.working < PER_SUBJECT);
        if place.is_none() {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    /// To be waited for before a request of `subject` is refused: the longer, the more of them are here.
    pub async fn hold_back(self: &Arc<Self>, subject: &str) {
        let mut crowd = 0;
        let _held = self.count(subject, Kind::Held, |count| {
            crowd = count.working + count.held;
            true
        });
        tokio::time::sleep(hold_for(u64::from(crowd))).await;
    }

    fn count(
        self: &Arc<Self>,
        subject: &str,
        kind: Kind,
        mut applies: impl FnMut(&Count) -> bool,
    ) -> Option<Place> {
        let mut requests = self.requests.lock();
        match requests.get_mut(subject) {
            Some(count) if applies(count) => *count.of(kind) += 1,
            None if applies(&Count::default()) => {
                let mut first = Count::default();
                *first.of(kind) = 1;
                requests.insert(subject.to_owned(), first);
            }
            Some(_) | None => return None,
        }
        drop(requests);
        Some(Place { requests: self.clone(), subject: subject.to_owned(), kind })
    }

    /// How many requests are worked on.
    pub fn len(&self) -> u64 {
        self.requests.lock().values().map(|count| u64::from(count.working)).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.requests.lock().is_empty()
    }

    /// How many requests found that their subject has enough, since the start.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut requests = self.requests.requests.lock();
        if let Entry::Occupied(mut entry) = requests.entry(std::mem::take(&mut self.subject)) {
            *entry.get_mut().of(self.kind) -= 1;
            if entry.get().working + entry.get().held == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::poll;
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn enter_bounds_each_subject_by_itself_and_forgets_whoever_has_no_request() {
        let in_flight = Arc::new(InFlight::default());
        let mut places: Vec<Place> = (0..PER_SUBJECT).map(|_| in_flight.enter("ada").unwrap()).collect();
        assert!(in_flight.enter("ada").is_none());
        places.push(in_flight.enter("bob").unwrap());
        assert_eq!((in_flight.len(), in_flight.turned_away()), (u64::from(PER_SUBJECT) + 1, 1));
        places.remove(0);
        places.push(in_flight.enter("ada").unwrap());
        assert!(in_flight.enter("ada").is_none());
        places.clear();
        assert!(in_flight.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn hold_back_paces_the_refusals_of_a_crowd_and_not_those_of_one_who_asks_one_after_the_other() {
        let in_flight = Arc::new(InFlight::default());
        let is_told_within =
            async |subject: &str, span| timeout(span, in_flight.hold_back(subject)).await.is_ok();
        assert!(is_told_within("ada", 2 * hold_for(1)).await);
        let mut held: Vec<_> = (0..2000).map(|_| Box::pin(in_flight.hold_back("ada"))).collect();
        for refusal in &mut held {
            let _ = poll!(refusal.as_mut());
        }
        assert!(!is_told_within("ada", Duration::from_secs(1)).await);
        assert!(is_told_within("bob", 2 * hold_for(1)).await, "no other subject waits");
        // Whoever is held takes no place, and whoever hangs up is counted no more.
        assert!(in_flight.enter("ada").is_some());
        drop(held);
        assert!(in_flight.is_empty());
        assert!(is_told_within("ada", 2 * hold_for(1)).await);
    }
}
