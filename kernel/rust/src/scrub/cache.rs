//! What one scratch remembers of a stage: texts in which no rule finds anything, and what the rules say of keys.
//!
//! Both are bounded and compare every byte, so they save time and never change a result.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::form::Form;
use super::marks::Marks;
use super::matcher;
use super::memo::{Memo, LONGEST};
use super::tally::Tally;
use crate::wire::equal;

/// What the rules say of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The attribute is left alone (at top level).
    pub skip: bool,
    /// The attribute is not allowed (at top level).
    pub denied: bool,
    /// A form is for attributes with that key (at top level).
    pub form: bool,
    /// Some rule of `keys` that tags finds its pattern.
    pub tagged: bool,
    /// Some rule of `values` may find something in the key, where keys are looked at.
    pub dirty: bool,
    /// The first `keys` rule that finds its pattern, those that tag aside.
    pub rule: Option<usize>,
    /// Whether anything of this is so.
    pub marked: bool,
}

impl Verdict {
    pub fn new([skip, denied, form, tagged, dirty]: [bool; 5], rule: Option<usize>) -> Verdict {
        let marked = skip || denied || form || tagged || dirty || rule.is_some();
        Verdict { skip, denied, form, tagged, dirty, rule, marked }
    }
}

/// A map from short byte strings to a number, with one place for each hash: what comes later replaces what was there.
///
/// A string is kept when it is put for the second time. Most that are new never come again: for those only a few small
/// marks are read and written, which stay in the processor's caches.
#[derive(Default)]
struct Places {
    /// For each place some bits of the hash that was put last, and whether its string is kept; 0 is empty.
    marks: Vec<u16>,
    /// For each place the length and the number, then the bytes.
    memory: Vec<u8>,
    places: usize,
    longest: usize,
}

const HEAD: usize = 4;
/// In a mark: something was put, and its string is kept.
const SEEN: u16 = 1 << 14;
const KEPT: u16 = 1 << 15;

impl Places {
    fn new(places: usize, longest: usize) -> Places {
        Places { marks: Vec::new(), memory: Vec::new(), places: places.next_power_of_two(), longest }
    }

    fn at(&self, hash: u64) -> usize {
        hash as usize & (self.places - 1)
    }

    /// Of bits of the hash that say nothing of the place.
    fn mark(hash: u64) -> u16 {
        (hash >> 12) as u16 & (SEEN - 1) | SEEN
    }

    fn place(&self, hash: u64) -> std::ops::Range<usize> {
        let size = HEAD + self.longest;
        let start = self.at(hash) * size;
        start..start + size
    }

    #[inline(always)]
    fn get(&self, hash: u64, bytes: &[u8]) -> Option<u16> {
        if *self.marks.get(self.at(hash))? != Self::mark(hash) | KEPT {
            return None;
        }
        self.kept(hash, bytes)
    }

    fn kept(&self, hash: u64, bytes: &[u8]) -> Option<u16> {
        let (head, rest) = self.memory.get(self.place(hash))?.split_first_chunk::<HEAD>()?;
        let [a, b, c, d] = *head;
        let same = usize::from(u16::from_le_bytes([a, b])) == bytes.len() && equal(rest.get(..bytes.len())?, bytes);
        same.then(|| u16::from_le_bytes([c, d]))
    }

    fn put(&mut self, hash: u64, bytes: &[u8], number: u16) {
        if self.marks.is_empty() {
            self.marks = vec![0; self.places];
            self.memory = vec![0; self.places * (HEAD + self.longest)];
        }
        let (at, place, new) = (self.at(hash), self.place(hash), Self::mark(hash));
        let Some(mark) = self.marks.get_mut(at) else { return };
        if *mark | KEPT != new | KEPT {
            *mark = new;
            return;
        }
        *mark = new | KEPT;
        let Some((head, rest)) = self.memory.get_mut(place).and_then(|place| place.split_first_chunk_mut::<HEAD>())
        else {
            return;
        };
        let ([a, b], [c, d]) = ((bytes.len() as u16).to_le_bytes(), number.to_le_bytes());
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
    /// Of the message that is walked, where a summary is wanted.
    pub tally: Tally,
    /// Of the span, resource or scope that is walked.
    pub marks: Marks,
    /// The database that the message is about, where forms are wanted.
    pub system: Vec<u8>,
    memo: Memo,
    /// Of the attribute that is looked at, where rules ask for it.
    pub key: Option<Vec<u8>>,
    seed: u64,
    short: Places,
    long: Places,
    keys: Places,
    /// Verdicts by where the key stood in its message: mostly it is the same key as last time.
    recent: Vec<Recent>,
}

#[derive(Default)]
struct Recent {
    key: Vec<u8>,
    verdict: Option<Verdict>,
}

/// So many places have a recent key.
const RECENT: usize = 32;

impl Default for Cache {
    /// For a stage that scrubs nothing.
    fn default() -> Cache {
        Cache::new(matcher::Cache::default())
    }
}

impl Cache {
    pub fn new(matcher: matcher::Cache) -> Cache {
        Cache {
            matcher,
            tally: Tally::default(),
            marks: Marks::default(),
            system: Vec::new(),
            memo: Memo::default(),
            key: None,
            seed: RandomState::default().hash_one(0),
            short: Places::new(4096, SHORT),
            long: Places::new(1024, LONG),
            keys: Places::new(1024, SHORT),
            recent: Vec::new(),
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

    /// Where a text or key is looked for: not much of a hash, but a collision costs no more than a second look.
    #[inline(always)]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let size = bytes.len();
        let word = |at: usize| {
            bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).map_or(0, |word| u64::from_le_bytes(*word))
        };
        let (first, middle, last) = if size >= 8 {
            (word(0), word((size - 8) / 2), word(size - 8))
        } else {
            (bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)), 0, 0)
        };
        let mixed = (first ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ last.rotate_left(23);
        let mixed = (mixed ^ middle.rotate_left(41)).wrapping_mul(0xd6e8_feb8_6659_fd93).wrapping_add(size as u64);
        (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
    }

    /// What a form, with its number, makes of a text; None when it stays.
    pub fn rewritten(&mut self, (index, form): (usize, &Form), text: &[u8]) -> Option<Cow<'_, [u8]>> {
        if !form.repeats() || text.len() > LONGEST {
            return form.rewritten(text, &self.system).map(Cow::Owned);
        }
        let hash = self.hash(text);
        let Cache { system, memo, .. } = self;
        memo.of(hash, (index, system, text), || form.rewritten(text, system)).map(Cow::Borrowed)
    }

    /// What was said of the key that stood at this place last, if it is the same one.
    #[inline]
    pub fn recent(&self, place: usize, key: &[u8]) -> Option<Verdict> {
        let recent = self.recent.get(place)?;
        recent.verdict.filter(|_| recent.key.len() == key.len() && equal(&recent.key, key))
    }

    pub fn remember_recent(&mut self, place: usize, key: &[u8], verdict: Verdict) {
        if place < RECENT && key.len() <= SHORT {
            if self.recent.len() <= place {
                self.recent.resize_with(RECENT, Recent::default);
            }
            if let Some(recent) = self.recent.get_mut(place) {
                recent.key.clear();
                recent.key.extend_from_slice(key);
                recent.verdict = Some(verdict);
            }
        }
    }

    #[inline]
    pub fn verdict(&self, hash: u64, key: &[u8]) -> Option<Verdict> {
        if key.len() > SHORT {
            return None;
        }
        let number = self.keys.get(hash, key)?;
        let rule = usize::from(number >> 5).checked_sub(1);
        Some(Verdict::new([1, 2, 4, 8, 16].map(|flag| number & flag != 0), rule))
    }

    pub fn remember_verdict(&mut self, hash: u64, key: &[u8], verdict: Verdict) {
        let rule = u16::try_from(verdict.rule.map_or(0, |rule| rule + 1)).ok().filter(|rule| *rule < 1 << 11);
        if let (true, Some(rule)) = (key.len() <= SHORT, rule) {
            let flags = [verdict.skip, verdict.denied, verdict.form, verdict.tagged, verdict.dirty];
            let flags = flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u16::from(flag));
            self.keys.put(hash, key, rule << 5 | flags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_what_was_put_last() {
        let mut places = Places::new(2, 8);
        let mut twice = |hash, bytes, number| {
            places.put(hash, bytes, number);
            let once = places.get(hash, bytes);
            places.put(hash, bytes, number);
            (once, places.get(hash, bytes))
        };
        assert_eq!(twice(4 << 12, b"one", 1), (None, Some(1)));
        assert_eq!(twice(6 << 12, b"two", 2), (None, Some(2)));
        assert_eq!(twice(1, b"", 3), (None, Some(3)));
        let found = [(4 << 12, &b"one"[..]), (6 << 12, b"two"), (6 << 12, b"tw"), (6 << 12, b"tw0"), (1, b"")];
        assert_eq!(found.map(|(hash, bytes)| places.get(hash, bytes)), [None, Some(2), None, None, Some(3)]);
    }
}
