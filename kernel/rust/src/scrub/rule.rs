//! Scrub rules on one text: what they find, and what becomes of it.

use serde_json::Value as Json;

use super::action::Action;
use super::near::{next_code_point, Near, Places};
use crate::checks::Check;
use crate::regex::{Match, Pattern};
use crate::spec::{given, natural, need, only, text, Outcome};

/// A rule of `keys`.
pub struct KeyRule {
    pub pattern: Pattern,
    pub action: Action,
}

/// A rule of `values`.
pub struct ValueRule {
    pattern: Pattern,
    group: usize,
    check: Option<Check>,
    pub action: Action,
    near: Option<Near>,
    skip: Option<Pattern>,
}

/// What came of a rule's way through a text.
#[derive(Default)]
pub struct Applied {
    /// Matches that were replaced.
    pub count: u64,
    pub dropped: bool,
    /// A match was replaced although nobody checked it any more.
    pub tired: bool,
}

impl KeyRule {
    pub fn compile(spec: &Json) -> Outcome<KeyRule> {
        let spec = only(Some(spec), &["pattern", "action"], "key rule")?;
        let pattern = Pattern::new(text(spec.get("pattern"), "pattern")?)?;
        Ok(KeyRule { pattern, action: Action::compile(spec.get("action"))? })
    }
}

impl ValueRule {
    pub fn compile(spec: &Json) -> Outcome<ValueRule> {
        let spec = only(Some(spec), &["pattern", "action", "group", "check", "near", "skip"], "value rule")?;
        let pattern = Pattern::new(text(spec.get("pattern"), "pattern")?)?;
        let group = spec.get("group").map_or(Ok(0), |group| natural(Some(group), "group"))?;
        need(group <= pattern.groups(), || format!("group {group}: the pattern has {}", pattern.groups()))?;
        let check = given(spec, "check").map(Check::compile).transpose()?;
        let near = given(spec, "near").map(Near::compile).transpose()?;
        let skip = given(spec, "skip").map(|one| text(Some(one), "skip").and_then(Pattern::new)).transpose()?;
        Ok(ValueRule { pattern, group, check, action: Action::compile(spec.get("action"))?, near, skip })
    }

    /// The group whose text is replaced.
    pub fn group(&self) -> usize {
        self.group
    }

    pub fn near(&self) -> Option<&Near> {
        self.near.as_ref()
    }

    /// Whether the rule leaves some top-level attributes alone by their keys, and whether it leaves this one.
    pub fn has_skip(&self) -> bool {
        self.skip.is_some()
    }

    pub fn is_skipped(&self, key: &[u8]) -> bool {
        self.skip.as_ref().is_some_and(|skip| skip.is_match(key))
    }

    /// Whether the pattern, and what must be near it, are found.
    pub fn may_find(&self, content: &[u8]) -> bool {
        self.near.as_ref().is_none_or(|near| near.is_found(content)) && self.pattern.is_match(content)
    }

    /// Takes a text through the rule. The new text is written to `out` if any match was replaced.
    pub fn apply(&self, content: &[u8], out: &mut Vec<u8>) -> Applied {
        let near = self.near.as_ref().map(|near| near.places(content));
        let find = |from, _| self.pattern.find(content, from, self.group).map(Found::from);
        self.replace(content, near.as_ref(), find, (out, |_| {}))
    }

    /// The same with the matches that `find` finds: it is told from where on, and how much patience is left.
    /// `edited` is told what was replaced.
    pub fn replace(
        &self,
        content: &[u8],
        near: Option<&Places>,
        mut find: impl FnMut(usize, usize) -> Option<Found>,
        (out, mut edited): (&mut Vec<u8>, impl FnMut(Edit)),
    ) -> Applied {
        let (mut copied, mut position, mut count, mut tired) = (0, 0, 0, false);
        if near.is_some_and(Places::is_empty) {
            return Applied { count: 0, dropped: false, tired };
        }
        let mut patience = patience(content.len());
        while position <= content.len() {
            let Some(found) = find(position, patience) else {
                break;
            };
            let group = match found.group {
                Group::At(start, end) if start < end => Some((start, end)),
                _ => None,
            };
            if group.is_some_and(|(start, end)| near.is_some_and(|near| !near.has(start, end))) {
                position = next_code_point(content, found.start).max(found.end);
                continue;
            }
            let part = group.and_then(|(start, end)| Some((start, end, content.get(start..end)?)));
            let passes = |part| patience == 0 || self.check.as_ref().is_none_or(|check| check.passes(part));
            let part = part.filter(|(_, _, part)| passes(part));
            let Some((start, end, part)) = part else {
                patience = patience.saturating_sub(found.end - found.start);
                let after = next_code_point(content, found.start);
                let refused = group.is_some() || found.group == Group::Refused;
                position = if patience > 0 || refused { after } else { after.max(found.end) };
                continue;
            };
            if count == 0 {
                out.reserve(content.len());
            }
            count += 1;
            tired |= patience == 0 && self.check.is_some();
            out.extend_from_slice(content.get(copied..start).unwrap_or(&[]));
            let from = out.len();
            if !self.action.replace(part, out) {
                return Applied { count, dropped: true, tired };
            }
            edited(Edit { start, end, from, to: out.len() });
            copied = end;
            position = found.end;
        }
        if count > 0 {
            out.extend_from_slice(content.get(copied..).unwrap_or(&[]));
        }
        Applied { count, dropped: false, tired }
    }

    /// Whether the check refuses a match, and nothing near is missing, wherever in it the group is.
    pub fn refuses(
        &self,
        content: &[u8],
        near: Option<&Places>,
        mut places: impl Iterator<Item = (usize, usize)>,
    ) -> bool {
        let Some(check) = &self.check else { return false };
        let refused = |(start, end)| {
            near.is_none_or(|near| near.has(start, end))
                && !content.get(start..end).is_some_and(|part| check.passes(part))
        };
        places.all(refused)
    }

    /// The place of the first match in a part of the text, if that is not behind its end.
    pub fn found(&self, content: &[u8], part: (usize, usize)) -> Option<(usize, usize)> {
        self.pattern.find_in(content, part)
    }

    /// The match that has this place.
    pub fn found_at(&self, content: &[u8], start: usize, end: usize) -> Option<Found> {
        self.pattern.find_at(content, (start, end), self.group).map(Found::from)
    }
}

/// So many bytes of matches may come to nothing in a text of this size.
pub fn patience(size: usize) -> usize {
    size.saturating_mul(8).saturating_add(4096)
}

/// A match, and what of it is to be replaced.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub start: usize,
    pub end: usize,
    pub group: Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// It took no part.
    None,
    /// The check refuses whatever it may be.
    Refused,
    At(usize, usize),
}

impl From<Match> for Found {
    fn from(found: Match) -> Found {
        let group = found.group.map_or(Group::None, |(start, end)| Group::At(start, end));
        Found { start: found.start, end: found.end, group }
    }
}

/// What stood at `start..end` of a text stands at `from..to` of the new one.
#[derive(Debug, Clone, Copy)]
pub struct Edit {
    pub start: usize,
    pub end: usize,
    pub from: usize,
    pub to: usize,
}
