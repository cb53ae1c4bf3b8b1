//! Patterns and one of their groups: what tells its part in a match without following groups.

use regex_automata::hybrid::dfa;
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use super::around::Around;
use super::split::{self, Split};
use super::walker::{Part, Walker};
use crate::scrub::rule::Group;
use crate::scrub::sought::holds;

/// Stands behind a match without the group; twice behind one with it. No character has this byte.
pub const MARK: u8 = 0xff;
/// Stands before these, where the text ends there. No character has this byte either.
const LAST: u8 = 0xfe;

/// What tells of a match which part a group takes in it; nothing by default.
#[derive(Default)]
pub struct Groups {
    marked: Option<Walker>,
    /// It cannot tell of a match at the end of a text.
    inside: bool,
    /// What tells of those.
    last: Option<Walker>,
    around: Option<Around>,
    split: Option<Split>,
}

/// Memory of one scratch.
#[derive(Default)]
pub struct Cache {
    marked: Option<dfa::Cache>,
    last: Option<dfa::Cache>,
    split: split::Cache,
}

impl Cache {
    /// In bytes.
    pub fn size(&self) -> usize {
        let sizes = self.marked.iter().chain(&self.last).map(dfa::Cache::memory_usage);
        sizes.sum::<usize>() + self.split.size()
    }
}

impl Groups {
    pub fn new(pattern: &str, hir: &Hir, group: usize) -> Groups {
        let looks = hir.properties().look_set_suffix_any();
        // What stands behind the match decides on these, and here that is another byte.
        let fits = looks.remove(Look::End).is_empty() && hir.properties().is_utf8() && marked(hir, group).is_some();
        Groups {
            marked: fits.then(|| Walker::new(pattern, Part::Marked(group))),
            inside: looks.contains(Look::End),
            last: (fits && ends(hir) < 2).then(|| Walker::new(pattern, Part::Last(group))),
            around: Around::of(hir, group),
            split: Split::of(pattern, hir, group),
        }
    }

    /// What tells by marks whether the group takes part; None where it always does, or nothing tells.
    pub fn marked(&self) -> Option<&Walker> {
        self.marked.as_ref().filter(|_| self.may_be_missing())
    }

    fn may_be_missing(&self) -> bool {
        self.split.as_ref().is_none_or(|split| split.optional)
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
        if self.may_be_missing() {
            let marks = match self.inside && found.1 == text.len() {
                true => self.last.as_ref()?.marks(&mut cache.last, text, found, &[LAST]),
                false => self.marked.as_ref()?.marks(&mut cache.marked, text, found, &[]),
            };
            if marks? == 1 {
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

/// The same for matches that go to the end of a text, of which `LAST` stands for the end.
pub fn marked_last(hir: &Hir, group: usize) -> Option<Hir> {
    let last = Hir::literal([LAST]);
    let end = Hir::repetition(Repetition { min: 0, max: Some(1), greedy: true, sub: Box::new(last.clone()) });
    marked(&Hir::concat(vec![with_last(hir, &last), end]), group)
}

/// How often at most the end of the text must be there in one match; 2 stands for more.
fn ends(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Look(Look::End) => 1,
        HirKind::Capture(capture) => ends(&capture.sub),
        HirKind::Repetition(round) if round.max == Some(1) => ends(&round.sub),
        HirKind::Repetition(round) => (2 * ends(&round.sub)).min(2),
        HirKind::Concat(parts) => parts.iter().map(ends).sum::<usize>().min(2),
        HirKind::Alternation(parts) => parts.iter().map(ends).max().unwrap_or(0),
        _ => 0,
    }
}

/// The pattern with something else for the end of the text.
fn with_last(hir: &Hir, last: &Hir) -> Hir {
    let one = |part: &Hir| Box::new(with_last(part, last));
    let all = |parts: &[Hir]| parts.iter().map(|part| with_last(part, last)).collect();
    match hir.kind() {
        HirKind::Look(Look::End) => last.clone(),
        HirKind::Capture(capture) => Hir::capture(Capture { sub: one(&capture.sub), ..capture.clone() }),
        HirKind::Repetition(round) => Hir::repetition(Repetition { sub: one(&round.sub), ..round.clone() }),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)),
        _ => hir.clone(),
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
