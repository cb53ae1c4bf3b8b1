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
mod way;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex_syntax::hir::Hir;

use crate::regex;
use crate::scrub::sought::{pruned, Sought};
use crate::scrub::symbols::Window;
use clusters::clusters;
use family::{families, neighbours, Family};
use groups::Groups;
use lanes::Kind;
use scan::{Scan, Wanted};
use shapes::Shapes;
use starts::{starts, together, Start};
use stretch::Stretch;
use walker::{Part, Walker};
pub use way::{Cache, Way};

/// Matches that are longer may be of any length.
const SHORT: usize = 256;
/// Windows are looked for in so many groups.
const LANES: usize = 64;

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

impl Long {
    /// For rules, each with windows one of which stands in every text in which it finds something, if there are any.
    pub fn new<'a>(rules: impl Iterator<Item = Rule<'a>>) -> Long {
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
        let rules: Vec<Rule<'a>> = rules.collect();
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
        let families = families_of(&rules, &parts, &things);
        for (index, (family, _)) in families.iter().enumerate() {
            for (place, &rule) in family.iter().enumerate() {
                parts.get_mut(rule).into_iter().for_each(|parts| parts.family = Some((index, place)));
            }
        }
        let of = |(family, list): &(Vec<usize>, Option<usize>)| {
            Family::new(family.iter().filter_map(|&rule| rules.get(rule)).map(|(rule, _)| *rule), *list)
        };
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

/// A rule, with what stands in every text in which it finds something.
type Rule<'a> = (&'a Sought, Option<&'a [Window]>);

/// The rules that are asked together, none of which wants something near: those that search the whole text, and those of which
/// long matches begin in the same places.
fn families_of(rules: &[Rule<'_>], parts: &[Parts], things: &[Thing]) -> Vec<(Vec<usize>, Option<usize>)> {
    let alone = parts.iter().enumerate().filter(|(_, parts)| parts.near.is_none());
    let alone: Vec<(usize, &Thing)> = alone.filter_map(|(rule, parts)| Some((rule, things.get(parts.own)?))).collect();
    let (whole, searched): (Vec<_>, Vec<_>) = alone.into_iter().partition(|(_, thing)| thing.whole);
    let windows = |(rule, _): &(usize, &Thing)| Some((*rule, rules.get(*rule)?.1.unwrap_or(&[])));
    let searched = families(&searched.iter().filter_map(windows).collect::<Vec<_>>());
    let long = whole.into_iter().filter(|(_, thing)| thing.longest.is_none());
    let alike = neighbours(long.filter_map(|(rule, thing)| Some((rule, thing.list?))));
    let alike = alike.into_iter().map(|(family, list)| (family, Some(list)));
    searched.into_iter().map(|family| (family, None)).chain(alike).collect()
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
    /// Without this thing the rule finds nothing.
    fn first(&self) -> usize {
        self.near.unwrap_or(self.own)
    }

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
