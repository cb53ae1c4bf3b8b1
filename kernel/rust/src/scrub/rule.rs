//! Scrub rules on one text: what they find, and what becomes of it.

use serde_json::Value as Json;

use super::action::Action;
use super::near::{next_code_point, Near, Places};
use crate::checks::Check;
use crate::regex::Pattern;
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
        let (mut copied, mut position, mut count, mut tired) = (0, 0, 0, false);
        let near = self.near.as_ref().map(|near| near.places(content));
        if near.as_ref().is_some_and(Places::is_empty) {
            return Applied { count: 0, dropped: false, tired };
        }
        let mut patience = content.len().saturating_mul(8).saturating_add(4096);
        while position <= content.len() {
            let Some(found) = self.pattern.find(content, position, self.group) else {
                break;
            };
            let group = found.group.filter(|(start, end)| start < end);
            let far = |(start, end)| near.as_ref().is_some_and(|near| !near.has(start, end));
            if group.is_some_and(far) {
                position = next_code_point(content, found.start).max(found.end);
                continue;
            }
            let part = group.and_then(|(start, end)| Some((start, end, content.get(start..end)?)));
            let passes = |part| patience == 0 || self.check.as_ref().is_none_or(|check| check.passes(part));
            let part = part.filter(|(_, _, part)| passes(part));
            let Some((start, end, part)) = part else {
                patience = patience.saturating_sub(found.end - found.start);
                let after = next_code_point(content, found.start);
                position = if patience > 0 || group.is_some() { after } else { after.max(found.end) };
                continue;
            };
            count += 1;
            tired |= patience == 0 && self.check.is_some();
            out.extend_from_slice(content.get(copied..start).unwrap_or(&[]));
            if !self.action.replace(part, out) {
                return Applied { count, dropped: true, tired };
            }
            copied = end;
            position = found.end;
        }
        if count > 0 {
            out.extend_from_slice(content.get(copied..).unwrap_or(&[]));
        }
        Applied { count, dropped: false, tired }
    }
}
