//! One stage on its way through one message.

use std::borrow::Cow;

use super::action::Action;
use super::beside::has_several_keys;
use super::cache::{Cache, Verdict};
use super::long::Way;
use super::marks::{self, DEPTH};
use super::matcher::LONG;
use super::rule::KeyRule;
use super::tally::{ALLOWED, IGNORED, MASKED, REDACTED};
use super::{Scrub, Types};
use crate::gotext::go_text;
use crate::keys::Keys;
use crate::splice::{change_values, Change, Splice};
use crate::value::{put_string, read, value_text, Value};
use crate::walk::Form;
use crate::wire::{fields, Range};
use crate::work::{key_value_parts, Item, Work};

pub struct Pass<'a> {
    pub scrub: &'a Scrub,
    pub cache: &'a mut Cache,
    pub counts: &'a mut [u64],
    pub places: &'a mut Vec<u64>,
    pub known: &'a Keys,
    /// The position that is looked at.
    pub at: usize,
}

pub fn whole(payload: &[u8]) -> Range {
    Range { start: 0, end: payload.len() }
}

pub fn changed(written: bool) -> Change {
    if written {
        Change::New
    } else {
        Change::Same
    }
}

impl Pass<'_> {
    pub fn count(&mut self, rule: usize, matches: u64) {
        marks::count(self.counts, self.places, (self.scrub.first + rule, self.at), matches);
    }

    pub fn verdict(&mut self, key: &[u8]) -> Verdict {
        let scrub = self.scrub;
        let looks = scrub.chooses() || scrub.allow.is_some() || scrub.keys_too;
        if !looks && scrub.keys.is_empty() && scrub.forms.is_empty() {
            return Verdict::default();
        }
        let hash = self.cache.hash(key);
        if let Some(known) = self.cache.verdict(hash, key) {
            return known;
        }
        let is_tag = |rule: &KeyRule| matches!(rule.action, Action::Tag(_));
        let rule = self.scrub.keys.iter().position(|rule| !is_tag(rule) && rule.pattern.is_match(key));
        let tagged = self.scrub.keys.iter().any(|rule| is_tag(rule) && rule.pattern.is_match(key));
        let dirty = scrub.keys_too && !self.is_clean(key);
        let denied = scrub.allow.as_ref().is_some_and(|allow| !allow.is_match(key));
        let form = scrub.forms.iter().any(|form| form.key.is_match(key));
        let verdict = Verdict::new([scrub.is_skipped(key), denied, form, tagged, dirty], rule);
        self.cache.remember_verdict(hash, key, verdict);
        verdict
    }

    /// Whether no rule finds anything in a text. If not, the cache's matcher knows which of them may.
    #[inline(always)]
    pub fn is_clean(&mut self, content: &[u8]) -> bool {
        if content.is_empty() || content.len() < self.scrub.shortest {
            return true;
        }
        let hash = self.cache.hash(content);
        self.cache.is_clean(hash, content) || self.finds_nothing(hash, content)
    }

    #[inline(never)]
    fn finds_nothing(&mut self, hash: u64, content: &[u8]) -> bool {
        if content.len() > self.scrub.most {
            return false;
        }
        let Scrub { matcher, values, .. } = self.scrub;
        let clean = match content.len() > LONG {
            true => !matcher.catches(&mut self.cache.matcher, values, content),
            false => !matcher.search(&mut self.cache.matcher, values, content),
        };
        if clean {
            self.cache.remember_clean(hash, content);
        }
        clean
    }

    /// A text after the `values` rules; `New` when it was written to `out`.
    pub fn text(&mut self, content: &[u8], out: &mut Vec<u8>) -> Change {
        if content.len() > self.scrub.most {
            return self.beyond(content, out);
        }
        if self.is_clean(content) {
            return Change::Same;
        }
        if content.len() > LONG && !self.cache.matcher.told() {
            return self.long(content, out);
        }
        let (mut now, mut left, mut tired): (Option<Vec<u8>>, bool, bool) = (None, false, false);
        for (index, rule) in self.scrub.values.iter().enumerate() {
            if !self.cache.matcher.has(index) {
                continue;
            }
            if self.cache.key.as_ref().is_some_and(|key| rule.is_skipped(key)) {
                left = true;
                continue;
            }
            let mut new = Vec::new();
            let applied = rule.apply(now.as_deref().unwrap_or(content), &mut new);
            if applied.count == 0 {
                continue;
            }
            self.count(self.scrub.keys.len() + index, applied.count);
            self.found(&rule.action);
            tired |= applied.tired;
            if applied.dropped {
                self.tire(tired);
                return Change::Drop;
            }
            let more = self.scrub.matcher.search(&mut self.cache.matcher, &self.scrub.values, &new);
            now = Some(new);
            if !more {
                break;
            }
        }
        self.tire(tired);
        match now {
            None => {
                if !left {
                    self.cache.remember_clean(self.cache.hash(content), content);
                }
                Change::Same
            }
            Some(new) if new != content => {
                out.extend_from_slice(&new);
                Change::New
            }
            Some(_) => Change::Same,
        }
    }

    /// A long text after the `values` rules, of which many may find something.
    #[inline(never)]
    fn long(&mut self, content: &[u8], out: &mut Vec<u8>) -> Change {
        let scrub = self.scrub;
        let mut memory = std::mem::take(self.cache.matcher.long());
        let mut way = Way::new(scrub.matcher.long(), &mut memory, content);
        let (mut now, mut new, mut edits) = (Vec::new(), Vec::new(), Vec::new());
        let (mut edited, mut tired, mut change) = (false, false, Change::Same);
        for (index, rule) in scrub.values.iter().enumerate() {
            let skipped = self.cache.key.as_ref().is_some_and(|key| rule.is_skipped(key));
            let text = if edited { &now } else { content };
            if skipped || !way.may_find(index, text) {
                continue;
            }
            new.clear();
            edits.clear();
            let applied = way.apply((index, rule), text, &mut new, &mut edits);
            if applied.count == 0 {
                continue;
            }
            self.count(scrub.keys.len() + index, applied.count);
            self.found(&rule.action);
            tired |= applied.tired;
            if applied.dropped {
                change = Change::Drop;
                break;
            }
            way.edited(index, &new, &edits);
            std::mem::swap(&mut now, &mut new);
            edited = true;
        }
        drop(way);
        *self.cache.matcher.long() = memory;
        self.tire(tired);
        if change == Change::Same && edited && now != content {
            out.extend_from_slice(&now);
            change = Change::New;
        }
        change
    }

    /// A string that is no attribute: what is dropped becomes empty.
    pub fn plain(&mut self, content: &[u8], out: &mut Vec<u8>) -> Change {
        match self.text(content, out) {
            Change::Drop if content.is_empty() => Change::Same,
            Change::Drop => Change::New,
            other => other,
        }
    }

    /// Whether an attribute of a span is plainly left alone: by its key, or since no rule finds anything.
    #[inline(always)]
    pub fn leaves(&mut self, work: &Work, base: &[u8], index: usize, item: &Item) -> bool {
        let key = work.bytes(base, item.key);
        let verdict = match self.cache.recent(index, key) {
            Some(verdict) => verdict,
            None => self.verdict_at(index, key),
        };
        if verdict.marked {
            return verdict.skip;
        }
        match item.form {
            Form::Scalar => self.scrub.types != Types::Numbers,
            Form::Text => self.is_clean(work.bytes(base, item.value).get(2..).unwrap_or(&[])),
            Form::Other => false,
        }
    }

    #[inline(never)]
    fn verdict_at(&mut self, index: usize, key: &[u8]) -> Verdict {
        let verdict = self.verdict(key);
        self.cache.remember_recent(index, key, verdict);
        verdict
    }

    /// A top-level attribute.
    pub fn attribute(&mut self, key: &[u8], pair: &[u8], out: &mut Vec<u8>) -> Change {
        let verdict = self.verdict(key);
        if verdict.skip {
            self.note(IGNORED, key);
            return Change::Same;
        }
        let mut named = Cow::Borrowed(pair);
        let renamed = verdict.dirty || (self.scrub.keys_too && has_several_keys(pair));
        if renamed {
            let mut new = Vec::new();
            match self.key(pair, &mut new) {
                Change::Same => {}
                Change::New => named = new.into(),
                Change::Drop => {
                    self.note(REDACTED, &[]);
                    return Change::Drop;
                }
            }
        }
        let name: Cow<'_, [u8]> =
            if renamed { key_value_parts(&named).0.of(&named).to_vec().into() } else { key.into() };
        if verdict.denied {
            marks::count(self.counts, self.places, (self.scrub.first - 1, self.at), 1);
            self.note(REDACTED, &name);
            return Change::Drop;
        }
        let (keep, form) = (self.scrub.keep.as_ref(), verdict.form && verdict.rule.is_none());
        let kept = keep.is_some_and(|keep| keep.is_match(&self.seen(key_value_parts(&named).1.of(&named))));
        let start = out.len();
        let mut change = match kept {
            true => Change::Same,
            false => {
                if form && self.scrub.forms_first {
                    named = self.formed(key, named.into_owned()).into();
                }
                self.tag_by_key(verdict, key);
                self.cache.key = self.scrub.skips.then(|| key.to_vec());
                let change = self.pair(verdict, &named, self.scrub.types == Types::All, out);
                self.cache.key = None;
                change
            }
        };
        if !kept && form && !self.scrub.forms_first && change != Change::Drop {
            let now = if change == Change::New { out.split_off(start) } else { named.to_vec() };
            let new = self.formed(key, now);
            change = changed(new != *named);
            if change == Change::New {
                out.extend_from_slice(&new);
            }
        }
        if change == Change::Same && *named != *pair {
            out.extend_from_slice(&named);
            change = Change::New;
        }
        match change {
            _ if kept => self.note(ALLOWED, &name),
            Change::Drop => self.note(REDACTED, &name),
            Change::New => self.note(MASKED, &name),
            Change::Same if verdict.rule.is_some() => self.note(MASKED, &name),
            Change::Same => {}
        }
        change
    }

    fn note(&mut self, what: usize, key: &[u8]) {
        if self.scrub.summary.is_some() {
            self.cache.tally.note(what, key);
        }
    }

    /// What `keep` and the rules of `keys` see of an `AnyValue`.
    pub fn seen<'v>(&self, payload: &'v [u8]) -> Cow<'v, [u8]> {
        match (read(payload), self.scrub.types) {
            (Value::Str(text), _) => text.into(),
            (value, Types::All) => go_text(value),
            (value, Types::Text | Types::Numbers) => value_text(value).unwrap_or_default(),
            (_, Types::Strings) => Cow::Borrowed(&[]),
        }
    }

    pub fn pair(&mut self, verdict: Verdict, pair: &[u8], all_types: bool, out: &mut Vec<u8>) -> Change {
        let rule = verdict.rule.and_then(|index| Some((index, self.scrub.keys.get(index)?)));
        let Some((index, rule)) = rule else {
            return match all_types {
                true => change_values(pair, out, |value, new| self.any_type(value, new)),
                false => change_values(pair, out, |value, new| self.any_value(value, new)),
            };
        };
        self.count(index, 1);
        self.found(&rule.action);
        change_values(pair, out, |value, new| {
            let text = self.seen(value);
            let mut replaced = Vec::new();
            if !rule.action.replace(&text, &mut replaced) {
                return Change::Drop;
            }
            put_string(new, &replaced);
            Change::New
        })
    }

    /// An `AnyValue` by the text of what is no string, then by what is within it.
    pub fn any_type(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let value = read(payload);
        if matches!(value, Value::Str(_)) {
            return self.any_value(payload, out);
        }
        let mut text = Vec::new();
        match self.text(&go_text(value), &mut text) {
            Change::Same => self.any_value(payload, out),
            Change::Drop => Change::Drop,
            Change::New => {
                put_string(out, &text);
                Change::New
            }
        }
    }

    /// An `AnyValue`; `Drop` when what holds it is to be removed.
    pub fn any_value(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        self.members(payload, out, false)
    }

    /// The same; maps at the top have `attributes`, or entries.
    #[inline(always)]
    pub fn members(&mut self, payload: &[u8], out: &mut Vec<u8>, attributes: bool) -> Change {
        if self.is_too_deep(payload) {
            self.fail(DEPTH);
            put_string(out, self.scrub.limits.as_ref().map_or(&[], |limits| &limits.text));
            return Change::New;
        }
        if self.scrub.types == Types::Numbers {
            let change = self.number(payload, out);
            if change != Change::Same {
                return change;
            }
        }
        let (mut splice, mut dropped) = (Splice::new(payload), false);
        let mut new = Vec::new();
        fields(payload, whole(payload), |field| {
            if dropped {
                return;
            }
            let content = field.body.of(payload);
            new.clear();
            self.cache.marks.depth += 1;
            let change = match field.tag {
                0x0a => self.text(content, &mut new),
                0x3a if std::str::from_utf8(content).is_ok() => self.text(content, &mut new),
                0x2a => self.array(content, &mut new),
                0x32 if attributes => self.entries(content, &mut new),
                0x32 => self.map(content, 1, &mut new),
                _ => Change::Same,
            };
            self.cache.marks.depth -= 1;
            match change {
                Change::Same => {}
                Change::New => splice.replace(&field, &new, out),
                Change::Drop => dropped = true,
            }
        });
        if dropped {
            return Change::Drop;
        }
        changed(splice.finish(None, out))
    }
}
