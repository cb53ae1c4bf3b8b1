//! The windows of one bucket, told apart: which of them stand in a text that the sieve has caught (shift-and over bytes).

use std::collections::BTreeSet;

use super::symbols::Window;

/// Places of windows in one word.
const WORD: usize = 64;

/// A few windows.
pub struct Exact {
    /// By byte: the places where it may stand.
    masks: [u64; 256],
    /// The first places of windows, the last ones, and the first places that the start of a text takes.
    first: u64,
    last: u64,
    start: u64,
    /// By the last place of a window: the rules that have it.
    rules: Vec<(u64, Vec<usize>)>,
}

impl Exact {
    /// As many as are needed for these windows.
    pub fn all(windows: &[(Window, BTreeSet<usize>)]) -> Vec<Exact> {
        let mut all: Vec<(Exact, usize)> = Vec::new();
        for (window, rules) in windows {
            if all.last().is_none_or(|(_, places)| places + window.len() > WORD) {
                all.push((Exact { masks: [0; 256], first: 0, last: 0, start: 0, rules: Vec::new() }, 0));
            }
            if let Some((exact, places)) = all.last_mut() {
                exact.add(window, *places, rules);
                *places += window.len();
            }
        }
        all.into_iter().map(|(exact, _)| exact).collect()
    }

    fn add(&mut self, window: &Window, from: usize, rules: &BTreeSet<usize>) {
        for (index, symbols) in window.iter().enumerate() {
            for (byte, mask) in (0..=u8::MAX).zip(self.masks.iter_mut()).filter(|(byte, _)| symbols.has(*byte)) {
                *mask |= u64::from(symbols.has(byte)) << (from + index);
            }
        }
        let (first, last) = (1 << from, 1 << (from + window.len().saturating_sub(1)));
        self.first |= first;
        self.last |= last;
        if window.first().is_some_and(|symbols| symbols.start) {
            self.start |= first;
        }
        self.rules.push((last, rules.iter().copied().collect()));
    }

    /// Calls `each` with the rules that have a window which stands in the text.
    pub fn told(&self, text: &[u8], each: &mut impl FnMut(usize)) {
        let (mut state, mut seen) = (self.start, self.start);
        for &byte in text {
            state = self.after(state, byte);
            seen |= state;
        }
        self.tell(seen, each);
    }

    /// The same of two at once, for hardly more than one of them takes: each step waits for the one before.
    pub fn told_with(&self, other: &Exact, text: &[u8], each: &mut impl FnMut(usize)) {
        let (mut mine, mut its) = (self.start, other.start);
        let (mut seen, mut also) = (mine, its);
        for &byte in text {
            (mine, its) = (self.after(mine, byte), other.after(its, byte));
            seen |= mine;
            also |= its;
        }
        self.tell(seen, each);
        other.tell(also, each);
    }

    #[inline(always)]
    fn after(&self, state: u64, byte: u8) -> u64 {
        (state << 1 | self.first) & self.masks[usize::from(byte)]
    }

    fn tell(&self, seen: u64, each: &mut impl FnMut(usize)) {
        let seen = seen & self.last;
        for (_, rules) in self.rules.iter().filter(|(last, _)| seen & last != 0) {
            rules.iter().for_each(|&rule| each(rule));
        }
    }
}
