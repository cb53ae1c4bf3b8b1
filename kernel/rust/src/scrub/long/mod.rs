//! A long text on its way through the rules of `values`: one pass says where the matches of each may begin, and they are looked
//! for there alone. What comes of it is what comes of rules that search the whole text, whatever stands in it.

mod around;
mod clusters;
mod family;
mod groups;
mod heads;
mod lanes;
#[cfg(test)]
mod laws;
mod lists;
mod matches;
mod scan;
mod shapes;
mod split;
mod starts;
mod stretch;
mod walker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use regex_automata::hybrid::dfa;
use regex_syntax::hir::Hir;

use crate::regex;
use crate::scrub::near::Places;
use crate::scrub::rule::{Applied, Edit, Found, Group, ValueRule};
use crate::scrub::sought::{pruned, Sought};
use crate::scrub::symbols::Window;
use clusters::clusters;
use family::{families, Family};
use groups::Groups;
use lanes::Kind;
use lists::{List, Moves};
use matches::Matches;
use scan::{Scan, Wanted};
use shapes::Shapes;
use starts::{starts, together, Start, BEFORE, HEAD};
use stretch::Stretch;
use walker::{Part, Walker};

/// Matches that are longer may be of any length.
const SHORT: usize = 256;
/// Windows are looked for in so many groups.
const LANES: usize = 64;
/// Of so many places each is looked at before a walk begins there.
const MANY: usize = if cfg!(test) { 1 } else { 8192 };
/// All automata of a scratch together are not larger between texts.
const CACHES: usize = 8 << 20;

/// What one pass looks for.
struct Thing {
    walker: Walker,
    /// Where it begins is known, else only that it may be there at all.
    whole: bool,
    /// The place of its list, if it has one: what begins alike has one together.
    list: Option<usize>,
    /// Of a match, in bytes.
    longest: Option<usize>,
}

/// The things of one rule.
struct Parts {
    own: usize,
    near: Option<usize>,
    /// Of a match, in bytes.
    longest: Option<usize>,
    /// None where it is about the whole match.
    groups: Option<Groups>,
    /// Made for the first text with many places.
    shapes: OnceLock<Option<Shapes>>,
    /// With the place in it.
    family: Option<(usize, usize)>,
    /// Of what is searched for in the whole text: without this the text has none.
    stretch: Option<Stretch>,
}

pub struct Long {
    things: Vec<Thing>,
    rules: Vec<Parts>,
    /// By list: whether it has places.
    whole: Vec<bool>,
    /// Of what is wanted from the beginning, and of what is wanted where something is near.
    scans: [Scan; 2],
    families: Vec<Family>,
}

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

impl Long {
    /// For rules, each with windows one of which stands in every text in which it finds something, if there are any.
    pub fn new<'a>(rules: impl Iterator<Item = (&'a Sought, Option<&'a [Window]>)>) -> Long {
        let (mut things, mut starts, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut put = |(thing, start): (Thing, Vec<Start>), kind: Kind| {
            let new = (start, if thing.whole { kind } else { Kind::Once });
            // What is wanted late and searches for itself needs none.
            let list = (thing.whole || kind != Kind::Late).then(|| {
                starts.push(new);
                starts.len() - 1
            });
            things.push(Thing { list, ..thing });
            things.len() - 1
        };
        let mut nears: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        let rules: Vec<(&Sought, Option<&[Window]>)> = rules.collect();
        for &(rule, windows) in &rules {
            let near = rule.near.as_deref().and_then(|near| {
                let of = |near: &str| Thing::of(near, &regex::hir(near).ok()?);
                *nears.entry(near).or_insert_with(|| of(near).map(|thing| put(thing, Kind::Plain)))
            });
            let hir = regex::hir(&rule.pattern).ok();
            let own = hir.as_ref().and_then(|hir| Thing::of(&rule.pattern, hir));
            let own = own.unwrap_or_else(|| Thing::windows(&rule.pattern, windows));
            let stretch = hir.as_ref().filter(|_| !own.0.whole).map(|hir| pruned(hir, rule.group));
            let groups = |hir: &Hir| Groups::new(&rule.pattern, hir, rule.group);
            parts.push(Parts {
                own: put(own, if near.is_some() { Kind::Late } else { Kind::Plain }),
                near,
                longest: hir.as_ref().and_then(|hir| hir.properties().maximum_len()),
                groups: (rule.group > 0).then(|| hir.as_ref().map_or_else(Groups::default, groups)),
                shapes: OnceLock::new(),
                family: None,
                stretch: stretch.as_ref().and_then(Stretch::of),
            });
        }
        let (starts, lists) = clusters(starts);
        for thing in &mut things {
            thing.list = thing.list.and_then(|list| lists.get(list).copied());
        }
        let scans = [false, true].map(|late| Scan::new(&starts, late));
        let known = |(rule, (_, windows)): (usize, &(&Sought, Option<&'a [Window]>))| {
            let own = parts.get(rule).filter(|parts: &&Parts| parts.near.is_none())?.own;
            (!things.get(own)?.whole).then_some((rule, windows.unwrap_or(&[])))
        };
        let families = families(&rules.iter().enumerate().filter_map(known).collect::<Vec<_>>());
        for (index, family) in families.iter().enumerate() {
            for (place, &rule) in family.iter().enumerate() {
                parts.get_mut(rule).into_iter().for_each(|parts| parts.family = Some((index, place)));
            }
        }
        let of =
            |family: &Vec<usize>| Family::new(family.iter().filter_map(|&rule| rules.get(rule)).map(|(rule, _)| *rule));
        let families = families.iter().map(of).collect();
        Long {
            families,
            things,
            rules: parts,
            whole: starts.iter().map(|(_, kind)| *kind != Kind::Once).collect(),
            scans,
        }
    }
}

impl Long {
    fn list(&self, thing: usize) -> Option<usize> {
        self.things.get(thing)?.list
    }

    fn want(&self, list: usize, wanted: &mut [Wanted; 2]) {
        self.scans.iter().zip(wanted).for_each(|(scan, wanted)| scan.want(list, wanted));
    }
}

impl Parts {
    fn shapes(&self, thing: &Thing) -> Option<&Shapes> {
        self.shapes.get_or_init(|| Shapes::of(&thing.walker, self.groups.as_ref())).as_ref()
    }
}

impl Thing {
    /// With how its matches may begin; None when that says little.
    fn of(pattern: &str, hir: &Hir) -> Option<(Thing, Vec<Start>)> {
        let longest = hir.properties().maximum_len().filter(|&longest| longest <= SHORT);
        Some((Thing { walker: Walker::new(pattern, Part::Whole), whole: true, longest, list: None }, starts(hir)?))
    }

    /// With what stands somewhere in a match; without windows that is anything.
    fn windows(pattern: &str, windows: Option<&[Window]>) -> (Thing, Vec<Start>) {
        let mut heads: Vec<Window> = windows.map_or_else(|| vec![Vec::new()], <[Window]>::to_vec);
        // The place before the text is no byte.
        let starts = heads.iter().filter(|head| head.first().is_some_and(|symbols| symbols.start || symbols.border));
        let behind: Vec<Window> = starts.filter_map(|head| Some(head.get(1..)?.to_vec())).collect();
        heads.extend(behind);
        heads.sort();
        let chunks = heads.chunks(heads.len().div_ceil(LANES).max(1));
        let starts = chunks.map(|heads| Start { before: vec![Vec::new()], head: together(heads) });
        (Thing { walker: Walker::new(pattern, Part::Whole), whole: false, longest: None, list: None }, starts.collect())
    }
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
        let first = |parts: &Parts| long.list(parts.near.unwrap_or(parts.own));
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
        let may = |parts: &Parts| self.may_be(parts.near.unwrap_or(parts.own));
        let Some(parts) = long.rules.get(rule).filter(|parts| may(parts)) else { return false };
        if parts.stretch.is_some_and(|stretch| !stretch.stands_in(text)) {
            return false;
        }
        let Some((family, place)) = parts.family else { return true };
        let known =
            self.told.get(family).and_then(Option::as_ref).is_some_and(|(version, _)| *version == self.moves.version());
        let is_member = |parts: &&Parts| parts.family.is_some_and(|(other, _)| other == family);
        if !known && long.rules.iter().skip(rule + 1).filter(is_member).any(may) {
            let cache = self.cache.families.get_mut(family);
            let told = long.families.get(family).zip(cache).map(|(family, cache)| family.told(cache, text));
            self.told
                .get_mut(family)
                .into_iter()
                .for_each(|last| *last = told.clone().map(|told| (self.moves.version(), told)));
        } else if !known {
            return true;
        }
        let told = self.told.get(family).and_then(Option::as_ref).and_then(|(_, told)| told.get(place));
        told.copied().unwrap_or(true)
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
