//! Which of a stage's rules may find something in a text: one pass tells it of nearly all, and the few that are left look
//! for themselves.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use regex_automata::hybrid::dfa;
use regex_automata::Input;
use regex_syntax::hir::Hir;

use super::automaton::automaton;
use super::long::{self, Long};
use super::rule::ValueRule;
use super::sieve::Sieve;
use super::sought::{Found, Sought};
use super::windows::Windows;
use crate::shared::Shared;

/// For the lazily built automaton, one in each scratch.
const CACHE_BYTES: usize = 4 << 20;
/// An automaton gives up where its states are used less often than this.
const BYTES_A_STATE: usize = 10;
/// A longer text goes another way through the rules, where many of them may find something.
pub const LONG: usize = 2048;
/// So many rules search a whole long text one after the other, and it is read so often to know which: less often where it is
/// large, and then what they find may be too much for them.
const FEW: usize = 4;
const LOOKS: usize = 12;
const LOOKS_AT_LARGE: usize = 4;
const LARGE: usize = 1 << 16;

static KNOWN: Shared<Vec<Sought>, Matcher> = Shared::new();

pub struct Matcher {
    /// Catches every text in which a rule finds something, apart from those of `beyond`.
    sieve: Sieve,
    /// The rules that have no windows, and what stops at the first match of any of them; none if they are too large together.
    beyond: Vec<usize>,
    rest: Option<dfa::DFA>,
    rules: usize,
    shortest: usize,
    /// For long texts of which many rules may find something; made for the first one.
    long: OnceLock<Long>,
    /// What the rules look for, shared with other stages with some of the same rules.
    known: Vec<(Sought, Arc<Found>)>,
}

#[derive(Default)]
pub struct Cache {
    rest: Option<dfa::Cache>,
    /// The rules that `search` found.
    found: Vec<bool>,
    /// Whether there are any.
    some: bool,
    told: bool,
    long: long::Cache,
}

impl Cache {
    /// Whether the rule may find something in the text that was searched last.
    pub fn has(&self, rule: usize) -> bool {
        self.found.get(rule).is_some_and(|found| *found)
    }

    /// Whether `has` tells of the long text that was searched last: then few rules may find something.
    pub fn told(&self) -> bool {
        self.told
    }

    pub fn long(&mut self) -> &mut long::Cache {
        &mut self.long
    }
}

impl Matcher {
    /// Of what the rules look for; the patterns were compiled one by one before. Equal rules share it.
    pub fn of(rules: impl Iterator<Item = Sought>) -> Arc<Matcher> {
        let rules: Vec<Sought> = rules.collect();
        let Ok(matcher) = KNOWN.get(&rules[..], || Ok::<Matcher, Infallible>(Matcher::new(&rules)));
        matcher
    }

    fn new(rules: &[Sought]) -> Matcher {
        let mut windows = Windows::default();
        let known: Vec<(Sought, Arc<Found>)> =
            rules.iter().map(|rule| (rule.clone(), rule.found(&mut windows))).collect();
        let sets = || known.iter().enumerate().map(|(rule, (_, found))| (rule, found.windows.as_deref()));
        let all = sets().flat_map(|(rule, set)| set.into_iter().flatten().map(move |window| (window.clone(), rule)));
        let sieve = Sieve::new(&all.collect::<Vec<_>>());
        let beyond: Vec<usize> = sets().filter(|(_, set)| set.is_none()).map(|(rule, _)| rule).collect();
        let rest = first_of(beyond.iter().map(|&rule| known.get(rule)?.1.hir.clone()));
        let shortest = known.iter().map(|(_, found)| found.least).min().unwrap_or(usize::MAX);
        Matcher { sieve, rest, beyond, rules: rules.len(), shortest, long: OnceLock::new(), known }
    }

    /// No rule finds anything in a text of fewer bytes.
    #[inline]
    pub fn shortest(&self) -> usize {
        self.shortest
    }

    pub fn cache(&self) -> Cache {
        let rest = self.rest.as_ref().map(dfa::DFA::create_cache);
        Cache { rest, found: vec![false; self.rules], some: false, told: false, long: long::Cache::default() }
    }

    /// The way that long texts go.
    pub fn long(&self) -> &Long {
        self.long.get_or_init(|| Long::new(self.known.iter().map(|(rule, found)| (rule, found.windows.as_deref()))))
    }

    /// The same as `search` for a long text; `Cache::told` says whether the rules are told, which it does where they are few.
    #[cold]
    #[inline(never)]
    pub fn catches(&self, cache: &mut Cache, rules: &[ValueRule], text: &[u8]) -> bool {
        let large = text.len() > LARGE;
        let most = if large { LOOKS_AT_LARGE } else { LOOKS };
        if self.sieve.looks(text) <= most {
            let any = self.search(cache, rules, text);
            cache.told = !large && cache.found.iter().filter(|found| **found).count() <= FEW;
            return any;
        }
        cache.told = false;
        true
    }

    /// False only when none of the rules finds anything in the text; `Cache::has` tells which may.
    #[inline]
    pub fn search(&self, cache: &mut Cache, rules: &[ValueRule], text: &[u8]) -> bool {
        let Cache { rest, found, some, .. } = cache;
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

/// Whether any of the patterns of an automaton is found, or that is too much to find out.
fn finds_something(any: &dfa::DFA, cache: &mut dfa::Cache, text: &[u8]) -> bool {
    !matches!(any.try_search_fwd(cache, &Input::new(text).earliest(true)), Ok(None))
}

/// What stops at the first match of some of the patterns; none where there are none, or they are too large together.
fn first_of(hirs: impl Iterator<Item = Option<Hir>>) -> Option<dfa::DFA> {
    let hirs: Vec<Hir> = hirs.collect::<Option<_>>()?;
    let config = dfa::Config::new()
        .cache_capacity(CACHE_BYTES)
        .minimum_cache_clear_count(Some(2))
        .minimum_bytes_per_state(Some(BYTES_A_STATE));
    (!hirs.is_empty()).then(|| automaton(&hirs, config))?
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn finds(rules: &[(&str, usize)], text: &str) -> Vec<usize> {
        let spec = |&(pattern, group): &(&str, usize)| serde_json::json!({"pattern": pattern, "group": group, "action": {"do": "drop"}});
        let specs: Vec<Json> = rules.iter().map(spec).collect();
        let rules: Vec<ValueRule> = specs.iter().map(|spec| ValueRule::compile(spec).unwrap()).collect();
        let matcher = Matcher::of(specs.iter().zip(&rules).filter_map(Sought::of));
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
    fn equal_rules_share_one_matcher_and_what_is_known_of_each() {
        let sought = |pattern: &str| {
            let spec = serde_json::json!({"pattern": pattern, "action": {"do": "drop"}});
            Sought::of((&spec, &ValueRule::compile(&spec).unwrap())).unwrap()
        };
        let one = Matcher::of([sought("shared@a"), sought("shared@b")].into_iter());
        let same = Matcher::of([sought("shared@a"), sought("shared@b")].into_iter());
        let other = Matcher::of([sought("shared@b"), sought("shared@c")].into_iter());
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
        assert!(Arc::ptr_eq(&one.known[1].1, &other.known[0].1));
    }
}
