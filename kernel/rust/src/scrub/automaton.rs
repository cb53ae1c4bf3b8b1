//! Automata that are built while they read.

use regex_automata::hybrid::dfa;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_syntax::hir::Hir;

/// Larger patterns have none.
const NFA_BYTES: usize = 16 << 20;

/// Of some patterns together, built as `config` says; none where they are too large.
pub fn automaton(hirs: &[Hir], config: dfa::Config) -> Option<dfa::DFA> {
    let parts = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(NFA_BYTES));
    let nfa = thompson::Compiler::new().configure(parts).build_many_from_hir(hirs).ok()?;
    dfa::Builder::new().configure(config.skip_cache_capacity_check(true)).build_from_nfa(nfa).ok()
}
