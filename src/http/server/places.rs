//! Who has which place.
//! In: connections that come and go. Out: a place for each, and whose idle connection has to go for it.
//! Owns: no client is turned away while one that has more than it is idle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::activity::Activity;

/// How many of a client's connections, the oldest ones, are looked at before all others are.
const OLDEST: usize = 16;

/// How many of those who have most are asked for a place.
const ASKED: usize = 8;

/// Places for connections.
#[derive(Debug)]
pub(super) struct Places {
    allowed: u32,
    each: u32,
    taken: Mutex<Taken>,
    displaced: AtomicU64,
    turned_away: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    open: u32,
    next: u64,
    /// By client, in the order of their beginning.
    clients: HashMap<String, BTreeMap<u64, Arc<Activity>>>,
    /// The same clients by how many they have.
    by_count: BTreeSet<(usize, String)>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: Option<String>,
    number: u64,
}

impl Places {
    /// Places for `allowed` connections, and for `each` of one client.
    pub fn new(allowed: u32, each: u32) -> Arc<Self> {
        Arc::new(Self {
            allowed,
            each,
            taken: Mutex::default(),
            displaced: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
        })
    }

    /// A place for a connection of `client`, which is none for a trusted proxy: its connections are not counted, and none
    /// of them is closed for others. Nothing, where no client with an idle connection has as many as this one.
    pub fn take(self: &Arc<Self>, client: Option<String>, activity: &Arc<Activity>) -> Option<Place> {
        let mut taken = self.taken.lock();
        let has = client.as_ref().map_or(0, |client| taken.count(client));
        let makes_room = match &client {
            Some(client) if has >= self.each as usize => taken.displace(client),
            _ if taken.open >= self.allowed => taken.displace_among_most(has),
            _ => None,
        };
        if makes_room.is_some() {
            self.displaced.fetch_add(1, Ordering::Relaxed);
        } else if taken.open >= self.allowed || (client.is_some() && has >= self.each as usize) {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let number = taken.add(client.as_ref(), activity);
        drop(taken);
        Some(Place { places: self.clone(), client, number })
    }

    /// How many are taken.
    pub fn open(&self) -> u32 {
        self.taken.lock().open
    }

    /// How many connections ended for others.
    pub fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    /// How many connections got no place.
    pub fn turned_away(&self) -> u64 {
        self.turned_away.load(Ordering::Relaxed)
    }
}

impl Taken {
    fn count(&self, client: &str) -> usize {
        self.clients.get(client).map_or(0, BTreeMap::len)
    }

    fn add(&mut self, client: Option<&String>, activity: &Arc<Activity>) -> u64 {
        let number = self.next;
        self.next += 1;
        self.open += 1;
        if let Some(client) = client {
            let connections = self.clients.entry(client.clone()).or_default();
            self.by_count.remove(&(connections.len(), client.clone()));
            connections.insert(number, activity.clone());
            self.by_count.insert((connections.len(), client.clone()));
        }
        number
    }

    /// Takes a connection off the books; nothing happens where that was done before.
    fn remove(&mut self, client: &str, number: u64) {
        let Some(connections) = self.clients.get_mut(client) else { return };
        let before = connections.len();
        if connections.remove(&number).is_none() {
            return;
        }
        self.open -= 1;
        let count = connections.len();
        self.by_count.remove(&(before, client.to_owned()));
        if count == 0 {
            self.clients.remove(client);
        } else {
            self.by_count.insert((count, client.to_owned()));
        }
    }

    /// Ends the connection of `client` that has been idle longest; nothing, where all of them work.
    fn displace(&mut self, client: &str) -> Option<()> {
        let connections = self.clients.get(client)?;
        let idle = |(number, activity): (&u64, &Arc<Activity>)| {
            (!activity.is_working()).then(|| (activity.idle_checks(), *number))
        };
        // Of those that are idle equally long the oldest one.
        let longest = |(left, a): (u32, u64), (right, b): (u32, u64)| {
            if right > left { (right, b) } else { (left, a) }
        };
        let among_oldest = connections.iter().take(OLDEST).filter_map(idle).reduce(longest);
        let (_, number) =
            among_oldest.or_else(|| connections.iter().skip(OLDEST).filter_map(idle).reduce(longest))?;
        if let Some(activity) = connections.get(&number) {
            activity.displace();
        }
        self.remove(client, number);
        Some(())
    }

    /// The same for those who have most, and not less than `has`.
    fn displace_among_most(&mut self, has: usize) -> Option<()> {
        let most = self.by_count.iter().rev().take(ASKED).filter(|(count, _)| *count >= has.max(1));
        let most: Vec<String> = most.map(|(_, client)| client.clone()).collect();
        most.iter().find_map(|client| self.displace(client))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        match &self.client {
            Some(client) => taken.remove(client, self.number),
            None => taken.open -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::activity::InFlight;
    use super::*;

    fn come(places: &Arc<Places>, client: &str) -> Option<(Place, Arc<Activity>)> {
        let activity = Arc::new(Activity::default());
        Some((places.take(Some(client.to_owned()), &activity)?, activity))
    }

    /// Whether it was told so since the last look.
    fn is_displaced(activity: &Activity) -> bool {
        activity.displaced().now_or_never().is_some()
    }

    #[test]
    fn take_ends_an_idle_connection_of_whoever_has_most() {
        let places = Places::new(5, 5);
        let crowd: Vec<_> = (0..4).map(|_| come(&places, "crowd").unwrap()).collect();
        let first = come(&places, "first").unwrap();
        crowd[2].1.set_idle_checks(3);
        let second = come(&places, "second").unwrap();
        let displaced: Vec<bool> = crowd.iter().map(|(_, activity)| is_displaced(activity)).collect();
        assert_eq!(displaced, [false, false, true, false]);
        assert!(!is_displaced(&first.1) && !is_displaced(&second.1));
        // Its own going changes nothing any more.
        let mut crowd = crowd;
        drop(crowd.remove(2));
        assert_eq!((places.open(), places.displaced()), (5, 1));
        drop(first);
        assert_eq!(places.open(), 4);
    }

    #[test]
    fn take_ends_an_idle_connection_of_a_client_that_has_its_share() {
        let places = Places::new(5, 2);
        let held = [come(&places, "one").unwrap(), come(&places, "one").unwrap()];
        let third = come(&places, "one").unwrap();
        assert!(is_displaced(&held[0].1) && !is_displaced(&held[1].1) && !is_displaced(&third.1));
        assert_eq!(places.open(), 2);
    }

    #[test]
    fn take_turns_away_where_no_client_is_idle_and_where_none_has_as_many() {
        let places = Places::new(2, 2);
        let held = [come(&places, "one").unwrap(), come(&places, "one").unwrap()];
        let work: Vec<InFlight> = held.iter().map(|(_, activity)| InFlight::begin(activity)).collect();
        assert!(come(&places, "two").is_none());
        assert_eq!(places.turned_away(), 1);
        drop(work);
        let _two = come(&places, "two").unwrap();
        let proxy = Arc::new(Activity::default());
        let _proxy = places.take(None, &proxy).unwrap();
        assert!(come(&places, "two").is_some(), "for one of its own");
        assert!(!is_displaced(&proxy));
    }
}
