//! Regular expressions in RE2's syntax and meaning, run by `regex-automata`.
//!
//! `parse` reads the pattern itself (RE2 and `regex-syntax` differ in dozens of small things) and builds the
//! high-level form that `regex-automata` compiles.

mod class;
mod escape;
mod names;
mod parse;
mod size;

use std::sync::{Arc, OnceLock};

use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::captures::Captures;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::Hir;

use self::parse::Parsed;
use crate::shared::Shared;

/// Bounds what one pattern may grow to, a little above what RE2 allows itself.
const NFA_BYTES: usize = 48 << 20;

/// What has no more states is far below that bound, and need not be built to know it.
const SURELY_FITS: usize = 20_000;

/// Of the groups whose places are looked for without asking for memory.
const SLOTS: usize = 8;

static COMPILED: Shared<String, Compiled> = Shared::new();

/// One compiled pattern; equal ones are one.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    pattern: String,
    /// Built when it is needed first: most patterns of most configurations find nothing to look at.
    regex: OnceLock<meta::Regex>,
    names: Vec<(String, usize)>,
    groups: usize,
}

/// Parses a pattern into the form that several patterns are compiled from.
pub fn hir(pattern: &str) -> Result<Hir, String> {
    parse::parse(pattern).map(|parsed| parsed.hir)
}

impl Pattern {
    /// Compiles; the error says what is wrong with the pattern.
    pub fn new(pattern: &str) -> Result<Pattern, String> {
        COMPILED.get(pattern, || Compiled::new(pattern)).map(Pattern)
    }

    /// Named groups with their numbers, in the order in which they stand.
    pub fn names(&self) -> &[(String, usize)] {
        &self.0.names
    }

    /// How many groups there are, group 0 not counted.
    pub fn groups(&self) -> usize {
        self.0.groups
    }

    /// Whether the pattern is found anywhere.
    #[inline]
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.regex().is_match(Input::new(text).anchored(Anchored::No))
    }

    /// The first match at or after `from`: its start and end, and those of `group` if it took part.
    pub fn find(&self, text: &[u8], from: usize, group: usize) -> Option<Match> {
        let input = Input::new(text).range(from..);
        if group == 0 {
            let found = self.0.regex().find(input)?;
            return Some(Match { start: found.start(), end: found.end(), group: Some((found.start(), found.end())) });
        }
        self.search(&input, group)
    }

    /// Where the first match in a part of the text stands; what is around it is seen.
    pub fn find_in(&self, text: &[u8], (start, end): (usize, usize)) -> Option<(usize, usize)> {
        let input = (start <= end).then(|| Input::new(text).range(start..end))?;
        self.0.regex().find(input).map(|found| (found.start(), found.end()))
    }

    /// The match that is known to stand at this place.
    pub fn find_at(&self, text: &[u8], (start, end): (usize, usize), group: usize) -> Option<Match> {
        self.search(&Input::new(text).range(start..end).anchored(Anchored::Yes), group)
    }

    fn search(&self, input: &Input<'_>, group: usize) -> Option<Match> {
        let mut few = [None; SLOTS];
        let mut many = Vec::new();
        let slots = match few.get_mut(..2 * group + 2) {
            Some(few) => few,
            None => {
                many.resize(2 * group + 2, None);
                &mut many
            }
        };
        self.0.regex().search_slots(input, slots)?;
        let place = |slot: usize| slots.get(slot).copied().flatten().map(NonMaxUsize::get);
        Some(Match { start: place(0)?, end: place(1)?, group: place(2 * group).zip(place(2 * group + 1)) })
    }

    /// The groups of the first match.
    pub fn captures(&self, text: &[u8]) -> Option<Captures> {
        self.captures_from(text, 0)
    }

    /// The first match at or after `from`, with all groups.
    pub fn captures_from(&self, text: &[u8], from: usize) -> Option<Captures> {
        let mut captures = self.0.regex().create_captures();
        self.0.regex().search_captures(&Input::new(text).range(from..), &mut captures);
        captures.is_match().then_some(captures)
    }
}

impl Compiled {
    fn new(pattern: &str) -> Result<Compiled, String> {
        let parsed = parse::parse(pattern).map_err(|error| format!("pattern {pattern:?}: {error}"))?;
        let regex = OnceLock::new();
        if size::most_states(&parsed.hir) > SURELY_FITS {
            let built = built(&parsed).ok_or_else(|| format!("pattern {pattern:?}: too large"))?;
            regex.get_or_init(|| built);
        }
        Ok(Compiled { pattern: pattern.to_owned(), regex, names: parsed.names, groups: parsed.groups })
    }

    #[inline]
    fn regex(&self) -> &meta::Regex {
        self.regex.get_or_init(|| {
            let parsed = parse::parse(&self.pattern).ok();
            parsed.and_then(|parsed| built(&parsed)).expect("it was parsed before, and it is small")
        })
    }
}

fn built(parsed: &Parsed) -> Option<meta::Regex> {
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(NFA_BYTES))
        .which_captures(if parsed.groups == 0 { WhichCaptures::Implicit } else { WhichCaptures::All });
    meta::Builder::new().configure(config).build_from_hir(&parsed.hir).ok()
}

/// A match: the whole of it, and the group that was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    pub start: usize,
    pub end: usize,
    pub group: Option<(usize, usize)>,
}
