//! One text on its way: where things may begin in it is found once, and kept true while rules replace parts of it.

use std::collections::BTreeSet;

use regex_automata::hybrid::dfa;

use super::groups;
use super::lists::{List, Moves};
use super::matches::Matches;
use super::scan::Wanted;
use super::starts::{BEFORE, HEAD};
use super::{Long, Parts};
use crate::scrub::near::Places;
use crate::scrub::rule::{Applied, Edit, Found, Group, ValueRule};

/// Of so many places each is looked at before a walk begins there, and what begins in the same ones is asked together.
const MANY: usize = if cfg!(test) { 1 } else { 8192 };
/// All automata of a scratch together are not larger between texts.
const CACHES: usize = 8 << 20;

/// Memory of one scratch.
#[derive(Default)]
pub struct Cache {
    walkers: Vec<Option<dfa::Cache>>,
    /// By rule.
    groups: Vec<groups::Cache>,
    families: Vec<Option<dfa::Cache>>,
}

/// One text on its way.
pub struct Way<'a> {
    long: &'a Long,
    cache: &'a mut Cache,
    /// Where things may begin, and whether they may be there.
    lists: Vec<List>,
    moves: Moves,
    /// By family: what was told of it last, and after how many edits.
    told: Vec<Option<(usize, Vec<bool>)>>,
}

impl<'a> Way<'a> {
    pub fn new(long: &'a Long, cache: &'a mut Cache, text: &[u8]) -> Way<'a> {
        cache.walkers.resize_with(long.things.len(), || None);
        cache.groups.resize_with(long.rules.len(), groups::Cache::default);
        let mut lists = Vec::new();
        lists.resize_with(long.whole.len(), List::default);
        cache.families.resize_with(long.families.len(), || None);
        let told = vec![None; long.families.len()];
        let mut way = Way { long, cache, lists, moves: Moves::default(), told };
        let first = |parts: &Parts| long.list(parts.first());
        way.search(text, long.rules.iter().filter_map(first).collect());
        way
    }

    /// Fills lists.
    fn search(&mut self, text: &[u8], lists: BTreeSet<usize>) {
        let mut wanted = <[Wanted; 2]>::default();
        for list in lists {
            self.long.want(list, &mut wanted);
            if let Some(list) = self.lists.get_mut(list) {
                *list = List::new(self.moves.version());
            }
        }
        self.search_parts(text, &[(0, text.len())], wanted, false);
    }

    /// Notes what may begin in some parts of the text; `fresh`: around edits.
    fn search_parts(&mut self, text: &[u8], parts: &[(usize, usize)], wanted: [Wanted; 2], fresh: bool) {
        let Way { long, lists, .. } = self;
        let mut note = |index: usize, at: usize| {
            let (Some(whole), Some(list)) = (long.whole.get(index), lists.get_mut(index)) else { return false };
            list.any = true;
            if *whole {
                list.put(at, fresh);
            }
            *whole
        };
        for (scan, mut wanted) in long.scans.iter().zip(wanted).filter(|(_, wanted)| !wanted.is_nothing()) {
            parts.iter().for_each(|part| scan.search(text, *part, &mut wanted, &mut note));
        }
    }

    /// Whether a thing may be there, as far as is known.
    fn may_be(&self, thing: usize) -> bool {
        let list = self.long.list(thing).and_then(|list| self.lists.get(list));
        list.is_none_or(|list| list.any || !list.known)
    }

    /// Whether the rule may find something.
    pub fn may_find(&mut self, rule: usize, text: &[u8]) -> bool {
        let long = self.long;
        let may = |parts: &Parts| self.may_be(parts.first());
        let Some(parts) = long.rules.get(rule).filter(|parts| may(parts)) else { return false };
        if parts.stretch.is_some_and(|stretch| !stretch.stands_in(text)) {
            return false;
        }
        parts.family.is_none_or(|(family, place)| {
            self.ask(family, rule, text);
            let told = self.told.get(family).and_then(Option::as_ref).filter(|(at, _)| *at == self.moves.version());
            told.and_then(|(_, told)| told.get(place)).is_none_or(|told| *told)
        })
    }

    /// Asks a family about the text as it is now, if that may spare members behind a rule a look of their own.
    fn ask(&mut self, family: usize, rule: usize, text: &[u8]) {
        let (long, version) = (self.long, self.moves.version());
        let last = self.told.get(family).and_then(Option::as_ref);
        let found_nothing = |parts: &Parts| {
            let place = parts.family.filter(|(other, _)| *other == family).map(|(_, place)| place);
            place.is_some_and(|place| last.is_none_or(|(_, told)| told.get(place) == Some(&false)))
        };
        let mut later = long.rules.iter().skip(rule + 1);
        let known = last.is_some_and(|(at, _)| *at == version);
        if known || !later.any(|parts| found_nothing(parts) && self.may_be(parts.first())) {
            return;
        }
        let Way { long, cache, lists, moves, told } = self;
        let Some((family, (cache, told))) =
            long.families.get(family).zip(cache.families.get_mut(family).zip(told.get_mut(family)))
        else {
            return;
        };
        let places = family.list.map(|list| lists.get_mut(list).map_or(&[][..], |list| list.places(moves)));
        if places.is_none_or(|places| places.len() >= MANY) {
            *told = Some((version, family.told(cache, text, places)));
        }
    }

    /// Takes the text through a rule; `edits` gets what was replaced.
    pub fn apply(
        &mut self,
        (index, rule): (usize, &ValueRule),
        text: &[u8],
        out: &mut Vec<u8>,
        edits: &mut Vec<Edit>,
    ) -> Applied {
        let Some(parts) = self.long.rules.get(index) else { return Applied::default() };
        let near = rule.near().map(|near| match parts.near {
            None => near.places(text),
            Some(thing) => {
                let (mut matches, _) = self.matches((thing, None), text, None);
                near.places_by(text, |from| matches.next(text, from).unwrap_or_else(|from| near.find(text, from)))
            }
        });
        if near.as_ref().is_some_and(Places::is_empty) {
            return Applied::default();
        }
        self.know(index, text);
        if !self.may_be(parts.own) {
            return Applied::default();
        }
        let (mut matches, marks) = self.matches((parts.own, Some(parts)), text, near.as_ref());
        let Some(marks) = marks.get_mut(index) else { return Applied::default() };
        // What begins behind this is near nothing, and no match that begins before it goes beyond the other.
        let reach = near.as_ref().map_or(text.len(), Places::reach);
        let last = parts.longest.map_or(text.len(), |longest| reach.saturating_add(longest).min(text.len()));
        let find = |from: usize, patience: usize| {
            let found = matches.next(text, from).unwrap_or_else(|from| rule.found(text, (from, last)));
            let (start, end) = found.filter(|&(start, _)| start <= reach)?;
            let Some(groups) = &parts.groups else { return Some(Found { start, end, group: Group::At(start, end) }) };
            let places = groups.places(text, (start, end)).filter(|_| patience > end - start);
            if places.is_some_and(|places| rule.refuses(text, near.as_ref(), places)) {
                return Some(Found { start, end, group: Group::Refused });
            }
            match groups.of(marks, text, (start, end)) {
                Some(group) => Some(Found { start, end, group }),
                None => rule.found_at(text, start, end),
            }
        };
        rule.replace(text, near.as_ref(), find, (out, |edit| edits.push(edit)))
    }

    /// Fills the list of a rule that is only looked for where something is near: with it those of all later ones, for one pass is
    /// as much as the other, and what replaces others may be near them.
    fn know(&mut self, rule: usize, text: &[u8]) {
        let long = self.long;
        let is_new = |list: &usize| self.lists.get(*list).is_some_and(|list| !list.known);
        let mut lists = long.rules.iter().skip(rule).map(|parts| long.list(parts.own).filter(is_new));
        if lists.next().flatten().is_some() {
            let lists = long.rules.iter().skip(rule).filter_map(|parts| long.list(parts.own).filter(is_new));
            self.search(text, lists.collect());
        }
    }

    /// The matches of a thing, which is what a rule looks for or what it wants near, and memory for groups.
    fn matches<'m>(
        &'m mut self,
        (thing, parts): (usize, Option<&'m Parts>),
        text: &[u8],
        near: Option<&'m Places>,
    ) -> (Matches<'m>, &'m mut [groups::Cache]) {
        let Way { long, lists, cache, moves, .. } = self;
        let list = long.list(thing).and_then(|list| lists.get_mut(list)).filter(|list| list.known);
        let of = long.things.get(thing).filter(|thing| thing.whole && list.is_some());
        let places = list.map_or(&[][..], |list| list.places(moves));
        let shapes = parts.filter(|_| places.len() >= MANY).zip(of).and_then(|(parts, thing)| parts.shapes(thing));
        let of = of.map(|thing| (&thing.walker, thing.longest)).zip(cache.walkers.get_mut(thing));
        (Matches::new(of, places, text.len(), (near, shapes)), &mut cache.groups)
    }

    /// The text was replaced: places move, and around what is new they are looked for again.
    pub fn edited(&mut self, rule: usize, text: &[u8], edits: &[Edit]) {
        self.moves.add(edits);
        let Way { long, lists, moves, .. } = &mut *self;
        let mut wanted = <[Wanted; 2]>::default();
        let later = long.rules.iter().skip(rule + 1);
        let later =
            later.flat_map(|parts| parts.near.into_iter().chain([parts.own])).filter_map(|thing| long.list(thing));
        for index in later.collect::<BTreeSet<usize>>() {
            if let Some(list) = lists.get_mut(index).filter(|list| list.known) {
                long.want(index, &mut wanted);
                list.step(moves);
            }
        }
        self.search_parts(text, &around(edits, text.len()), wanted, true);
    }
}

/// The parts of a text in which something may begin that an edit has to do with.
fn around(edits: &[Edit], size: usize) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for edit in edits {
        let (from, to) = (edit.from.saturating_sub(HEAD), (edit.to + BEFORE + 1).min(size));
        match all.last_mut().filter(|(_, last)| *last + HEAD >= from) {
            Some((_, last)) => *last = to,
            None => all.push((from, to)),
        }
    }
    all
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        let Cache { walkers, groups, families } = &mut *self.cache;
        let sizes = walkers.iter().chain(families.iter()).flatten().map(dfa::Cache::memory_usage);
        if sizes.chain(groups.iter().map(groups::Cache::size)).sum::<usize>() > CACHES {
            *self.cache = Cache::default();
        }
    }
}
