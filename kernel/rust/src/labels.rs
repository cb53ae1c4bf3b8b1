//! The book of labels, and what a label writes on spans and resources.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::columns::own_randomness;
use crate::index::trace_id;
use crate::splice::{change_values, Change, Splice};
use crate::tracestate::{with_threshold, with_true_threshold, Mode};
use crate::wire::{fields, put_field, Range};
use crate::work::key_value_parts;

/// Numbers of labels fit 16 bits; 0 means none.
pub type LabelId = u16;

/// An attribute that a label writes.
pub struct Pair {
    pub key: Vec<u8>,
    pub key_value: Vec<u8>,
    value: Vec<u8>,
}

impl Pair {
    pub fn new(key: &str, key_value: &[u8]) -> Pair {
        let (_, value) = key_value_parts(key_value);
        Pair { key: key.into(), key_value: key_value.into(), value: value.of(key_value).into() }
    }

    /// Takes the value of a later pair with the same key.
    pub fn update_with(&mut self, later: &Pair) {
        let mut new = Vec::new();
        if set_value(&self.key_value, &later.value, &mut new) {
            self.key_value = new;
        }
        self.value.clone_from(&later.value);
    }
}

pub struct Label {
    pub keep: bool,
    pub span: Vec<Pair>,
    pub resource: Vec<Pair>,
    pub scope: Vec<Pair>,
    pub threshold: Mode,
}

/// Labels by number.
pub struct Book {
    labels: RwLock<Vec<Label>>,
}

impl Book {
    pub fn new() -> Book {
        let (span, resource, scope) = (Vec::new(), Vec::new(), Vec::new());
        let none = Label { keep: true, span, resource, scope, threshold: Mode::Leave };
        Book { labels: RwLock::new(vec![none]) }
    }

    /// The new label's number, None when the book is full.
    pub fn add(&self, label: Label) -> Option<LabelId> {
        let mut labels = self.labels.write().unwrap_or_else(PoisonError::into_inner);
        let number = LabelId::try_from(labels.len()).ok()?;
        labels.push(label);
        Some(number)
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Vec<Label>> {
        self.labels.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number as a label's, if there is one.
    pub fn check(&self, number: u32) -> Option<LabelId> {
        let number = LabelId::try_from(number).ok()?;
        (usize::from(number) < self.read().len()).then_some(number)
    }
}

impl Label {
    /// Whether the label leaves spans as they are.
    pub fn leaves_spans(&self) -> bool {
        self.span.is_empty() && self.threshold == Mode::Leave
    }

    /// Appends the span with the label's attributes, and the trace's threshold set or erased.
    pub fn on_span(&self, span: &[u8], threshold: u64, out: &mut Vec<u8>) {
        let mut splice = Splice::new(span);
        let (mut present, mut states) = (vec![false; self.span.len()], false);
        let mut new = Vec::new();
        fields(span, Range { start: 0, end: span.len() }, |field| {
            let body = field.body.of(span);
            if field.is(9) {
                let (key, _) = key_value_parts(body);
                let Some(index) = self.span.iter().position(|pair| pair.key == key.of(body)) else {
                    return;
                };
                if let (Some(pair), Some(present)) = (self.span.get(index), present.get_mut(index)) {
                    *present = true;
                    new.clear();
                    if set_value(body, &pair.value, &mut new) {
                        splice.replace(&field, &new, out);
                    }
                }
            } else if field.is(3) && self.threshold != Mode::Leave {
                states = true;
                if let Some(new) = with_true_threshold(body, self.threshold, threshold, || id_randomness(span)) {
                    splice.replace(&field, &new, out);
                }
            }
        });
        splice.finish(Some(()), out);
        for (pair, _) in self.span.iter().zip(&present).filter(|(_, present)| !**present) {
            put_field(out, 9, &pair.key_value);
        }
        if self.threshold == Mode::Set && !states {
            if let Some(state) = with_threshold(b"", Mode::Set, threshold) {
                put_field(out, 3, &state);
            }
        }
    }

    /// The header of a resource with the label's attributes.
    pub fn on_resource(&self, header: &[u8]) -> Vec<u8> {
        on_header(&self.resource, header, 1)
    }

    /// The header of a scope with the label's attributes.
    pub fn on_scope(&self, header: &[u8]) -> Vec<u8> {
        on_header(&self.scope, header, 3)
    }
}

/// A header whose owner (field 1) has the attributes, which stand in its field `number`.
fn on_header(pairs: &[Pair], header: &[u8], number: u32) -> Vec<u8> {
    let mut header = header.to_vec();
    for pair in pairs {
        header = pair.on_header(&header, number);
    }
    header
}

/// The randomness of a span's trace id.
fn id_randomness(span: &[u8]) -> u64 {
    let mut id = [0; 16];
    fields(span, Range { start: 0, end: span.len() }, |field| {
        if field.is(1) {
            id = trace_id(field.body.of(span));
        }
    });
    own_randomness(&id)
}

/// Writes a `KeyValue` with another value; false when it has that value already.
fn set_value(pair: &[u8], value: &[u8], out: &mut Vec<u8>) -> bool {
    let change = change_values(pair, out, |_, new| {
        new.extend_from_slice(value);
        Change::New
    });
    change == Change::New
}

impl Pair {
    fn on_header(&self, header: &[u8], number: u32) -> Vec<u8> {
        let whole = Range { start: 0, end: header.len() };
        let (mut last, mut present) = (None, false);
        fields(header, whole, |field| {
            if field.is(1) {
                last = Some(field.start);
                fields(header, field.body, |inner| {
                    present |= inner.is(number) && self.is_key_of(inner.body.of(header))
                });
            }
        });
        let (mut out, mut splice) = (Vec::with_capacity(header.len() + self.key_value.len() + 8), Splice::new(header));
        fields(header, whole, |field| {
            if field.is(1) {
                let mut new = Vec::new();
                self.update(field.body.of(header), number, &mut new);
                if !present && last == Some(field.start) {
                    put_field(&mut new, number, &self.key_value);
                }
                splice.replace(&field, &new, &mut out);
            }
        });
        splice.finish(Some(()), &mut out);
        if last.is_none() {
            let mut owner = Vec::new();
            put_field(&mut owner, number, &self.key_value);
            put_field(&mut out, 1, &owner);
        }
        out
    }

    fn is_key_of(&self, pair: &[u8]) -> bool {
        key_value_parts(pair).0.of(pair) == self.key
    }

    /// Appends an owner of attributes with the new value wherever the key stands.
    fn update(&self, owner: &[u8], number: u32, out: &mut Vec<u8>) {
        let mut splice = Splice::new(owner);
        fields(owner, Range { start: 0, end: owner.len() }, |field| {
            let pair = field.body.of(owner);
            let mut new = Vec::new();
            if field.is(number) && self.is_key_of(pair) && set_value(pair, &self.value, &mut new) {
                splice.replace(&field, &new, out);
            }
        });
        splice.finish(Some(()), out);
    }
}
