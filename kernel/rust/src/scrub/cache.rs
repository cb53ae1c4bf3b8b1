//! What one scratch remembers of a stage: texts in which no rule finds anything, and what the rules say of keys.
//!
//! Both are bounded and compare every byte, so they save time and never change a result.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::matcher::{self, Matcher};

/// What the rules say of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The attribute is left alone (at top level).
    pub skip: bool,
    /// The first `keys` rule that finds its pattern.
    pub rule: Option<usize>,
}

/// A map from short byte strings to a number, with one place for each hash: what comes later replaces what was there.
#[derive(Default)]
struct Places {
    /// For each place the length (plus one; 0 is empty) and the number, then the bytes.
    memory: Vec<u8>,
    places: usize,
    longest: usize,
}

const HEAD: usize = 4;

impl Places {
    fn new(places: usize, longest: usize) -> Places {
        Places { memory: Vec::new(), places: places.next_power_of_two(), longest }
    }

    fn place(&self, hash: u64) -> std::ops::Range<usize> {
        let size = HEAD + self.longest;
        let start = (hash as usize & (self.places - 1)) * size;
        start..start + size
    }

    #[inline]
    fn get(&self, hash: u64, bytes: &[u8]) -> Option<u16> {
        let (head, rest) = self.memory.get(self.place(hash))?.split_first_chunk::<HEAD>()?;
        let [a, b, c, d] = *head;
        let same = usize::from(u16::from_le_bytes([a, b])) == bytes.len() + 1 && rest.get(..bytes.len())? == bytes;
        same.then(|| u16::from_le_bytes([c, d]))
    }

    fn put(&mut self, hash: u64, bytes: &[u8], number: u16) {
        if self.memory.is_empty() {
            self.memory = vec![0; self.places * (HEAD + self.longest)];
        }
        let place = self.place(hash);
        let Some((head, rest)) = self.memory.get_mut(place).and_then(|place| place.split_first_chunk_mut::<HEAD>())
        else {
            return;
        };
        let ([a, b], [c, d]) = ((bytes.len() as u16 + 1).to_le_bytes(), number.to_le_bytes());
        *head = [a, b, c, d];
        if let Some(place) = rest.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// Texts up to the first length stand in many small places, up to the second in fewer large ones.
const SHORT: usize = 60;
const LONG: usize = 252;

pub struct Cache {
    pub matcher: matcher::Cache,
    hasher: RandomState,
    short: Places,
    long: Places,
    keys: Places,
}

impl Default for Cache {
    /// For a stage that scrubs nothing.
    fn default() -> Cache {
        Cache::new(&Matcher::new(std::iter::empty()))
    }
}

impl Cache {
    pub fn new(matcher: &Matcher) -> Cache {
        Cache {
            matcher: matcher.cache(),
            hasher: RandomState::default(),
            short: Places::new(4096, SHORT),
            long: Places::new(1024, LONG),
            keys: Places::new(1024, SHORT),
        }
    }

    /// Whether no rule finds anything in a text, as far as is remembered.
    #[inline]
    pub fn is_clean(&self, hash: u64, text: &[u8]) -> bool {
        let places = if text.len() <= SHORT { &self.short } else { &self.long };
        text.len() <= LONG && places.get(hash, text).is_some()
    }

    pub fn remember_clean(&mut self, hash: u64, text: &[u8]) {
        if text.len() <= LONG {
            let places = if text.len() <= SHORT { &mut self.short } else { &mut self.long };
            places.put(hash, text, 0);
        }
    }

    /// What a text or key is found by.
    #[inline]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }

    #[inline]
    pub fn verdict(&self, hash: u64, key: &[u8]) -> Option<Verdict> {
        if key.len() > SHORT {
            return None;
        }
        let number = self.keys.get(hash, key)?;
        let rule = usize::from(number >> 1).checked_sub(1);
        Some(Verdict { skip: number & 1 == 1, rule })
    }

    pub fn remember_verdict(&mut self, hash: u64, key: &[u8], verdict: Verdict) {
        let rule = u16::try_from(verdict.rule.map_or(0, |rule| rule + 1)).ok().filter(|rule| *rule < 1 << 15);
        if let (true, Some(rule)) = (key.len() <= SHORT, rule) {
            self.keys.put(hash, key, rule << 1 | u16::from(verdict.skip));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_what_was_put_last() {
        let mut places = Places::new(2, 8);
        places.put(4, b"one", 1);
        assert_eq!(places.get(4, b"one"), Some(1));
        assert_eq!(places.get(4, b"on"), None);
        places.put(6, b"two", 2);
        assert_eq!((places.get(4, b"one"), places.get(6, b"two")), (None, Some(2)));
        assert_eq!(places.get(5, b""), None);
    }
}
