//! What each client holds of this process, counted while it holds it.
//! In: which client, what, and how much. Out: a hold that is given back when it is dropped, or why there is no room.
//! Owns: no client holds more than a share, nor more than what is left for all others; so some is always left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

/// How long a refusal is held back for each one of the same client that is: so one client hears a thousand a second at
/// most, and whoever sends one request after the other hears it at once.
const PACE: Duration = Duration::from_millis(1);
/// How long it is held back at most: a process that stops waits for whom it owes an answer.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// How long to hold back a refusal in a crowd of as many.
pub fn hold_for(crowd: u64) -> Duration {
    LONGEST_HOLD.min(PACE * u32::try_from(crowd).unwrap_or(u32::MAX))
}

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

/// What all holders hold.
#[derive(Debug)]
pub struct Shares {
    bounds: [Share; KINDS],
    held: [AtomicU64; KINDS],
    refused: [AtomicU64; KINDS],
    holders: Mutex<HashMap<String, Weak<Holding>>>,
}

/// What one holder holds.
#[derive(Clone, Debug)]
pub struct Account(Arc<Holding>);

#[derive(Debug)]
struct Holding {
    shares: Arc<Shares>,
    /// None: counted among all, with no share of its own.
    holder: Option<String>,
    held: [AtomicU64; KINDS],
    /// Refusals that are held back.
    held_back: AtomicU64,
}

/// Something that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    account: Account,
    kind: Kind,
    amount: AtomicU64,
}

/// Refusals that their client has not been told yet, counted until this is dropped.
#[derive(Debug)]
pub struct HeldBack {
    account: Account,
    refusals: u64,
}

impl Shares {
    /// Nothing is held yet; `bounds` are in the order of [`Kind::ALL`].
    pub fn new(bounds: [Share; KINDS]) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            held: Default::default(),
            refused: Default::default(),
            holders: Mutex::default(),
        })
    }

    /// The account of `holder`, which lives as long as it is kept or something is held by it.
    pub fn account(self: &Arc<Self>, holder: String) -> Account {
        let mut holders = self.holders.lock();
        if let Some(known) = holders.get(&holder).and_then(Weak::upgrade) {
            return Account(known);
        }
        let new = Arc::new(Holding {
            shares: self.clone(),
            holder: Some(holder.clone()),
            held: Default::default(),
            held_back: AtomicU64::new(0),
        });
        holders.insert(holder, Arc::downgrade(&new));
        Account(new)
    }

    /// An account that only the bound of all together holds for.
    pub fn exempt(self: &Arc<Self>) -> Account {
        Account(Arc::new(Holding {
            shares: self.clone(),
            holder: None,
            held: Default::default(),
            held_back: AtomicU64::new(0),
        }))
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
        self.holders.lock().len()
    }

    /// Counts a refusal that was decided elsewhere.
    pub fn count_refusal(&self, kind: Kind) {
        self.refused[kind as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Account {
    /// Holds `amount` more.
    ///
    /// # Errors
    /// [`Full`], and then nothing more is held.
    pub fn take(&self, kind: Kind, amount: u64) -> Result<Held, Full> {
        let Holding { shares, holder, held, .. } = &*self.0;
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

    /// Counts `refusals` as held back.
    pub fn hold_back(&self, refusals: u64) -> HeldBack {
        self.0.held_back.fetch_add(refusals, Ordering::Relaxed);
        HeldBack { account: self.clone(), refusals }
    }

    /// How much this one holds.
    pub fn held(&self, kind: Kind) -> u64 {
        self.0.held[kind as usize].load(Ordering::Relaxed)
    }

    /// Who holds; none for an account without a share.
    pub fn holder(&self) -> Option<&str> {
        self.0.holder.as_deref()
    }

    /// What it is an account of.
    pub fn shares(&self) -> &Arc<Shares> {
        &self.0.shares
    }
}

impl Held {
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

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(u64::MAX);
    }
}

impl HeldBack {
    /// For how long, which depends on how many others of the same client are.
    pub fn span(&self) -> Duration {
        hold_for(self.account.0.held_back.load(Ordering::Relaxed))
    }
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        self.account.0.held_back.fetch_sub(self.refusals, Ordering::Relaxed);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let Some(holder) = &self.holder else { return };
        let mut holders = self.shares.holders.lock();
        // The next account of the same holder may have been opened meanwhile.
        if holders.get(holder).is_some_and(|holding| holding.strong_count() == 0) {
            holders.remove(holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(each: u64, all: u64) -> Arc<Shares> {
        Shares::new([Share { each, all }; KINDS])
    }

    #[test]
    fn take_stops_at_the_share_of_each_and_goes_on_once_something_is_given_back() {
        let shares = shares(10, 1000);
        let one = shares.account("1".to_owned());
        let six = one.take(Kind::Unsent, 6).unwrap();
        assert_eq!(shares.account("1".to_owned()).take(Kind::Unsent, 5).unwrap_err(), Full::Share);
        let four = one.take(Kind::Unsent, 4).unwrap();
        assert!(one.is_nearly_full(Kind::Unsent) && !one.is_nearly_full(Kind::Received));
        shares.account("2".to_owned()).take(Kind::Unsent, 10).unwrap();
        six.give_back(1);
        assert_eq!(one.held(Kind::Unsent), 9);
        drop(four);
        assert_eq!((one.held(Kind::Unsent), shares.held(Kind::Unsent)), (5, 5));
        assert_eq!(shares.refused(Kind::Unsent), 1);
    }

    #[test]
    fn take_leaves_as_much_for_all_others_as_anybody_holds() {
        let shares = shares(60, 100);
        let greedy: Vec<_> = (0..20_u8).map(|holder| shares.account(holder.to_string())).collect();
        let held: Vec<_> =
            greedy.iter().cycle().take(2000).filter_map(|one| one.take(Kind::Unsent, 1).ok()).collect();
        assert!(held.len() >= 80 && held.len() < 100, "{}", held.len());
        let newcomer = shares.account("200".to_owned());
        assert!(newcomer.take(Kind::Unsent, 1).is_ok(), "there is room for whoever holds nothing yet");
    }

    #[test]
    fn hold_back_lasts_the_longer_the_more_refusals_of_the_same_client_are_held_back() {
        let shares = shares(1, 100);
        let one = shares.account("1".to_owned());
        let first = one.hold_back(1);
        assert_eq!(first.span(), PACE);
        let crowd = shares.account("1".to_owned()).hold_back(99);
        assert_eq!((first.span(), crowd.span()), (100 * PACE, 100 * PACE));
        assert_eq!(shares.account("2".to_owned()).hold_back(1).span(), PACE, "no other client waits");
        drop(crowd);
        assert_eq!(first.span(), PACE);
        assert_eq!(one.hold_back(u64::MAX / 2).span(), LONGEST_HOLD);
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
            let mut held: Vec<(u8, Held)> = Vec::new();
            for (holder, amount, gives) in steps {
                if gives && !held.is_empty() {
                    held.swap_remove(amount as usize % held.len());
                } else if let Ok(taken) = shares.account(holder.to_string()).take(Kind::Received, amount) {
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
