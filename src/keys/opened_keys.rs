//! The private halves of the rows, each opened once.
//! In: rows, as often as they are read. Out: keys that are ready to sign.
//! Owns: what is remembered of a row is what its sealed bytes hold now; a key that signs no more is forgotten at the next
//! read. An opened key is held in memory alone, and for as long as its row needs it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use signet_verify::clock::Timestamp;
use signet_verify::crypto::SigningKey;
use signet_verify::jose::jwk::Kid;

use crate::keys::sealing::{Error, signing_key};
use crate::model::key_rows::KeyRow;
use crate::vault::{Sealed, Vault};

/// Opens private halves, and remembers them.
pub(super) struct OpenedKeys {
    vault: Arc<Vault>,
    remembered: Mutex<HashMap<Kid, Opened>>,
}

/// A key that was opened, and all that decided about it.
struct Opened {
    sealed: Sealed,
    created: Timestamp,
    key: SigningKey,
}

impl Opened {
    fn is_of(&self, row: &KeyRow) -> bool {
        row.sealed.as_ref() == Some(&self.sealed)
            && row.record.announced_at == self.created
            && row.record.public == *self.key.public()
    }
}

impl OpenedKeys {
    /// Nothing is opened yet.
    pub(super) fn new(vault: Arc<Vault>) -> Self {
        Self { vault, remembered: Mutex::default() }
    }

    /// The key of `row`, ready to sign. One that cannot be opened is tried again each time.
    ///
    /// # Errors
    /// As [`signing_key`].
    pub(super) fn signing_key(&self, row: &KeyRow) -> Result<SigningKey, Error> {
        let KeyRow { record, sealed } = row;
        if let Some(opened) = self.remembered.lock().get(&record.kid).filter(|opened| opened.is_of(row)) {
            return Ok(opened.key.clone());
        }
        let key = signing_key(&self.vault, record, sealed.as_ref())?;
        if let Some(sealed) = sealed.clone() {
            let opened = Opened { sealed, created: record.announced_at, key: key.clone() };
            self.remembered.lock().insert(record.kid.clone(), opened);
        }
        Ok(key)
    }

    /// Forgets what is not in `rows`, or lies sealed there in another way.
    pub(super) fn forget_others(&self, rows: &[KeyRow]) {
        self.remembered.lock().retain(|kid, opened| {
            rows.iter().any(|row| row.record.kid == *kid && row.record.state.signs() && opened.is_of(row))
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signet_verify::clock::SeededEntropy;
    use signet_verify::crypto::Algorithm;
    use signet_verify::jose::jwk::thumbprint;

    use super::*;
    use crate::keys::generator::{Generator, SystemGenerator};
    use crate::keys::sealing::{Place, seal};
    use crate::model::algorithms::Algorithms;
    use crate::model::contract::{Contract, Terms};
    use crate::model::signing_key::{KeyRecord, KeyState};
    use crate::secret::MasterKey;

    const CREATED: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn vault(current: u8) -> Arc<Vault> {
        Arc::new(Vault::new(MasterKey::new([current; 32]), Vec::new(), Arc::new(SeededEntropy::new(1))))
    }

    fn rows(vault: &Vault) -> Vec<KeyRow> {
        let second = Duration::from_secs(1);
        let terms = Terms {
            rotate_every: 100 * second,
            jwks_max_age: second,
            token_ttl: second,
            leeway: second,
            algorithms: Algorithms::only(Algorithm::EdDsa),
        };
        let contract = Contract::new(terms).unwrap();
        let generator = SystemGenerator::new(Arc::new(SeededEntropy::new(2)));
        let row = |algorithm| {
            let (private, public) = generator.generate(algorithm).unwrap();
            let record = KeyRecord::announced(thumbprint(&public), public, &contract, CREATED);
            let sealed = Some(seal(vault, Place::of(&record), &private).unwrap());
            KeyRow { record, sealed }
        };
        Algorithm::ALL.map(row).to_vec()
    }

    /// The kids that are remembered, which nothing but the memory can tell apart from those that are opened again: the
    /// vault has lost its master key.
    fn remembered(opened: &mut OpenedKeys, rows: &[KeyRow]) -> Vec<bool> {
        let with_master_key = std::mem::replace(&mut opened.vault, vault(9));
        let answers = rows.iter().map(|row| opened.signing_key(row).is_ok()).collect();
        opened.vault = with_master_key;
        answers
    }

    fn opened(rows: &[KeyRow]) -> OpenedKeys {
        let opened = OpenedKeys::new(vault(1));
        for row in rows {
            let key = opened.signing_key(row).unwrap();
            let signature = key.sign(b"message").unwrap();
            assert!(row.record.public.verify(b"message", &signature));
        }
        opened
    }

    #[test]
    fn a_private_half_is_opened_once_however_often_its_row_is_read() {
        let rows = rows(&vault(1));
        let mut opened = opened(&rows);
        opened.forget_others(&rows);
        assert_eq!(remembered(&mut opened, &rows), [true; 3]);
    }

    #[test]
    fn a_row_that_is_sealed_anew_or_not_the_same_any_more_is_opened_again() {
        let rows = rows(&vault(1));
        let mut opened = opened(&rows);
        let again = self::rows(&vault(1)).remove(0);
        assert_eq!(again.record, rows[0].record, "the key is the same in every run");
        let resealed = KeyRow {
            sealed: Some(Sealed { master_key: "another".to_owned(), ..rows[0].sealed.clone().unwrap() }),
            ..rows[0].clone()
        };
        let mut altered = rows[0].clone();
        altered.sealed.as_mut().unwrap().bytes[20] ^= 1;
        let mut earlier = rows[0].clone();
        earlier.record.announced_at = CREATED.before(Duration::from_millis(1));
        let mut foreign = rows[0].clone();
        foreign.record.public = rows[1].record.public.clone();
        let gone = KeyRow { sealed: None, ..rows[0].clone() };
        for row in [resealed, altered, earlier, foreign, gone] {
            assert!(opened.signing_key(&row).is_err(), "{row:?}");
        }
        assert_eq!(remembered(&mut opened, &rows), [true; 3], "what could not be opened changes nothing");
    }

    #[test]
    fn a_key_that_is_gone_retired_or_sealed_anew_is_forgotten() {
        let rows = rows(&vault(1));
        let mut opened = opened(&rows);
        let mut next = rows[1..].to_vec();
        next[0].record.state = KeyState::Retiring;
        opened.forget_others(&next);
        assert_eq!(remembered(&mut opened, &rows), [false, false, true]);
        next[1].sealed.as_mut().unwrap().bytes[20] ^= 1;
        opened.forget_others(&next);
        assert_eq!(remembered(&mut opened, &rows), [false; 3]);
    }
}
