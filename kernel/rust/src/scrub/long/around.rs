//! Where the group of a match can be, as far as the match's own place tells: mostly in one place only.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::starts::sequences;
use crate::scrub::sought::holds;
use crate::scrub::symbols::{Symbols, Window};

/// No more lengths than this are told apart.
const MOST: usize = 8;
/// Nor longer ones.
const LONGEST: usize = 16;

/// What stands in a match before the group, then how many bytes more do, and how many behind it.
pub struct Around {
    before: Vec<Window>,
    /// By the first byte of a match, the last where there is none: a bit for each that may stand there.
    first: Vec<u64>,
    more: Vec<usize>,
    after: Vec<usize>,
}

impl Around {
    /// None when the group can be in many places.
    pub fn of(hir: &Hir, group: usize) -> Option<Around> {
        let parts = match hir.kind() {
            HirKind::Concat(parts) => parts.as_slice(),
            _ => std::slice::from_ref(hir),
        };
        let (first, rest) = parts.split_first()?;
        if let Some(before) = sequences(first).filter(|_| !holds(first, group)) {
            let (more, after) = beside(rest, group)?;
            return Some(Around::new(before, more, after));
        }
        let (more, after) = beside(parts, group)?;
        Some(Around::new(vec![Vec::new()], more, after))
    }

    fn new(before: Vec<Window>, more: Vec<usize>, after: Vec<usize>) -> Around {
        let may = |window: &Window, byte: Option<u8>| {
            bytes_of(window).first().is_none_or(|symbols| byte.is_some_and(|byte| symbols.has(byte)))
        };
        let with = |byte: Option<u8>| {
            before.iter().enumerate().fold(0, |all, (index, window)| all | u64::from(may(window, byte)) << index)
        };
        let first = (0..=u8::MAX).map(Some).chain([None]).map(with).collect();
        Around { before, first, more, after }
    }

    /// The places that the group of a match may have, if it takes part.
    pub fn places<'a>(
        &'a self,
        text: &'a [u8],
        (start, end): (usize, usize),
    ) -> impl Iterator<Item = (usize, usize)> + 'a {
        let stands = text.get(start..end).unwrap_or(&[]);
        let first = self.first.get(stands.first().map_or(usize::from(u8::MAX) + 1, |&byte| usize::from(byte)));
        let may = first.copied().unwrap_or_default();
        let windows = self.before.iter().enumerate().filter(move |(index, _)| may >> index & 1 == 1);
        let sizes = windows.filter_map(move |(_, before)| {
            let at_start = before.first().is_some_and(|symbols| symbols.start);
            let bytes = bytes_of(before);
            let fits =
                bytes.len() <= stands.len() && stands.iter().zip(bytes).all(|(&byte, symbols)| symbols.has(byte));
            (fits && (!at_start || start == 0)).then_some(bytes.len())
        });
        let froms = sizes.flat_map(move |size| self.more.iter().map(move |more| start + size + more));
        let places = froms.flat_map(move |from| self.after.iter().map(move |after| (from, end.saturating_sub(*after))));
        places.filter(|(from, to)| from <= to)
    }
}

/// What of a window is bytes.
fn bytes_of(window: &Window) -> &[Symbols] {
    let none = window.first().is_some_and(|symbols| symbols.start || symbols.border);
    window.get(usize::from(none)..).unwrap_or(&[])
}

/// How many bytes stand before and behind the group.
fn beside(parts: &[Hir], group: usize) -> Option<(Vec<usize>, Vec<usize>)> {
    let index = parts.iter().position(|part| holds(part, group))?;
    let (before, after) = within(parts.get(index)?, group)?;
    Some((sums(&sizes(parts.get(..index)?)?, &before)?, sums(&after, &sizes(parts.get(index + 1..)?)?)?))
}

fn within(hir: &Hir, group: usize) -> Option<(Vec<usize>, Vec<usize>)> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index as usize == group => Some((vec![0], vec![0])),
        HirKind::Capture(capture) => within(&capture.sub, group),
        HirKind::Concat(parts) => beside(parts, group),
        HirKind::Alternation(parts) => {
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for part in parts.iter().filter(|part| holds(part, group)) {
                let (one, two) = within(part, group)?;
                before.extend(one);
                after.extend(two);
            }
            Some((few(before)?, few(after)?))
        }
        _ => None,
    }
}

fn sizes(parts: &[Hir]) -> Option<Vec<usize>> {
    parts.iter().try_fold(vec![0], |all, part| sums(&all, &sizes_of(part)?))
}

/// The lengths of what a part may be; None when there are many.
fn sizes_of(hir: &Hir) -> Option<Vec<usize>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![0]),
        HirKind::Literal(literal) => few(vec![literal.0.len()]),
        HirKind::Class(Class::Bytes(_)) => Some(vec![1]),
        HirKind::Class(class) => few((class.minimum_len()?..=class.maximum_len()?).collect()),
        HirKind::Capture(capture) => sizes_of(&capture.sub),
        HirKind::Concat(parts) => sizes(parts),
        HirKind::Alternation(parts) => few(parts.iter().map(sizes_of).collect::<Option<Vec<_>>>()?.concat()),
        HirKind::Repetition(repetition) => {
            let (one, most) = (sizes_of(&repetition.sub)?, repetition.max.filter(|&most| most as usize <= LONGEST)?);
            let (mut round, mut all) = (vec![0], Vec::new());
            for count in 0..=most {
                if count >= repetition.min {
                    all.extend(round.iter().copied());
                }
                round = if count < most { sums(&round, &one)? } else { round };
            }
            few(all)
        }
    }
}

fn sums(one: &[usize], two: &[usize]) -> Option<Vec<usize>> {
    few(one.iter().flat_map(|one| two.iter().map(move |two| one + two)).collect())
}

fn few(mut sizes: Vec<usize>) -> Option<Vec<usize>> {
    sizes.sort_unstable();
    sizes.dedup();
    (sizes.len() <= MOST && sizes.iter().all(|&size| size <= LONGEST)).then_some(sizes)
}
