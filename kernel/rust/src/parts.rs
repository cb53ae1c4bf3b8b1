//! The parts of the messages that have children.

use crate::walk::{check_attributes, owner, Limits, Walked};
use crate::wire::{Range, Reader, LEN};

/// The parts of a `ResourceSpans` or `ScopeSpans`.
#[derive(Default)]
pub struct Parts {
    pub children: Vec<Range>,
    /// Length-delimited fields that are not children, with their tags.
    fields: Vec<(u32, Range)>,
    pub header: Vec<u8>,
}

impl Parts {
    pub fn read(&mut self, mut reader: Reader<'_>, level: u32) -> Walked<()> {
        self.children.clear();
        self.fields.clear();
        self.header.clear();
        while !reader.done() {
            let start = reader.pos;
            let tag = reader.tag()?;
            if tag == 0x12 {
                self.children.push(reader.len()?);
                continue;
            }
            if tag & 7 == LEN {
                let body = reader.len()?;
                self.fields.push((tag, body));
            } else {
                reader.skip(tag, level)?;
            }
            self.header.extend_from_slice(Range { start, end: reader.pos }.of(reader.buf));
        }
        Ok(())
    }

    pub fn validate(&self, reader: &Reader<'_>, level: u32, scope: bool, limits: &Limits) -> Walked<()> {
        let mut attributes = 0;
        for &(tag, body) in &self.fields {
            match tag {
                0x0a => attributes += owner(reader.sub(body), level + 1, scope, limits)?,
                0x1a => reader.sub(body).rest_as_string()?,
                _ => {}
            }
        }
        check_attributes(limits, attributes)
    }
}
