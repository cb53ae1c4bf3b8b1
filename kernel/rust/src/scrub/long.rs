//! A long text on its way through the rules of `values`: one pass says where the matches of each may begin, and they are looked
//! for there alone. What comes of it is what comes of rules that search the whole text, whatever stands in it.

use std::collections::{BTreeMap, BTreeSet};

use regex_automata::hybrid::dfa;

use super::groups::Groups;
use super::near::Places;
use super::rule::{Applied, Edit, Found, Group, ValueRule};
use super::scan::{Kind, Scan, Wanted};
use super::sought::Sought;
use super::starts::{starts, together, Start, BEFORE, HEAD};
use super::symbols::Window;
use super::walker::{Part, Walked, Walker};
use crate::regex;

/// Matches that are longer may be of any length.
const SHORT: usize = 256;
/// Windows are looked for in so many groups.
const LANES: usize = 4;
/// So often it is looked further back for a place between two matches.
const BACK: usize = 8;
/// All automata of a scratch together are not larger between texts.
const CACHES: usize = 8 << 20;

/// So many times a text is walked over at most, match by match, before the pattern searches it as a whole.
const STEPS: usize = 2;
const STEPS_OF_SHORT: usize = 32;

/// What one pass looks for.
struct Thing {
    walker: Walker,
    /// Where it begins is known, else only that it may be there at all.
    whole: bool,
    /// The place of its list: what begins alike has one together.
    list: usize,
    /// Of a match, in bytes.
    longest: Option<usize>,
}

/// The things of one rule.
struct Parts {
    own: usize,
    near: Option<usize>,
    /// None where it is about the whole match.
    groups: Option<Groups>,
}

pub struct Long {
    things: Vec<Thing>,
    rules: Vec<Parts>,
    /// By list: whether it has places.
    whole: Vec<bool>,
    scan: Scan,
}

/// Memory of one scratch.
#[derive(Default)]
pub struct Cache {
    walkers: Vec<Option<dfa::Cache>>,
    /// By rule.
    groups: Vec<Option<dfa::Cache>>,
}

/// One text on its way.
pub struct Way<'a> {
    long: &'a Long,
    cache: &'a mut Cache,
    /// For each thing: where it may begin, and whether it may be there.
    lists: Vec<List>,
}

#[derive(Default)]
struct List {
    places: Vec<u32>,
    /// Those that were found around edits.
    fresh: Vec<u32>,
    any: bool,
    /// Whether the places are known.
    known: bool,
}

impl Long {
    /// For rules, each with windows one of which stands in every text in which it finds something, if there are any.
    pub fn new<'a>(rules: impl Iterator<Item = (&'a Sought, Option<&'a [Window]>)>) -> Long {
        let (mut things, mut starts, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut put = |(thing, start): (Thing, Vec<Start>), kind: Kind| {
            let new = (start, if thing.whole { kind } else { Kind::Once });
            let list = starts.iter().position(|one| thing.whole && *one == new).unwrap_or(starts.len());
            if list == starts.len() {
                starts.push(new);
            }
            things.push(Thing { list, ..thing });
            things.len() - 1
        };
        let mut nears: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for (rule, windows) in rules {
            let near = rule.near.as_deref().and_then(|near| {
                *nears.entry(near).or_insert_with(|| Thing::of(near).map(|thing| put(thing, Kind::Plain)))
            });
            let own = Thing::of(&rule.pattern).unwrap_or_else(|| Thing::windows(&rule.pattern, windows));
            let own = put(own, if near.is_some() { Kind::Late } else { Kind::Plain });
            let groups = (rule.group > 0).then(|| Groups::new(&rule.pattern, rule.group));
            parts.push(Parts { own, near, groups });
        }
        let scan = Scan::new(&starts);
        Long { things, rules: parts, whole: starts.iter().map(|(_, kind)| *kind != Kind::Once).collect(), scan }
    }
}

impl Long {
    fn list(&self, thing: usize) -> usize {
        self.things.get(thing).map_or(usize::MAX, |thing| thing.list)
    }
}

impl Thing {
    /// With how its matches may begin; None when that says little.
    fn of(pattern: &str) -> Option<(Thing, Vec<Start>)> {
        let hir = regex::hir(pattern).ok()?;
        let longest = hir.properties().maximum_len().filter(|&longest| longest <= SHORT);
        Some((Thing { walker: Walker::new(pattern, Part::All), whole: true, longest, list: 0 }, starts(&hir)?))
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
        (Thing { walker: Walker::new(pattern, Part::All), whole: false, longest: None, list: 0 }, starts.collect())
    }
}

impl<'a> Way<'a> {
    /// Without a text nothing is known of where matches begin, and rules search for them.
    pub fn new(long: &'a Long, cache: &'a mut Cache, text: Option<&[u8]>) -> Way<'a> {
        cache.walkers.resize_with(long.things.len(), || None);
        cache.groups.resize_with(long.rules.len(), || None);
        let mut lists = Vec::new();
        lists.resize_with(long.whole.len(), List::default);
        let mut way = Way { long, cache, lists };
        let Some(text) = text else { return way };
        let mut wanted = long.scan.wanted();
        for parts in &long.rules {
            way.want(long.list(parts.near.unwrap_or(parts.own)), &mut wanted);
        }
        way.search(text, (0, text.len()), &mut wanted, false);
        way
    }

    fn want(&mut self, list: usize, wanted: &mut Wanted) {
        self.long.scan.want(list, wanted);
        if let Some(list) = self.lists.get_mut(list) {
            list.known = true;
        }
    }

    /// Notes what may begin in a part of the text; `fresh`: around edits.
    fn search(&mut self, text: &[u8], (from, to): (usize, usize), wanted: &mut Wanted, fresh: bool) {
        let Way { long, lists, .. } = self;
        long.scan.search(text, (from, to), wanted, |thing, at| {
            let (Some(whole), Some(list)) = (long.whole.get(thing), lists.get_mut(thing)) else {
                return false;
            };
            list.any = true;
            if *whole {
                put(if fresh { &mut list.fresh } else { &mut list.places }, at as u32);
            }
            *whole
        });
    }

    /// Whether the rule may find something.
    pub fn may_find(&mut self, rule: usize, text: &[u8]) -> bool {
        let Some(parts) = self.long.rules.get(rule) else { return false };
        let has = |lists: &[List], thing: usize| lists.get(self.long.list(thing)).is_some_and(|list| list.any);
        let Some(near) = parts.near else { return has(&self.lists, parts.own) };
        if !has(&self.lists, near) {
            return false;
        }
        if !self.lists.get(self.long.list(parts.own)).is_some_and(|list| list.known) {
            // All of them at once, for one pass is as much as the other.
            let mut wanted = self.long.scan.wanted();
            for parts in self.long.rules.iter().skip(rule) {
                let open = parts.near.is_some_and(|near| has(&self.lists, near));
                if open && !self.lists.get(self.long.list(parts.own)).is_some_and(|list| list.known) {
                    self.want(self.long.list(parts.own), &mut wanted);
                }
            }
            self.search(text, (0, text.len()), &mut wanted, false);
        }
        has(&self.lists, parts.own)
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
                let Way { long, lists, cache } = &mut *self;
                let mut matches = Matches::new((long, thing), (lists, &mut cache.walkers), text, None);
                near.places_by(text, |from| {
                    let found = matches.next(text, from);
                    found.unwrap_or_else(|from| near.find(text, from))
                })
            }
        });
        if near.as_ref().is_some_and(Places::is_empty) {
            return Applied::default();
        }
        let Way { long, lists, cache } = self;
        let Some(marks) = cache.groups.get_mut(index) else { return Applied::default() };
        let mut matches = Matches::new((long, parts.own), (lists, &mut cache.walkers), text, near.as_ref());
        let find = |from: usize, patience: usize| {
            let found = matches.next(text, from).unwrap_or_else(|from| rule.found(text, from));
            let (start, end) = found?;
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

    /// The text was replaced: places move, and around what is new they are looked for again.
    pub fn edited(&mut self, rule: usize, text: &[u8], edits: &[Edit]) {
        let mut wanted = self.long.scan.wanted();
        let later = self.long.rules.iter().skip(rule + 1);
        let things = later.flat_map(|parts| parts.near.into_iter().chain([parts.own]));
        let things: BTreeSet<usize> = things.map(|thing| self.long.list(thing)).collect();
        for thing in things {
            if let Some(list) = self.lists.get_mut(thing).filter(|list| list.known) {
                self.long.scan.want(thing, &mut wanted);
                moved(&mut list.places, edits);
                moved(&mut list.fresh, edits);
            }
        }
        let mut last = 0;
        for edit in edits {
            let from = edit.from.saturating_sub(HEAD).max(last);
            last = (edit.to + BEFORE + 1).min(text.len());
            self.search(text, (from, last), &mut wanted, true);
        }
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        let Cache { walkers, groups } = &mut *self.cache;
        let sizes = walkers.iter().chain(groups.iter()).flatten().map(dfa::Cache::memory_usage);
        if sizes.sum::<usize>() > CACHES {
            walkers.clear();
            groups.clear();
        }
    }
}

/// Adds a place that mostly comes after the others, but for what stands before it.
fn put(places: &mut Vec<u32>, place: u32) {
    let before = places.iter().rev().take(BEFORE).take_while(|&&one| one > place).count();
    let index = places.len() - before;
    if index.checked_sub(1).and_then(|last| places.get(last)) != Some(&place) {
        places.insert(index, place);
    }
}

/// Sorts places, those that were added behind sorted ones.
fn sort(places: &mut Vec<u32>) {
    if !places.is_sorted_by(|one, two| one < two) {
        // Two sorted parts take one pass.
        places.sort();
        places.dedup();
    }
}

/// Moves places behind edits; those of what was replaced are gone.
fn moved(places: &mut Vec<u32>, edits: &[Edit]) {
    sort(places);
    let (mut next, mut back, mut forth) = (0, 0, 0);
    places.retain_mut(|place| {
        while let Some(edit) = edits.get(next).filter(|edit| edit.end <= *place as usize) {
            (back, forth) = (edit.end, edit.to);
            next += 1;
        }
        let stays = edits.get(next).is_none_or(|edit| (*place as usize) < edit.start);
        *place = (*place as usize - back + forth) as u32;
        stays
    });
}

/// The matches of a thing, one after the other.
struct Matches<'a> {
    of: Option<(&'a Thing, &'a mut Option<dfa::Cache>)>,
    places: &'a [u32],
    next: usize,
    steps: usize,
    near: Option<&'a Places>,
}

impl<'a> Matches<'a> {
    fn new(
        (long, thing): (&'a Long, usize),
        (lists, walkers): (&'a mut [List], &'a mut [Option<dfa::Cache>]),
        text: &[u8],
        near: Option<&'a Places>,
    ) -> Matches<'a> {
        let (list, of) = (lists.get_mut(long.list(thing)), long.things.get(thing));
        let known = list.as_ref().is_some_and(|list| list.known);
        let places: &[u32] = list.map_or(&[], |list| {
            list.places.append(&mut list.fresh);
            sort(&mut list.places);
            &list.places
        });
        let of = of.filter(|_| known);
        // Short matches never take many steps each.
        let times = of.map_or(0, |thing| if thing.longest.is_some() { STEPS_OF_SHORT } else { STEPS });
        Matches { of: of.zip(walkers.get_mut(thing)), places, next: 0, steps: times * text.len() + 4096, near }
    }

    /// The first match at or after `from`, some of those left out that are near nothing; an error says from where on others must
    /// look for it.
    fn next(&mut self, text: &[u8], mut from: usize) -> Result<Option<(usize, usize)>, usize> {
        loop {
            while self.places.get(self.next).is_some_and(|&place| (place as usize) < from) {
                self.next += 1;
            }
            if !self.of.as_ref().is_some_and(|(thing, _)| thing.whole) {
                return Err(from);
            }
            let Some(&place) = self.places.get(self.next) else { return Ok(None) };
            let place = place as usize;
            let skipped = self.far(place).map(|to| self.between(text, from, to)).transpose()?;
            if let Some(to) = skipped.filter(|&to| to > place) {
                from = to;
                self.next +=
                    self.places.get(self.next..).map_or(0, |left| left.partition_point(|&one| (one as usize) < to));
                continue;
            }
            match self.walk(text, place)? {
                Some(end) => return Ok(Some((place, end))),
                None => self.next += 1,
            }
        }
    }

    fn walk(&mut self, text: &[u8], place: usize) -> Result<Option<usize>, usize> {
        let Some((thing, cache)) = &mut self.of else { return Err(place) };
        match thing.walker.walk(cache, text, place, &mut self.steps) {
            Walked::To(end) => Ok(end),
            Walked::Tired => {
                self.of = None;
                Err(place)
            }
        }
    }

    /// To where what begins at `place` or behind it is far from everything.
    fn far(&self, place: usize) -> Option<usize> {
        let ((thing, _), near) = (self.of.as_ref()?, self.near?);
        near.next(place, place + thing.longest?)
    }

    /// A place, at most at `to`, that no match which begins at or behind `from` goes beyond; `from` itself if it is hard to find.
    fn between(&mut self, text: &[u8], from: usize, to: usize) -> Result<usize, usize> {
        let longest = self.of.as_ref().and_then(|(thing, _)| thing.longest).unwrap_or(0);
        let mut to = to.min(text.len() + 1);
        for _ in 0..BACK {
            let first = self.places.partition_point(|&place| (place as usize) < from.max(to.saturating_sub(longest)));
            let mut straddles = None;
            for &place in self.places.get(first..).unwrap_or(&[]).iter().take_while(|&&place| (place as usize) < to) {
                let end = self.walk(text, place as usize).map_err(|_| from)?;
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
