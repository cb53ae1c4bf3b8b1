//! The matches of a pattern one after the other, walked from the places where they may begin.

use regex_automata::hybrid::dfa;

use super::shapes::{Fit, Shapes};
use super::walker::{Walked, Walker};
use crate::scrub::near::Places;
use crate::scrub::rule::patience;

/// So many times a text is walked over at most, match by match, before the pattern searches it as a whole; more often where
/// matches are short, for those never take many steps each.
const STEPS: usize = 2;
const STEPS_OF_SHORT: usize = 32;
/// So often it is looked further back for a place between two matches.
const BACK: usize = 8;

/// The matches of a thing, one after the other.
pub struct Matches<'a> {
    of: Option<(&'a Walker, &'a mut Option<dfa::Cache>)>,
    longest: Option<usize>,
    places: &'a [u32],
    next: usize,
    steps: usize,
    near: Option<&'a Places>,
    /// So many of those are passed by.
    passed: usize,
    shapes: Option<&'a Shapes>,
}

/// A pattern and the length of its longest match, with memory of one scratch.
type Known<'a> = ((&'a Walker, Option<usize>), &'a mut Option<dfa::Cache>);

impl<'a> Matches<'a> {
    /// Those that begin at some of these places, in a text of so many bytes; without a pattern nothing is known of them. Where
    /// matches are not longer than so many bytes some are left out that come to nothing: they are not near what they should be,
    /// or the group takes no part.
    pub fn new(
        of: Option<Known<'a>>,
        places: &'a [u32],
        size: usize,
        (near, shapes): (Option<&'a Places>, Option<&'a Shapes>),
    ) -> Matches<'a> {
        let (of, longest) = of.map_or((None, None), |((walker, longest), cache)| (Some((walker, cache)), longest));
        // Those that are left out spend no patience, so there must be enough for all.
        let enough = longest.is_some_and(|longest| places.len().saturating_mul(longest) < patience(size));
        let (near, shapes) = (near.filter(|_| enough), shapes.filter(|shapes| enough || !shapes.leaves_out));
        let times = if longest.is_some() { STEPS_OF_SHORT } else { STEPS };
        Matches { of, longest, places, next: 0, steps: times * size + 4096, near, passed: 0, shapes }
    }

    /// The first match at or after `from`, some of those left out that come to nothing; an error says from where on others must
    /// look for it.
    pub fn next(&mut self, text: &[u8], mut from: usize) -> Result<Option<(usize, usize)>, usize> {
        loop {
            while self.places.get(self.next).is_some_and(|&place| (place as usize) < from) {
                self.next += 1;
            }
            if self.of.is_none() {
                return Err(from);
            }
            let Some(&place) = self.places.get(self.next) else { return Ok(None) };
            let place = place as usize;
            let skipped = self.far(place).map(|to| self.between(text, from, to)).transpose()?;
            if let Some(to) = skipped.filter(|&to| to > place) {
                from = to;
                continue;
            }
            match self.end(text, place)? {
                Some(end) => {
                    // Those that come to nothing spend patience, and over the others nobody walks again.
                    self.steps += end - place;
                    return Ok(Some((place, end)));
                }
                None => self.next += 1,
            }
        }
    }

    /// Where a match ends that begins at a place.
    #[inline(always)]
    fn end(&mut self, text: &[u8], place: usize) -> Result<Option<usize>, usize> {
        match self.shapes.map_or(Fit::Maybe, |shapes| shapes.fit(text, place)) {
            Fit::No => Ok(None),
            Fit::Maybe => self.walk(text, place),
            Fit::To(end) => {
                self.steps = self.steps.saturating_sub(end - place);
                Ok(Some(end))
            }
        }
    }

    fn walk(&mut self, text: &[u8], place: usize) -> Result<Option<usize>, usize> {
        let Some((walker, cache)) = &mut self.of else { return Err(place) };
        match walker.walk(cache, text, place, &mut self.steps) {
            Walked::To(end) => Ok(end),
            Walked::Tired => {
                self.of = None;
                Err(place)
            }
        }
    }

    /// To where what begins at `place` or behind it is far from everything.
    fn far(&mut self, place: usize) -> Option<usize> {
        self.near?.next(place, place + self.longest?, &mut self.passed)
    }

    /// The first of the places at or behind `at`: mostly it is not far from the next one.
    fn first(&self, at: usize) -> usize {
        let (mut low, mut step) = (self.next, 1);
        if self.places.get(low).is_some_and(|&place| (place as usize) < at) {
            while self.places.get(low + step).is_some_and(|&place| (place as usize) < at) {
                low += step;
                step *= 2;
            }
        } else {
            step = low;
            low = 0;
        }
        let part = self.places.get(low..(low + step + 1).min(self.places.len())).unwrap_or(&[]);
        low + part.partition_point(|&place| (place as usize) < at)
    }

    /// A place, at most at `to`, that no match which begins at or behind `from` goes beyond; `from` itself if it is hard to find.
    fn between(&mut self, text: &[u8], from: usize, to: usize) -> Result<usize, usize> {
        let longest = self.longest.unwrap_or(0);
        let mut to = to.min(text.len() + 1);
        for _ in 0..BACK {
            let first = self.first(from.max(to.saturating_sub(longest)));
            let mut straddles = None;
            for &place in self.places.get(first..).unwrap_or(&[]).iter().take_while(|&&place| (place as usize) < to) {
                let end = self.end(text, place as usize).map_err(|_| from)?;
                if end.is_some_and(|end| end > to) {
                    straddles = Some(place as usize);
                    break;
                }
            }
            match straddles {
                None => return Ok(to),
                Some(place) => to = place,
            }
        }
        Ok(from)
    }
}
