//! What may stand where a match begins, told at a glance: a byte, a run of digits behind it, and the byte behind those. Most
//! numbers have another length than the one that is looked for, and need no walk to tell.

use std::collections::{BTreeMap, BTreeSet};

use regex_automata::hybrid::{dfa, LazyStateID};
use regex_automata::util::start;
use regex_automata::Anchored;

use super::groups::Groups;
use super::walker::{marks_behind, Walker};
use crate::scrub::symbols::Symbols;

/// Longer runs of digits are not told apart.
const RUN: usize = 24;
/// So many ways through the automata are followed at once.
const PATHS: usize = 64;
/// Runs are read in two words of so many bytes.
const WORD: usize = 8;

const ASCII: usize = 128;

/// Of one pattern, and one group of it.
pub struct Shapes {
    /// By the first byte, which is ASCII: its row of the table.
    rows: [u8; ASCII],
    /// By row, then by the length of the run.
    table: Vec<Run>,
    /// Whether matches in which the group takes no part are left out.
    pub leaves_out: bool,
}

/// A run of digits of some length behind some byte.
#[derive(Clone, Copy)]
struct Run {
    /// What may stand behind it.
    behind: Symbols,
    /// Of those, behind which there is a match, and ends with the run, whatever the digits are.
    ends: Symbols,
}

/// What is told of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// No match begins there.
    No,
    Maybe,
    /// One does, and ends there.
    To(usize),
}

impl Shapes {
    /// None when there are too many ways to match, or the group is not to be told.
    pub fn of(walker: &Walker, groups: Option<&Groups>) -> Option<Shapes> {
        let marked = groups.and_then(Groups::marked);
        let mut paths = Paths::new(walker.dfa()?, marked.and_then(Walker::dfa));
        let starts = paths.starts()?;
        let (mut rows, mut known) = ([0; ASCII], BTreeMap::new());
        let mut table = Vec::new();
        for (byte, row) in (0..).zip(&mut rows) {
            let level = paths.behind(&starts, byte)?;
            if !known.contains_key(&level) {
                known.insert(level.clone(), known.len() as u8);
                table.extend(paths.row(level.clone())?);
            }
            *row = *known.get(&level)?;
        }
        (!paths.has_forgotten()).then_some(Shapes { rows, table, leaves_out: marked.is_some() })
    }

    /// Whether a match begins at a place.
    #[inline(always)]
    pub fn fit(&self, text: &[u8], place: usize) -> Fit {
        let Some((first, rest)) = text.get(place..).and_then(<[u8]>::split_first) else { return Fit::Maybe };
        let run = digits(rest);
        let row = self.rows.get(usize::from(*first)).filter(|_| run <= RUN);
        let known = row.and_then(|row| self.table.get(usize::from(*row) * (RUN + 1) + run));
        match known.zip(rest.get(run)) {
            None => Fit::Maybe,
            Some((known, &byte)) if !known.behind.has(byte) => Fit::No,
            Some((known, &byte)) if known.ends.has(byte) => Fit::To(place + 1 + run),
            Some(_) => Fit::Maybe,
        }
    }
}

/// How many digits a text begins with; those behind many are not all counted.
#[inline(always)]
fn digits(text: &[u8]) -> usize {
    let Some((low, high)) = text.split_first_chunk().and_then(|(low, rest)| Some((low, rest.first_chunk()?))) else {
        return one_by_one(text);
    };
    match (others(*low), others(*high)) {
        (0, 0) => 2 * WORD + one_by_one(text.get(2 * WORD..).unwrap_or(&[])),
        (0, high) => WORD + high.trailing_zeros() as usize / WORD,
        (low, _) => low.trailing_zeros() as usize / WORD,
    }
}

fn one_by_one(text: &[u8]) -> usize {
    text.iter().take(RUN).take_while(|byte| byte.is_ascii_digit()).count()
}

/// The highest bit of each byte that is no digit.
#[inline(always)]
fn others(word: [u8; WORD]) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let values = u64::from_le_bytes(word) ^ (ONES * 0x30);
    (((values & (ONES * 0x7f)) + ONES * 0x76) | values) & (ONES * 0x80)
}

/// What is known of a match on some way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    /// There is one, and the group takes no part.
    Without,
    /// There is one of which that is not known.
    Any,
}

/// Where two automata are behind the same bytes: that of the pattern, and the one with marks for the group if it has anything
/// to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    whole: LazyStateID,
    marked: Option<LazyStateID>,
    told: Told,
}

type Level = BTreeSet<Path>;

struct Paths<'a> {
    whole: &'a dfa::DFA,
    cache: dfa::Cache,
    marked: Option<(&'a dfa::DFA, dfa::Cache)>,
    /// Digits, and other bytes, each with all that are like it.
    digits: Vec<(u8, Symbols)>,
    others: Vec<(u8, Symbols)>,
}

impl<'a> Paths<'a> {
    fn new(whole: &'a dfa::DFA, marked: Option<&'a dfa::DFA>) -> Paths<'a> {
        let of = |all: &mut dyn Iterator<Item = u8>| {
            let mut alike: BTreeMap<(u8, Option<u8>), (u8, Symbols)> = BTreeMap::new();
            for byte in all {
                let class = (whole.byte_classes().get(byte), marked.map(|marked| marked.byte_classes().get(byte)));
                let (_, bytes) = alike.entry(class).or_insert((byte, Symbols::default()));
                *bytes = bytes.or(Symbols::of(byte));
            }
            alike.into_values().collect()
        };
        Paths {
            whole,
            cache: whole.create_cache(),
            marked: marked.map(|marked| (marked, marked.create_cache())),
            digits: of(&mut (b'0'..=b'9')),
            others: of(&mut (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit())),
        }
    }

    /// Whether an automaton was built anew, so that its states mean nothing any more.
    fn has_forgotten(&self) -> bool {
        let caches = self.marked.iter().map(|(_, cache)| cache).chain([&self.cache]);
        caches.map(dfa::Cache::clear_count).sum::<usize>() > 0
    }

    /// Whatever stands before the match.
    fn starts(&mut self) -> Option<Level> {
        let mut all = Level::new();
        for before in std::iter::once(None).chain((0..=u8::MAX).map(Some)) {
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(before);
            let whole = self.whole.start_state(&mut self.cache, &config).ok()?;
            let marked = self.marked.as_mut().and_then(|(dfa, cache)| dfa.start_state(cache, &config).ok());
            all.insert(Path { whole, marked, told: Told::Nothing });
        }
        Some(all)
    }

    /// By the number of digits that come next.
    fn row(&mut self, mut level: Level) -> Option<Vec<Run>> {
        let mut row = Vec::with_capacity(RUN + 1);
        while row.len() <= RUN {
            let run = self.run(&level)?;
            row.push(run);
            let mut next = Level::new();
            for (digit, _) in self.digits.clone() {
                next.extend(self.behind(&level, digit)?);
            }
            if next == level {
                row.resize(RUN + 1, run);
            } else if next.len() > PATHS {
                return None;
            }
            level = next;
        }
        Some(row)
    }

    /// What may stand behind digits so that there may be a match in which the group takes part.
    fn run(&mut self, level: &Level) -> Option<Run> {
        let mut run = Run { behind: Symbols::default(), ends: Symbols::default() };
        for (byte, alike) in self.others.clone() {
            let paths = self.behind(level, byte)?;
            let over = paths.iter().all(|path| self.is_over(path.whole));
            if over && paths.iter().all(|path| path.told != Told::Any) {
                continue;
            }
            run.behind = run.behind.or(alike);
            // That there is a match is told one byte later.
            if over && paths.iter().all(|path| path.whole.is_match()) {
                run.ends = run.ends.or(alike);
            }
        }
        Some(run)
    }

    /// Whether nothing is told any more, whatever comes.
    fn is_over(&mut self, state: LazyStateID) -> bool {
        let Paths { whole, cache, digits, others, .. } = self;
        let mut is_dead = |byte: u8| whole.next_state(cache, state, byte).is_ok_and(|state| state.is_dead());
        let over = state.is_dead() || digits.iter().chain(&*others).all(|(byte, _)| is_dead(*byte));
        over && whole.next_eoi_state(cache, state).is_ok_and(|state| !state.is_match())
    }

    fn behind(&mut self, level: &Level, byte: u8) -> Option<Level> {
        level.iter().map(|path| self.next(*path, byte)).collect()
    }

    /// None when the automaton knows no more.
    fn next(&mut self, path: Path, byte: u8) -> Option<Path> {
        if path.whole.is_dead() {
            return Some(path);
        }
        let whole = self.whole.next_state(&mut self.cache, path.whole, byte).ok().filter(|whole| !whole.is_quit())?;
        // What an automaton says it says one byte later.
        let told = if whole.is_match() { self.told(path.marked) } else { path.told };
        let marked = path.marked.filter(|_| !whole.is_dead()).zip(self.marked.as_mut());
        let marked = marked.and_then(|(state, (dfa, cache))| dfa.next_state(cache, state, byte).ok());
        Some(Path { whole, marked: marked.filter(|state| !state.is_dead() && !state.is_quit()), told })
    }

    /// Of a match that ends where the other automaton is.
    fn told(&mut self, state: Option<LazyStateID>) -> Told {
        let marks =
            state.zip(self.marked.as_mut()).and_then(|(state, (dfa, cache))| marks_behind(dfa, cache, state)).flatten();
        match marks {
            Some(1) => Told::Without,
            _ => Told::Any,
        }
    }
}
