//! A pattern in two parts, before one of its groups and from there on: together they tell where the group begins in a match.

use regex_automata::hybrid::dfa;
use regex_syntax::hir::{Hir, HirKind};

use super::walker::{Part, Walker};
use crate::scrub::sought::holds;

/// So many places are tried.
const MOST: usize = 8;

/// The parts of a pattern.
pub struct Split {
    before: Walker,
    behind: Walker,
    /// How many bytes of a match stand behind the group.
    more: usize,
    /// Whether a match may do without the group.
    pub optional: bool,
}

/// Memory of one scratch.
#[derive(Default)]
pub struct Cache {
    before: Option<dfa::Cache>,
    behind: Option<dfa::Cache>,
}

impl Cache {
    /// In bytes.
    pub fn size(&self) -> usize {
        self.before.iter().chain(&self.behind).map(dfa::Cache::memory_usage).sum()
    }
}

/// The parts of a pattern before a group, the group, and those behind it.
pub struct Parts {
    pub before: Vec<Hir>,
    pub group: Hir,
    pub behind: Vec<Hir>,
    /// Whether a match may do without the group.
    pub optional: bool,
}

impl Split {
    /// None when the group may take part more than once, or what is behind it has no fixed length.
    pub fn of(pattern: &str, hir: &Hir, group: usize) -> Option<Split> {
        let Parts { behind, optional, .. } = Parts::of(hir, group)?;
        let behind = Hir::concat(behind);
        let more = behind.properties().maximum_len()?;
        let fixed = behind.properties().minimum_len() == Some(more);
        let walker = |part: Part| Walker::new(pattern, part);
        let split = Split { before: walker(Part::Before(group)), behind: walker(Part::Behind(group)), more, optional };
        fixed.then_some(split)
    }

    /// The place of the group in a match, if it takes part; None when there are several.
    pub fn place(&self, cache: &mut Cache, text: &[u8], (start, end): (usize, usize)) -> Option<(usize, usize)> {
        let to = end.checked_sub(self.more)?;
        let mut found = None;
        for place in self.before.ends(&mut cache.before, text, (start, to), MOST)? {
            if self.behind.is_whole(&mut cache.behind, text, (place, end))? {
                if found.is_some() {
                    return None;
                }
                found = Some((place, to));
            }
        }
        found
    }
}

impl Parts {
    /// None when the group may take part more than once.
    pub fn of(hir: &Hir, group: usize) -> Option<Parts> {
        let one = |sub: &Hir, optional: bool| {
            let parts = Parts::of(sub, group)?;
            Some(Parts { optional: optional || parts.optional, ..parts })
        };
        match hir.kind() {
            HirKind::Capture(capture) if capture.index as usize == group => {
                Some(Parts { before: Vec::new(), group: (*capture.sub).clone(), behind: Vec::new(), optional: false })
            }
            HirKind::Capture(capture) => one(&capture.sub, false),
            HirKind::Alternation(branches) => one(branches.iter().find(|branch| holds(branch, group))?, true),
            HirKind::Repetition(repetition) if repetition.max == Some(1) => one(&repetition.sub, repetition.min == 0),
            HirKind::Concat(all) => {
                let index = all.iter().position(|part| holds(part, group))?;
                let Parts { before, behind, group, optional } = one(all.get(index)?, false)?;
                let before = all.get(..index)?.iter().cloned().chain(before).collect();
                let behind = behind.into_iter().chain(all.get(index + 1..)?.iter().cloned()).collect();
                Some(Parts { before, group, behind, optional })
            }
            _ => None,
        }
    }
}
