//! A span, or the header of a resource or scope, while stages work on it.
//!
//! The original bytes (`base`) stay where they are. Each field that stages may touch is an `Item`; what a stage writes
//! goes to an arena. Nothing is put together before the last stage is done.

use crate::keys::{KeyId, Keys, UNKNOWN};
use crate::walk::{Form, Pair};
use crate::wire::{fields, put_field, Field, Range, Reader};

/// The number of an item that is a varint (its body) is more by this.
pub const VARINT: u32 = 1 << 31;
/// The field of a span that is a varint and may be an item.
pub const KIND: u32 = 6 | VARINT;
/// The field of a span that holds its status.
pub const STATUS: u32 = 15;

/// Stands where an item has no place in the original bytes.
pub const NOWHERE: u32 = u32::MAX;

/// Bytes in the original message, or in the arena.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loc {
    pub start: u32,
    pub end: u32,
    pub arena: bool,
}

impl Loc {
    #[inline]
    pub fn base(range: Range) -> Loc {
        Loc { start: range.start as u32, end: range.end as u32, arena: false }
    }

    /// The part of these bytes at `range`, which counts from their start.
    pub fn part(self, range: Range) -> Loc {
        Loc { start: self.start + range.start as u32, end: self.start + range.end as u32, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Same,
    Changed,
    Gone,
}

/// A field that stages may touch.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub number: u32,
    /// Which of the owners it stands in; `TOP` for a field of the header itself.
    pub owner: u32,
    /// Where the field stands in the base, tag included; `NOWHERE` when it was added.
    pub start: u32,
    pub end: u32,
    pub body: Loc,
    /// Of an attribute: its key, and its value if it has one.
    pub key: Loc,
    pub value: Loc,
    pub key_id: KeyId,
    pub attribute: bool,
    pub form: Form,
    pub state: State,
}

impl Item {
    /// Whether it is an attribute with a key of that number.
    pub fn is_attribute(&self, key: KeyId) -> bool {
        self.attribute && self.key_id == key && self.state != State::Gone
    }
}

/// The owner of a field that stands in the header itself.
pub const TOP: u32 = u32::MAX;

/// A message that holds attributes: the span itself, or an occurrence of the resource or scope.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// Its payload in the base.
    pub range: Range,
    /// Its fields among the items; those that are added stand elsewhere.
    pub items: (usize, usize),
    pub changed: bool,
    pub added: bool,
}

/// See the module. Kept from message to message for its memory.
#[derive(Default)]
pub struct Work {
    pub arena: Vec<u8>,
    pub items: Vec<Item>,
    pub owners: Vec<Owner>,
    /// By key: the first attribute with it.
    slots: Vec<u32>,
    /// Field number of attributes.
    pub attribute: u32,
    pub changed: bool,
    /// Whether an item of the original message changed.
    base_changed: bool,
    /// Where the added items begin; past the end when there are none.
    added: usize,
    /// Whether the slots must be found again.
    stale: bool,
    /// What actions `lookup` found (even) and did not find (odd), by twice the number of the lookup.
    pub counted: Vec<usize>,
    /// Whether all fields that stages may touch stand among the items, not only attributes.
    pub noted: bool,
    /// Of a metric: the field that holds the data point that is looked at.
    pub data: u32,
}

impl Work {
    pub fn reset(&mut self, attribute: u32, keys: usize) {
        self.arena.clear();
        self.items.clear();
        self.owners.clear();
        self.slots.clear();
        self.slots.resize(keys, NOWHERE);
        self.attribute = attribute;
        self.changed = false;
        self.base_changed = false;
        self.added = usize::MAX;
        self.stale = false;
    }

    /// Starts anew on a message that has not been read yet, whose attributes stand in field `attribute`.
    #[inline]
    pub fn begin(&mut self, attribute: u32, keys: usize, message: &Reader<'_>) {
        self.reset(attribute, keys);
        let range = Range { start: message.pos, end: message.buf.len() };
        self.owners.push(Owner { range, items: (0, usize::MAX), changed: false, added: false });
    }

    #[inline]
    pub fn bytes<'a>(&'a self, base: &'a [u8], loc: Loc) -> &'a [u8] {
        let buf = if loc.arena { self.arena.as_slice() } else { base };
        buf.get(loc.start as usize..loc.end as usize).unwrap_or(&[])
    }

    /// Adds an attribute as it stands in the base; `pair` is what is read of it.
    #[inline]
    pub fn attribute(&mut self, owner: u32, field: Range, body: Range, pair: Pair, key_id: KeyId) {
        if let Some(slot @ &mut NOWHERE) = self.slots.get_mut(usize::from(key_id)) {
            *slot = self.items.len() as u32;
        }
        self.items.push(Item {
            number: self.attribute,
            owner,
            start: field.start as u32,
            end: field.end as u32,
            body: Loc::base(body),
            key: Loc::base(pair.key),
            value: Loc::base(pair.value),
            key_id,
            attribute: true,
            form: pair.form,
            state: State::Same,
        });
    }

    /// Adds another field as it stands in the base.
    #[inline]
    pub fn field(&mut self, owner: u32, number: u32, start: usize, body: Range) {
        self.items.push(Item {
            number,
            owner,
            start: start as u32,
            end: body.end as u32,
            body: Loc::base(body),
            key: Loc::default(),
            value: Loc::default(),
            key_id: UNKNOWN,
            attribute: false,
            form: Form::Other,
            state: State::Same,
        });
    }

    /// The `AnyValue` of an attribute, at its first place.
    #[inline]
    pub fn attr<'a>(&'a self, base: &'a [u8], key: KeyId) -> Option<&'a [u8]> {
        let slot = *self.slots.get(usize::from(key))?;
        self.items.get(slot as usize).map(|item| self.bytes(base, item.value))
    }

    /// Finds the slots again, after attributes went away.
    pub fn refresh(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        self.slots.fill(NOWHERE);
        for (index, item) in self.items.iter().enumerate() {
            if item.state != State::Gone && item.attribute {
                if let Some(slot @ &mut NOWHERE) = self.slots.get_mut(usize::from(item.key_id)) {
                    *slot = index as u32;
                }
            }
        }
    }

    fn touched(&mut self, owner: u32, added: bool) {
        self.changed = true;
        self.base_changed |= !added;
        if let Some(owner) = self.owners.get_mut(owner as usize) {
            owner.changed = true;
        }
    }

    /// Removes an item.
    pub fn remove(&mut self, index: usize) {
        if let Some(item) = self.items.get_mut(index) {
            item.state = State::Gone;
            let (owner, added) = (item.owner, item.start == NOWHERE);
            self.stale = true;
            self.touched(owner, added);
        }
    }

    /// Removes all attributes with a key; the slots must not be stale.
    pub fn remove_all(&mut self, key: KeyId) {
        let Some(first) = self.slots.get_mut(usize::from(key)).map(|slot| std::mem::replace(slot, NOWHERE)) else {
            return;
        };
        for index in first as usize..self.items.len() {
            let Some(item) = self.items.get_mut(index).filter(|item| item.is_attribute(key)) else {
                continue;
            };
            item.state = State::Gone;
            let (owner, added) = (item.owner, item.start == NOWHERE);
            self.touched(owner, added);
        }
    }

    /// Gives an item other contents; `payload` differs from the old ones.
    pub fn replace(&mut self, index: usize, payload: &[u8]) {
        let body = self.store(payload);
        let Some(item) = self.items.get_mut(index) else {
            return;
        };
        item.body = body;
        item.state = State::Changed;
        if item.attribute {
            let parts = Pair::of(payload);
            item.key = body.part(parts.key);
            item.value = body.part(parts.value);
            item.form = parts.form;
        }
        let (owner, added) = (item.owner, item.start == NOWHERE);
        self.touched(owner, added);
    }

    /// Gives an attribute another key; `payload` is the new `KeyValue`.
    pub fn rename(&mut self, index: usize, payload: &[u8], key_id: KeyId) {
        self.replace(index, payload);
        if let Some(item) = self.items.get_mut(index) {
            item.key_id = key_id;
            self.stale = true;
        }
    }

    /// Appends an attribute with these parts to the last owner; with none, an empty one is added first.
    pub fn append(&mut self, key_id: KeyId, pair: &[u8], parts: Pair) {
        if self.owners.is_empty() {
            self.owners.push(Owner { range: Range::default(), items: (0, 0), changed: true, added: true });
        }
        let owner = self.owners.len() as u32 - 1;
        let body = self.store(pair);
        if let Some(slot @ &mut NOWHERE) = self.slots.get_mut(usize::from(key_id)) {
            *slot = self.items.len() as u32;
        }
        self.items.push(Item {
            number: self.attribute,
            owner,
            start: NOWHERE,
            end: NOWHERE,
            body,
            key: body.part(parts.key),
            value: body.part(parts.value),
            key_id,
            attribute: true,
            form: parts.form,
            state: State::Changed,
        });
        self.added = self.added.min(self.items.len() - 1);
        self.touched(owner, true);
    }

    /// Appends a field that is no attribute to the last owner; with none, an empty one is added first.
    pub fn append_field(&mut self, number: u32, payload: &[u8]) {
        if self.owners.is_empty() {
            self.owners.push(Owner { range: Range::default(), items: (0, 0), changed: true, added: true });
        }
        let owner = self.owners.len() as u32 - 1;
        let body = self.store(payload);
        self.field(owner, number, 0, Range::default());
        if let Some(item) = self.items.last_mut() {
            *item = Item { start: NOWHERE, end: NOWHERE, body, state: State::Changed, ..*item };
        }
        self.added = self.added.min(self.items.len() - 1);
        self.touched(owner, true);
    }

    /// Notes an attribute of a message that is known to be valid.
    pub fn note(&mut self, keys: &Keys, base: &[u8], owner: u32, field: &Field) {
        let (key, value) = key_value_parts(field.body.of(base));
        let moved = |part: Range| Range { start: field.body.start + part.start, end: field.body.start + part.end };
        let pair = Pair { key: moved(key), value: moved(value), form: Form::Other };
        let id = keys.find(pair.key.of(base));
        self.attribute(owner, field.whole(), field.body, pair, id);
    }

    fn store(&mut self, payload: &[u8]) -> Loc {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(payload);
        Loc { start, end: self.arena.len() as u32, arena: true }
    }

    /// Appends the payload of an owner as it is now.
    pub fn write_owner(&self, base: &[u8], owner: u32, out: &mut Vec<u8>) {
        let Some(Owner { range, items: (first, last), .. }) = self.owners.get(owner as usize).copied() else {
            return;
        };
        let mut copied = range.start;
        let (base_items, added) = self.items.split_at_checked(self.added).unwrap_or((&self.items, &[]));
        let base_items = base_items.get(first..last.min(base_items.len())).filter(|_| self.base_changed).unwrap_or(&[]);
        for item in base_items.iter().filter(|item| item.owner == owner && item.state != State::Same) {
            out.extend_from_slice(Range { start: copied, end: item.start as usize }.of(base));
            self.put(base, item, out);
            copied = item.end as usize;
        }
        out.extend_from_slice(Range { start: copied, end: range.end }.of(base));
        // All of them stand in the last owner.
        let last = owner as usize + 1 == self.owners.len();
        for item in added.iter().filter(|_| last) {
            self.put(base, item, out);
        }
    }

    /// Appends a changed item with its tag; nothing when it is gone.
    pub fn put(&self, base: &[u8], item: &Item, out: &mut Vec<u8>) {
        if item.state == State::Changed {
            if item.number & VARINT != 0 {
                out.push((item.number << 3) as u8);
                out.extend_from_slice(self.bytes(base, item.body));
                return;
            }
            put_field(out, item.number, self.bytes(base, item.body));
        }
    }
}

/// Where key and value stand in a `KeyValue`: the last ones.
pub fn key_value_parts(pair: &[u8]) -> (Range, Range) {
    let (mut key, mut value) = (Range::default(), Range::default());
    fields(pair, Range { start: 0, end: pair.len() }, |field| {
        if field.is(1) {
            key = field.body;
        } else if field.is(2) {
            value = field.body;
        }
    });
    (key, value)
}

/// Appends a `KeyValue` with both fields.
pub fn put_key_value(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    put_field(out, 1, key);
    put_field(out, 2, value);
}
