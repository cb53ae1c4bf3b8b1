//! Fields that are no attributes: where they stand, and how they are set.

use serde_json::Value as Json;

use crate::env::Where;
use crate::log;
use crate::ottl::Val;
use crate::signal::Signal;
use crate::spec::{need, shown, Outcome};
use crate::value::{read, Value};
use crate::wire::{fields, put_field, put_varint, Range};
use crate::work::{State, Work, KIND, STATUS, TOP};

/// A field that is no attribute: its number, whether it is a text, and whether it stands inside the status.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    number: u32,
    pub is_text: bool,
    in_status: bool,
    /// Whether it is an `AnyValue`.
    pub is_value: bool,
}

/// The name of a span.
pub const NAME: Field = Field { number: 5, is_text: true, in_status: false, is_value: false };

impl Field {
    pub fn compile(spec: Option<&Json>, on: Where, signal: Signal) -> Outcome<Field> {
        let field = |number, is_text, in_status| Field { number, is_text, in_status, is_value: false };
        let text = |number| field(number, true, false);
        let (place, found) = match (signal, spec.and_then(Json::as_str)) {
            (_, Some("scope.name")) => (Where::Scope, text(1)),
            (_, Some("scope.version")) => (Where::Scope, text(2)),
            (Signal::Traces, Some("name")) => (Where::Span, text(5)),
            (Signal::Traces, Some("trace_state")) => (Where::Span, text(3)),
            (Signal::Traces, Some("kind")) => (Where::Span, field(KIND, false, false)),
            (Signal::Traces, Some("status.message")) => (Where::Span, field(2, true, true)),
            (Signal::Traces, Some("status.code")) => (Where::Span, field(3, false, true)),
            (Signal::Traces, Some("event.name")) => (Where::Event, text(2)),
            (Signal::Logs, Some("body")) => (Where::Span, Field { is_value: true, ..text(log::BODY) }),
            (Signal::Logs, Some("severity_number")) => (Where::Span, field(log::SEVERITY_NUMBER, false, false)),
            (Signal::Logs, Some("severity_text")) => (Where::Span, text(log::SEVERITY_TEXT)),
            (Signal::Logs, Some("event_name")) => (Where::Span, text(log::EVENT_NAME)),
            (Signal::Metrics, Some("metric.name")) => (Where::Span, text(1)),
            (Signal::Metrics, Some("metric.description")) => (Where::Span, text(2)),
            (Signal::Metrics, Some("metric.unit")) => (Where::Span, text(3)),
            _ => return Err(format!("unknown field {}", shown(spec))),
        };
        need(place == on, || format!("field {} is none of a {on}", shown(spec)))?;
        Ok(found)
    }

    /// Of the level's own fields, those that hold this one, or the status that it stands in.
    fn items(self, work: &Work) -> Vec<usize> {
        let number = if self.in_status { STATUS } else { self.number };
        let mine = |item: &crate::work::Item| {
            !item.attribute && item.number == number && item.owner != TOP && item.state != State::Gone
        };
        work.items.iter().enumerate().filter(|(_, item)| mine(item)).map(|(index, _)| index).collect()
    }

    /// A text as it is read, None where it does not stand.
    pub fn read(self, work: &Work, base: &[u8]) -> Option<Vec<u8>> {
        let bodies = self.items(work).into_iter().filter_map(|index| work.items.get(index));
        let mut bodies = bodies.map(|item| work.bytes(base, item.body));
        if !self.in_status {
            return bodies.next_back().map(<[u8]>::to_vec);
        }
        let mut found = None;
        for body in bodies {
            fields(body, Range { start: 0, end: body.len() }, |field| {
                if field.is(self.number) {
                    found = Some(field.body.of(body).to_vec());
                }
            });
        }
        found
    }

    /// The text that the field holds; None when it is a value that is no string.
    pub fn content(self, payload: Vec<u8>) -> Option<Vec<u8>> {
        match read(&payload) {
            _ if !self.is_value => Some(payload),
            Value::Str(text) => Some(text.to_vec()),
            _ => None,
        }
    }

    /// Replaces the field wherever it stands, or appends it to the last message that may hold it.
    pub fn set(self, work: &mut Work, base: &[u8], value: &Val<'_>) {
        let items = self.items(work);
        if self.in_status {
            return self.set_in_status(work, base, &items, value);
        }
        let mut payload = Vec::new();
        match value {
            _ if self.is_value => drop(value.put(&mut payload)),
            Val::Str(text) => payload.extend_from_slice(text),
            Val::Int(number) => put_varint(&mut payload, *number as u64),
            _ => return,
        }
        for &index in &items {
            let Some(item) = work.items.get(index) else { continue };
            let old = work.bytes(base, item.body);
            let same = match value {
                Val::Int(number) if !self.is_value => varint(old) == *number,
                _ => old == payload,
            };
            if !same {
                work.replace(index, &payload);
            }
        }
        if items.is_empty() {
            work.append_field(self.number, &payload);
        }
    }

    fn set_in_status(self, work: &mut Work, base: &[u8], items: &[usize], value: &Val<'_>) {
        let stands = |payload: &[u8]| {
            let mut found = false;
            fields(payload, Range { start: 0, end: payload.len() }, |field| found |= field.tag == self.tag());
            found
        };
        let bodies = items.iter().filter_map(|&index| work.items.get(index));
        let anywhere = bodies.map(|item| work.bytes(base, item.body)).any(stands);
        for (position, &index) in items.iter().enumerate() {
            let Some(item) = work.items.get(index) else { continue };
            let old = work.bytes(base, item.body);
            let new = self.status(old, value, !anywhere && position + 1 == items.len());
            if new != old {
                work.replace(index, &new);
            }
        }
        if items.is_empty() {
            work.append_field(STATUS, &self.status(&[], value, true));
        }
    }

    fn tag(self) -> u32 {
        self.number << 3 | if self.is_text { crate::wire::LEN } else { 0 }
    }

    /// A status with the field replaced where it stands, or appended.
    fn status(self, old: &[u8], value: &Val<'_>, append: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(old.len() + 8);
        fields(old, Range { start: 0, end: old.len() }, |field| {
            let same = match value {
                Val::Int(number) => varint(field.body.of(old)) == *number,
                Val::Str(text) => field.body.of(old) == &**text,
                _ => true,
            };
            if field.tag != self.tag() || same {
                out.extend_from_slice(field.whole().of(old));
            } else {
                self.put(value, &mut out);
            }
        });
        if append {
            self.put(value, &mut out);
        }
        out
    }

    fn put(self, value: &Val<'_>, out: &mut Vec<u8>) {
        match value {
            Val::Str(text) => put_field(out, self.number, text),
            Val::Int(number) => {
                put_varint(out, self.tag().into());
                put_varint(out, *number as u64);
            }
            _ => {}
        }
    }
}

/// The number of a varint as an enum reads it.
fn varint(payload: &[u8]) -> i64 {
    let read = crate::wire::Reader::new(payload).varint().map_or(0, |bits| bits as i32);
    read.into()
}
