//! Many bytes of the same kind next to each other that stand in every match: a text without them is told by a few of its bytes.

use regex_syntax::hir::{Hir, HirKind};

use crate::scrub::characters::bytes;
use crate::scrub::symbols::Symbols;

/// Shorter ones stand everywhere.
const LEAST: usize = 16;
/// Of all bytes of texts, those of a stretch are not more than this part.
const OFTEN: f64 = 0.98;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    bytes: Symbols,
    size: usize,
}

impl Stretch {
    /// The best one of a pattern, if it has any that is worth looking for.
    pub fn of(hir: &Hir) -> Option<Stretch> {
        best(hir).filter(|stretch| stretch.often() < OFTEN)
    }

    /// Of everything that a part of a pattern may be.
    fn all(parts: &[Hir]) -> Option<Stretch> {
        let size = parts.iter().map(|part| part.properties().minimum_len()).sum::<Option<usize>>()?;
        let bytes = || parts.iter().fold(Symbols::default(), |all, part| all.or(bytes(part)));
        (size >= LEAST).then(|| Stretch { bytes: bytes(), size })
    }

    /// Of a byte.
    fn often(&self) -> f64 {
        Symbols::default().not().share_of(self.bytes)
    }

    /// How little is expected of a text to have it.
    fn worth(&self) -> f64 {
        -self.often().ln() * self.size as f64
    }

    /// Whether it stands in a text.
    pub fn stands_in(&self, text: &[u8]) -> bool {
        let mut from = 0;
        while let Some(part) = text.get(from..from + self.size) {
            match part.iter().rposition(|&byte| !self.bytes.has(byte)) {
                None => return true,
                Some(place) => from += place + 1,
            }
        }
        false
    }
}

fn better(one: Option<Stretch>, two: Option<Stretch>) -> Option<Stretch> {
    one.into_iter().chain(two).max_by(|one, two| one.worth().total_cmp(&two.worth()))
}

fn best(hir: &Hir) -> Option<Stretch> {
    let within = match hir.kind() {
        HirKind::Capture(capture) => best(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => best(&repetition.sub),
        HirKind::Concat(parts) => {
            let ends = |from: usize| (from + 1..=parts.len()).map(move |to| (from, to));
            let runs = (0..parts.len()).flat_map(ends).filter_map(|(from, to)| Stretch::all(parts.get(from..to)?));
            parts.iter().map(best).fold(runs.fold(None, |all, one| better(all, Some(one))), better)
        }
        HirKind::Alternation(parts) => parts.iter().map(best).reduce(either).flatten(),
        _ => None,
    };
    better(within, Stretch::all(std::slice::from_ref(hir)))
}

/// What stands in whatever has one of both.
fn either(one: Option<Stretch>, two: Option<Stretch>) -> Option<Stretch> {
    let (one, two) = (one?, two?);
    Some(Stretch { bytes: one.bytes.or(two.bytes), size: one.size.min(two.size) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regex::hir;

    fn of(pattern: &str) -> Option<Stretch> {
        Stretch::of(&hir(pattern).unwrap())
    }

    #[test]
    fn the_best_stretch_is_long_and_of_few_kinds() {
        let symbols = |bytes: &str| bytes.bytes().fold(Symbols::default(), |all, byte| all.or(Symbols::of(byte)));
        let hex = symbols("0123456789abcdef");
        assert_eq!(of("(?:^|[^a-z])([0-9a-f]{32})[^a-z]"), Some(Stretch { bytes: hex, size: 32 }));
        assert_eq!(of("[0-9a-f]{20}|[0-9]{18}-+"), Some(Stretch { bytes: hex, size: 18 }));
        assert_eq!(of("(?:x[0-9a-f]{17}){2,}?").map(|stretch| stretch.size), Some(36));
        assert_eq!((of("[a-z]{9}@[a-z]{5}"), of("[a-z]*@[a-z]{14}"), of("(?s).{40}")), (None, None, None));
    }

    #[test]
    fn a_stretch_is_found_wherever_it_stands() {
        let digits = Stretch { bytes: Symbols::default().range(b'0', b'9'), size: 16 };
        let before = "abc 123 ".repeat(6);
        for at in 0..40 {
            let text = |size: usize| format!("{} {}x12345 of 66", &before[..at], "7".repeat(size));
            assert!(digits.stands_in(text(16).as_bytes()) && !digits.stands_in(text(15).as_bytes()), "{at}");
        }
    }
}
