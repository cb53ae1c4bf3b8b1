//! Fewer windows, where there are too many: what becomes of them is found more often, never less.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::pairwise::Pairwise;
use super::symbols::{Odds, Symbols, Window};

/// One step: which windows are taken together, how much more often that is found, and how many places it saves.
#[derive(Clone, Copy)]
struct Step {
    two: usize,
    more: f64,
    saved: usize,
}

impl Step {
    fn price(&self) -> f64 {
        self.more / self.saved as f64
    }
}

/// At most so many windows (of each length one at least), each as long as before.
pub fn fewer(windows: &[Window], most: usize) -> Vec<Window> {
    let (mut all, mut more) = (Numbered::of(windows), Pairwise::of(windows.len()));
    let mut left = windows.iter().filter(|window| !window.is_empty()).count();
    let mut steps: Vec<Option<Step>> = Vec::with_capacity(windows.len());
    steps.extend((0..windows.len()).map(|index| all.best(index, &mut more)));
    while left > most {
        let open = steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.price())));
        let Some((one, _)) = open.min_by(|one, two| one.1.total_cmp(&two.1)) else { break };
        let Some(two) = steps.get(one).copied().flatten().map(|step| step.two) else { break };
        all.join(one, two);
        more.forget(one);
        left -= 1;
        for (index, step) in steps.iter_mut().enumerate() {
            let stale = step.is_some_and(|step| step.two == one || step.two == two);
            if index == one || index == two || stale {
                *step = all.best(index, &mut more);
            }
        }
    }
    all.windows()
}

/// Windows of numbers that stand for symbols: what two of them are together is asked again and again.
struct Numbered {
    windows: Vec<Vec<u32>>,
    /// How often each is found.
    found: Vec<f64>,
    symbols: Vec<Symbols>,
    odds: Vec<Odds>,
    numbers: HashMap<Symbols, u32, RandomState>,
    together: HashMap<(u32, u32), u32, RandomState>,
}

impl Numbered {
    fn of(windows: &[Window]) -> Numbered {
        let mut all = Numbered {
            windows: Vec::with_capacity(windows.len()),
            found: Vec::with_capacity(windows.len()),
            symbols: Vec::new(),
            odds: Vec::new(),
            numbers: HashMap::default(),
            together: HashMap::default(),
        };
        for window in windows {
            let numbers: Vec<u32> = window.iter().map(|&symbols| all.number(symbols)).collect();
            all.found.push(all.probability(numbers.iter().copied()));
            all.windows.push(numbers);
        }
        all
    }

    fn number(&mut self, symbols: Symbols) -> u32 {
        *self.numbers.entry(symbols).or_insert_with(|| {
            self.symbols.push(symbols);
            self.odds.push(Odds::of(&symbols));
            self.symbols.len() as u32 - 1
        })
    }

    /// The number of what is in either.
    fn either(&mut self, one: u32, two: u32) -> u32 {
        if one == two {
            return one;
        }
        let pair = (one.min(two), one.max(two));
        if let Some(&known) = self.together.get(&pair) {
            return known;
        }
        let of = |number: u32| self.symbols.get(number as usize).copied().unwrap_or_default();
        let number = self.number(of(one).or(of(two)));
        self.together.insert(pair, number);
        number
    }

    /// How often a window is found at a place of a text, roughly.
    fn probability(&self, window: impl Iterator<Item = u32>) -> f64 {
        let (mut before, mut product) = (None, 1.0);
        for number in window {
            let Some(odds) = self.odds.get(number as usize) else { continue };
            product *= before.map_or(odds.alone(), |(last, its)| odds.behind(its, last == number).1);
            before = Some((number, odds));
        }
        product
    }

    /// The cheapest step that a window can take: to be taken together with one of those behind it.
    fn best(&mut self, one: usize, more: &mut Pairwise) -> Option<Step> {
        let size = self.windows.get(one).map(Vec::len).filter(|size| *size > 0)?;
        let (mut best, mut new): (Option<Step>, Vec<u32>) = (None, Vec::with_capacity(size));
        for two in one + 1..self.windows.len() {
            if self.windows.get(two).is_none_or(|its| its.len() != size) {
                continue;
            }
            let more = more.get(one, two, || self.more(one, two, &mut new));
            let step = Step { two, more, saved: size };
            if best.is_none_or(|best| step.price() < best.price()) {
                best = Some(step);
            }
        }
        best
    }

    /// How much more often two windows are found when they are taken together.
    fn more(&mut self, one: usize, two: usize, new: &mut Vec<u32>) -> f64 {
        self.put_together(one, two, new);
        let found = |index: usize| self.found.get(index).copied().unwrap_or(0.0);
        self.probability(new.iter().copied()) - found(one) - found(two)
    }

    /// Writes what two windows are together to `new`.
    fn put_together(&mut self, one: usize, two: usize, new: &mut Vec<u32>) {
        new.clear();
        let number = |windows: &[Vec<u32>], index: usize, place: usize| windows.get(index)?.get(place).copied();
        for place in 0..self.windows.get(one).map_or(0, Vec::len) {
            let (mine, its) = (number(&self.windows, one, place), number(&self.windows, two, place));
            if let Some((mine, its)) = mine.zip(its) {
                new.push(self.either(mine, its));
            }
        }
    }

    /// Puts the second window into the first.
    fn join(&mut self, one: usize, two: usize) {
        let mut new = Vec::new();
        self.put_together(one, two, &mut new);
        let found = self.probability(new.iter().copied());
        for (index, new, found) in [(one, new, found), (two, Vec::new(), 0.0)] {
            if let Some((window, often)) = self.windows.get_mut(index).zip(self.found.get_mut(index)) {
                (*window, *often) = (new, found);
            }
        }
    }

    fn windows(self) -> Vec<Window> {
        let of = |number: &u32| self.symbols.get(*number as usize).copied().unwrap_or_default();
        let some = self.windows.iter().filter(|window| !window.is_empty());
        some.map(|window| window.iter().map(of).collect()).collect()
    }
}
