//! Fewer windows, where there are too many: what becomes of them is found more often, never less.

use super::symbols::{probability, Window};

/// One step: what comes instead of windows, how much more often it is found, and how many places it saves.
struct Step {
    one: usize,
    two: usize,
    new: Window,
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
    let mut all: Vec<Window> = windows.to_vec();
    let mut steps: Vec<Option<Step>> = (0..all.len()).map(|index| best(&all, index)).collect();
    while all.iter().filter(|window| !window.is_empty()).count() > most {
        let open = steps.iter().enumerate().filter_map(|(index, step)| Some((index, step.as_ref()?.price())));
        let Some((chosen, _)) = open.min_by(|one, two| one.1.total_cmp(&two.1)) else { break };
        let Some(Step { one, two, new, .. }) = steps.get_mut(chosen).and_then(Option::take) else { break };
        let touched = |index: usize| index == one || index == two;
        for (index, window) in all.iter_mut().enumerate().filter(|(index, _)| touched(*index)) {
            *window = if index == one { new.clone() } else { Window::new() };
        }
        for index in 0..all.len() {
            let stale = |step: &Option<Step>| step.as_ref().is_some_and(|step| touched(step.two));
            if touched(index) || steps.get(index).is_some_and(stale) {
                if let Some(step) = steps.get_mut(index) {
                    *step = best(&all, index);
                }
            }
        }
    }
    all.retain(|window| !window.is_empty());
    all
}

/// The cheapest step that a window can take: to be taken together with one of those behind it.
fn best(all: &[Window], one: usize) -> Option<Step> {
    let mine = all.get(one).filter(|window| !window.is_empty())?;
    let now = probability(mine);
    let others = all.iter().enumerate().skip(one + 1).filter(|(_, other)| other.len() == mine.len());
    let joined = others.map(|(two, other)| {
        let new: Window = mine.iter().zip(other).map(|(one, two)| one.or(*two)).collect();
        let more = probability(&new) - now - probability(other);
        Step { one, two, new, more, saved: mine.len() }
    });
    joined.min_by(|one, two| one.price().total_cmp(&two.price()))
}
