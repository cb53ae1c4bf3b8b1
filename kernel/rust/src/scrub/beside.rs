//! What a pass does beside taking texts through the rules: keys, numbers, limits, and what is said of what was found.

use std::borrow::Cow;

use super::action::Action;
use super::cache::Verdict;
use super::form::{named, SYSTEM};
use super::marks::{ATTRIBUTE_KEY, LIMIT, PATIENCE, RULE, SIZE};
use super::pass::{changed, whole, Pass};
use super::tally::first;
use super::Scrub;
use crate::edit::put;
use crate::keys::Keys;
use crate::splice::{Change, Splice};
use crate::value::{put_string, read, value_text, Value};
use crate::wire::{fields, Field};
use crate::work::{key_value_parts, Work};

impl Pass<'_> {
    /// Writes what was noted of a span, a resource or a scope among its attributes.
    pub fn summarize(&mut self, work: &mut Work, base: &[u8], scratch: &mut Vec<u8>) {
        if let Some(summary) = self.scrub.summary.as_ref().filter(|_| !self.cache.tally.is_empty()) {
            summary.onto_work(&std::mem::take(&mut self.cache.tally), work, base, self.known, scratch);
        }
    }

    /// Counts that something could not be scrubbed as it should be.
    pub fn fail(&mut self, what: usize) {
        let scrub = self.scrub;
        self.count(scrub.keys.len() + scrub.values.len() + scrub.forms.len() + what, 1);
        if scrub.limits.as_ref().is_some_and(|limits| limits.drops) {
            self.cache.marks.doom |= LIMIT;
        }
    }

    /// Notes what else a rule that found something asks for.
    pub fn found(&mut self, action: &Action) {
        match action {
            Action::Tag(name) if !self.cache.marks.tags.contains(name) => self.cache.marks.tags.push(name.clone()),
            Action::DropSpan => self.cache.marks.doom |= RULE,
            _ => {}
        }
    }

    pub fn tire(&mut self, tired: bool) {
        if tired && self.scrub.limits.is_some() {
            self.fail(PATIENCE);
        }
    }

    /// A text that is too long to be looked at.
    #[cold]
    pub fn beyond(&mut self, content: &[u8], out: &mut Vec<u8>) -> Change {
        self.fail(SIZE);
        let text = self.scrub.limits.as_ref().map_or(&[][..], |limits| &limits.text);
        out.extend_from_slice(text);
        changed(text != content)
    }

    /// A `KeyValue` with its key after the rules.
    pub fn key(&mut self, pair: &[u8], out: &mut Vec<u8>) -> Change {
        let at = std::mem::replace(&mut self.at, ATTRIBUTE_KEY);
        let (mut splice, mut new, mut dropped) = (Splice::new(pair), Vec::new(), false);
        fields(pair, whole(pair), |field| {
            if !field.is(1) || dropped {
                return;
            }
            new.clear();
            match self.text(field.body.of(pair), &mut new) {
                Change::Same => {}
                Change::New => splice.replace(&field, &new, out),
                Change::Drop => dropped = true,
            }
        });
        self.at = at;
        if dropped {
            return Change::Drop;
        }
        changed(splice.finish(None, out))
    }

    /// Whether arrays and maps stand deeper here than the limit.
    pub fn is_too_deep(&self, payload: &[u8]) -> bool {
        let depth = self.cache.marks.depth;
        let mut nested = false;
        if self.scrub.limits.as_ref().is_some_and(|limits| depth >= limits.depth) {
            fields(payload, whole(payload), |field| nested |= field.is(5) || field.is(6));
        }
        nested
    }

    /// The elements of an array.
    pub fn array(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
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
    pub fn map(&mut self, payload: &[u8], number: u32, out: &mut Vec<u8>) -> Change {
        let (mut splice, mut new) = (Splice::new(payload), Vec::new());
        fields(payload, whole(payload), |field| {
            if field.is(number) {
                let pair = field.body.of(payload);
                let key = key_value_parts(pair).0.of(pair);
                let verdict = self.verdict(key);
                new.clear();
                let mut named = Cow::Borrowed(pair);
                let change = if verdict.dirty || (self.scrub.keys_too && has_several_keys(pair)) {
                    self.key(pair, &mut new)
                } else {
                    Change::Same
                };
                if change == Change::New {
                    named = std::mem::take(&mut new).into();
                }
                let now = match change {
                    Change::Drop => change,
                    _ => {
                        self.tag_by_key(verdict, key);
                        self.pair(verdict, &named, false, &mut new)
                    }
                };
                if now == Change::Same && change == Change::New {
                    new.extend_from_slice(&named);
                }
                match if now == Change::Same { change } else { now } {
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
        attributes: (u32, bool, usize),
        (text, with_text, text_at): (u32, bool, usize),
        out: &mut Vec<u8>,
    ) -> Change {
        self.message(payload, attributes, out, |pass, field, content, new| {
            (with_text && field.is(text)).then(|| {
                pass.at = text_at;
                pass.plain(content, new)
            })
        })
    }

    /// A message with attributes in one field, if they are wanted; `other` looks at the other fields.
    #[inline(always)]
    pub fn message(
        &mut self,
        payload: &[u8],
        (attributes, with_attributes, attributes_at): (u32, bool, usize),
        out: &mut Vec<u8>,
        mut other: impl FnMut(&mut Self, &Field, &[u8], &mut Vec<u8>) -> Option<Change>,
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
                self.at = attributes_at;
                self.attribute(key_value_parts(content).0.of(content), content, &mut new)
            } else if let Some(change) = other(self, &field, content, &mut new) {
                change
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

    /// A number by its text.
    pub fn number(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Change {
        let value = read(payload);
        if !matches!(value, Value::Int(_) | Value::Double(_)) {
            return Change::Same;
        }
        let mut text = Vec::new();
        let change = self.text(&value_text(value).unwrap_or_default(), &mut text);
        if change == Change::New {
            put_string(out, &text);
        }
        change
    }

    /// Notes what rules that tag find in a key.
    #[inline]
    pub fn tag_by_key(&mut self, verdict: Verdict, key: &[u8]) {
        let keys = if verdict.tagged { self.scrub.keys.as_slice() } else { &[] };
        for (index, rule) in keys.iter().enumerate() {
            if matches!(rule.action, Action::Tag(_)) && rule.pattern.is_match(key) {
                self.count(index, 1);
                self.found(&rule.action);
            }
        }
    }
}

/// Whether a `KeyValue` has other keys than the one that counts.
pub fn has_several_keys(pair: &[u8]) -> bool {
    let mut keys = 0;
    fields(pair, whole(pair), |field| keys += usize::from(field.is(1)));
    keys > 1
}

impl Scrub {
    /// Gives an item of a message what became of it.
    pub fn apply(&self, work: &mut Work, index: usize, change: Change, new: &[u8], known: &Keys) {
        match change {
            Change::Same => {}
            Change::New if self.keys_too && work.items.get(index).is_some_and(|item| item.attribute) => {
                work.rename(index, new, known.find(key_value_parts(new).0.of(new)));
            }
            Change::New => work.replace(index, new),
            Change::Drop => work.remove(index),
        }
    }

    /// Says among the attributes what rules that tag have found.
    #[inline]
    pub fn say(&self, pass: &mut Pass<'_>, work: &mut Work, base: &[u8], text: &mut Vec<u8>) {
        if let Some(key) = self.tag.filter(|_| !pass.cache.marks.tags.is_empty()) {
            let value = pass.cache.marks.tagged(work.attr(base, key));
            put(work, base, pass.known, text, (key, &value));
        }
    }
}
