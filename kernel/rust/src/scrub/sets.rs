//! Sets of windows: put together, cut, and taken together.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::coarse::fewer;
use super::merging::merged;
use super::symbols::{cost, cost_of, trimmed, Symbols, Window};

/// No window is longer: a run of digits says most when it is long.
pub const LONGEST: usize = 12;
/// So many beginnings or endings are kept, and so many of them are put together with as many others.
pub const MOST_ENDS: usize = 64;
pub const MOST_JOINED: usize = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    First,
    Last,
}

fn cut(window: &[Symbols], size: usize, side: Side) -> Window {
    let size = size.min(window.len());
    let part = match side {
        Side::First => window.get(..size),
        Side::Last => window.get(window.len() - size..),
    };
    part.unwrap_or(&[]).to_vec()
}

pub fn union<'a>(sets: impl IntoIterator<Item = &'a Vec<Window>>) -> Vec<Window> {
    merged(sets.into_iter().flatten().cloned().collect())
}

pub fn with_empty(windows: &[Window], empty: bool, side: Side) -> Vec<Window> {
    let mut all = fitting(windows.to_vec(), MOST_JOINED, side);
    if empty {
        all.push(Vec::new());
    }
    all
}

pub fn cheapest(sets: impl Iterator<Item = Vec<Window>>) -> Vec<Window> {
    sets.min_by(|one, two| cost(one).total_cmp(&cost(two))).unwrap_or_else(|| vec![Vec::new()])
}

/// Parts of windows such that each window contains one, as cheap together as is easily found: the best for its price goes
/// first (the greedy cover of Chvatal).
pub fn chosen(windows: &[Window]) -> Vec<Window> {
    if windows.len() < 3 || windows.iter().any(Vec::is_empty) {
        return merged(windows.iter().map(|window| trimmed(window, LONGEST)).collect());
    }
    let mut parts: HashMap<&[Symbols], (f64, usize), RandomState> = HashMap::default();
    for window in windows {
        for part in parts_of(window) {
            parts.entry(part).or_insert_with(|| (cost_of(part), 0)).1 += 1;
        }
    }
    let (mut left, mut out): (Vec<&Window>, Vec<Window>) = (windows.iter().collect(), Vec::new());
    while !left.is_empty() {
        let rate = |(price, count): &(f64, usize)| price / *count as f64;
        let open = parts.iter().filter(|(_, (_, count))| *count > 0);
        let best = open.min_by(|one, two| rate(one.1).total_cmp(&rate(two.1)).then_with(|| one.0.cmp(two.0)));
        let Some(best) = best.map(|(part, _)| part.to_vec()) else { break };
        left.retain(|window| {
            let covered = window.windows(best.len()).any(|part| part == best);
            for part in parts_of(window).filter(|_| covered) {
                if let Some((_, count)) = parts.get_mut(part) {
                    *count = count.saturating_sub(1);
                }
            }
            !covered
        });
        out.push(best);
    }
    merged(out)
}

/// The parts of a window that are worth looking at.
fn parts_of(window: &[Symbols]) -> impl Iterator<Item = &[Symbols]> {
    let sizes = 3.min(window.len())..=6.min(window.len());
    sizes.flat_map(|size| window.windows(size)).chain((window.len() > 6).then_some(window))
}

pub fn shortened(windows: &[Window], size: usize, side: Side) -> Vec<Window> {
    merged(windows.iter().map(|window| cut(window, size, side)).collect())
}

/// At most so many windows: cut at one side, and taken together.
pub fn fitting(windows: Vec<Window>, most: usize, side: Side) -> Vec<Window> {
    if windows.len() <= most && windows.iter().all(|window| window.len() <= LONGEST) {
        return windows;
    }
    let mut sets = (0..=LONGEST).rev().map(|size| shortened(&windows, size, side));
    merged(fewer(&sets.find(|set| set.len() <= 4 * most).unwrap_or_default(), most))
}

/// Each followed by each; None when there are too many.
pub fn product(one: &[Window], two: &[Window]) -> Option<Vec<Window>> {
    if one.len() * two.len() > MOST_ENDS * MOST_ENDS {
        return None;
    }
    let mut out = Vec::new();
    for before in one {
        for after in two {
            join(before, after, &mut out);
        }
    }
    Some(merged(out))
}

/// One window after the other. The start of the text can only stand first, and the border of a word is a byte of another
/// kind before what follows.
fn join(before: &[Symbols], after: &[Symbols], out: &mut Vec<Window>) {
    let (Some(head), Some(next)) = (before.first(), after.first()) else {
        out.push([before, after].concat());
        return;
    };
    let rest = after.get(1..).unwrap_or(&[]);
    let mut put = |before: &[Symbols], next: Symbols| {
        if !next.is_empty() && !before.first().is_some_and(Symbols::is_empty) {
            out.push([before, &[next], rest].concat());
        }
    };
    if head.border {
        let (word, other) = (Symbols::word(), Symbols::word().not());
        put(&[other.or(Symbols::START)], next.and(word));
        put(&[word], next.and(other));
        if next.start || next.border {
            put(&[], *next);
        }
        put(&[head.without_border()], next.bytes());
        return;
    }
    put(before, next.bytes());
    if next.start && head.start && before.len() == 1 {
        put(&[], Symbols::START);
    }
}

/// The windows without those that contain another one.
pub fn needed(windows: Vec<Window>) -> Vec<Window> {
    let windows = merged(windows);
    let other = |small: &Window, large: &Window| small != large && within(small, large);
    windows.iter().filter(|large| !windows.iter().any(|small| other(small, large))).cloned().collect()
}

/// Whether a text that contains the large window contains the small one.
pub fn within(small: &Window, large: &Window) -> bool {
    let fits = |part: &[Symbols]| part.iter().zip(small).all(|(one, two)| one.or(*two) == *two);
    large.windows(small.len().max(1)).any(fits)
}
