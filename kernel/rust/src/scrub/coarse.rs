//! Fewer and shorter windows, where there is no place for all of them: what becomes of them is found more often, never less.

use super::sets::needed;
use super::symbols::{probability, Window};

/// One step: what comes instead of windows, how much more often it is found, and how many places it saves.
struct Step {
    one: usize,
    two: Option<usize>,
    new: Window,
    more: f64,
    saved: usize,
}

impl Step {
    fn price(&self) -> f64 {
        self.more / self.saved as f64
    }
}

/// Windows that take at most so many places, and how often they are found at a place of a text, roughly.
pub fn coarser(windows: &[Window], places: usize) -> (Vec<Window>, f64) {
    let enough = |all: &[Window]| all.iter().map(Vec::len).sum::<usize>() <= places;
    let all = needed(reduced(windows, true, enough));
    let found = all.iter().map(|window| probability(window)).sum();
    (all, found)
}

/// At most so many windows (of each length one at least), each as long as before.
pub fn fewer(windows: &[Window], most: usize) -> Vec<Window> {
    reduced(windows, false, |all| all.iter().filter(|window| !window.is_empty()).count() <= most)
}

/// Takes the cheapest step until there is enough; `cut`: windows may become shorter.
fn reduced(windows: &[Window], cut: bool, enough: impl Fn(&[Window]) -> bool) -> Vec<Window> {
    let mut all: Vec<Window> = windows.to_vec();
    let mut steps: Vec<Option<Step>> = (0..all.len()).map(|index| best(&all, index, cut)).collect();
    while !enough(&all) {
        let open = steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.price())));
        let Some((chosen, _)) = open.min_by(|one, two| one.1.total_cmp(&two.1)) else { break };
        let Some(Step { one, two, new, .. }) = steps.get_mut(chosen).and_then(Option::take) else { break };
        let touched = |index: usize| index == one || Some(index) == two;
        for (index, window) in all.iter_mut().enumerate().filter(|(index, _)| touched(*index)) {
            *window = if index == one { new.clone() } else { Window::new() };
        }
        for index in 0..all.len() {
            let stale = |step: &Option<Step>| step.as_ref().is_some_and(|step| step.two.is_some_and(touched));
            if touched(index) || steps.get(index).is_some_and(stale) {
                if let Some(step) = steps.get_mut(index) {
                    *step = best(&all, index, cut);
                }
            }
        }
    }
    all.retain(|window| !window.is_empty());
    all
}

/// The cheapest step that a window can take: to lose an end, or to be taken together with one of those behind it.
fn best(all: &[Window], one: usize, cut: bool) -> Option<Step> {
    let mine = all.get(one).filter(|window| !window.is_empty())?;
    let now = probability(mine);
    let shorter = |part: Option<&[_]>| {
        let new = part.filter(|_| cut)?;
        let new = Some(new).filter(|part| !part.is_empty())?.to_vec();
        let more = probability(&new) - now;
        Some(Step { one, two: None, new, more, saved: 1 })
    };
    let ends = [shorter(mine.get(1..)), shorter(mine.get(..mine.len() - 1))].into_iter().flatten();
    let others = all.iter().enumerate().skip(one + 1).filter(|(_, other)| other.len() == mine.len());
    let joined = others.map(|(two, other)| {
        let new: Window = mine.iter().zip(other).map(|(one, two)| one.or(*two)).collect();
        let more = probability(&new) - now - probability(other);
        Step { one, two: Some(two), new, more, saved: mine.len() }
    });
    ends.chain(joined).min_by(|one, two| one.price().total_cmp(&two.price()))
}
