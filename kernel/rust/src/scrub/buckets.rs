//! Windows of the same length that are looked for together: what a bucket finds are chains of pairs of neighbours, each
//! of which stands at that place in one of its windows. Such a chain may mix windows, so a bucket finds what its windows
//! find and, rarely, more.

use std::collections::BTreeSet;

use super::classes::{Classes, Model, CLASSES};
use super::symbols::Window;

/// For each pair of neighbours in a window: by class the classes that may follow.
pub type Chain = Vec<Box<[u64; CLASSES]>>;

/// A window, and the rules that have it.
pub type Owned = (Window, BTreeSet<usize>);

/// A bucket, and the windows that are in it.
pub struct Bucket {
    pub chain: Chain,
    pub windows: Vec<Owned>,
}

/// What becomes of a bucket (and perhaps another one), how much more often it is found, and how many places that saves.
struct Step {
    one: usize,
    two: Option<usize>,
    new: Chain,
    more: f64,
    saved: usize,
}

impl Step {
    fn price(&self) -> f64 {
        self.more / self.saved as f64
    }
}

fn chain(window: &Window, classes: &Classes) -> Chain {
    let sets: Vec<u64> = window.iter().map(|&symbols| classes.bits(symbols)).collect();
    let pair = |before: u64, after: u64| {
        let mut pairs = Box::new([0; CLASSES]);
        for (class, follows) in pairs.iter_mut().enumerate() {
            *follows = if before >> class & 1 == 1 { after } else { 0 };
        }
        pairs
    };
    match sets.as_slice() {
        [only] => vec![pair(classes.all(), if only & 1 == 1 { classes.all() } else { *only })],
        _ => sets.windows(2).filter_map(|two| Some(pair(*two.first()?, *two.last()?))).collect(),
    }
}

/// Buckets for windows that take at most so many places, and how often they are found at
/// a place of a text, roughly.
pub fn buckets(windows: &[Owned], classes: &Classes, places: usize) -> (Vec<Bucket>, f64) {
    let model = classes.model();
    let mut all: Vec<Chain> = windows.iter().map(|(window, _)| chain(window, classes)).collect();
    let mut members: Vec<Vec<Owned>> = windows.iter().map(|owned| vec![owned.clone()]).collect();
    let mut found: Vec<f64> = all.iter().map(|chain| model.found(chain)).collect();
    let mut steps: Vec<Option<Step>> = (0..all.len()).map(|index| best(&all, &found, index, &model)).collect();
    while all.iter().map(Vec::len).sum::<usize>() > places {
        let open = steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.price())));
        let Some((chosen, _)) = open.min_by(|one, two| one.1.total_cmp(&two.1)) else { break };
        let Some(Step { one, two, new, .. }) = steps.get_mut(chosen).and_then(Option::take) else { break };
        let moved = two.and_then(|two| {
            all.get_mut(two)?.clear();
            *found.get_mut(two)? = 0.0;
            members.get_mut(two).map(std::mem::take)
        });
        if let Some(((chain, found), mine)) = all.get_mut(one).zip(found.get_mut(one)).zip(members.get_mut(one)) {
            *found = model.found(&new);
            *chain = new;
            mine.extend(moved.unwrap_or_default());
        }
        let touched = |index: usize| index == one || Some(index) == two;
        for index in 0..all.len() {
            let stale = |step: &Option<Step>| step.as_ref().is_some_and(|step| step.two.is_some_and(touched));
            if touched(index) || steps.get(index).is_some_and(stale) {
                let new = best(&all, &found, index, &model);
                if let Some(step) = steps.get_mut(index) {
                    *step = new;
                }
            }
        }
        // What was joined or cut may suit those before it better than what they have in mind.
        improve(&all, &found, &mut steps, one, &model);
    }
    let sum = found.iter().sum();
    let buckets = all.into_iter().zip(members).filter(|(chain, _)| !chain.is_empty());
    (buckets.map(|(chain, windows)| Bucket { chain, windows }).collect(), sum)
}

/// Lets the buckets before a changed one choose it.
fn improve(all: &[Chain], found: &[f64], steps: &mut [Option<Step>], changed: usize, model: &Model) {
    for (index, step) in steps.iter_mut().enumerate().take(changed) {
        if let Some(new) = joined(all, found, index, changed, model) {
            if step.as_ref().is_none_or(|old| new.price() < old.price()) {
                *step = Some(new);
            }
        }
    }
}

/// The cheapest step that a bucket can take: to lose an end, or to be joined with one of those behind it.
fn best(all: &[Chain], found: &[f64], one: usize, model: &Model) -> Option<Step> {
    let (mine, now) = (all.get(one).filter(|chain| !chain.is_empty())?, found.get(one)?);
    let shorter = |part: Option<&[Box<[u64; CLASSES]>]>| {
        let new = part.filter(|part| !part.is_empty())?.to_vec();
        let more = model.found(&new) - now;
        Some(Step { one, two: None, new, more, saved: 1 })
    };
    let ends = [shorter(mine.get(1..)), shorter(mine.get(..mine.len() - 1))].into_iter().flatten();
    let others = (one + 1..all.len()).filter_map(|two| joined(all, found, one, two, model));
    ends.chain(others).min_by(|one, two| one.price().total_cmp(&two.price()))
}

fn joined(all: &[Chain], found: &[f64], one: usize, two: usize, model: &Model) -> Option<Step> {
    let (mine, its) = (all.get(one)?, all.get(two)?);
    if mine.is_empty() || mine.len() != its.len() {
        return None;
    }
    let mut new = mine.clone();
    for (pairs, its) in new.iter_mut().zip(its) {
        for (follows, its) in pairs.iter_mut().zip(its.iter()) {
            *follows |= its;
        }
    }
    let more = model.found(&new) - found.get(one)? - found.get(two)?;
    Some(Step { one, two: Some(two), new, more, saved: mine.len() })
}
