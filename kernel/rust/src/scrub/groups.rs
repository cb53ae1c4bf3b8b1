//! Patterns and one of their groups: what tells its part in a match without following groups.

use regex_automata::hybrid::dfa;
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::around::Around;
use super::rule::Group;
use super::sought::holds;
use super::split::{self, Split};
use super::walker::{Part, Walker};
use crate::regex;

/// Stands behind a match without the group; twice behind one with it. No character has this byte.
pub const MARK: u8 = 0xff;

/// What tells of a match which part a group takes in it.
pub struct Groups {
    marked: Option<Walker>,
    /// It cannot tell of a match at the end of a text.
    inside: bool,
    around: Option<Around>,
    split: Option<Split>,
}

/// Memory of one scratch.
#[derive(Default)]
pub struct Cache {
    marked: Option<dfa::Cache>,
    split: split::Cache,
}

impl Cache {
    /// In bytes.
    pub fn size(&self) -> usize {
        self.marked.as_ref().map_or(0, dfa::Cache::memory_usage) + self.split.size()
    }
}

impl Groups {
    pub fn new(pattern: &str, group: usize) -> Groups {
        let hir = regex::hir(pattern).ok();
        let looks = hir.as_ref().map(|hir| hir.properties().look_set_suffix_any());
        // What stands behind the match decides on these, and here that is another byte.
        let fits = looks.is_some_and(|looks| looks.remove(Look::End).is_empty());
        let fits = fits && hir.as_ref().is_some_and(|hir| hir.properties().is_utf8() && marked(hir, group).is_some());
        Groups {
            marked: fits.then(|| Walker::new(pattern, Part::Marked(group))),
            inside: looks.is_some_and(|looks| looks.contains(Look::End)),
            around: Around::of(pattern, group),
            split: Split::of(pattern, group),
        }
    }

    /// The places that the group may have in a match, if it takes part; None when they are many.
    pub fn places<'a>(
        &'a self,
        text: &'a [u8],
        found: (usize, usize),
    ) -> Option<impl Iterator<Item = (usize, usize)> + 'a> {
        self.around.as_ref().map(|around| around.places(text, found))
    }

    /// The group of a match; None when that must be looked for.
    ///
    /// The match is the best of those that begin there, so it is the best of those that end where it does, too.
    pub fn of(&self, cache: &mut Cache, text: &[u8], found: (usize, usize)) -> Option<Group> {
        if self.split.as_ref().is_none_or(|split| split.optional) {
            let known = !self.inside || found.1 < text.len();
            let marks = self.marked.as_ref().filter(|_| known)?.marks(&mut cache.marked, text, found)?;
            if marks == 1 {
                return Some(Group::None);
            }
        }
        let place = self.places(text, found).and_then(|mut places| {
            let first = places.next()?;
            places.all(|other| other == first).then_some(first)
        });
        let place = place.or_else(|| self.split.as_ref()?.place(&mut cache.split, text, found));
        place.map(|(start, end)| Group::At(start, end))
    }
}

/// The pattern with marks behind it, one where the group takes no part and two where it does; None when it may take part in
/// several ways.
pub fn marked(hir: &Hir, group: usize) -> Option<Hir> {
    then_marked(&[hir], group)
}

fn then_marked(parts: &[&Hir], group: usize) -> Option<Hir> {
    let marks = |count: usize| Hir::literal(vec![MARK; count]);
    let all = |parts: &[&Hir], count: usize| {
        Hir::concat(parts.iter().map(|&part| part.clone()).chain([marks(count)]).collect())
    };
    let Some(index) = parts.iter().position(|part| holds(part, group)) else { return Some(all(parts, 1)) };
    let (before, rest) = (parts.get(..index)?, parts.get(index + 1..)?);
    let one = |more: &[&Hir]| then_marked(&[more, rest].concat(), group);
    let rest = match parts.get(index)?.kind() {
        HirKind::Capture(capture) if capture.index as usize == group => all(&[&[&*capture.sub], rest].concat(), 2),
        HirKind::Capture(capture) => one(&[&*capture.sub])?,
        HirKind::Concat(parts) => one(&parts.iter().collect::<Vec<_>>())?,
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(|part| one(&[part])).collect::<Option<_>>()?),
        HirKind::Repetition(Repetition { min: 0, max: Some(1), greedy, sub }) => {
            let (with, without) = (one(&[&**sub])?, one(&[])?);
            Hir::alternation(if *greedy { vec![with, without] } else { vec![without, with] })
        }
        _ => return None,
    };
    Some(Hir::concat(before.iter().map(|&part| part.clone()).chain([rest]).collect()))
}
