//! Windows of the same length that are looked for together: what a bucket finds are chains of pairs of neighbours, each
//! of which stands at that place in one of its windows. Such a chain may mix windows, so a bucket finds what its windows
//! find and, rarely, more.

use std::collections::BTreeSet;

use super::classes::{Classes, Model, Pairs, CLASSES};
use super::pairwise::Pairwise;
use super::symbols::Window;

/// For each pair of neighbours in a window: by class the classes that may follow.
pub type Chain = Vec<Pairs>;

/// A window, and the rules that have it.
pub type Owned = (Window, BTreeSet<usize>);

/// A bucket, and the windows that are in it.
#[derive(Clone, Default)]
pub struct Bucket {
    pub chain: Chain,
    pub windows: Vec<Owned>,
    /// How often it is found at a place of a text, roughly.
    found: f64,
}

/// What becomes of a bucket, how much more often it is found then, and how many places that saves.
#[derive(Clone, Copy)]
struct Step {
    change: Change,
    more: f64,
    saved: usize,
}

#[derive(Clone, Copy)]
enum Change {
    /// It loses its first place, or its last one.
    Behead,
    Curtail,
    /// It is joined with this one.
    Join(usize),
}

impl Step {
    fn price(&self) -> f64 {
        self.more / self.saved as f64
    }

    /// Whether the bucket is to be joined with one of which this is true.
    fn joins(&self, which: impl Fn(usize) -> bool) -> bool {
        matches!(self.change, Change::Join(two) if which(two))
    }
}

fn chain(window: &Window, classes: &Classes) -> Chain {
    let sets: Vec<u64> = window.iter().map(|&symbols| classes.bits(symbols)).collect();
    let pair = |before: u64, after: u64| {
        let mut follows = Box::new([0; CLASSES]);
        for (class, follows) in follows.iter_mut().enumerate() {
            *follows = if before >> class & 1 == 1 { after } else { 0 };
        }
        Pairs { follows, before }
    };
    match sets.as_slice() {
        [only] => vec![pair(classes.all(), if only & 1 == 1 { classes.all() } else { *only })],
        _ => sets.windows(2).filter_map(|two| Some(pair(*two.first()?, *two.last()?))).collect(),
    }
}

/// Buckets while they become fewer: each step takes the cheapest of what all of them could do next.
pub struct Buckets {
    model: Model,
    /// Those that were joined with others are empty.
    all: Vec<Bucket>,
    steps: Vec<Option<Step>>,
    /// How much more often two of them are found when they are joined.
    more: Pairwise,
}

impl Buckets {
    /// A bucket for each window.
    pub fn of(windows: Vec<Owned>, classes: &Classes) -> Buckets {
        let model = classes.model();
        let bucket = |owned: Owned| {
            let chain = chain(&owned.0, classes);
            Bucket { found: model.found(&chain), chain, windows: vec![owned] }
        };
        let all: Vec<Bucket> = windows.into_iter().map(bucket).collect();
        let more = Pairwise::of(all.len());
        let mut new = Buckets { model, all, steps: Vec::new(), more };
        new.steps = (0..new.all.len()).map(|index| new.best(index)).collect();
        new
    }

    /// How often any of them is found at a place of a text, roughly.
    pub fn found(&self) -> f64 {
        self.all.iter().map(|bucket| bucket.found).sum()
    }

    /// Goes on until they take at most so many places, or are found more often than that.
    pub fn fit(&mut self, places: usize, often: f64) {
        while self.all.iter().map(|bucket| bucket.chain.len()).sum::<usize>() > places && self.found() <= often {
            let open = self.steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.price())));
            let Some((one, _)) = open.min_by(|one, two| one.1.total_cmp(&two.1)) else { break };
            let Some(step) = self.steps.get(one).copied().flatten() else { break };
            let two = self.take(one, step.change);
            let touched = |index: usize| index == one || Some(index) == two;
            for index in 0..self.all.len() {
                let stale = |step: &Option<Step>| step.is_some_and(|step| step.joins(touched));
                if touched(index) || self.steps.get(index).is_some_and(stale) {
                    let new = self.best(index);
                    if let Some(step) = self.steps.get_mut(index) {
                        *step = new;
                    }
                }
            }
            // What was joined or cut may suit those before it better than what they have in mind.
            self.improve(one);
        }
    }

    /// Those that there are.
    pub fn buckets(&self) -> Vec<Bucket> {
        self.all.iter().filter(|bucket| !bucket.chain.is_empty()).cloned().collect()
    }

    /// Changes a bucket; returns the other one that is gone.
    fn take(&mut self, one: usize, change: Change) -> Option<usize> {
        let gone = match change {
            Change::Join(two) => Some((two, std::mem::take(self.all.get_mut(two)?))),
            _ => None,
        };
        let mine = self.all.get_mut(one)?;
        match (change, &gone) {
            (_, Some((_, other))) => mine.swallow(other),
            (Change::Behead, None) => drop(mine.chain.remove(0)),
            (_, None) => drop(mine.chain.pop()),
        }
        mine.found = self.model.found(&mine.chain);
        self.more.forget(one);
        gone.map(|(two, _)| two)
    }

    /// Lets the buckets before a changed one choose it.
    fn improve(&mut self, changed: usize) {
        for index in 0..changed {
            let new = self.joined(index, changed);
            let old = self.steps.get_mut(index);
            if let Some((new, old)) = new.zip(old) {
                if old.is_none_or(|old| new.price() < old.price()) {
                    *old = Some(new);
                }
            }
        }
    }

    /// The cheapest step that a bucket can take: to lose an end, or to be joined with one of those behind it.
    fn best(&mut self, one: usize) -> Option<Step> {
        let mine = self.all.get(one).filter(|bucket| !bucket.chain.is_empty())?;
        let shorter = |(change, part): (Change, Option<&[Pairs]>)| {
            let part = part.filter(|part| !part.is_empty())?;
            Some(Step { change, more: self.model.found(part) - mine.found, saved: 1 })
        };
        let ends = [(Change::Behead, mine.chain.get(1..)), (Change::Curtail, mine.chain.get(..mine.chain.len() - 1))];
        let ends = ends.into_iter().filter_map(shorter);
        let mut best = ends.min_by(|one, two| one.price().total_cmp(&two.price()));
        for two in one + 1..self.all.len() {
            let step = self.joined(one, two);
            if step.is_some_and(|step| best.is_none_or(|best| step.price() < best.price())) {
                best = step;
            }
        }
        best
    }

    fn joined(&mut self, one: usize, two: usize) -> Option<Step> {
        let (mine, its) = (self.all.get(one)?, self.all.get(two)?);
        if mine.chain.is_empty() || mine.chain.len() != its.chain.len() {
            return None;
        }
        let more = || self.model.found_in_either(&mine.chain, &its.chain) - mine.found - its.found;
        let more = self.more.get(one, two, more);
        Some(Step { change: Change::Join(two), more, saved: mine.chain.len() })
    }
}

impl Bucket {
    fn swallow(&mut self, other: &Bucket) {
        for (pairs, its) in self.chain.iter_mut().zip(&other.chain) {
            pairs.before |= its.before;
            for (follows, its) in pairs.follows.iter_mut().zip(its.follows.iter()) {
                *follows |= its;
            }
        }
        self.windows.extend_from_slice(&other.windows);
    }
}
