//! How many requests of one subject are worked on at once.
//! In: the subject of a token that was verified. Out: a place until the request is answered, or none.
//! Owns: whatever one account sends at once, this many of its requests reach anything behind this; memory is bounded by
//! the requests that are here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// How many requests of one subject are worked on at once. A page asks for a handful, a program that copies a list for
/// some dozens.
pub const PER_SUBJECT: u32 = 64;

/// The requests that are worked on, by their subject.
#[derive(Debug, Default)]
pub struct InFlight {
    requests: Mutex<HashMap<String, u32>>,
    turned_away: AtomicU64,
}

/// A request that is worked on, until this is dropped.
#[derive(Debug)]
pub struct Place {
    requests: Arc<InFlight>,
    subject: String,
}

impl InFlight {
    /// A place for one more request of `subject`; none when it has enough of them.
    pub fn enter(self: &Arc<Self>, subject: &str) -> Option<Place> {
        {
            let mut requests = self.requests.lock();
            match requests.get_mut(subject) {
                Some(count) if *count >= PER_SUBJECT => {
                    self.turned_away.fetch_add(1, Ordering::Relaxed);
                    return None;
                }
                Some(count) => *count += 1,
                None => drop(requests.insert(subject.to_owned(), 1)),
            }
        }
        Some(Place { requests: self.clone(), subject: subject.to_owned() })
    }

    /// How many requests are worked on.
    pub fn len(&self) -> u64 {
        self.requests.lock().values().map(|count| u64::from(*count)).sum()
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
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
}
