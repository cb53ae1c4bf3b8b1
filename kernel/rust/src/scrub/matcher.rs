//! Which of a stage's rules may find something in a text: one pass tells it of nearly all, and the few that are left look
//! for themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, WhichCaptures, NFA};
use regex_automata::Input;
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};
use serde_json::Value as Json;

use super::rule::ValueRule;
use super::sieve::Sieve;
use super::symbols::{cost, Window};
use super::windows::windows;
use crate::program::lock;
use crate::regex;

/// For the lazily built automaton, one in each scratch.
const CACHE_BYTES: usize = 4 << 20;
const NFA_BYTES: usize = 16 << 20;
/// So many times rarer are words than their letters say.
const WORDS: f64 = 4.0;
/// Windows of so many patterns are remembered.
const MOST_KNOWN: usize = 1024;
/// In a longer text rules do not look twice.
const LONG: usize = 2048;

pub struct Matcher {
    /// Catches every text in which a rule finds something, apart from those of `beyond`.
    sieve: Sieve,
    /// The rules that have no windows, and what stops at the first match of any of them; none if they are too large together.
    beyond: Vec<usize>,
    rest: Option<dfa::DFA>,
    rules: usize,
    shortest: usize,
}

pub struct Cache {
    rest: Option<dfa::Cache>,
    /// The rules that `search` found.
    found: Vec<bool>,
    /// Whether there are any.
    some: bool,
}

impl Cache {
    /// Whether the rule may find something in the text that was searched last.
    pub fn has(&self, rule: usize) -> bool {
        self.found.get(rule).is_some_and(|found| *found)
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

    /// The pattern or what must be near it, whichever is the rarer one, with its windows. Words are rarer than they seem where
    /// values are new, for most of those are identifiers.
    fn rarer(self) -> (Option<Hir>, Option<Vec<Window>>) {
        let own = regex::hir(self.pattern).ok().map(|hir| pruned(&hir, self.group));
        let windows = own.as_ref().and_then(known_windows);
        let Some(near) = self.near.and_then(|near| regex::hir(near).ok()) else { return (own, windows) };
        let price = |windows: &Option<Vec<Window>>| windows.as_ref().map_or(1.0, |windows| cost(windows));
        let other = known_windows(&near);
        if price(&other) < WORDS * price(&windows) {
            (Some(near), other)
        } else {
            (own, windows)
        }
    }
}

impl Matcher {
    /// Of what the rules look for; the patterns were compiled one by one before. A rule counts only matches in which its group
    /// takes part, so branches of the pattern without the group are left out here.
    pub fn new<'a>(rules: impl Iterator<Item = Sought<'a>>) -> Matcher {
        let (hirs, sets): (Vec<Option<Hir>>, Vec<Option<Vec<Window>>>) = rules.map(Sought::rarer).unzip();
        let least =
            |hir: &Option<Hir>| hir.as_ref().map_or(0, |hir| hir.properties().minimum_len().unwrap_or(usize::MAX));
        let shortest = hirs.iter().map(least).min().unwrap_or(usize::MAX);
        let beyond: Vec<usize> =
            sets.iter().enumerate().filter(|(_, set)| set.is_none()).map(|(rule, _)| rule).collect();
        let all = sets.into_iter().enumerate();
        let all = all.flat_map(|(rule, set)| set.into_iter().flatten().map(move |window| (window, rule)));
        let sieve = Sieve::new(&all.collect::<Vec<_>>());
        let rest: Option<Vec<Hir>> = beyond.iter().map(|&rule| hirs.get(rule).cloned().flatten()).collect();
        let rest = rest.filter(|rest| !rest.is_empty()).and_then(|rest| lazy(&nfa(&rest)?));
        Matcher { sieve, rest, beyond, rules: hirs.len(), shortest }
    }

    /// No rule finds anything in a text of fewer bytes.
    #[inline]
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    pub fn cache(&self) -> Cache {
        Cache { rest: self.rest.as_ref().map(dfa::DFA::create_cache), found: vec![false; self.rules], some: false }
    }

    /// False only when none of the rules finds anything in the text; `Cache::has` tells which may.
    #[inline]
    pub fn search(&self, cache: &mut Cache, rules: &[ValueRule], text: &[u8]) -> bool {
        let Cache { rest, found, some } = cache;
        if std::mem::take(some) {
            found.fill(false);
        }
        let mut may = |rule: usize| {
            if let Some(found) = found.get_mut(rule) {
                *found = true;
            }
        };
        let mut any = self.sieve.catches(text, &mut may);
        let more = match (&self.rest, rest) {
            (Some(dfa), Some(cache)) => finds_something(dfa, cache, text),
            _ => true,
        };
        if more {
            any |= !self.beyond.is_empty();
            self.beyond.iter().for_each(|&rule| may(rule));
        }
        *some = any;
        if !any || text.len() > LONG {
            return any;
        }
        any = false;
        for (found, rule) in found.iter_mut().zip(rules).filter(|(found, _)| **found) {
            *found = rule.may_find(text);
            any |= *found;
        }
        any
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

fn finds_something(any: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8]) -> bool {
    !matches!(any.try_search_fwd(cache, &Input::new(text).earliest(true)), Ok(None))
}

fn nfa(hirs: &[Hir]) -> Option<NFA> {
    let config =
        thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(NFA_BYTES));
    thompson::Compiler::new().configure(config).build_many_from_hir(hirs).ok()
}

fn lazy(nfa: &NFA) -> Option<dfa::DFA> {
    let config = dfa::Config::new().cache_capacity(CACHE_BYTES).skip_cache_capacity_check(true);
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
        let spec = |&(pattern, group): &(&str, usize)| serde_json::json!({"pattern": pattern, "group": group, "action": {"do": "drop"}});
        let specs: Vec<Json> = rules.iter().map(spec).collect();
        let rules: Vec<ValueRule> = specs.iter().map(|spec| ValueRule::compile(spec).unwrap()).collect();
        let matcher = Matcher::new(specs.iter().zip(&rules).filter_map(Sought::of));
        let mut cache = matcher.cache();
        match matcher.search(&mut cache, &rules, text.as_bytes()) {
            true => (0..rules.len()).filter(|&rule| cache.has(rule)).collect(),
            false => Vec::new(),
        }
    }

    #[test]
    fn only_rules_that_may_find_something_are_told() {
        let rules = [("x@(?:[0-9]+|([a-z]+))", 1), ("q@", 0), ("(?:a|(b)){2}c@", 1), ("[a-z]z", 0)];
        assert_eq!(finds(&rules, "x-12"), Vec::<usize>::new());
        assert_eq!(finds(&rules, "x@home q@"), vec![0, 1]);
        assert_eq!(finds(&rules, "abc@"), vec![2]);
        assert_eq!(finds(&rules, "az"), vec![3]);
    }

    #[test]
    fn branches_without_the_group_do_not_count() {
        let hir = pruned(&regex::hir("x@(?:[0-9]+|([a-z]+))").unwrap(), 1);
        assert_eq!(hir, pruned(&hir, 1));
        assert!(hir.properties().minimum_len() == Some(3) && !format!("{hir:?}").contains("'0'"));
    }
}
