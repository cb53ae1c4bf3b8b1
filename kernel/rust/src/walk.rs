//! One pass over a message: everything is validated as upb would, and what the stages may touch is noted.

use crate::env::SpanFields;
use crate::keys::{Keys, UNKNOWN};
use crate::wire::{is_ascii, Bad, Range, Reader, LEN, MAX_LEVELS};
use crate::work::{Loc, Work, KIND};

/// Why a request is refused.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    Malformed(Bad),
    OverLimit(Limit),
}

impl From<Bad> for Refusal {
    fn from(bad: Bad) -> Self {
        Refusal::Malformed(bad)
    }
}

pub type Walked<T> = Result<T, Refusal>;

/// A limit that was passed.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    Bytes,
    Spans,
    Attributes,
    Depth,
}

impl Limit {
    /// The limit's name and value.
    pub fn of(self, limits: &Limits) -> (&'static str, usize) {
        match self {
            Limit::Bytes => ("max_bytes", limits.max_bytes),
            Limit::Spans => ("max_spans", limits.max_spans),
            Limit::Attributes => ("max_attributes", limits.max_attributes),
            Limit::Depth => ("max_depth", limits.max_depth),
        }
    }
}

/// Bounds of one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_bytes: usize,
    pub max_spans: usize,
    pub max_attributes: usize,
    pub max_depth: usize,
}

impl Limits {
    pub const NONE: Limits =
        Limits { max_bytes: usize::MAX, max_spans: usize::MAX, max_attributes: usize::MAX, max_depth: usize::MAX };

    pub fn attributes(&self, count: usize) -> Walked<()> {
        if count > self.max_attributes {
            return Err(Refusal::OverLimit(Limit::Attributes));
        }
        Ok(())
    }
}

/// How deep the messages stand in a request (the request itself is 0).
pub const RESOURCE_SPANS: u32 = 1;
pub const SCOPE_SPANS: u32 = 2;
pub const SPAN: u32 = 3;

/// Data, data points and exemplars of metrics.
pub const DATA: u32 = 4;
pub const POINT: u32 = 5;
pub const EXEMPLAR: u32 = 6;

const fn tag(number: u32, wire: u32) -> u32 {
    number << 3 | wire
}

/// What is noted of a span besides its attributes.
#[derive(Debug, Clone, Copy)]
pub struct Notes {
    /// All attributes, or only the number of those the program knows by key.
    pub attributes: bool,
    /// Strings, events and links as well.
    pub fields: bool,
    /// The kind as well.
    pub kind: bool,
}

/// Validates a span and notes what stages and facts need.
pub fn span(mut reader: Reader<'_>, keys: &Keys, limits: &Limits, notes: Notes, work: &mut Work) -> Walked<SpanFields> {
    let mut fields = SpanFields::default();
    let mut attributes = 0usize;
    work.begin(9, keys.len(), &reader);
    work.noted = notes.fields;
    while !reader.done() {
        let start = reader.pos;
        let tag_read = reader.tag()?;
        match tag_read {
            0x4a => {
                attributes += 1;
                attribute(&mut reader, start, keys, limits, notes.attributes, work)?;
            }
            0x0a => fields.trace_id = Loc::base(reader.len()?),
            0x12 => fields.span_id = Loc::base(reader.len()?),
            0x22 => fields.parent = Loc::base(reader.len()?),
            0x1a | 0x2a => {
                let body = reader.string()?;
                let place = if tag_read == 0x2a { &mut fields.name } else { &mut fields.trace_state };
                *place = Loc::base(body);
                if notes.fields {
                    work.field(0, tag_read >> 3, start, body);
                }
            }
            0x30 => {
                let from = reader.pos;
                fields.kind = reader.varint()? as i32;
                if notes.kind {
                    work.field(0, KIND, start, Range { start: from, end: reader.pos });
                }
            }
            0x39 => fields.start = reader.fixed64()?,
            0x41 => fields.end = reader.fixed64()?,
            0x85 => fields.flags = reader.fixed32()?,
            0x5a | 0x6a | 0x7a => {
                let body = reader.len()?;
                let inner = reader.sub(body);
                match tag_read {
                    0x5a => part(inner, SPAN + 1, 3, 2, limits)?,
                    0x6a => part(inner, SPAN + 1, 4, 3, limits)?,
                    _ => status(inner, &mut fields)?,
                }
                if notes.fields {
                    work.field(0, tag_read >> 3, start, body);
                }
            }
            _ => reader.skip(tag_read, SPAN)?,
        }
    }
    limits.attributes(attributes)?;
    Ok(fields)
}

/// Validates an attribute of a span, a log record or a metric, and notes it: `all`, or only those that are asked for.
#[inline(always)]
pub fn attribute(
    reader: &mut Reader<'_>,
    start: usize,
    keys: &Keys,
    limits: &Limits,
    all: bool,
    work: &mut Work,
) -> Walked<()> {
    let body = reader.len()?;
    let pair = key_value(reader.sub(body), SPAN + 1, limits)?;
    let id = keys.find(pair.key.of(reader.buf));
    if all || id != UNKNOWN {
        work.attribute(0, Range { start, end: body.end }, body, pair, id);
    }
    Ok(())
}

fn status(mut reader: Reader<'_>, fields: &mut SpanFields) -> Walked<()> {
    while !reader.done() {
        match reader.tag()? {
            0x12 => fields.status_message = Loc::base(reader.string()?),
            0x18 => fields.status_code = reader.varint()? as i32,
            other => reader.skip(other, SPAN + 1)?,
        }
    }
    Ok(())
}

/// An event or a link: attributes in field `attributes`, one string in field `text`.
fn part(mut reader: Reader<'_>, level: u32, attributes: u32, text: u32, limits: &Limits) -> Walked<()> {
    let mut count = 0;
    while !reader.done() {
        let read = reader.tag()?;
        if read == tag(attributes, LEN) {
            let body = reader.len()?;
            key_value(reader.sub(body), level + 1, limits)?;
            count += 1;
        } else if read == tag(text, LEN) {
            reader.string()?;
        } else {
            reader.skip(read, level)?;
        }
    }
    limits.attributes(count)
}

/// What the `AnyValue` of an attribute is made of, where that is plain to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// One string after one key, in ASCII, all lengths a single byte.
    Text,
    /// One member after one key that holds no text.
    Scalar,
    #[default]
    Other,
}

/// Key and value as they are read: the last ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pair {
    pub key: Range,
    pub value: Range,
    pub form: Form,
}

/// The form that nearly every attribute has: a key, then a value with one short ASCII string or one number.
#[inline(always)]
fn plain(reader: &Reader<'_>) -> Option<Pair> {
    let pair = reader.buf.get(reader.pos..)?;
    let (&[0x0a, key_size], rest) = pair.split_first_chunk::<2>()? else { return None };
    let (_, rest) = rest.split_at_checked(key_size.into())?;
    let (&[0x12, value_size], value) = rest.split_first_chunk::<2>()? else { return None };
    if usize::from(value_size) != value.len() {
        return None;
    }
    let form = match *value {
        [0x0a, size, ref text @ ..] if usize::from(size) == text.len() => Form::Text,
        [0x10 | 0x18, 0..0x80] | [0x10 | 0x18, 0x80..=0xff, 0..0x80] | [0x21, _, _, _, _, _, _, _, _] => Form::Scalar,
        _ => return None,
    };
    // Tags and lengths of a text are below 0x80 where the whole is ASCII.
    let ascii = if form == Form::Text { pair } else { pair.get(..2 + usize::from(key_size))? };
    if !is_ascii(ascii) {
        return None;
    }
    let start = reader.pos + 2;
    let key = Range { start, end: start + usize::from(key_size) };
    let start = key.end + 2;
    Some(Pair { key, value: Range { start, end: start + value.len() }, form })
}

impl Pair {
    /// The parts of a valid `KeyValue`.
    pub fn of(pair: &[u8]) -> Pair {
        plain(&Reader::new(pair)).unwrap_or_else(|| {
            let (key, value) = crate::work::key_value_parts(pair);
            Pair { key, value, form: Form::Other }
        })
    }
}

/// Validates a `KeyValue` that stands at `level`.
#[inline(always)]
pub fn key_value(reader: Reader<'_>, level: u32, limits: &Limits) -> Walked<Pair> {
    // No deeper than what the general way looks at: a plain value holds no message.
    if level < MAX_LEVELS {
        if let Some(pair) = plain(&reader) {
            return Ok(pair);
        }
    }
    any_key_value(reader, level, limits)
}

fn any_key_value(mut reader: Reader<'_>, level: u32, limits: &Limits) -> Walked<Pair> {
    let mut pair = Pair::default();
    while !reader.done() {
        match reader.tag()? {
            0x0a => pair.key = reader.string()?,
            0x12 => {
                pair.value = reader.message(level)?;
                any_value(reader.sub(pair.value), level + 1, 0, limits)?;
            }
            other => reader.skip(other, level)?,
        }
    }
    Ok(pair)
}

/// Validates an `AnyValue` that stands at `level`, inside `nesting` arrays and maps.
#[inline]
pub fn any_value(mut reader: Reader<'_>, level: u32, nesting: usize, limits: &Limits) -> Walked<()> {
    while !reader.done() {
        match reader.tag()? {
            0x0a => drop(reader.string()?),
            read @ (0x2a | 0x32) => {
                let body = reader.message(level)?;
                if nesting >= limits.max_depth {
                    over_depth()?;
                }
                collection(reader.sub(body), level + 1, nesting + 1, read == 0x32, limits)?;
            }
            other => reader.skip(other, level)?,
        }
    }
    Ok(())
}

#[cold]
fn over_depth() -> Walked<()> {
    Err(Refusal::OverLimit(Limit::Depth))
}

fn collection(mut reader: Reader<'_>, level: u32, nesting: usize, map: bool, limits: &Limits) -> Walked<()> {
    while !reader.done() {
        let read = reader.tag()?;
        if read != tag(1, LEN) {
            reader.skip(read, level)?;
            continue;
        }
        let body = reader.message(level)?;
        let inner = reader.sub(body);
        if map {
            map_entry(inner, level + 1, nesting, limits)?;
        } else {
            any_value(inner, level + 1, nesting, limits)?;
        }
    }
    Ok(())
}

fn map_entry(mut reader: Reader<'_>, level: u32, nesting: usize, limits: &Limits) -> Walked<()> {
    while !reader.done() {
        match reader.tag()? {
            0x0a => drop(reader.string()?),
            0x12 => {
                let body = reader.message(level)?;
                any_value(reader.sub(body), level + 1, nesting, limits)?;
            }
            other => reader.skip(other, level)?,
        }
    }
    Ok(())
}

/// Validates a `Resource` (attributes in field 1) or an `InstrumentationScope` (in field 3); returns how many it has.
pub fn owner(mut reader: Reader<'_>, level: u32, scope: bool, limits: &Limits) -> Walked<usize> {
    let mut count = 0;
    while !reader.done() {
        match (reader.tag()?, scope) {
            (0x0a, false) | (0x1a, true) => {
                let body = reader.len()?;
                key_value(reader.sub(body), level + 1, limits)?;
                count += 1;
            }
            (0x0a | 0x12, true) => drop(reader.string()?),
            (0x1a, false) => {
                let body = reader.len()?;
                entity_ref(reader.sub(body), level + 1)?;
            }
            (other, _) => reader.skip(other, level)?,
        }
    }
    Ok(count)
}

fn entity_ref(mut reader: Reader<'_>, level: u32) -> Walked<()> {
    while !reader.done() {
        match reader.tag()? {
            0x0a | 0x12 | 0x1a | 0x22 => drop(reader.string()?),
            other => reader.skip(other, level)?,
        }
    }
    Ok(())
}

/// Checks the number of attributes of a resource or scope.
pub fn check_attributes(limits: &Limits, count: usize) -> Walked<()> {
    limits.attributes(count)
}

/// Whether these bytes are an `AnyValue`.
pub fn is_any_value(payload: &[u8]) -> bool {
    any_value(Reader::new(payload), 0, 0, &Limits::NONE).is_ok()
}

/// Whether these bytes are a `KeyValue`.
pub fn is_key_value(payload: &[u8]) -> bool {
    key_value(Reader::new(payload), 0, &Limits::NONE).is_ok()
}
