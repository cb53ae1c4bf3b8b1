//! What may begin at one place of a text, exactly: all ways to begin at once, a bit for each.

use super::lanes::{is_word, Before, Lane, END};
use super::starts::HEAD;
use crate::scrub::symbols::Symbols;

/// Lanes in a word, and in a set.
const WORD: usize = 64;
pub const LANES: usize = 2 * WORD;

/// A set of lanes: some of all.
type Set = [u64; LANES / WORD];

/// Some of the lanes, as many as a set has.
#[derive(Default)]
struct Part {
    /// By place, then by byte: those that may have it there.
    masks: Vec<Set>,
    /// By the byte before: those that may begin behind it, those that do so whatever else stands there, and those of which it is
    /// the first byte.
    may: Vec<Set>,
    here: Vec<Set>,
    behind: Vec<Set>,
    /// Those that may begin at the border of a word.
    border: Set,
    /// By lane: those of the same thing.
    same: Vec<Set>,
    /// By the last byte: what may stand before that is longer than a byte, with those that may begin behind it.
    ends: Vec<Vec<(usize, Set)>>,
}

/// All lanes.
#[derive(Default)]
pub struct Heads {
    parts: Vec<Part>,
    befores: Vec<Before>,
}

/// Some of all lanes.
#[derive(Debug, Clone, Default)]
pub struct Lanes(Vec<Set>);

impl Lanes {
    pub fn put(&mut self, lane: usize, holds: bool) {
        if self.0.len() <= lane / LANES {
            self.0.resize(lane / LANES + 1, Set::default());
        }
        if let Some(word) = self.0.get_mut(lane / LANES).and_then(|set| set.get_mut(lane % LANES / WORD)) {
            *word = *word & !(1 << (lane % WORD)) | u64::from(holds) << (lane % WORD);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|set| *set == Set::default())
    }

    pub fn has(&self, lane: usize) -> bool {
        let word = self.0.get(lane / LANES).and_then(|set| set.get(lane % LANES / WORD));
        word.is_some_and(|word| word >> (lane % WORD) & 1 == 1)
    }
}

fn has(symbols: &Symbols, byte: usize) -> bool {
    u8::try_from(byte).is_ok_and(|byte| symbols.has(byte))
}

impl Heads {
    pub fn new(lanes: &[Lane]) -> Heads {
        let mut befores: Vec<Before> = Vec::new();
        for before in lanes.iter().flat_map(|lane| &lane.before).filter(|before| before.is_long()) {
            if !befores.contains(before) {
                befores.push(before.clone());
            }
        }
        let parts = lanes.chunks(LANES).map(|lanes| Part::new(lanes, &befores)).collect();
        Heads { parts, befores }
    }

    /// Calls `each` with the wanted lanes that may begin so that their first bytes stand at `at`, and with where they begin;
    /// `looks` says of each `LANES` lanes whether it may be some of them.
    #[inline(always)]
    pub fn find(
        &self,
        (text, at): (&[u8], usize),
        wanted: &Lanes,
        looks: impl Fn(usize) -> bool,
        mut each: impl FnMut(usize, usize),
    ) {
        let parts = self.parts.iter().zip(&wanted.0).enumerate();
        for (index, (part, wanted)) in parts.filter(|(index, _)| looks(*index)) {
            part.find((text, at), wanted, &self.befores, |lane, from| each(index * LANES + lane, from));
        }
    }
}

impl Part {
    fn new(lanes: &[Lane], befores: &[Before]) -> Part {
        let by_byte = || vec![Set::default(); END + 1];
        let mut part = Part {
            masks: vec![Set::default(); HEAD * (END + 1)],
            may: by_byte(),
            here: by_byte(),
            behind: by_byte(),
            border: Set::default(),
            same: lanes.iter().map(|lane| of_thing(lanes, lane.thing)).collect(),
            ends: vec![Vec::new(); END + 1],
        };
        for (index, lane) in lanes.iter().enumerate() {
            for (place, masks) in part.masks.chunks_mut(END + 1).enumerate() {
                let fits = |byte: usize| lane.head.get(place).is_none_or(|symbols| has(symbols, byte));
                masks.iter_mut().enumerate().filter(|(byte, _)| fits(*byte)).for_each(|(_, set)| put(set, index));
            }
            for before in &lane.before {
                part.add(before, index, befores);
            }
        }
        part
    }

    /// That a lane may begin behind this.
    fn add(&mut self, before: &Before, lane: usize, befores: &[Before]) {
        let long = befores.iter().position(|one| one == before);
        if before.border {
            put(&mut self.border, lane);
        }
        for byte in 0..=END {
            let (fits, sets) = match before.bytes.last() {
                Some(symbols) => (has(symbols, byte), &mut self.behind),
                None => (!before.start || byte == END, &mut self.here),
            };
            let (Some(may), Some(set), Some(ends)) =
                (self.may.get_mut(byte), sets.get_mut(byte), self.ends.get_mut(byte))
            else {
                continue;
            };
            match long {
                _ if !fits => continue,
                Some(long) => match ends.iter_mut().find(|(other, _)| *other == long) {
                    Some((_, set)) => put(set, lane),
                    None => {
                        let mut set = Set::default();
                        put(&mut set, lane);
                        ends.push((long, set));
                    }
                },
                None if !before.border => put(set, lane),
                None => {}
            }
            put(may, lane);
        }
    }

    #[inline(always)]
    fn find(&self, (text, at): (&[u8], usize), wanted: &Set, befores: &[Before], mut each: impl FnMut(usize, usize)) {
        let last = at.checked_sub(1).and_then(|at| text.get(at));
        let before = last.map_or(END, |&byte| usize::from(byte));
        let Some(may) = self.may.get(before) else { return };
        let mut found = both(may, wanted);
        for place in 0..HEAD {
            let byte = text.get(at + place).map_or(END, |&byte| usize::from(byte));
            let Some(mask) = self.masks.get(place * (END + 1) + byte) else { return };
            found = both(&found, mask);
            if found == Set::default() {
                return;
            }
        }
        for (before, lanes) in self.ends.get(before).map_or(&[][..], Vec::as_slice) {
            let found = both(&found, lanes);
            if found != Set::default() {
                let from = befores.get(*before).and_then(|before| before.stands(text, at));
                from.into_iter().for_each(|from| self.tell(found, |lane| each(lane, from)));
            }
        }
        if let (Some(from), Some(lanes)) = (at.checked_sub(1), self.behind.get(before)) {
            self.tell(both(&found, lanes), |lane| each(lane, from));
        }
        if let Some(lanes) = self.here.get(before) {
            self.tell(both(&found, lanes), |lane| each(lane, at));
        }
        if is_word(last) != is_word(text.get(at)) {
            self.tell(both(&found, &self.border), |lane| each(lane, at));
        }
    }

    /// Calls `each` with a lane of each thing that has some in a set.
    #[inline(always)]
    fn tell(&self, mut left: Set, mut each: impl FnMut(usize)) {
        for word in 0..LANES / WORD {
            while left[word] != 0 {
                let lane = word * WORD + left[word].trailing_zeros() as usize;
                each(lane);
                let Some(same) = self.same.get(lane) else { return };
                left = std::array::from_fn(|word| left[word] & !same[word]);
            }
        }
    }
}

fn put(set: &mut Set, lane: usize) {
    set.get_mut(lane / WORD).into_iter().for_each(|word| *word |= 1 << (lane % WORD));
}

#[inline(always)]
fn both(one: &Set, two: &Set) -> Set {
    std::array::from_fn(|word| one[word] & two[word])
}

/// Those of a thing.
fn of_thing(lanes: &[Lane], thing: usize) -> Set {
    let mut all = Set::default();
    lanes.iter().enumerate().filter(|(_, lane)| lane.thing == thing).for_each(|(lane, _)| put(&mut all, lane));
    all
}
