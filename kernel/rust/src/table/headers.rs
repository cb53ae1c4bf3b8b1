//! Headers of resources and scopes that held spans share, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::records::Pair;

/// Headers of one kind by number, with how many pairs use them.
#[derive(Default)]
struct Interned {
    numbers: HashMap<Arc<[u8]>, u32, RandomState>,
    entries: Vec<(Arc<[u8]>, u32)>,
    free: Vec<u32>,
}

impl Interned {
    fn number(&mut self, header: &Arc<[u8]>, bytes: &mut u64) -> u32 {
        if let Some(&number) = self.numbers.get(header) {
            return number;
        }
        *bytes += header.len() as u64;
        let entry = (Arc::clone(header), 0);
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(place) = self.entries.get_mut(number as usize) {
                    *place = entry;
                }
                number
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.numbers.insert(Arc::clone(header), number);
        number
    }

    fn use_once_more(&mut self, number: u32) {
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.1 += 1;
        }
    }

    fn release(&mut self, number: u32, bytes: &mut u64) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.1 = entry.1.saturating_sub(1);
        if entry.1 == 0 {
            *bytes = bytes.saturating_sub(entry.0.len() as u64);
            let header = std::mem::replace(&mut entry.0, Arc::from([]));
            self.numbers.remove(&header);
            self.free.push(number);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    resource: u32,
    scope: u32,
    /// How many held spans use it.
    uses: u64,
}

/// Pairs of a resource and a scope by number.
#[derive(Default)]
pub struct Headers {
    resources: Interned,
    scopes: Interned,
    pairs: HashMap<(u32, u32), u32, RandomState>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// Of all headers.
    pub bytes: u64,
}

impl Headers {
    pub fn len(&self) -> usize {
        self.resources.numbers.len() + self.scopes.numbers.len()
    }

    /// The number of a pair, for one span more.
    pub fn number(&mut self, pair: &Pair) -> u32 {
        let resource = self.resources.number(&pair.0, &mut self.bytes);
        let scope = self.scopes.number(&pair.1, &mut self.bytes);
        let number = match self.pairs.get(&(resource, scope)) {
            Some(&number) => number,
            None => self.new_pair(resource, scope),
        };
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.uses += 1;
        }
        number
    }

    /// One span more uses a pair that is in use.
    pub fn use_again(&mut self, number: u32) {
        if let Some(entry) = self.entries.get_mut(number as usize) {
            entry.uses += 1;
        }
    }

    fn new_pair(&mut self, resource: u32, scope: u32) -> u32 {
        self.resources.use_once_more(resource);
        self.scopes.use_once_more(scope);
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.entries.push(Entry::default());
                self.entries.len() as u32 - 1
            }
        };
        if let Some(entry) = self.entries.get_mut(number as usize) {
            *entry = Entry { resource, scope, uses: 0 };
        }
        self.pairs.insert((resource, scope), number);
        number
    }

    pub fn get(&self, number: u32) -> Option<Pair> {
        let entry = self.entries.get(number as usize)?;
        let header = |of: &Interned, number: u32| of.entries.get(number as usize).map(|entry| Arc::clone(&entry.0));
        Some((header(&self.resources, entry.resource)?, header(&self.scopes, entry.scope)?))
    }

    /// One span less uses the pair.
    pub fn release(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.uses = entry.uses.saturating_sub(1);
        if entry.uses == 0 {
            let gone = *entry;
            self.pairs.remove(&(gone.resource, gone.scope));
            self.resources.release(gone.resource, &mut self.bytes);
            self.scopes.release(gone.scope, &mut self.bytes);
            self.free.push(number);
        }
    }
}
