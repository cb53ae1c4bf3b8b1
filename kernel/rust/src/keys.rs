//! The attribute keys that a program looks at, each with a small number.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::lookup::Lookup;
use crate::meter::Meter;
use crate::signal::Signal;
use crate::spec::{text, Outcome};
use crate::wire::equal;

/// The number of a key in a program.
pub type KeyId = u16;

/// What a key that the program does not look at has for a number.
pub const UNKNOWN: KeyId = KeyId::MAX;

const BUCKETS: usize = 256;

/// All keys of a program. `find` is what every attribute of every span goes through.
#[derive(Default)]
pub struct Keys {
    /// What else the program knows by number: the tables that it looks up in, and what it counts in.
    pub lookups: Vec<Arc<Lookup>>,
    pub meters: Vec<Arc<Meter>>,
    /// What the program is for.
    pub signal: Signal,
    keys: Vec<Key>,
    /// The keys themselves, one after the other.
    text: Vec<u8>,
    /// By hash: the first key with it. Small, since it is read for every attribute.
    first: Vec<KeyId>,
}

/// Where a key stands, and the next one with the same hash.
#[derive(Clone, Copy)]
struct Key {
    start: u32,
    end: u32,
    next: KeyId,
}

impl Keys {
    /// The number of a key, a new one if it was not there. None when there are too many.
    pub fn add(&mut self, key: &[u8]) -> Option<KeyId> {
        let found = self.find(key);
        if found != UNKNOWN {
            return Some(found);
        }
        let id = KeyId::try_from(self.keys.len()).ok().filter(|&id| id != UNKNOWN)?;
        let start = u32::try_from(self.text.len()).ok()?;
        let end = u32::try_from(self.text.len() + key.len()).ok()?;
        self.first.resize(BUCKETS, UNKNOWN);
        let next = std::mem::replace(&mut self.first[bucket(key)], id);
        self.text.extend_from_slice(key);
        self.keys.push(Key { start, end, next });
        Some(id)
    }

    #[inline]
    pub fn find(&self, key: &[u8]) -> KeyId {
        if self.first.is_empty() {
            return UNKNOWN;
        }
        match self.first.get(bucket(key)) {
            Some(&id) if id != UNKNOWN => self.among(id, key),
            _ => UNKNOWN,
        }
    }

    /// Finds a key among those with the same hash.
    #[inline(never)]
    fn among(&self, mut id: KeyId, key: &[u8]) -> KeyId {
        while let Some(one) = self.keys.get(usize::from(id)) {
            let mine = self.text.get(one.start as usize..one.end as usize).unwrap_or(&[]);
            if mine.len() == key.len() && equal(mine, key) {
                return id;
            }
            id = one.next;
        }
        UNKNOWN
    }

    #[inline]
    pub fn get(&self, id: KeyId) -> &[u8] {
        let found = self.keys.get(usize::from(id)).and_then(|key| self.text.get(key.start as usize..key.end as usize));
        found.unwrap_or(&[])
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

#[inline]
fn bucket(key: &[u8]) -> usize {
    let (first, last) = (key.first().copied().unwrap_or(0), key.last().copied().unwrap_or(0));
    (key.len() * 29 + usize::from(first) * 3 + usize::from(last) * 7) % BUCKETS
}

/// The number of a key that a program names.
pub fn add(key: &str, keys: &mut Keys) -> Outcome<KeyId> {
    keys.add(key.as_bytes()).ok_or_else(|| "too many keys".into())
}

/// The number of the key that an action is for.
pub fn named(spec: &Map<String, Json>, action: &str, keys: &mut Keys) -> Outcome<KeyId> {
    add(text(spec.get("key"), &format!("{action}: key"))?, keys)
}
