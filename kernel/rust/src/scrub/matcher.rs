//! All patterns of a stage at once: one pass over a text tells whether any of them can be found in it.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Input, MatchKind};
use regex_syntax::hir::Hir;

use crate::regex;

/// For the lazily built automaton, one in each scratch.
const CACHE_BYTES: usize = 4 << 20;
const NFA_BYTES: usize = 16 << 20;

pub struct Matcher {
    /// None when the patterns are too large together: every text is taken through the rules then.
    all: Option<dfa::DFA>,
    empty: bool,
}

pub type Cache = Option<dfa::Cache>;

impl Matcher {
    /// Of patterns that were compiled one by one before.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Matcher {
        let hirs: Option<Vec<Hir>> = patterns.map(|pattern| regex::hir(pattern).ok()).collect();
        let empty = hirs.as_ref().is_none_or(|hirs| hirs.iter().any(|hir| hir.properties().minimum_len() == Some(0)));
        Matcher { all: hirs.and_then(|hirs| build(&hirs)), empty }
    }

    /// Whether a pattern may be found in an empty text.
    pub fn takes_empty(&self) -> bool {
        self.empty
    }

    pub fn cache(&self) -> Cache {
        self.all.as_ref().map(dfa::DFA::create_cache)
    }

    /// False only when no pattern is found in the text.
    #[inline]
    pub fn may_match(&self, cache: &mut Cache, text: &[u8]) -> bool {
        let (Some(all), Some(cache)) = (&self.all, cache) else { return true };
        let input = Input::new(text).earliest(true);
        !matches!(all.try_search_fwd(cache, &input), Ok(None))
    }
}

fn build(hirs: &[Hir]) -> Option<dfa::DFA> {
    if hirs.is_empty() {
        return None;
    }
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(NFA_BYTES));
    let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(hirs).ok()?;
    let config = dfa::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .cache_capacity(CACHE_BYTES)
        .skip_cache_capacity_check(true);
    dfa::Builder::new().configure(config).build_from_nfa(nfa).ok()
}
