//! Log records: how they are validated, and what the stages make of them.
//!
//! What is read of one stands in `SpanFields`: its event name as the name, the severity text as the trace state, the
//! body as the status message, the severity number as the kind, its time as the start, the observed time as the end.

use crate::digest::Place;
use crate::drop::is_doomed;
use crate::env::SpanFields;
use crate::keys::Keys;
use crate::program::{Program, Scratch, Stage};
use crate::walk::{any_value, attribute, Limits, Notes, Walked, SPAN};
use crate::wire::{Range, Reader};
use crate::work::{Loc, Work, VARINT};

/// Fields that stages touch, as items.
pub const SEVERITY_NUMBER: u32 = 2 | VARINT;
pub const SEVERITY_TEXT: u32 = 3;
pub const BODY: u32 = 5;
pub const ATTRIBUTES: u32 = 6;
pub const EVENT_NAME: u32 = 12;

/// Validates a log record and notes what stages need.
pub fn walk(mut reader: Reader<'_>, keys: &Keys, limits: &Limits, notes: Notes, work: &mut Work) -> Walked<SpanFields> {
    let (mut fields, mut attributes) = (SpanFields::default(), 0);
    work.begin(ATTRIBUTES, keys.len(), &reader);
    while !reader.done() {
        let start = reader.pos;
        let tag = reader.tag()?;
        match tag {
            0x32 => {
                attributes += 1;
                attribute(&mut reader, start, keys, limits, notes.attributes, work)?;
            }
            0x1a | 0x62 => {
                let body = reader.string()?;
                let place = if tag == 0x62 { &mut fields.name } else { &mut fields.trace_state };
                *place = Loc::base(body);
                if notes.fields {
                    work.field(0, tag >> 3, start, body);
                }
            }
            0x2a => {
                let body = reader.len()?;
                any_value(reader.sub(body), SPAN + 1, 0, limits)?;
                fields.status_message = Loc::base(body);
                if notes.fields {
                    work.field(0, BODY, start, body);
                }
            }
            0x10 => {
                let from = reader.pos;
                fields.kind = reader.varint()? as i32;
                if notes.kind {
                    work.field(0, SEVERITY_NUMBER, start, Range { start: from, end: reader.pos });
                }
            }
            0x4a => fields.trace_id = Loc::base(reader.len()?),
            0x52 => fields.span_id = Loc::base(reader.len()?),
            0x09 => fields.start = reader.fixed64()?,
            0x59 => fields.end = reader.fixed64()?,
            0x45 => fields.flags = reader.fixed32()?,
            _ => reader.skip(tag, SPAN)?,
        }
    }
    limits.attributes(attributes)?;
    Ok(fields)
}

/// Walks a log record and takes it through the stages; it is left in the scratch's work, or `gone` and counted.
pub fn one(
    program: &Program,
    reader: Reader<'_>,
    limits: &Limits,
    place: Place<'_>,
    scratch: &mut Scratch,
) -> Walked<SpanFields> {
    let base = reader.buf;
    let mut fields = walk(reader, &program.keys, limits, program.notes, &mut scratch.work)?;
    scratch.gone = false;
    for &index in &program.span_stages {
        match program.stages.get(index) {
            Some(Stage::Scrub(scrub)) => {
                scrub.log(base, &mut fields, (index, &program.keys), scratch);
                if scrub.drops() > 0 && is_doomed(program, (index, scrub), place, 1, scratch) {
                    scratch.gone = true;
                    break;
                }
            }
            Some(stage) if !crate::drop::passes(program, (index, stage), place, base, &mut fields, 1, scratch) => {
                scratch.gone = true;
                break;
            }
            _ => {}
        }
    }
    if !program.keys.lookups.is_empty() {
        scratch.count_lookups(program.rules);
    }
    Ok(fields)
}

/// Reads the fields again, after some changed.
pub fn reread(work: &Work, base: &[u8], log: &mut SpanFields) {
    for item in work.items.iter().filter(|item| !item.attribute) {
        match item.number {
            SEVERITY_TEXT => log.trace_state = item.body,
            EVENT_NAME => log.name = item.body,
            BODY => log.status_message = item.body,
            SEVERITY_NUMBER => log.kind = crate::scrub::enumerated(work.bytes(base, item.body)),
            _ => {}
        }
    }
}
