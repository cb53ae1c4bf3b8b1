//! Fields of log records, metrics and data points, as conditions and values read them.

use crate::env::{Env, SpanView, Where};
use crate::keys::KeyId;
use crate::metric::{point_attributes, EXPONENTIAL, GAUGE, HISTOGRAM, SUM, SUMMARY};
use crate::operand::FieldName;
use crate::signal::Signal;
use crate::value::{read, Value};
use crate::wire::{fields, Range, Reader};
use crate::work::{key_value_parts, Loc};

/// What a span has nothing like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Other {
    Body,
    Temporality,
    IsMonotonic,
    Value,
    Count,
    Sum,
    PointFlags,
    PointStart,
    PointTime,
}

impl Signal {
    /// A field by its name, with the level that has it.
    pub fn field(self, name: &str) -> Option<(Where, FieldName)> {
        let (level, field) = match (self, name) {
            (Signal::Logs, "body") => (Where::Span, FieldName::Other(Other::Body)),
            (Signal::Logs, "severity_number") => (Where::Span, FieldName::Kind),
            (Signal::Logs, "severity_text") => (Where::Span, FieldName::TraceState),
            (Signal::Logs, "event_name") => (Where::Span, FieldName::Name),
            (Signal::Logs, "trace_id") => (Where::Span, FieldName::TraceId),
            (Signal::Logs, "span_id") => (Where::Span, FieldName::SpanId),
            (Signal::Logs, "flags") => (Where::Span, FieldName::Flags),
            (Signal::Logs, "time") => (Where::Span, FieldName::Start),
            (Signal::Logs, "observed_time") => (Where::Span, FieldName::End),
            (Signal::Metrics, "metric.name") => (Where::Span, FieldName::Name),
            (Signal::Metrics, "metric.description") => (Where::Span, FieldName::TraceState),
            (Signal::Metrics, "metric.unit") => (Where::Span, FieldName::StatusMessage),
            (Signal::Metrics, "metric.type") => (Where::Span, FieldName::Kind),
            (Signal::Metrics, "metric.aggregation_temporality") => (Where::Span, FieldName::Other(Other::Temporality)),
            (Signal::Metrics, "metric.is_monotonic") => (Where::Span, FieldName::Other(Other::IsMonotonic)),
            (Signal::Metrics, "datapoint.value") => (Where::Event, FieldName::Other(Other::Value)),
            (Signal::Metrics, "datapoint.count") => (Where::Event, FieldName::Other(Other::Count)),
            (Signal::Metrics, "datapoint.sum") => (Where::Event, FieldName::Other(Other::Sum)),
            (Signal::Metrics, "datapoint.flags") => (Where::Event, FieldName::Other(Other::PointFlags)),
            (Signal::Metrics, "datapoint.start") => (Where::Event, FieldName::Other(Other::PointStart)),
            (Signal::Metrics, "datapoint.time") => (Where::Event, FieldName::Other(Other::PointTime)),
            _ => return None,
        };
        Some((level, field))
    }
}

fn number<'a>(number: impl Into<i128>) -> Option<Value<'a>> {
    Some(Value::Int(number.into()))
}

/// The last varint, or fixed number of 64 bits, with this tag.
fn last(message: &[u8], tag: u32) -> Option<u64> {
    let mut found = None;
    fields(message, Range { start: 0, end: message.len() }, |field| {
        if field.tag == tag {
            found = bits(message, &field);
        }
    });
    found
}

fn bits(message: &[u8], field: &crate::wire::Field) -> Option<u64> {
    let mut reader = Reader::new(message).sub(field.body);
    if field.tag & 7 == 1 { reader.fixed64() } else { reader.varint() }.ok()
}

impl Other {
    /// The value, None when it is absent.
    pub fn read<'a>(self, env: &Env<'a>) -> Option<Value<'a>> {
        let span = env.span?;
        let point = || (env.event.unwrap_or(&[]), span.work.data);
        match self {
            Other::Body => body(span),
            Other::Temporality => {
                let (data, message) = data(span);
                let known = [SUM, HISTOGRAM, EXPONENTIAL].contains(&data);
                known.then(|| last(message, 0x10).unwrap_or(0) as i32).and_then(number)
            }
            Other::IsMonotonic => {
                let (data, message) = data(span);
                (data == SUM).then(|| Value::Bool(last(message, 0x18).unwrap_or(0) != 0))
            }
            Other::Value => {
                let (message, data) = point();
                let mut found = None;
                fields(message, Range { start: 0, end: message.len() }, |field| match field.tag {
                    0x21 => found = bits(message, &field).map(|bits| Value::Double(f64::from_bits(bits))),
                    0x31 => found = bits(message, &field).map(|bits| Value::Int(i128::from(bits as i64))),
                    _ => {}
                });
                found.filter(|_| [GAUGE, SUM].contains(&data))
            }
            Other::Count => {
                let (message, data) = point();
                (![GAUGE, SUM].contains(&data)).then(|| last(message, 0x21).unwrap_or(0)).and_then(number)
            }
            Other::Sum => {
                let (message, data) = point();
                let sum = last(message, 0x29).map(|bits| Value::Double(f64::from_bits(bits)));
                sum.filter(|_| ![GAUGE, SUM].contains(&data))
            }
            Other::PointFlags => {
                let (message, data) = point();
                let tag = if [GAUGE, SUM, SUMMARY].contains(&data) { 8 << 3 } else { 10 << 3 };
                number(last(message, tag).unwrap_or(0) as u32)
            }
            Other::PointStart => number(last(point().0, 0x11).unwrap_or(0) as i64),
            Other::PointTime => number(last(point().0, 0x19).unwrap_or(0) as i64),
        }
    }
}

/// Whether bytes stand anywhere: a field that is not there has none.
fn stands(place: Loc) -> bool {
    place.arena || place.end > 0
}

fn body<'a>(log: SpanView<'a>) -> Option<Value<'a>> {
    let place = log.fields.status_message;
    stands(place).then(|| read(log.work.bytes(log.base, place)))
}

/// The data of a metric that is read: its field and its message.
fn data<'a>(metric: SpanView<'a>) -> (u32, &'a [u8]) {
    let data = match metric.fields.kind {
        1 => GAUGE,
        2 => SUM,
        3 => HISTOGRAM,
        4 => EXPONENTIAL,
        5 => SUMMARY,
        _ => 0,
    };
    (data, metric.work.bytes(metric.base, metric.fields.parent))
}

/// The key of a data point's attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PointKey {
    pub key: Box<[u8]>,
    /// Where it is taken from the resource when the data point has none.
    pub resource: Option<KeyId>,
}

impl PointKey {
    /// The `AnyValue` of the attribute, at its first place.
    pub fn payload<'a>(&self, env: &Env<'a>) -> Option<&'a [u8]> {
        let (point, attributes) = (env.event.unwrap_or(&[]), point_attributes(env.span?.work.data));
        let mut found = None;
        fields(point, Range { start: 0, end: point.len() }, |field| {
            if found.is_none() && field.is(attributes) {
                let pair = field.body.of(point);
                let (key, value) = key_value_parts(pair);
                found = (key.of(pair) == &*self.key).then(|| value.of(pair));
            }
        });
        found.or_else(|| self.resource.and_then(|key| env.attr(Where::Resource, key)))
    }
}
