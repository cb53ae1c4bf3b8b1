//! Rules that look for the same words in the midst of what they match, or begin in the same places: one pass tells which of
//! them find anything at all.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex_automata::hybrid::{dfa, LazyStateID};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Hir, HirKind, Repetition};

use crate::regex;
use crate::scrub::automaton::automaton;
use crate::scrub::sought::{pruned, Sought};
use crate::scrub::symbols::Window;

/// For the lazily built automaton of one family, in each scratch.
const CACHE_BYTES: usize = 4 << 20;
/// It gives up where its states take more memory than this, and than a part of the bytes that were read.
const GROWTH: usize = 1 << 17;
const PART: usize = 4;
/// No further it is counted how often something is repeated at most, and at least.
const COUNTED: u32 = 8;
const LEAST: u32 = 24;
/// So many bytes, or places, are read before that is looked at again.
const CHUNK: usize = 1024;
/// So many bytes are read at most behind one place, and behind each on average.
const FAR: usize = 512;
const STEPS: usize = 16;

pub struct Family {
    /// Patterns and their groups.
    patterns: Vec<(String, usize)>,
    /// Of places, if its members begin in the same ones.
    pub list: Option<usize>,
    dfa: OnceLock<Option<dfa::DFA>>,
}

/// What is known while a text is read.
struct Told {
    /// Of each pattern whether it was found.
    found: Vec<bool>,
    missing: usize,
    /// The state that told something last.
    last: Option<LazyStateID>,
    /// The memory of the automaton before.
    begun: usize,
}

impl Family {
    pub fn new<'a>(members: impl Iterator<Item = &'a Sought>, list: Option<usize>) -> Family {
        let patterns = members.map(|member| (member.pattern.clone(), member.group)).collect();
        Family { patterns, list, dfa: OnceLock::new() }
    }

    /// Of each member whether it may find something, which begins at one of these places if there are any.
    pub fn told(&self, cache: &mut Option<dfa::Cache>, text: &[u8], places: Option<&[u32]>) -> Vec<bool> {
        let told = self.dfa().and_then(|dfa| {
            let cache = cache.get_or_insert_with(|| dfa.create_cache());
            match places {
                None => found(dfa, cache, text),
                Some(places) => found_at(dfa, cache, text, places),
            }
        });
        if told.is_none() && cache.as_ref().is_some_and(|cache| cache.memory_usage() > CACHE_BYTES / 2) {
            *cache = None;
        }
        told.unwrap_or_else(|| vec![true; self.patterns.len()])
    }

    fn dfa(&self) -> Option<&dfa::DFA> {
        self.dfa.get_or_init(|| all_of(&self.patterns)).as_ref()
    }
}

impl Told {
    fn new(dfa: &dfa::DFA, cache: &dfa::Cache) -> Told {
        let missing = dfa.pattern_len();
        Told { found: vec![false; missing], missing, last: None, begun: cache.memory_usage() }
    }

    fn note(&mut self, dfa: &dfa::DFA, cache: &dfa::Cache, state: LazyStateID) {
        if self.last.replace(state) == Some(state) {
            return;
        }
        for index in 0..dfa.match_len(cache, state) {
            let pattern = dfa.match_pattern(cache, state, index).as_usize();
            if let Some(found) = self.found.get_mut(pattern).filter(|found| !**found) {
                *found = true;
                self.missing -= 1;
            }
        }
    }

    /// Whether that takes too much memory, after so many bytes.
    fn is_large(&self, cache: &dfa::Cache, read: usize) -> bool {
        cache.memory_usage() > self.begun + GROWTH + read / PART
    }
}

/// Of each pattern whether it is found at one of these places; None when that is too much to find out.
fn found_at(dfa: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8], places: &[u32]) -> Option<Vec<bool>> {
    let (mut told, mut read) = (Told::new(dfa, cache), 0);
    for chunk in places.chunks(CHUNK) {
        for &place in chunk {
            let most = (STEPS * places.len() + FAR).saturating_sub(read).min(FAR);
            read += found_behind(dfa, cache, (text, place as usize, most), &mut told)?;
        }
        if told.missing == 0 {
            break;
        } else if told.is_large(cache, read) {
            return None;
        }
    }
    Some(told.found)
}

/// How many bytes were read; None when they are not enough, or the automaton gave up.
fn found_behind(
    dfa: &dfa::DFA,
    cache: &mut dfa::Cache,
    (text, place, most): (&[u8], usize, usize),
    told: &mut Told,
) -> Option<usize> {
    let input = Input::new(text).range(place..).anchored(Anchored::Yes);
    let mut state = dfa.start_state_forward(cache, &input).ok()?;
    let rest = text.get(place..).unwrap_or(&[]);
    for (read, &byte) in rest.iter().take(most).enumerate() {
        state = dfa.next_state(cache, state, byte).ok()?;
        if state.is_tagged() {
            if state.is_match() {
                told.note(dfa, cache, state);
            } else if state.is_dead() {
                return Some(read);
            } else if state.is_quit() {
                return None;
            }
        }
    }
    if rest.len() > most {
        return None;
    }
    state = dfa.next_eoi_state(cache, state).ok()?;
    if state.is_match() {
        told.note(dfa, cache, state);
    }
    Some(rest.len())
}

/// Of each pattern whether it is found; None when that is too much to find out.
fn found(dfa: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8]) -> Option<Vec<bool>> {
    let (mut state, mut told) = (dfa.start_state_forward(cache, &Input::new(text)).ok()?, Told::new(dfa, cache));
    for (index, chunk) in text.chunks(CHUNK).enumerate() {
        for &byte in chunk {
            state = dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                if state.is_match() {
                    told.note(dfa, cache, state);
                } else if state.is_quit() {
                    return None;
                }
            }
        }
        if told.is_large(cache, index * CHUNK) {
            return None;
        }
    }
    state = dfa.next_eoi_state(cache, state).ok()?;
    if state.is_match() {
        told.note(dfa, cache, state);
    }
    Some(told.found)
}

/// A pattern that is found wherever this one is and that counts no further than it must: in words before what is looked for
/// every place would be a state of its own.
fn loose(hir: &Hir) -> Hir {
    let all = |parts: &[Hir]| parts.iter().map(loose).collect();
    match hir.kind() {
        HirKind::Repetition(one) => {
            let (min, max) = (one.min.min(LEAST), one.max.filter(|max| *max <= COUNTED));
            Hir::repetition(Repetition { min, max, sub: Box::new(loose(&one.sub)), ..one.clone() })
        }
        HirKind::Capture(capture) => loose(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        _ => hir.clone(),
    }
}

fn all_of(patterns: &[(String, usize)]) -> Option<dfa::DFA> {
    let hir = |(pattern, group): &(String, usize)| Some(loose(&pruned(&regex::hir(pattern).ok()?, *group)));
    let hirs: Vec<Hir> = patterns.iter().map(hir).collect::<Option<_>>()?;
    let config =
        dfa::Config::new().match_kind(MatchKind::All).cache_capacity(CACHE_BYTES).minimum_cache_clear_count(Some(0));
    automaton(&hirs, config)
}

/// Rules that share a window with another one, by their numbers.
pub fn families(rules: &[(usize, &[Window])]) -> Vec<Vec<usize>> {
    let mut all: Vec<(Vec<usize>, Vec<&Window>)> = Vec::new();
    for (rule, windows) in rules {
        let (mut members, mut seen): (Vec<usize>, Vec<&Window>) = (vec![*rule], windows.iter().collect());
        let (alike, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(_, its)| its.iter().any(|window| seen.contains(window)));
        all = others;
        for (more, windows) in alike {
            members.extend(more);
            seen.extend(windows);
        }
        members.sort_unstable();
        all.push((members, seen));
    }
    all.into_iter().map(|(members, _)| members).filter(|members| members.len() > 1).collect()
}

/// Rules with the list of places where each may begin, by their numbers: those that have the same one, and which it is.
pub fn neighbours(rules: impl Iterator<Item = (usize, usize)>) -> Vec<(Vec<usize>, usize)> {
    let mut all: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    rules.for_each(|(rule, list)| all.entry(list).or_default().push(rule));
    all.into_iter().filter(|(_, members)| members.len() > 1).map(|(list, members)| (members, list)).collect()
}
