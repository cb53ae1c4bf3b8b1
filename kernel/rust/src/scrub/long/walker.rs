//! A pattern at one place of a text: whether a match begins there, and where it ends.

use std::sync::OnceLock;

use regex_automata::hybrid::{dfa, LazyStateID};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;

use super::groups::{marked, marked_last, MARK};
use super::split::Parts;
use crate::regex;
use crate::scrub::automaton::automaton;

/// For the lazily built automaton of one pattern, in each scratch.
const CACHE_BYTES: usize = 1 << 20;

/// A pattern that is asked place by place. Its automaton is there once it was asked for.
pub struct Walker {
    pattern: String,
    part: Part,
    dfa: OnceLock<Option<dfa::DFA>>,
}

/// Of a pattern.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    Whole,
    /// With marks that tell whether a group takes part.
    Marked(usize),
    /// The same for matches at the end of a text.
    Last(usize),
    /// What stands before a group, and the rest: all that they may be, not what is the best.
    Before(usize),
    Behind(usize),
}

/// What became of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walked {
    /// To the end of the match, if there is one.
    To(Option<usize>),
    /// Nobody knows: it took too much memory, or too many steps.
    Tired,
}

impl Walker {
    pub fn new(pattern: &str, part: Part) -> Walker {
        Walker { pattern: pattern.to_owned(), part, dfa: OnceLock::new() }
    }

    pub fn dfa(&self) -> Option<&dfa::DFA> {
        self.dfa.get_or_init(|| of_part(&self.pattern, self.part)).as_ref()
    }

    /// What the automaton says; without an answer it has taken too much memory, and begins anew.
    fn ask<T>(
        &self,
        cache: &mut Option<dfa::Cache>,
        asked: impl FnOnce(&dfa::DFA, &mut dfa::Cache) -> Option<T>,
    ) -> Option<T> {
        let dfa = self.dfa()?;
        let answer = asked(dfa, cache.get_or_insert_with(|| dfa.create_cache()));
        if answer.is_none() {
            *cache = None;
        }
        answer
    }

    /// How many marks stand behind the match that has this place, and behind something more; None when nobody knows.
    pub fn marks(
        &self,
        cache: &mut Option<dfa::Cache>,
        text: &[u8],
        place: (usize, usize),
        more: &[u8],
    ) -> Option<usize> {
        self.ask(cache, |dfa, cache| marks(dfa, cache, (text, place), more))?
    }

    /// Where it may end that begins at `start`, not behind `end`; None when these are more than `most`, or nobody knows.
    pub fn ends(
        &self,
        cache: &mut Option<dfa::Cache>,
        text: &[u8],
        place: (usize, usize),
        most: usize,
    ) -> Option<Vec<usize>> {
        self.ask(cache, |dfa, cache| ends(dfa, cache, text, place, most))?
    }

    /// Whether all of a part of a text may be it; None when nobody knows.
    pub fn is_whole(&self, cache: &mut Option<dfa::Cache>, text: &[u8], place: (usize, usize)) -> Option<bool> {
        self.ask(cache, |dfa, cache| is_whole(dfa, cache, text, place))
    }

    /// Where the match ends that begins at `from`; each byte that is read is a step.
    pub fn walk(&self, cache: &mut Option<dfa::Cache>, text: &[u8], from: usize, steps: &mut usize) -> Walked {
        self.ask(cache, |dfa, cache| walk(dfa, cache, text, from, steps)).map_or(Walked::Tired, Walked::To)
    }
}

fn walk(dfa: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8], from: usize, steps: &mut usize) -> Option<Option<usize>> {
    let input = Input::new(text).range(from..).anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    let (most, mut end) = (from.saturating_add(*steps), None);
    let (bytes, tires) = text.get(from..=most).map_or((text.get(from..)?, false), |bytes| (bytes, true));
    for (at, &byte) in (from..).zip(bytes) {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_tagged() {
            if state.is_match() {
                // What an automaton says it says one byte later.
                end = Some(at);
            } else if state.is_dead() {
                *steps -= at - from;
                return Some(end);
            } else if state.is_quit() {
                return None;
            }
        }
    }
    if tires {
        *steps = 0;
        return None;
    }
    *steps = most.saturating_sub(text.len());
    state = dfa.next_eoi_state(cache, state).ok()?;
    Some(if state.is_match() { Some(text.len()) } else { end })
}

fn marks(
    dfa: &dfa::DFA,
    cache: &mut dfa::Cache,
    (text, (start, end)): (&[u8], (usize, usize)),
    more: &[u8],
) -> Option<Option<usize>> {
    let input = Input::new(text).range(start..).anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    for &byte in text.get(start..end)?.iter().chain(more) {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_tagged() && state.is_quit() {
            return None;
        } else if state.is_tagged() && state.is_dead() {
            return Some(None);
        }
    }
    marks_behind(dfa, cache, state)
}

/// How many marks stand behind a match that ends where the automaton is.
pub fn marks_behind(dfa: &dfa::DFA, cache: &mut dfa::Cache, mut state: LazyStateID) -> Option<Option<usize>> {
    let mut marks = None;
    // A match is told one byte later.
    for count in 0..2 {
        state = dfa.next_state(cache, state, MARK).ok()?;
        marks = if state.is_match() { Some(count) } else { marks };
    }
    let state = dfa.next_eoi_state(cache, state).ok()?;
    Some(if state.is_match() { Some(2) } else { marks }.filter(|&marks| marks > 0))
}

fn ends(
    dfa: &dfa::DFA,
    cache: &mut dfa::Cache,
    text: &[u8],
    (start, end): (usize, usize),
    most: usize,
) -> Option<Option<Vec<usize>>> {
    let input = Input::new(text).range(start..).anchored(Anchored::Yes);
    let (mut state, mut ends) = (dfa.start_state_forward(cache, &input).ok()?, Vec::with_capacity(most));
    for (at, &byte) in text.iter().enumerate().take(end + 1).skip(start) {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_tagged() {
            if state.is_quit() {
                return None;
            } else if state.is_dead() {
                return Some(Some(ends));
            } else if ends.len() == most {
                return Some(None);
            }
            ends.push(at);
        }
    }
    if end == text.len() && dfa.next_eoi_state(cache, state).ok()?.is_match() {
        ends.push(end);
    }
    Some(Some(ends))
}

fn is_whole(dfa: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8], (start, end): (usize, usize)) -> Option<bool> {
    let input = Input::new(text).range(start..).anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    for &byte in text.get(start..end)? {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_dead() {
            return Some(false);
        } else if state.is_quit() {
            return None;
        }
    }
    let last = match text.get(end) {
        Some(&byte) => dfa.next_state(cache, state, byte),
        None => dfa.next_eoi_state(cache, state),
    };
    last.ok().map(|state| state.is_match())
}

fn of_part(pattern: &str, part: Part) -> Option<dfa::DFA> {
    let hir = regex::hir(pattern).ok()?;
    let hir = match part {
        Part::Whole => hir,
        Part::Marked(group) => marked(&hir, group)?,
        Part::Last(group) => marked_last(&hir, group)?,
        Part::Before(group) => Hir::concat(Parts::of(&hir, group)?.before),
        Part::Behind(group) => {
            let Parts { group, behind, .. } = Parts::of(&hir, group)?;
            Hir::concat(std::iter::once(group).chain(behind).collect())
        }
    };
    let all = matches!(part, Part::Before(_) | Part::Behind(_));
    let config = dfa::Config::new()
        .cache_capacity(CACHE_BYTES)
        .match_kind(if all { MatchKind::All } else { MatchKind::LeftmostFirst })
        .minimum_cache_clear_count(Some(2));
    automaton(&[hir], config)
}
