//! Messages that are written anew where a part of them changes.

use crate::wire::{fields, put_field, put_head, Field, Range};

/// Writes a message anew as soon as a field of it changes; as long as none does, nothing is written.
pub struct Splice<'a> {
    old: &'a [u8],
    copied: usize,
    pub changed: bool,
}

impl<'a> Splice<'a> {
    pub fn new(old: &'a [u8]) -> Self {
        Splice { old, copied: 0, changed: false }
    }

    fn up_to(&mut self, field: &Field, out: &mut Vec<u8>) {
        out.extend_from_slice(Range { start: self.copied, end: field.start }.of(self.old));
        self.copied = field.body.end;
        self.changed = true;
    }

    /// Gives a field another payload, unless it has it already.
    pub fn replace(&mut self, field: &Field, payload: &[u8], out: &mut Vec<u8>) {
        if field.body.of(self.old) != payload {
            self.up_to(field, out);
            put_head(out, field.tag >> 3, payload.len());
            out.extend_from_slice(payload);
        }
    }

    pub fn remove(&mut self, field: &Field, out: &mut Vec<u8>) {
        self.up_to(field, out);
    }

    /// Writes what is left: if anything changed, or (with `Some`) in any case. True when something was written.
    pub fn finish(self, anyway: Option<()>, out: &mut Vec<u8>) -> bool {
        let write = self.changed || anyway.is_some();
        if write {
            out.extend_from_slice(Range { start: self.copied, end: self.old.len() }.of(self.old));
        }
        write
    }
}

/// What a change of a value comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Same,
    /// The new payload was written.
    New,
    Drop,
}

/// Applies `change` to every `AnyValue` of a `KeyValue`; a missing one counts as empty, and is appended when it changes.
/// The new `KeyValue` is appended to `out` if it is `New`.
pub fn change_values(pair: &[u8], out: &mut Vec<u8>, mut change: impl FnMut(&[u8], &mut Vec<u8>) -> Change) -> Change {
    let (mut splice, mut seen, mut dropped) = (Splice::new(pair), false, false);
    let mut new = Vec::new();
    fields(pair, Range { start: 0, end: pair.len() }, |field| {
        if !field.is(2) || dropped {
            return;
        }
        seen = true;
        new.clear();
        match change(field.body.of(pair), &mut new) {
            Change::Same => {}
            Change::New => splice.replace(&field, &new, out),
            Change::Drop => dropped = true,
        }
    });
    let mut added = false;
    if !seen {
        match change(&[], &mut new) {
            Change::New => added = !new.is_empty(),
            Change::Drop => dropped = true,
            Change::Same => {}
        }
    }
    if dropped {
        return Change::Drop;
    }
    let written = splice.finish(added.then_some(()), out);
    if added {
        put_field(out, 2, &new);
    }
    if written {
        Change::New
    } else {
        Change::Same
    }
}
