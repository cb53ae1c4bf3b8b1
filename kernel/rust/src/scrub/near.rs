//! What a rule wants to find near a match: a word that says what the digits are.

use std::cell::Cell;

use serde_json::Value as Json;

use crate::regex::Pattern;
use crate::spec::{natural, only, text, Outcome};

/// A pattern that is found at most `within` bytes before or behind.
pub struct Near {
    pattern: Pattern,
    within: usize,
}

/// Where the pattern is found in a text.
pub struct Places {
    starts: Sorted,
    ends: Sorted,
    within: usize,
}

/// Numbers from the smallest to the largest, which are asked for one after the other.
#[derive(Default)]
struct Sorted {
    all: Vec<usize>,
    /// What was said last.
    count: Cell<usize>,
}

impl Near {
    pub fn compile(spec: &Json) -> Outcome<Near> {
        let spec = only(Some(spec), &["pattern", "within"], "near")?;
        let pattern = Pattern::new(text(spec.get("pattern"), "near")?)?;
        Ok(Near { pattern, within: natural(spec.get("within"), "near: within")? })
    }

    pub fn is_found(&self, content: &[u8]) -> bool {
        self.pattern.is_match(content)
    }

    pub fn places(&self, content: &[u8]) -> Places {
        self.places_by(content, |from| self.find(content, from))
    }

    /// The same with the matches that `find` finds, from a place on.
    pub fn places_by(&self, content: &[u8], mut find: impl FnMut(usize) -> Option<(usize, usize)>) -> Places {
        let (mut starts, mut ends, mut position) = (Sorted::default(), Sorted::default(), 0);
        while position <= content.len() {
            let Some((start, end)) = find(position) else { break };
            starts.all.push(start);
            ends.all.push(end);
            position = if end > start { end } else { next_code_point(content, end) };
        }
        Places { starts, ends, within: self.within }
    }

    /// The first match at or after `from`.
    pub fn find(&self, content: &[u8], from: usize) -> Option<(usize, usize)> {
        self.pattern.find(content, from, 0).map(|found| (found.start, found.end))
    }
}

impl Places {
    pub fn is_empty(&self) -> bool {
        self.starts.all.is_empty()
    }

    /// Nothing that begins behind this is near one of them.
    pub fn reach(&self) -> usize {
        self.ends.all.last().map_or(0, |last| last.saturating_add(self.within))
    }

    /// Whether one of them ends before `start`, or begins behind `end`, at most so far away.
    pub fn has(&self, start: usize, end: usize) -> bool {
        let before = self.ends.below(start + 1).checked_sub(1);
        let before =
            before.and_then(|index| self.ends.all.get(index)).is_some_and(|place| start - place <= self.within);
        before || self.starts.all.get(self.starts.below(end)).is_some_and(|place| place - end <= self.within)
    }

    /// From where on something between `start` and `end` can be near one of them, if that is not so already; `passed` counts those
    /// that end too far before `start`, which never goes back.
    pub fn next(&self, start: usize, end: usize, passed: &mut usize) -> Option<usize> {
        while self.ends.all.get(*passed).is_some_and(|place| place + self.within < start) {
            *passed += 1;
        }
        let place = self.starts.all.get(*passed).copied();
        match place {
            Some(place) if place <= end.saturating_add(self.within) => None,
            Some(place) => Some(place - self.within - (end - start)),
            None => Some(usize::MAX),
        }
    }
}

/// So many are looked at one by one.
const FEW: usize = 8;

impl Sorted {
    /// How many of them are below a limit: mostly as many as last time, or a few more.
    fn below(&self, limit: usize) -> usize {
        let last = self.count.get();
        let (known, rest) = self.all.split_at(last.min(self.all.len()));
        let count = if known.last().is_some_and(|&one| one >= limit) {
            known.partition_point(|&one| one < limit)
        } else {
            let more = rest.iter().take(FEW).take_while(|&&one| one < limit).count();
            last + if more == FEW { rest.partition_point(|&one| one < limit) } else { more }
        };
        self.count.set(count);
        count
    }
}

/// Where the next character begins.
pub fn next_code_point(content: &[u8], position: usize) -> usize {
    let rest = content.get(position + 1..).unwrap_or(&[]);
    position + 1 + rest.iter().take_while(|&&byte| byte & 0xc0 == 0x80).count()
}
