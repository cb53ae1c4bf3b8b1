//! Where matches of a pattern may begin: what stands in their first bytes, place by place.
//!
//! As windows do this only ever says too much: every match begins as is told here, not all that begins so is a match.

use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use crate::scrub::characters::{foreign, single};
use crate::scrub::symbols::{probability, Symbols, Window};

/// So many bytes of a match are told.
pub const HEAD: usize = 7;
/// What stands before them is not longer.
pub const BEFORE: usize = 8;
/// So many sequences may stand before them.
const MOST: usize = 64;
/// So many ways to begin are told apart, more of them where they are found more often than rarely; and so many branches within
/// branches are gone into for that.
const WAYS: [usize; 3] = [4, 16, WAYS_AT_MOST];
pub const WAYS_AT_MOST: usize = 64;
const RARE: f64 = 0.001;
const DEPTH: usize = 4;
/// What may begin more often is not worth looking at place by place.
const OFTEN: f64 = 0.05;

/// How matches may begin: as one of `before`, of which the first may be the place before the text or the border of a word, and
/// then as `head`.
#[derive(Debug, Clone, PartialEq)]
pub struct Start {
    pub before: Vec<Window>,
    pub head: Window,
}

/// How the matches of a pattern begin; none when they may begin nearly anywhere.
pub fn starts(hir: &Hir) -> Option<Vec<Start>> {
    let all = ways(&[hir], (DEPTH, true));
    let sets = WAYS.map(|most| few(&all, most));
    let best = sets.iter().position(|all| often(all) < RARE).unwrap_or(WAYS.len() - 1);
    sets.into_iter().nth(best).filter(|all| often(all) < OFTEN)
}

fn often(starts: &[Start]) -> f64 {
    starts.iter().map(|start| probability(&start.head)).sum()
}

/// How a sequence of parts may begin; `borders`: what must stand before them is told apart.
fn ways(parts: &[&Hir], (depth, borders): (usize, bool)) -> Vec<Start> {
    let Some((first, rest)) = parts.split_first() else {
        return vec![Start { before: vec![Vec::new()], head: Vec::new() }];
    };
    match first.kind() {
        HirKind::Capture(capture) => ways(&joined(std::slice::from_ref(&capture.sub), rest), (depth, borders)),
        HirKind::Concat(more) => ways(&joined(more, rest), (depth, borders)),
        HirKind::Alternation(branches) if depth > 0 => {
            let one = |branch| ways(&joined(std::slice::from_ref(branch), rest), (depth - 1, borders));
            match sequences(first).filter(|before| borders && before.iter().any(is_border)) {
                None => branches.iter().flat_map(one).collect(),
                Some(before) => {
                    let rest = ways(rest, (depth - 1, false));
                    rest.into_iter().map(|start| Start { before: before.clone(), ..start }).collect()
                }
            }
        }
        _ => {
            let mut head = Head::new();
            let open = parts.iter().fold(1, |open, part| head.then(part, open));
            vec![Start { before: vec![Vec::new()], head: head.told(open) }]
        }
    }
}

/// Whether nothing of it is a byte.
fn is_border(window: &Window) -> bool {
    window.iter().all(|symbols| symbols.start || symbols.border)
}

fn joined<'a>(first: &'a [Hir], rest: &[&'a Hir]) -> Vec<&'a Hir> {
    first.iter().chain(rest.iter().copied()).collect()
}

/// No more than there is place for: those behind the same are taken together.
pub fn few(all: &[Start], most: usize) -> Vec<Start> {
    if all.len() <= most {
        return all.to_vec();
    }
    let mut groups: Vec<(&Vec<Window>, Vec<Window>)> = Vec::new();
    for Start { before, head } in all {
        match groups.iter_mut().find(|(other, _)| *other == before) {
            Some((_, heads)) => heads.push(head.clone()),
            None => groups.push((before, vec![head.clone()])),
        }
    }
    let each = (most / groups.len()).max(1);
    let chunks = groups.iter_mut().flat_map(|(before, heads)| {
        heads.sort();
        let chunks = heads.chunks(heads.len().div_ceil(each));
        chunks.map(|heads| Start { before: before.clone(), head: together(heads) })
    });
    chunks.collect()
}

/// One head for several.
pub fn together(heads: &[Window]) -> Window {
    let size = heads.iter().map(Vec::len).min().unwrap_or(0).min(HEAD);
    let any = |place: usize| {
        heads.iter().filter_map(|head| head.get(place)).fold(Symbols::default(), |all, one| all.or(*one))
    };
    (0..size).map(any).collect()
}

/// All that a part of a pattern may be; None when that is much.
pub fn sequences(hir: &Hir) -> Option<Vec<Window>> {
    let one = |symbols: Symbols| Some(vec![vec![symbols]]);
    let all: Vec<Window> = match hir.kind() {
        HirKind::Literal(literal) => vec![literal.0.iter().map(|&byte| Symbols::of(byte)).collect()],
        HirKind::Class(class) => characters(class),
        HirKind::Look(Look::Start) => one(Symbols::START)?,
        HirKind::Look(Look::WordAscii) => one(Symbols::BORDER)?,
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Capture(capture) => sequences(&capture.sub)?,
        HirKind::Concat(parts) => {
            parts.iter().try_fold(vec![Vec::new()], |all, part| product(&all, &sequences(part)?))?
        }
        HirKind::Alternation(parts) => parts.iter().map(sequences).collect::<Option<Vec<_>>>()?.concat(),
        HirKind::Repetition(repetition) => {
            let (one, least) = (sequences(&repetition.sub)?, repetition.min as usize);
            let most = repetition.max.map(|most| most as usize).filter(|&most| most <= BEFORE)?;
            let rounds = (0..most).try_fold(vec![vec![Vec::new()]], |mut all, _| {
                all.push(product(all.last()?, &one)?);
                Some(all)
            })?;
            rounds.get(least..)?.concat()
        }
    };
    (all.len() <= MOST && all.iter().all(|one| one.len() <= BEFORE)).then_some(all)
}

/// Each followed by each, but for what is no byte and does not stand first.
fn product(one: &[Window], two: &[Window]) -> Option<Vec<Window>> {
    let join = |before: &Window, after: &Window| match (before.is_empty(), after.first()) {
        (false, Some(first)) if first.start => None,
        (false, Some(first)) if first.border => Some(before.clone()),
        (false, Some(_)) if before.first().is_some_and(|first| first.border) => Some(after.clone()),
        _ => Some([before.as_slice(), after].concat()),
    };
    (one.len() * two.len() <= MOST)
        .then(|| one.iter().flat_map(|before| two.iter().filter_map(move |after| join(before, after))).collect())
}

/// What may stand at each place; sets of places are bits.
struct Head {
    places: Window,
}

impl Head {
    fn new() -> Head {
        Head { places: vec![Symbols::default(); HEAD] }
    }

    /// What follows at these places is not known.
    fn told(mut self, open: u32) -> Window {
        self.places.truncate(open.trailing_zeros() as usize);
        self.places
    }

    /// A part that may begin at `open`; where what follows it may begin.
    fn then(&mut self, hir: &Hir, open: u32) -> u32 {
        match hir.kind() {
            _ if open == 0 => 0,
            HirKind::Literal(literal) => literal.0.iter().fold(open, |open, &byte| self.one(Symbols::of(byte), open)),
            HirKind::Class(class) => characters(class)
                .iter()
                .fold(0, |all, character| all | character.iter().fold(open, |open, symbols| self.one(*symbols, open))),
            HirKind::Empty | HirKind::Look(_) => open,
            HirKind::Capture(capture) => self.then(&capture.sub, open),
            HirKind::Concat(parts) => parts.iter().fold(open, |open, part| self.then(part, open)),
            HirKind::Alternation(parts) => parts.iter().fold(0, |all, part| all | self.then(part, open)),
            HirKind::Repetition(repetition) => self.repeated(repetition, open),
        }
    }

    fn repeated(&mut self, repetition: &Repetition, open: u32) -> u32 {
        let sub = &repetition.sub;
        let least = (0..repetition.min).take(HEAD + 1).fold(open, |open, _| self.then(sub, open));
        let more = repetition.max.map_or(HEAD, |most| (most - repetition.min).min(HEAD as u32) as usize);
        let (mut all, mut now) = (least, least);
        for _ in 0..more {
            now = self.then(sub, now);
            all |= now;
        }
        all
    }

    fn one(&mut self, symbols: Symbols, open: u32) -> u32 {
        let places = self.places.iter_mut().enumerate().filter(|(place, _)| open >> place & 1 == 1);
        places.for_each(|(_, place)| *place = place.or(symbols));
        (open << 1) & ((1 << HEAD) - 1)
    }
}

/// The bytes of the characters of a class: too many, where they are beyond ASCII.
fn characters(class: &Class) -> Vec<Window> {
    let ascii = single(class);
    let mut all: Vec<Window> = (!ascii.is_empty()).then(|| vec![ascii]).into_iter().collect();
    let class = match (class, foreign(class, FEW)) {
        (Class::Unicode(class), None) => class,
        (_, few) => {
            all.extend(few.into_iter().flatten());
            return all;
        }
    };
    for (low, high, lead, size) in FOREIGN {
        if class.ranges().iter().any(|range| range.start() <= high && range.end() >= low) {
            let (lead, more) = (Symbols::default().range(lead.0, lead.1), Symbols::default().range(0x80, 0xbf));
            all.push(std::iter::once(lead).chain(std::iter::repeat_n(more, size)).collect());
        }
    }
    all
}

/// So many characters beyond ASCII are told apart.
const FEW: usize = 4;
/// Characters beyond ASCII, their first bytes, and how many follow.
const FOREIGN: [(char, char, (u8, u8), usize); 3] = [
    ('\u{80}', '\u{7ff}', (0xc2, 0xdf), 1),
    ('\u{800}', '\u{ffff}', (0xe0, 0xef), 2),
    ('\u{10000}', '\u{10ffff}', (0xf0, 0xf4), 3),
];
