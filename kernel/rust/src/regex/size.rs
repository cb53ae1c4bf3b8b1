//! How large an automaton a pattern may become, without building it.

use regex_syntax::hir::{Class, Hir, HirKind};

/// So many states at most are for a range of characters beyond ASCII: up to 13 sequences of up to 4 bytes.
const FOREIGN: usize = 64;

/// No automaton of Thompson's construction has more states and transitions, forwards or backwards.
pub fn most_states(hir: &Hir) -> usize {
    let sum = |parts: &[Hir]| parts.iter().fold(2, |sum: usize, part| sum.saturating_add(most_states(part) + 1));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() + 1,
        HirKind::Class(Class::Unicode(class)) => {
            let size = |end: char| if end.is_ascii() { 1 } else { FOREIGN };
            class.ranges().iter().map(|range| size(range.end())).sum::<usize>() + 1
        }
        HirKind::Repetition(repetition) => {
            let rounds = repetition.max.unwrap_or(repetition.min.saturating_add(1)) as usize;
            (most_states(&repetition.sub).saturating_add(3)).saturating_mul(rounds).saturating_add(2)
        }
        HirKind::Capture(capture) => most_states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => sum(parts),
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::nfa::thompson::{Compiler, Config};

    use super::*;

    #[test]
    fn it_is_no_less_than_what_is_built() {
        let patterns = [
            "",
            "abc",
            "(?i)straße|\u{212a}",
            "[a-z0-9_]+@(?:[a-z]+[.]){1,5}com",
            r"\b(?:[0-9][ -]?){12,18}[0-9]\b",
            "(a(b(c)?)*){3,7}",
            r"\pL{1,20}\PN*[^\x00-\x{10FFF}]+",
            ".{0,100}?x|(?s:.)*",
            "^(?:GET|POST|PUT|PATCH|DELETE) /[^/]*$",
            "((((a{1,9}){1,9}){1,3}))",
        ];
        for pattern in patterns {
            let hir = super::super::hir(pattern).unwrap();
            for reverse in [false, true] {
                let config = Config::new().utf8(false).reverse(reverse);
                let config = if reverse {
                    config.which_captures(regex_automata::nfa::thompson::WhichCaptures::None)
                } else {
                    config
                };
                let nfa = Compiler::new().configure(config).build_from_hir(&hir).unwrap();
                // The match, the beginning of unanchored searches and the groups of the whole match are not the pattern's.
                assert!(
                    nfa.states().len() <= most_states(&hir) + 8,
                    "{pattern} {} {}",
                    nfa.states().len(),
                    most_states(&hir)
                );
            }
        }
    }

    #[test]
    fn it_is_small_for_small_ones_and_does_not_overflow() {
        assert!(most_states(&super::super::hir("[a-z]+@x").unwrap()) < 20);
        let many = super::super::hir("(?:(?:(?:a{1000}){1000}){1000}){1000}");
        assert!(many.is_err() || most_states(&many.unwrap()) > 1_000_000);
    }
}
