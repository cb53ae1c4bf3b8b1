//! Rules that look for the same words in the midst of what they match: one pass tells which of them find anything at all.

use std::sync::OnceLock;

use regex_automata::hybrid::{dfa, LazyStateID};
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::{Hir, HirKind, Repetition};

use crate::regex;
use crate::scrub::automaton::automaton;
use crate::scrub::sought::{pruned, Sought};
use crate::scrub::symbols::Window;

/// For the lazily built automaton of one family, in each scratch.
const CACHE_BYTES: usize = 4 << 20;
/// It gives up where its states take more memory than this, and than a part of the bytes that were read.
const GROWTH: usize = 1 << 18;
const PART: usize = 2;
/// No further it is counted how often something is repeated at most, and at least.
const COUNTED: u32 = 8;
const LEAST: u32 = 24;
/// So many bytes are read before that is looked at again.
const CHUNK: usize = 1024;

pub struct Family {
    /// Patterns and their groups.
    patterns: Vec<(String, usize)>,
    dfa: OnceLock<Option<dfa::DFA>>,
}

impl Family {
    pub fn new<'a>(members: impl Iterator<Item = &'a Sought>) -> Family {
        let patterns = members.map(|member| (member.pattern.clone(), member.group)).collect();
        Family { patterns, dfa: OnceLock::new() }
    }

    /// Of each member whether it may find something.
    pub fn told(&self, cache: &mut Option<dfa::Cache>, text: &[u8]) -> Vec<bool> {
        let told = self.dfa().and_then(|dfa| found(dfa, cache.get_or_insert_with(|| dfa.create_cache()), text));
        told.unwrap_or_else(|| {
            *cache = None;
            vec![true; self.patterns.len()]
        })
    }

    fn dfa(&self) -> Option<&dfa::DFA> {
        self.dfa.get_or_init(|| all_of(&self.patterns)).as_ref()
    }
}

/// Of each pattern whether it is found; None when that is too much to find out.
fn found(dfa: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8]) -> Option<Vec<bool>> {
    let mut found = vec![false; dfa.pattern_len()];
    let (mut state, begun) = (dfa.start_state_forward(cache, &Input::new(text)).ok()?, cache.memory_usage());
    let mut note = |cache: &dfa::Cache, state: LazyStateID| {
        for index in 0..dfa.match_len(cache, state) {
            let pattern = dfa.match_pattern(cache, state, index).as_usize();
            found.get_mut(pattern).into_iter().for_each(|found| *found = true);
        }
    };
    for (index, chunk) in text.chunks(CHUNK).enumerate() {
        for &byte in chunk {
            state = dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                if state.is_match() {
                    note(cache, state);
                } else if state.is_quit() {
                    return None;
                }
            }
        }
        if cache.memory_usage() > begun + GROWTH + index * CHUNK / PART {
            return None;
        }
    }
    state = dfa.next_eoi_state(cache, state).ok()?;
    if state.is_match() {
        note(cache, state);
    }
    Some(found)
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
