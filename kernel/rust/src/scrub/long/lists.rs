//! Where something may begin in a text, kept true while the text is edited.

use std::collections::BTreeMap;

use super::starts::BEFORE;
use crate::scrub::rule::Edit;

/// The places of what begins alike.
#[derive(Default)]
pub struct List {
    /// As they were before some of the edits.
    places: Vec<u32>,
    /// So many edits ago, counted from the first.
    version: usize,
    /// Those that were found around edits.
    fresh: Vec<u32>,
    /// Whether some of either are in no order.
    mixed: [bool; 2],
    /// Whether there ever was one.
    pub any: bool,
    /// Whether they were looked for.
    pub known: bool,
}

impl List {
    /// Of a text that was edited so often.
    pub fn new(version: usize) -> List {
        List { version, known: true, ..List::default() }
    }

    /// Notes a place; they mostly come one after the other, but for what stands before some.
    pub fn put(&mut self, place: usize, fresh: bool) {
        let (places, place) = (if fresh { &mut self.fresh } else { &mut self.places }, place as u32);
        if places.last().is_none_or(|&last| last < place) {
            places.push(place);
            return;
        }
        let before = places.iter().rev().take(BEFORE).take_while(|&&one| one > place).count();
        let index = places.len() - before;
        self.mixed[usize::from(fresh)] |= before == BEFORE;
        if index.checked_sub(1).and_then(|last| places.get(last)) != Some(&place) {
            places.insert(index, place);
        }
    }

    /// Follows one step of edits, as far as there is no waiting with it.
    pub fn step(&mut self, moves: &Moves) {
        if let Some(last) = moves.steps.last().filter(|_| !self.fresh.is_empty()) {
            self.sort();
            moved(&mut self.fresh, last);
        }
    }

    /// The places in the text as it is now.
    pub fn places(&mut self, moves: &mut Moves) -> &[u32] {
        self.sort();
        if self.version < moves.steps.len() {
            moved(&mut self.places, moves.since(self.version));
            self.version = moves.steps.len();
        }
        if !self.fresh.is_empty() {
            self.places = merged(&self.places, &self.fresh);
            self.fresh.clear();
        }
        &self.places
    }

    fn sort(&mut self) {
        for (places, mixed) in [&mut self.places, &mut self.fresh].into_iter().zip(&mut self.mixed) {
            if std::mem::take(mixed) {
                places.sort_unstable();
                places.dedup();
            }
        }
    }
}

/// Both in one, where the second ones are few.
fn merged(all: &[u32], few: &[u32]) -> Vec<u32> {
    let (mut both, mut left) = (Vec::with_capacity(all.len() + few.len()), all);
    for &one in few {
        let (before, behind) = left.split_at(left.partition_point(|&place| place < one));
        both.extend_from_slice(before);
        both.push(one);
        left = if behind.first() == Some(&one) { behind.get(1..).unwrap_or(&[]) } else { behind };
    }
    both.extend_from_slice(left);
    both
}

/// All edits of a text.
#[derive(Default)]
pub struct Moves {
    steps: Vec<Vec<Kept>>,
    /// By the step that is the first one: several in one, and the step behind the last one.
    known: BTreeMap<usize, (Vec<Kept>, usize)>,
}

/// A part of a text that stands in the new one, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    from: usize,
    to: usize,
    new: usize,
}

impl Moves {
    /// How often the text was edited.
    pub fn version(&self) -> usize {
        self.steps.len()
    }

    /// One step: edits one behind the other.
    pub fn add(&mut self, edits: &[Edit]) {
        let (mut kept, mut from, mut new) = (Vec::with_capacity(edits.len() + 1), 0, 0);
        for edit in edits {
            kept.push(Kept { from, to: edit.start, new });
            (from, new) = (edit.end, edit.to);
        }
        kept.push(Kept { from, to: usize::MAX / 2, new });
        self.steps.push(kept);
    }

    /// What all edits from a step on keep.
    fn since(&mut self, step: usize) -> &[Kept] {
        let first = || (self.steps.get(step).cloned().unwrap_or_default(), step + 1);
        let (kept, next) = self.known.entry(step).or_insert_with(first);
        for more in self.steps.get(*next..).unwrap_or(&[]) {
            *kept = then(kept, more);
            *next += 1;
        }
        kept
    }
}

/// What both keep, one after the other.
fn then(one: &[Kept], two: &[Kept]) -> Vec<Kept> {
    let (mut all, mut next) = (Vec::with_capacity(one.len() + two.len()), 0);
    for kept in one {
        let (start, end) = (kept.new, kept.new + (kept.to - kept.from));
        while two.get(next).is_some_and(|part| part.to <= start) {
            next += 1;
        }
        for part in two.get(next..).unwrap_or(&[]).iter().take_while(|part| part.from < end) {
            let (low, high) = (part.from.max(start), part.to.min(end));
            if low < high {
                all.push(Kept {
                    from: kept.from + (low - start),
                    to: kept.from + (high - start),
                    new: part.new + (low - part.from),
                });
            }
        }
    }
    all
}

/// Moves places, which are sorted, with what is kept; those of what was replaced are gone.
fn moved(places: &mut Vec<u32>, kept: &[Kept]) {
    let mut next = 0;
    places.retain_mut(|place| {
        let at = *place as usize;
        while kept.get(next).is_some_and(|part| part.to <= at) {
            next += 1;
        }
        let part = kept.get(next).filter(|part| part.from <= at);
        *place = part.map_or(0, |part| (part.new + (at - part.from)) as u32);
        part.is_some()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(start: usize, end: usize, from: usize, to: usize) -> Edit {
        Edit { start, end, from, to }
    }

    fn list(places: &[usize]) -> List {
        let mut list = List::new(0);
        places.iter().for_each(|&place| list.put(place, false));
        list
    }

    #[test]
    fn places_are_sorted_whatever_comes_first() {
        assert_eq!(list(&[3, 5, 4, 5, 9, 8, 8]).places(&mut Moves::default()), [3, 4, 5, 8, 9]);
    }

    #[test]
    fn places_move_behind_edits_and_go_with_what_is_replaced() {
        let mut moves = Moves::default();
        // "ab(cde)fg(h)i" becomes "ab(X)fg(YZ)i".
        moves.add(&[edit(2, 5, 2, 3), edit(7, 8, 5, 7)]);
        assert_eq!(list(&[0, 1, 2, 4, 5, 6, 7, 8, 9]).places(&mut moves), [0, 1, 3, 4, 7, 8]);
    }

    #[test]
    fn several_steps_at_once_are_the_same_as_one_by_one() {
        let steps = [
            vec![edit(1, 3, 1, 2), edit(8, 9, 7, 12)],
            vec![edit(0, 1, 0, 2), edit(5, 8, 6, 6)],
            vec![edit(9, 10, 9, 9)],
        ];
        let (mut late, mut early, mut moves) =
            (list(&[0, 2, 4, 5, 7, 8, 9, 12, 20]), List::default(), Moves::default());
        (early.known, early.places) = (true, late.places.clone());
        for step in &steps {
            moves.add(step);
            early.places(&mut moves);
        }
        assert_eq!(late.places(&mut moves), early.places(&mut moves));
        assert_eq!(late.places.last(), Some(&20));
    }

    #[test]
    fn what_is_found_around_edits_stands_among_the_others() {
        let (mut list, mut moves) = (list(&[0, 10]), Moves::default());
        moves.add(&[edit(2, 3, 2, 5)]);
        list.step(&moves);
        list.put(4, true);
        moves.add(&[edit(1, 2, 1, 1)]);
        list.step(&moves);
        assert_eq!(list.places(&mut moves), [0, 3, 11]);
    }
}
