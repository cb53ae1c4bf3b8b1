//! Writes a request again: what did not change keeps its bytes and its place, what was dropped is left out.

use std::sync::Arc;

use crate::header::Header;
use crate::records::{Origin, Records};
use crate::wire::{put_field, put_head, Range, Reader, LEN};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    /// The new one was written.
    New,
    Gone,
}

/// Where in the records the next message stands.
pub struct Rebuild<'a> {
    records: &'a Records,
    origin: &'a Origin,
    original: &'a [u8],
    resource: usize,
    scope: usize,
    /// Among the spans that are left.
    span: usize,
    /// Among all spans of the request.
    place: u32,
    /// Among the places of those that are gone.
    gone: usize,
}

impl<'a> Rebuild<'a> {
    pub fn new(records: &'a Records, origin: &'a Origin, original: &'a [u8]) -> Self {
        Rebuild { records, origin, original, resource: 0, scope: 0, span: 0, place: 0, gone: 0 }
    }

    /// The whole request.
    pub fn run(mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.original.len() + self.original.len() / 4);
        let whole = Reader::new(self.original);
        crate::wire::fields(self.original, Range { start: 0, end: self.original.len() }, |field| {
            if !field.is(1) {
                out.extend_from_slice(field.whole().of(self.original));
                return;
            }
            let mut payload = Vec::with_capacity(field.body.end - field.body.start);
            match self.resource_spans(whole.sub(field.body), &mut payload) {
                Fate::New => put_field(&mut out, 1, &payload),
                Fate::Same => out.extend_from_slice(field.whole().of(self.original)),
                Fate::Gone => {}
            }
        });
        out
    }

    fn resource_spans(&mut self, reader: Reader<'_>, out: &mut Vec<u8>) -> Fate {
        let Some((header, _)) = self.origin.resources.get(self.resource) else {
            return Fate::Same;
        };
        self.resource += 1;
        let header = Arc::clone(header);
        self.level(reader, &header, out, |this, child, out| {
            let Some((scope, _)) = this.origin.scopes.get(this.scope) else {
                return Fate::Same;
            };
            this.scope += 1;
            let scope = Arc::clone(scope);
            let whole = Reader::new(this.original);
            this.level(whole.sub(child), &scope, out, |this, _, out| this.one_span(out))
        })
    }

    fn one_span(&mut self, out: &mut Vec<u8>) -> Fate {
        self.place += 1;
        if self.origin.gone.get(self.gone) == Some(&(self.place - 1)) {
            self.gone += 1;
            return Fate::Gone;
        }
        let Some(span) = self.records.spans.get(self.span) else {
            return Fate::Same;
        };
        self.span += 1;
        if span.buffer == 0 {
            return Fate::Same;
        }
        out.extend_from_slice(self.records.span(span));
        Fate::New
    }

    /// Writes a message of a header and children; it is gone when there were children and all of them are.
    fn level(
        &mut self,
        mut reader: Reader<'_>,
        header: &Header,
        out: &mut Vec<u8>,
        mut child: impl FnMut(&mut Self, Range, &mut Vec<u8>) -> Fate,
    ) -> Fate {
        let (mut index, mut changed, mut payload) = (0, header.changed, Vec::new());
        let (mut gone, mut left) = (false, false);
        while !reader.done() {
            let start = reader.pos;
            let Ok(tag) = reader.tag() else { break };
            let body =
                if tag & 7 == LEN { reader.len().ok() } else { reader.skip(tag, 0).ok().map(|()| Range::default()) };
            let Some(body) = body else { break };
            let whole = Range { start, end: reader.pos };
            if tag != 0x12 {
                let new = header.fields.get(index).and_then(Option::as_ref);
                out.extend_from_slice(new.map_or(whole.of(reader.buf), |new| new));
                index += 1;
                continue;
            }
            payload.clear();
            match child(self, body, &mut payload) {
                Fate::Gone => {
                    gone = true;
                    continue;
                }
                Fate::New if payload != body.of(reader.buf) => {
                    changed = true;
                    put_head(out, 2, payload.len());
                    out.extend_from_slice(&payload);
                }
                _ => out.extend_from_slice(whole.of(reader.buf)),
            }
            left = true;
        }
        out.extend_from_slice(&header.appended);
        match (gone, left) {
            (true, false) => Fate::Gone,
            _ if changed || gone => Fate::New,
            _ => Fate::Same,
        }
    }
}
