//! What somebody holds of this process, counted while they hold it.
//! In: who, what, and how much. Out: a hold that is given back when it is dropped, or why there is no room.
//! Owns: nobody holds more than a share, nor more than what is left for all others; so some is always left.
//!
//! Who holds is any key: a client by its address, or the subject of a token.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Requests, from their header until the end of their answer.
    Requests,
    /// Bytes of requests that are not answered yet: headers as they came, bodies as long as they may become.
    Received,
    /// Bytes of answers that are not sent yet.
    Unsent,
}

/// How many kinds there are.
const KINDS: usize = Kind::ALL.len();

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Received, Self::Unsent];

    /// The name, as metrics carry it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Received => "received_bytes",
            Self::Unsent => "unsent_bytes",
        }
    }
}

/// How much of a kind may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// By each holder.
    pub each: u64,
    /// By all of them together.
    pub all: u64,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The holder has its share.
    Share,
    /// All together hold too much for one more.
    Process,
}

/// Who can hold something.
pub trait Holder: Clone + Eq + Hash + Send + Sync + 'static {}

impl<K: Clone + Eq + Hash + Send + Sync + 'static> Holder for K {}

/// What all holders hold.
#[derive(Debug)]
pub struct Shares<K: Holder> {
    bounds: [Share; KINDS],
    held: [AtomicU64; KINDS],
    refused: [AtomicU64; KINDS],
    holders: Mutex<HashMap<K, Weak<Holding<K>>>>,
}

/// What one holder holds.
#[derive(Clone, Debug)]
pub struct Account<K: Holder>(Arc<Holding<K>>);

#[derive(Debug)]
struct Holding<K: Holder> {
    shares: Arc<Shares<K>>,
    /// None: counted among all, with no share of its own.
    holder: Option<K>,
    held: [AtomicU64; KINDS],
}

/// Something that is held until this is dropped.
#[derive(Debug)]
pub struct Held<K: Holder> {
    account: Account<K>,
    kind: Kind,
    amount: AtomicU64,
}

impl<K: Holder> Shares<K> {
    /// Nobody holds anything; `bounds` are in the order of [`Kind::ALL`].
    pub fn new(bounds: [Share; KINDS]) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            held: Default::default(),
            refused: Default::default(),
            holders: Mutex::default(),
        })
    }

    /// The account of `holder`, which lives as long as somebody keeps it or holds something by it.
    pub fn account(self: &Arc<Self>, holder: K) -> Account<K> {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = holders.get(&holder).and_then(Weak::upgrade) {
            return Account(known);
        }
        let new = Arc::new(Holding {
            shares: self.clone(),
            holder: Some(holder.clone()),
            held: Default::default(),
        });
        holders.insert(holder, Arc::downgrade(&new));
        Account(new)
    }

    /// An account that only the bound of all together holds for.
    pub fn exempt(self: &Arc<Self>) -> Account<K> {
        Account(Arc::new(Holding { shares: self.clone(), holder: None, held: Default::default() }))
    }

    /// How much may be held of a kind.
    pub fn bound(&self, kind: Kind) -> Share {
        self.bounds[kind as usize]
    }

    /// How much all together hold.
    pub fn held(&self, kind: Kind) -> u64 {
        self.held[kind as usize].load(Ordering::Relaxed)
    }

    /// How often there was no room.
    pub fn refused(&self, kind: Kind) -> u64 {
        self.refused[kind as usize].load(Ordering::Relaxed)
    }

    /// How many have an account.
    pub fn holders(&self) -> usize {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Counts a refusal that was decided elsewhere.
    pub fn count_refusal(&self, kind: Kind) {
        self.refused[kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl<K: Holder> Account<K> {
    /// Holds `amount` more.
    ///
    /// # Errors
    /// [`Full`], and then nothing more is held.
    pub fn take(&self, kind: Kind, amount: u64) -> Result<Held<K>, Full> {
        let Holding { shares, holder, held } = &*self.0;
        let (all, own) = (&shares.held[kind as usize], &held[kind as usize]);
        let left = shares.bound(kind).all.saturating_sub(all.fetch_add(amount, Ordering::Relaxed));
        let wanted = own.fetch_add(amount, Ordering::Relaxed).saturating_add(amount);
        let full = if holder.is_some() && wanted > shares.bound(kind).each {
            Some(Full::Share)
        } else if amount > left || (holder.is_some() && wanted > left) {
            Some(Full::Process)
        } else {
            None
        };
        let taken = Held { account: self.clone(), kind, amount: AtomicU64::new(amount) };
        match full {
            None => Ok(taken),
            Some(full) => {
                shares.count_refusal(kind);
                Err(full)
            }
        }
    }

    /// Whether three quarters of what may be held are: what costs work to make is not begun then.
    pub fn is_nearly_full(&self, kind: Kind) -> bool {
        let Share { each, all } = self.0.shares.bound(kind);
        let left = all.saturating_sub(self.0.shares.held(kind));
        match self.0.holder {
            Some(_) => self.held(kind) >= each.min(left) / 4 * 3,
            None => left <= all / 4,
        }
    }

    /// How much this one holds.
    pub fn held(&self, kind: Kind) -> u64 {
        self.0.held[kind as usize].load(Ordering::Relaxed)
    }

    /// Who holds; none for an account without a share.
    pub fn holder(&self) -> Option<&K> {
        self.0.holder.as_ref()
    }

    /// What it is an account of.
    pub fn shares(&self) -> &Arc<Shares<K>> {
        &self.0.shares
    }
}

impl<K: Holder> Held<K> {
    /// Gives a part back before the rest.
    pub fn give_back(&self, amount: u64) {
        let before = self
            .amount
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(held.saturating_sub(amount)));
        let given = amount.min(before.unwrap_or_default());
        let Holding { shares, held, .. } = &*self.account.0;
        held[self.kind as usize].fetch_sub(given, Ordering::Relaxed);
        shares.held[self.kind as usize].fetch_sub(given, Ordering::Relaxed);
    }
}

impl<K: Holder> Drop for Held<K> {
    fn drop(&mut self) {
        self.give_back(u64::MAX);
    }
}

impl<K: Holder> Drop for Holding<K> {
    fn drop(&mut self) {
        let Some(holder) = &self.holder else { return };
        let mut holders = self.shares.holders.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody may have opened the next account of the same holder meanwhile.
        if holders.get(holder).is_some_and(|holding| holding.strong_count() == 0) {
            holders.remove(holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(each: u64, all: u64) -> Arc<Shares<u8>> {
        Shares::new([Share { each, all }; KINDS])
    }

    #[test]
    fn take_stops_at_the_share_of_each_and_goes_on_once_something_is_given_back() {
        let shares = shares(10, 1000);
        let one = shares.account(1);
        let six = one.take(Kind::Unsent, 6).unwrap();
        assert_eq!(shares.account(1).take(Kind::Unsent, 5).unwrap_err(), Full::Share);
        let four = one.take(Kind::Unsent, 4).unwrap();
        assert!(one.is_nearly_full(Kind::Unsent) && !one.is_nearly_full(Kind::Received));
        shares.account(2).take(Kind::Unsent, 10).unwrap();
        six.give_back(1);
        assert_eq!(one.held(Kind::Unsent), 9);
        drop(four);
        assert_eq!((one.held(Kind::Unsent), shares.held(Kind::Unsent)), (5, 5));
        assert_eq!(shares.refused(Kind::Unsent), 1);
    }

    #[test]
    fn take_leaves_as_much_for_all_others_as_anybody_holds() {
        let shares = shares(60, 100);
        let greedy: Vec<_> = (0..20).map(|holder| shares.account(holder)).collect();
        let held: Vec<_> =
            greedy.iter().cycle().take(2000).filter_map(|one| one.take(Kind::Unsent, 1).ok()).collect();
        assert!(held.len() >= 80 && held.len() < 100, "{}", held.len());
        let newcomer = shares.account(200);
        assert!(newcomer.take(Kind::Unsent, 1).is_ok(), "there is room for whoever holds nothing yet");
    }

    #[test]
    fn an_account_without_a_share_is_held_to_what_there_is() {
        let shares = shares(1, 100);
        let proxy = shares.exempt();
        let most = proxy.take(Kind::Requests, 99).unwrap();
        assert_eq!(proxy.take(Kind::Requests, 2).unwrap_err(), Full::Process);
        drop(most);
        assert_eq!(shares.held(Kind::Requests), 0);
        assert_eq!(shares.holders(), 0);
    }

    proptest! {
        /// Whatever is taken and given back in whatever order: the sums agree, the bounds hold, and nothing stays.
        #[test]
        fn take_and_give_back_keep_the_books(steps in prop::collection::vec((0..4_u8, 0..40_u64, any::<bool>()), 1..200)) {
            let shares = shares(50, 120);
            let mut held: Vec<(u8, Held<u8>)> = Vec::new();
            for (holder, amount, gives) in steps {
                if gives && !held.is_empty() {
                    held.swap_remove(amount as usize % held.len());
                } else if let Ok(taken) = shares.account(holder).take(Kind::Received, amount) {
                    held.push((holder, taken));
                }
                let sum = |of: Option<u8>| -> u64 {
                    held.iter()
                        .filter(|(holder, _)| of.is_none_or(|of| of == *holder))
                        .map(|(_, held)| held.amount.load(Ordering::Relaxed))
                        .sum()
                };
                prop_assert_eq!(sum(None), shares.held(Kind::Received));
                prop_assert!(sum(None) <= 120 && (0..4).all(|holder| sum(Some(holder)) <= 50));
            }
            drop(held);
            prop_assert_eq!((shares.held(Kind::Received), shares.holders()), (0, 0));
        }
    }
}
