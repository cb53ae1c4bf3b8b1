//! One stage on its way through one message.

use std::borrow::Cow;

use super::cache::{Cache, Verdict};
use super::form::{named, SYSTEM};
use super::tally::{first, ALLOWED, IGNORED, MASKED, REDACTED};
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
    pub known: &'a Keys,
}

fn whole(payload: &[u8]) -> Range {
    Range { start: 0, end: payload.len() }
}

fn changed(written: bool) -> Change {
    if written {
        Change::New
    } else {
        Change::Same
    }
}

impl Pass<'_> {
    pub fn count(&mut self, rule: usize, matches: u64) {
        if let Some(count) = self.counts.get_mut(self.scrub.first + rule) {
            *count += matches;
        }
    }

    fn verdict(&mut self, key: &[u8]) -> Verdict {
        let scrub = self.scrub;
        if !scrub.chooses() && scrub.keys.is_empty() && scrub.allow.is_none() && scrub.forms.is_empty() {
            return Verdict::default();
        }
        let hash = self.cache.hash(key);
        if let Some(known) = self.cache.verdict(hash, key) {
            return known;
        }
        let rule = self.scrub.keys.iter().position(|rule| rule.pattern.is_match(key));
        let denied = scrub.allow.as_ref().is_some_and(|allow| !allow.is_match(key));
        let form = scrub.forms.iter().any(|form| form.key.is_match(key));
        let verdict = Verdict::new((scrub.is_skipped(key), denied, form), rule);
        self.cache.remember_verdict(hash, key, verdict);
        verdict
    }

    /// Whether no rule finds anything in a text. If not, the cache's matcher knows which of them may.
    #[inline(always)]
    pub fn is_clean(&mut self, content: &[u8]) -> bool {
        if content.is_empty() || content.len() < self.scrub.matcher.shortest() {
            return true;
        }
        let hash = self.cache.hash(content);
        self.cache.is_clean(hash, content) || self.finds_nothing(hash, content)
    }

    #[inline(never)]
    fn finds_nothing(&mut self, hash: u64, content: &[u8]) -> bool {
        let clean = !self.scrub.matcher.search(&mut self.cache.matcher, &self.scrub.values, content);
        if clean {
            self.cache.remember_clean(hash, content);
        }
        clean
    }

    /// A text after the `values` rules; `New` when it was written to `out`.
    pub fn text(&mut self, content: &[u8], out: &mut Vec<u8>) -> Change {
        if self.is_clean(content) {
            return Change::Same;
        }
        let (mut now, mut left): (Option<Vec<u8>>, bool) = (None, false);
        for (index, rule) in self.scrub.values.iter().enumerate() {
            if !self.cache.matcher.has(index) {
                continue;
            }
            if self.cache.key.as_ref().is_some_and(|key| rule.is_skipped(key)) {
                left = true;
                continue;
            }
            let mut new = Vec::new();
            let (count, dropped) = rule.apply(now.as_deref().unwrap_or(content), &mut new);
            if count == 0 {
                continue;
            }
            self.count(self.scrub.keys.len() + index, count);
            if dropped {
                return Change::Drop;
            }
            let more = self.scrub.matcher.search(&mut self.cache.matcher, &self.scrub.values, &new);
            now = Some(new);
            if !more {
                break;
            }
        }
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
            Form::Scalar => true,
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
        if verdict.denied {
            if let Some(count) = self.counts.get_mut(self.scrub.first - 1) {
                *count += 1;
            }
            self.note(REDACTED, key);
            return Change::Drop;
        }
        if self.scrub.keep.as_ref().is_some_and(|keep| keep.is_match(&self.seen(key_value_parts(pair).1.of(pair)))) {
            self.note(ALLOWED, key);
            return Change::Same;
        }
        let start = out.len();
        self.cache.key = self.scrub.skips.then(|| key.to_vec());
        let mut change = self.pair(verdict, pair, self.scrub.types == Types::All, out);
        self.cache.key = None;
        if verdict.form && verdict.rule.is_none() && change != Change::Drop {
            let now = if change == Change::New { out.split_off(start) } else { pair.to_vec() };
            let new = self.formed(key, now);
            change = changed(new != pair);
            if change == Change::New {
                out.extend_from_slice(&new);
            }
        }
        match change {
            Change::Drop => self.note(REDACTED, key),
            Change::New => self.note(MASKED, key),
            Change::Same if verdict.rule.is_some() => self.note(MASKED, key),
            Change::Same => {}
        }
        change
    }

    fn note(&mut self, what: usize, key: &[u8]) {
        if self.scrub.summary.is_some() {
            self.cache.tally.note(what, key);
        }
    }

    /// Writes what was noted of a span, a resource or a scope among its attributes.
    pub fn summarize(&mut self, work: &mut Work, base: &[u8], scratch: &mut Vec<u8>) {
        if let Some(summary) = self.scrub.summary.as_ref().filter(|_| !self.cache.tally.is_empty()) {
            summary.onto_work(&std::mem::take(&mut self.cache.tally), work, base, self.known, scratch);
        }
    }

    /// What `keep` and the rules of `keys` see of an `AnyValue`.
    fn seen<'v>(&self, payload: &'v [u8]) -> Cow<'v, [u8]> {
        match (read(payload), self.scrub.types) {
            (Value::Str(text), _) => text.into(),
            (value, Types::All) => go_text(value),
            (value, Types::Text) => value_text(value).unwrap_or_default(),
            (_, Types::Strings) => Cow::Borrowed(&[]),
        }
    }

    fn pair(&mut self, verdict: Verdict, pair: &[u8], all_types: bool, out: &mut Vec<u8>) -> Change {
        let rule = verdict.rule.and_then(|index| Some((index, self.scrub.keys.get(index)?)));
        let Some((index, rule)) = rule else {
            return match all_types {
                true => change_values(pair, out, |value, new| self.any_type(value, new)),
                false => change_values(pair, out, |value, new| self.any_value(value, new)),
            };
        };
        self.count(index, 1);
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
    fn any_type(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
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
    fn any_value(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let (mut splice, mut dropped) = (Splice::new(payload), false);
        let mut new = Vec::new();
        fields(payload, whole(payload), |field| {
            if dropped {
                return;
            }
            let content = field.body.of(payload);
            new.clear();
            let change = match field.tag {
                0x0a => self.text(content, &mut new),
                0x3a if std::str::from_utf8(content).is_ok() => self.text(content, &mut new),
                0x2a => self.array(content, &mut new),
                0x32 => self.map(content, 1, &mut new),
                _ => return,
            };
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

    fn array(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        fields(payload, whole(payload), |field| {
            if field.is(1) {
                new.clear();
                match self.any_value(field.body.of(payload), &mut new) {
                    Change::Same => {}
                    Change::New => splice.replace(&field, &new, out),
                    Change::Drop => splice.remove(&field, out),
                }
            }
        });
        changed(splice.finish(None, out))
    }

    /// The `KeyValue`s in field `number` of a map.
    fn map(&mut self, payload: &[u8], number: u32, out: &mut Vec<u8>) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        fields(payload, whole(payload), |field| {
            if field.is(number) {
                let pair = field.body.of(payload);
                let verdict = self.verdict(key_value_parts(pair).0.of(pair));
                new.clear();
                match self.pair(verdict, pair, false, &mut new) {
                    Change::Same => {}
                    Change::New => splice.replace(&field, &new, out),
                    Change::Drop => splice.remove(&field, out),
                }
            }
        });
        changed(splice.finish(None, out))
    }

    /// An event, a link or a status: attributes in one field, a string in another, each if wanted.
    pub fn part(
        &mut self,
        payload: &[u8],
        (attributes, with_attributes): (u32, bool),
        (text, with_text): (u32, bool),
        out: &mut Vec<u8>,
    ) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        let outer = std::mem::take(&mut self.cache.tally);
        let outer_system = std::mem::take(&mut self.cache.system);
        if self.scrub.known.is_some() && with_attributes {
            let found = SYSTEM.map(|key| first(payload, attributes, key));
            self.cache.system = named(found.iter().map(Option::as_deref));
        }
        let start = out.len();
        fields(payload, whole(payload), |field| {
            let content = field.body.of(payload);
            new.clear();
            let change = if with_attributes && field.is(attributes) {
                self.attribute(key_value_parts(content).0.of(content), content, &mut new)
            } else if with_text && field.is(text) {
                self.plain(content, &mut new)
            } else {
                return;
            };
            match change {
                Change::Same => {}
                Change::New => splice.replace(&field, &new, out),
                Change::Drop => splice.remove(&field, out),
            }
        });
        self.cache.system = outer_system;
        let tally = std::mem::replace(&mut self.cache.tally, outer);
        let Some(summary) = self.scrub.summary.as_ref().filter(|_| !tally.is_empty()) else {
            return changed(splice.finish(None, out));
        };
        splice.finish(Some(()), out);
        let message = out.split_off(start);
        out.extend_from_slice(&summary.onto_message(&tally, message, attributes, self.known));
        Change::New
    }
}
