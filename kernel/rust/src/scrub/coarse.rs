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

/// Windows of numbers that stand for symbols.
struct Numbered {
    windows: Vec<Vec<u32>>,
    /// How often each is found.
    found: Vec<f64>,
    alphabet: Alphabet,
}

/// Symbols by number, and the number of what two of them are together, which is asked again and again.
#[derive(Default)]
struct Alphabet {
    symbols: Vec<Symbols>,
    odds: Vec<Odds>,
    numbers: HashMap<Symbols, u32, RandomState>,
    together: HashMap<u64, u32, RandomState>,
}

impl Alphabet {
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
        let pair = u64::from(one.min(two)) << 32 | u64::from(one.max(two));
        if let Some(&known) = self.together.get(&pair) {
            return known;
        }
        let of = |number: u32| self.symbols.get(number as usize).copied().unwrap_or_default();
        let number = self.number(of(one).or(of(two)));
        self.together.insert(pair, number);
        number
    }

    /// What two equally long windows are together.
    fn merged<'a>(&'a mut self, one: &'a [u32], two: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
        one.iter().zip(two).map(|(&one, &two)| self.either(one, two))
    }

    /// How often a window is found at a place of a text, roughly.
    fn probability(&self, window: &[u32]) -> f64 {
        let (mut before, mut product) = (None, 1.0);
        for &number in window {
            let Some(odds) = self.odds.get(number as usize) else { continue };
            product *= before.map_or(odds.alone(), |(last, its)| odds.behind(its, last == number).1);
            before = Some((number, odds));
        }
        product
    }
}

impl Numbered {
    fn of(windows: &[Window]) -> Numbered {
        let mut alphabet = Alphabet::default();
        let windows = windows.iter().map(|window| window.iter().map(|&symbols| alphabet.number(symbols)).collect());
        let windows: Vec<Vec<u32>> = windows.collect();
        Numbered { found: windows.iter().map(|window| alphabet.probability(window)).collect(), windows, alphabet }
    }

    /// The cheapest step that a window can take: to be taken together with one of those behind it.
    fn best(&mut self, one: usize, more: &mut Pairwise) -> Option<Step> {
        let Numbered { windows, found, alphabet } = self;
        let (mine, now) = (windows.get(one).filter(|window| !window.is_empty())?, *found.get(one)?);
        let (mut best, mut new): (Option<Step>, Vec<u32>) = (None, Vec::with_capacity(mine.len()));
        for (two, (its, other)) in windows.iter().zip(found.iter()).enumerate().skip(one + 1) {
            if its.len() != mine.len() {
                continue;
            }
            let more = more.get(one, two, || {
                new.clear();
                new.extend(alphabet.merged(mine, its));
                alphabet.probability(&new) - now - other
            });
            let step = Step { two, more, saved: mine.len() };
            if best.is_none_or(|best| step.price() < best.price()) {
                best = Some(step);
            }
        }
        best
    }

    /// Puts the second window into the first.
    fn join(&mut self, one: usize, two: usize) {
        let Numbered { windows, found, alphabet } = self;
        let Some((mine, its)) = windows.get(one).zip(windows.get(two)) else { return };
        let new: Vec<u32> = alphabet.merged(mine, its).collect();
        let often = alphabet.probability(&new);
        for (index, new, often) in [(one, new, often), (two, Vec::new(), 0.0)] {
            if let Some((window, found)) = windows.get_mut(index).zip(found.get_mut(index)) {
                (*window, *found) = (new, often);
            }
        }
    }

    fn windows(self) -> Vec<Window> {
        let of = |number: &u32| self.alphabet.symbols.get(*number as usize).copied().unwrap_or_default();
        let some = self.windows.iter().filter(|window| !window.is_empty());
        some.map(|window| window.iter().map(of).collect()).collect()
    }
}
