//! What every match of a pattern must contain: a few short sequences of byte classes, one of which stands in it as a whole.
//!
//! The windows only ever say more often than the pattern that there may be something, never less: what cannot be said in
//! windows (most borders and endings, classes with many characters beyond ASCII) is left out.

use hashbrown::HashTable;
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::alike::hash;
use super::characters::{foreign, single};
use super::merging::merged;
use super::sets::{
    cheapest, chosen, fitting, needed, product, shortened, union, with_empty, Side, LONGEST, MOST_ENDS, MOST_JOINED,
};
use super::symbols::{cost, trimmed, Symbols, Window};

/// No set of windows is larger while it is put together.
const MOST: usize = 256;
/// So many characters beyond ASCII are windows of their own (`(?i)k` has one).
const FOREIGN: usize = 4;
/// Windows that are found more often are not worth looking for.
const USELESS: f64 = 0.02;

/// Finds the windows of patterns. What several of them have in common is looked at once.
#[derive(Default)]
pub struct Windows {
    alternations: HashTable<Known>,
}

struct Known {
    hash: u64,
    hir: Hir,
    leading: bool,
    part: Part,
}

impl Windows {
    /// The windows of a pattern; none when nothing is rare enough to be worth looking for.
    pub fn of(&mut self, hir: &Hir) -> Option<Vec<Window>> {
        let part = self.part(hir, true);
        let all = needed(part.best().into_iter().chain(part.aside).collect());
        (cost(&all) < USELESS).then_some(all)
    }

    /// `leading`: nothing stands before this in the pattern.
    fn part(&mut self, hir: &Hir, leading: bool) -> Part {
        match hir.kind() {
            HirKind::Literal(literal) => {
                let bytes = literal.0.iter().map(|&byte| Part::exactly(vec![vec![Symbols::of(byte)]], Vec::new()));
                bytes.fold(Part::nothing(), |all, byte| all.then(&byte))
            }
            HirKind::Class(class) => Part::class(class),
            HirKind::Look(Look::Start) => Part::exactly(vec![vec![Symbols::START]], Vec::new()),
            HirKind::Look(Look::WordAscii) if leading => Part::exactly(vec![vec![Symbols::BORDER]], Vec::new()),
            HirKind::Empty | HirKind::Look(_) => Part::nothing(),
            HirKind::Capture(capture) => self.part(&capture.sub, leading),
            HirKind::Repetition(repetition) => {
                let one = self.part(&repetition.sub, leading && repetition.max == Some(1));
                one.repeated(repetition)
            }
            HirKind::Concat(parts) => {
                let all = parts.iter().enumerate();
                all.fold(Part::nothing(), |all, (index, part)| all.then(&self.part(part, leading && index == 0)))
            }
            HirKind::Alternation(parts) => self.alternation(hir, parts, leading),
        }
    }

    fn alternation(&mut self, hir: &Hir, parts: &[Hir], leading: bool) -> Part {
        let hash = hash(hir);
        if let Some(known) = self.alternations.find(hash, |one| one.leading == leading && one.hir == *hir) {
            return known.part.clone();
        }
        let parts: Vec<Part> = parts.iter().map(|part| self.part(part, leading)).collect();
        let part = Part::any(&parts);
        let new = Known { hash, hir: hir.clone(), leading, part: part.clone() };
        self.alternations.insert_unique(hash, new, |one| one.hash);
        part
    }
}

/// What is known of a part of a pattern. Every match of it contains one of `aside`; or it is one of `first` (if `exact`); or
/// it is empty (only if `empty`); or it begins with one of `first`, ends with one of `last` and contains one of `best` (which is
/// found out for parts that are not `exact` only).
#[derive(Debug, Clone)]
struct Part {
    exact: bool,
    empty: bool,
    first: Vec<Window>,
    last: Vec<Window>,
    best: Vec<Window>,
    aside: Vec<Window>,
    /// The bytes that stand in matches, and how many of them at least.
    bytes: Symbols,
    least: usize,
}

impl Part {
    fn nothing() -> Part {
        Part::exactly(vec![Vec::new()], Vec::new())
    }

    fn exactly(windows: Vec<Window>, aside: Vec<Window>) -> Part {
        let bytes = windows.iter().flatten().fold(Symbols::default(), |all, one| all.or(one.bytes()));
        let length = |window: &Window| window.iter().filter(|one| !one.start && !one.border).count();
        let least = windows.iter().map(length).min().unwrap_or(0);
        let empty = windows.iter().any(Vec::is_empty);
        Part { exact: true, empty, first: windows.clone(), last: windows, best: Vec::new(), aside, bytes, least }
    }

    fn class(class: &Class) -> Part {
        let ascii = single(class);
        if let Some(aside) = foreign(class, FOREIGN) {
            return Part::one(ascii, aside);
        }
        let (first, last) = (ascii.range(0xc2, 0xf4), ascii.range(0x80, 0xbf));
        let bytes = ascii.range(0x80, 0xff);
        let ends = |symbols: Symbols| vec![vec![symbols]];
        let aside = Vec::new();
        Part {
            exact: false,
            empty: false,
            best: ends(first),
            first: ends(first),
            last: ends(last),
            aside,
            bytes,
            least: 1,
        }
    }

    fn one(symbols: Symbols, aside: Vec<Window>) -> Part {
        let some = (!symbols.is_empty()).then(|| vec![symbols]);
        Part::exactly(some.into_iter().collect(), aside)
    }

    fn repeated(self, repetition: &Repetition) -> Part {
        let one = self;
        let rounds = (repetition.min as usize).min(LONGEST);
        match (repetition.min, repetition.max) {
            (_, Some(0)) => Part::nothing(),
            (0, Some(1)) => Part::any(&[one, Part::nothing()]),
            (0, _) => Part::any(&[one, Part::nothing()]).inexact(),
            (least, most) => {
                let all = (1..rounds).fold(one.clone(), |all, _| all.then(&one));
                let all = if most == Some(least) && rounds == least as usize { all } else { all.inexact() };
                // Several rounds of what is not always equally long: so many of its bytes at least.
                all.or_run()
            }
        }
    }

    /// More may stand between beginning and end.
    fn inexact(mut self) -> Part {
        if self.exact {
            self.best = self.best();
            self.first.retain(|window| !window.is_empty());
            self.last.retain(|window| !window.is_empty());
        }
        Part { exact: false, ..self }
    }

    /// Looks for as many of the part's bytes in a row as there are at least, if that says more.
    fn or_run(mut self) -> Part {
        let run = vec![vec![self.bytes; LONGEST.min(self.least)]];
        if !self.exact && cost(&run) < cost(&self.best) {
            self.best = run;
        }
        self
    }

    fn best(&self) -> Vec<Window> {
        if self.exact {
            chosen(&self.first)
        } else {
            self.best.clone()
        }
    }

    /// Beginnings, with the empty one if there is one.
    fn begins(&self) -> Vec<Window> {
        with_empty(&self.first, self.empty && !self.exact, Side::First)
    }

    fn ends(&self) -> Vec<Window> {
        with_empty(&self.last, self.empty && !self.exact, Side::Last)
    }

    fn then(&self, next: &Part) -> Part {
        let aside = merged(self.aside.iter().chain(&next.aside).cloned().collect());
        let whole = if self.exact && next.exact { product(&self.first, &next.first) } else { None };
        let fits = |whole: &Vec<Window>| whole.len() <= MOST && whole.iter().all(|window| window.len() <= LONGEST);
        if let Some(whole) = whole.filter(fits) {
            return Part::exactly(whole, aside);
        }
        let (ends, begins) = (self.ends(), next.begins());
        let bridge = product(&ends, &begins).unwrap_or_default();
        let bridge = merged(bridge.iter().map(|window| trimmed(window, LONGEST)).collect());
        // Many endings before the same sign have less to tell apart when they are short.
        let cuts = (2..=5).filter_map(|size| {
            product(&shortened(&ends, size, Side::Last), &shortened(&begins, 1, Side::First)).map(merged)
        });
        let own = [self.best(), next.best()];
        let best = cheapest(cuts.chain(own).chain((!bridge.is_empty()).then_some(bridge)));
        // What is cut at the other side cannot be gone on with.
        let whole = |part: &Part| part.exact && part.first.len() <= MOST_JOINED;
        let joined = |one: &[Window], two: &[Window]| product(one, two).unwrap_or_else(|| vec![Vec::new()]);
        let first = match (whole(self), self.empty && !self.exact) {
            (true, _) => joined(&self.first, &begins),
            (_, true) => union([&self.first, &next.first]),
            (_, false) => self.first.clone(),
        };
        let last = match (whole(next), next.empty && !next.exact) {
            (true, _) => joined(&ends, &next.last),
            (_, true) => union([&self.last, &next.last]),
            (_, false) => next.last.clone(),
        };
        Part {
            exact: false,
            empty: self.empty && next.empty,
            first: fitting(first, MOST_ENDS, Side::First),
            last: fitting(last, MOST_ENDS, Side::Last),
            best,
            aside,
            bytes: self.bytes.or(next.bytes),
            least: self.least + next.least,
        }
        .or_run()
    }

    fn any(parts: &[Part]) -> Part {
        let all = |of: fn(&Part) -> &Vec<Window>| union(parts.iter().map(of));
        let (first, aside) = (all(|part| &part.first), all(|part| &part.aside));
        if parts.iter().all(|part| part.exact) && first.len() <= MOST {
            return Part::exactly(first, aside);
        }
        let parts: Vec<Part> = parts.iter().cloned().map(Part::inexact).collect();
        let all = |of: fn(&Part) -> &Vec<Window>| union(parts.iter().map(of));
        let (first, last) = (all(|part| &part.first), all(|part| &part.last));
        let empty = parts.iter().any(|part| part.empty);
        let best = match empty {
            true => vec![Vec::new()],
            false => cheapest([chosen(&first), chosen(&last), all(|part| &part.best)].into_iter()),
        };
        let bytes = parts.iter().fold(Symbols::default(), |all, part| all.or(part.bytes));
        let least = parts.iter().map(|part| part.least).min().unwrap_or(0);
        let (first, last) = (fitting(first, MOST_ENDS, Side::First), fitting(last, MOST_ENDS, Side::Last));
        Part { exact: false, empty, first, last, best, aside, bytes, least }
    }
}
