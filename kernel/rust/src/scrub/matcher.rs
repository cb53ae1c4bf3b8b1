//! All patterns of a stage at once: one pass over a text tells which of the rules may find something in it.
//!
//! A rule counts only matches in which its group takes part, so branches of the pattern without the group are left out
//! here: what remains is found wherever the rule finds something (and, rarely, elsewhere).

use std::collections::BTreeMap;
use std::sync::Mutex;

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, WhichCaptures, NFA};
use regex_automata::{Input, MatchKind, PatternSet};
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};
use serde_json::Value as Json;

use super::rule::ValueRule;
use super::sieve::Sieve;
use super::symbols::{cost, Window};
use super::windows::windows;
use crate::program::lock;
use crate::regex;

/// For each lazily built automaton, two in each scratch.
const CACHE_BYTES: usize = 4 << 20;
const NFA_BYTES: usize = 16 << 20;
/// Windows of so many patterns are remembered.
const MOST_KNOWN: usize = 1024;

pub struct Matcher {
    /// None when the patterns are too large together: every text is taken through all the rules then.
    automata: Option<Automata>,
    /// Catches every text in which a rule finds something, apart from those of `rest`.
    sieve: Sieve,
    rules: usize,
    shortest: usize,
}

struct Automata {
    /// Stops at the first match of any pattern.
    any: dfa::DFA,
    /// Tells all patterns that match.
    each: dfa::DFA,
    /// As `any`, of the patterns that are beyond the sieve.
    rest: Option<dfa::DFA>,
}

pub struct Cache {
    automata: Option<Caches>,
    /// The rules that `search` found.
    found: PatternSet,
}

struct Caches {
    any: dfa::Cache,
    each: dfa::Cache,
    rest: Option<dfa::Cache>,
}

impl Cache {
    /// Whether the rule may find something in the text that was searched last.
    pub fn has(&self, rule: usize) -> bool {
        self.automata.is_none() || regex_automata::PatternID::new(rule).is_ok_and(|id| self.found.contains(id))
    }
}

/// What must be found in a text in which a rule finds something.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    pattern: &'a str,
    group: usize,
    near: Option<&'a str>,
}

impl<'a> Sought<'a> {
    /// Of a rule and its data.
    pub fn of((spec, rule): (&'a Json, &ValueRule)) -> Option<Sought<'a>> {
        let near = spec.get("near").and_then(|near| near.get("pattern")?.as_str());
        Some(Sought { pattern: spec.get("pattern")?.as_str()?, group: rule.group(), near })
    }

    /// The pattern or what must be near it, whichever is the rarer one, with its windows.
    fn rarer(self) -> (Option<Hir>, Option<Vec<Window>>) {
        let own = regex::hir(self.pattern).ok().map(|hir| pruned(&hir, self.group));
        let windows = own.as_ref().and_then(known_windows);
        let Some(near) = self.near.and_then(|near| regex::hir(near).ok()) else { return (own, windows) };
        let price = |windows: &Option<Vec<Window>>| windows.as_ref().map_or(1.0, |windows| cost(windows));
        let other = known_windows(&near);
        if price(&other) < price(&windows) {
            (Some(near), other)
        } else {
            (own, windows)
        }
    }
}

impl Matcher {
    /// Of what the rules look for; the patterns were compiled one by one before.
    pub fn new<'a>(rules: impl Iterator<Item = Sought<'a>>) -> Matcher {
        let (hirs, sets): (Vec<Option<Hir>>, Vec<Option<Vec<Window>>>) = rules.map(Sought::rarer).unzip();
        let rules = hirs.len();
        let least =
            |hir: &Option<Hir>| hir.as_ref().map_or(0, |hir| hir.properties().minimum_len().unwrap_or(usize::MAX));
        let shortest = hirs.iter().map(least).min().unwrap_or(usize::MAX);
        let beyond: Vec<bool> = sets.iter().map(Option::is_none).collect();
        let sieve = Sieve::new(sets.into_iter().flatten().flatten().collect());
        let automata = hirs.into_iter().collect::<Option<Vec<Hir>>>().and_then(|hirs| Automata::build(&hirs, &beyond));
        Matcher { automata, sieve, rules, shortest }
    }

    /// No rule finds anything in a text of fewer bytes.
    #[inline]
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    pub fn cache(&self) -> Cache {
        let automata = self.automata.as_ref().map(|all| Caches {
            any: all.any.create_cache(),
            each: all.each.create_cache(),
            rest: all.rest.as_ref().map(dfa::DFA::create_cache),
        });
        Cache { automata, found: PatternSet::new(self.rules) }
    }

    /// False only when no rule finds anything in the text; `Cache::has` tells which may.
    #[inline]
    pub fn search(&self, cache: &mut Cache, text: &[u8]) -> bool {
        let (Some(all), Some(caches)) = (&self.automata, &mut cache.automata) else {
            return true;
        };
        if !self.sieve.catches(text) {
            let rest = all.rest.as_ref().zip(caches.rest.as_mut());
            if rest.is_none_or(|(rest, cache)| finds_nothing(rest, cache, text)) {
                return false;
            }
        }
        if finds_nothing(&all.any, &mut caches.any, text) {
            return false;
        }
        cache.found.clear();
        if all.each.try_which_overlapping_matches(&mut caches.each, &Input::new(text), &mut cache.found).is_err() {
            cache.automata = None;
        }
        true
    }
}

/// The windows of a pattern; those of the last patterns are remembered, for the same ones are compiled again and again.
fn known_windows(hir: &Hir) -> Option<Vec<Window>> {
    static KNOWN: Mutex<BTreeMap<String, Option<Vec<Window>>>> = Mutex::new(BTreeMap::new());
    let name = format!("{hir:?}");
    if let Some(known) = lock(&KNOWN).get(&name) {
        return known.clone();
    }
    let new = windows(hir);
    let mut known = lock(&KNOWN);
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(name, new.clone());
    new
}

fn finds_nothing(any: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8]) -> bool {
    matches!(any.try_search_fwd(cache, &Input::new(text).earliest(true)), Ok(None))
}

impl Automata {
    fn build(hirs: &[Hir], beyond: &[bool]) -> Option<Automata> {
        let nfa = nfa(hirs)?;
        let rest: Vec<Hir> =
            hirs.iter().zip(beyond).filter(|(_, beyond)| **beyond).map(|(hir, _)| hir.clone()).collect();
        let rest = if rest.is_empty() { None } else { Some(lazy(&self::nfa(&rest)?, MatchKind::LeftmostFirst)?) };
        Some(Automata { any: lazy(&nfa, MatchKind::LeftmostFirst)?, each: lazy(&nfa, MatchKind::All)?, rest })
    }
}

fn nfa(hirs: &[Hir]) -> Option<NFA> {
    if hirs.is_empty() {
        return None;
    }
    let config =
        thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(NFA_BYTES));
    thompson::Compiler::new().configure(config).build_many_from_hir(hirs).ok()
}

fn lazy(nfa: &NFA, kind: MatchKind) -> Option<dfa::DFA> {
    let config = dfa::Config::new().match_kind(kind).cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true);
    dfa::Builder::new().configure(config).build_from_nfa(nfa.clone()).ok()
}

/// The pattern without the alternatives in which `group` takes no part.
fn pruned(hir: &Hir, group: usize) -> Hir {
    if group == 0 || !holds(hir, group) {
        return hir.clone();
    }
    match hir.kind() {
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().filter(|part| holds(part, group)).map(|part| pruned(part, group)).collect())
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| pruned(part, group)).collect()),
        HirKind::Capture(capture) => {
            let sub = Box::new(pruned(&capture.sub, group));
            Hir::capture(Capture { index: capture.index, name: capture.name.clone(), sub })
        }
        // Several rounds may take different branches.
        HirKind::Repetition(repetition) if repetition.max == Some(1) => {
            Hir::repetition(Repetition { sub: Box::new(pruned(&repetition.sub, group)), ..repetition.clone() })
        }
        _ => hir.clone(),
    }
}

fn holds(hir: &Hir, group: usize) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => capture.index as usize == group || holds(&capture.sub, group),
        HirKind::Repetition(repetition) => holds(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| holds(part, group)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(rules: &[(&str, usize)], text: &str) -> Vec<usize> {
        let matcher = Matcher::new(rules.iter().map(|&(pattern, group)| Sought { pattern, group, near: None }));
        let mut cache = matcher.cache();
        match matcher.search(&mut cache, text.as_bytes()) {
            true => (0..rules.len()).filter(|&rule| cache.has(rule)).collect(),
            false => Vec::new(),
        }
    }

    #[test]
    fn branches_without_the_group_do_not_count() {
        let rules = [("x@(?:[0-9]+|([a-z]+))", 1), ("q", 0), ("(?:a|(b)){2}c", 1)];
        assert_eq!(finds(&rules, "x@12"), Vec::<usize>::new());
        assert_eq!(finds(&rules, "x@home q"), vec![0, 1]);
        assert_eq!(finds(&rules, "abc"), vec![2]);
    }
}
