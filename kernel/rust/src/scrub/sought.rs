//! What must be found in a text in which a rule finds something, and what is known of it.

use std::convert::Infallible;
use std::sync::Arc;

use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};
use serde_json::Value as Json;

use super::rule::ValueRule;
use super::symbols::{cost, Window};
use super::windows::Windows;
use crate::regex;
use crate::shared::Shared;

/// So many times rarer are words than their letters say.
const WORDS: f64 = 4.0;

static FOUND: Shared<Sought, Found> = Shared::new();

/// The data of a rule that say which texts it must be asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    pub pattern: String,
    pub group: usize,
    pub near: Option<String>,
}

/// The pattern or what must be near it, whichever is the rarer one.
pub struct Found {
    /// One of them stands in every such text; none when nothing is rare enough.
    pub windows: Option<Vec<Window>>,
    /// Without windows: what is found in every such text, unless it cannot be said.
    pub hir: Option<Hir>,
    /// No such text is shorter.
    pub least: usize,
}

impl Sought {
    /// Of a rule and its data.
    pub fn of((spec, rule): (&Json, &ValueRule)) -> Option<Sought> {
        let near = spec.get("near").and_then(|near| near.get("pattern")?.as_str());
        let pattern = spec.get("pattern")?.as_str()?.to_owned();
        Some(Sought { pattern, group: rule.group(), near: near.map(str::to_owned) })
    }

    /// What is known of it; rules that are equal in this share it.
    pub fn found(&self, windows: &mut Windows) -> Arc<Found> {
        let Ok(found) = FOUND.get(self, || Ok::<Found, Infallible>(self.rarer(windows)));
        found
    }

    /// Words are rarer than they seem where values are new, for most of those are identifiers. A rule counts only matches
    /// in which its group takes part, so branches of the pattern without the group are left out.
    fn rarer(&self, windows: &mut Windows) -> Found {
        let own = regex::hir(&self.pattern).ok().map(|hir| pruned(&hir, self.group));
        let mine = own.as_ref().and_then(|hir| windows.of(hir));
        let Some(near) = self.near.as_ref().and_then(|near| regex::hir(near).ok()) else {
            return Found::new(own, mine);
        };
        let price = |windows: &Option<Vec<Window>>| windows.as_ref().map_or(1.0, |windows| cost(windows));
        let its = windows.of(&near);
        if price(&its) < WORDS * price(&mine) {
            Found::new(Some(near), its)
        } else {
            Found::new(own, mine)
        }
    }
}

impl Found {
    fn new(hir: Option<Hir>, windows: Option<Vec<Window>>) -> Found {
        let least = hir.as_ref().map_or(0, |hir| hir.properties().minimum_len().unwrap_or(usize::MAX));
        Found { hir: hir.filter(|_| windows.is_none()), windows, least }
    }
}

/// The pattern without the alternatives in which `group` takes no part.
pub fn pruned(hir: &Hir, group: usize) -> Hir {
    if group == 0 || !holds(hir, group) {
        return hir.clone();
    }
    match hir.kind() {
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().filter(|part| holds(part, group)).map(|part| pruned(part, group)).collect())
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|part| pruned(part, group)).collect()),
        HirKind::Capture(capture) => {
            let sub = Box::new(pruned(&capture.sub, group));
            Hir::capture(Capture { index: capture.index, name: capture.name.clone(), sub })
        }
        // Several rounds may take different branches.
        HirKind::Repetition(repetition) if repetition.max == Some(1) => {
            Hir::repetition(Repetition { sub: Box::new(pruned(&repetition.sub, group)), ..repetition.clone() })
        }
        _ => hir.clone(),
    }
}

pub fn holds(hir: &Hir, group: usize) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => capture.index as usize == group || holds(&capture.sub, group),
        HirKind::Repetition(repetition) => holds(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(|part| holds(part, group)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_without_the_group_do_not_count() {
        let hir = pruned(&regex::hir("x@(?:[0-9]+|([a-z]+))").unwrap(), 1);
        assert_eq!(hir, pruned(&hir, 1));
        assert!(hir.properties().minimum_len() == Some(3) && !format!("{hir:?}").contains("'0'"));
    }
}
