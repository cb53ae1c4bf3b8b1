//! The attribute keys that a program looks at, each with a small number.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::lookup::Lookup;
use crate::meter::Meter;
use crate::signal::Signal;
use crate::spec::{text, Outcome};

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
    keys: Vec<Box<[u8]>>,
    buckets: Vec<Vec<KeyId>>,
}

impl Keys {
    /// The number of a key, a new one if it was not there. None when there are too many.
    pub fn add(&mut self, key: &[u8]) -> Option<KeyId> {
        let found = self.find(key);
        if found != UNKNOWN {
            return Some(found);
        }
        let id = KeyId::try_from(self.keys.len()).ok().filter(|&id| id != UNKNOWN)?;
        self.keys.push(key.into());
        self.buckets.resize(BUCKETS, Vec::new());
        self.buckets[bucket(key)].push(id);
        Some(id)
    }

    #[inline]
    pub fn find(&self, key: &[u8]) -> KeyId {
        if self.keys.is_empty() {
            return UNKNOWN;
        }
        let Some(candidates) = self.buckets.get(bucket(key)) else {
            return UNKNOWN;
        };
        for &id in candidates {
            if self.get(id) == key {
                return id;
            }
        }
        UNKNOWN
    }

    #[inline]
    pub fn get(&self, id: KeyId) -> &[u8] {
        self.keys.get(usize::from(id)).map_or(&[], |key| key)
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
