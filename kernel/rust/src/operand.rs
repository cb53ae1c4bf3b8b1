//! Operands: what a condition, a number or a key looks at.

use serde_json::Value as Json;

use crate::env::{Env, Where};
use crate::keys::{KeyId, Keys};
use crate::other::{Other, PointKey};
use crate::signal::Signal;
use crate::spec::{listed, need, put_hex, shown, text, Outcome};
use crate::value::Value;

/// A field that is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldName {
    Name,
    StatusMessage,
    TraceState,
    ScopeName,
    ScopeVersion,
    Kind,
    StatusCode,
    Flags,
    Duration,
    Start,
    End,
    TraceId,
    SpanId,
    ParentSpanId,
    /// Of a log record, a metric or a data point.
    Other(Other),
}

/// What a condition, a number or a key looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operand {
    Attribute(Where, KeyId),
    /// The span's attribute, else the resource's.
    Any(KeyId),
    Field(FieldName),
    /// A member of the span's trace state, by key.
    State(Box<[u8]>),
    /// An attribute of a data point.
    Point(Box<PointKey>),
}

impl Operand {
    /// Compiles an operand that is used on the level `on`.
    pub fn compile(spec: Option<&Json>, on: Where, keys: &mut Keys) -> Outcome<Operand> {
        let parts = listed(spec, "operand")?;
        match (parts.first().and_then(Json::as_str), parts.len()) {
            (Some("attr"), 3) => attribute(parts, on, keys),
            (Some("field"), 2) => field(text(parts.get(1), "operand")?, on, keys.signal),
            (Some("state"), 2) => {
                let there = keys.signal.is_traces() && on >= Where::Span;
                need(there, || format!("a trace state is not there on a {on}"))?;
                Ok(Operand::State(text(parts.get(1), "operand")?.as_bytes().into()))
            }
            _ => Err(format!("unknown operand {}", shown(spec))),
        }
    }

    /// Calls `then` with the operand's value, None when it is absent.
    #[inline]
    pub fn with<T>(&self, env: &Env<'_>, then: impl FnOnce(Option<Value<'_>>) -> T) -> T {
        match self {
            Operand::Attribute(place, key) => then(env.attr(*place, *key).map(crate::value::read)),
            Operand::Any(key) => {
                let found = env.attr(Where::Span, *key).or_else(|| env.attr(Where::Resource, *key));
                then(found.map(crate::value::read))
            }
            Operand::Field(name) => name.with(env, then),
            Operand::State(key) => {
                let state = env.span.map_or(&[][..], |span| span.work.bytes(span.base, span.fields.trace_state));
                then(crate::tracestate::member(state, key).map(Value::Str))
            }
            Operand::Point(point) => then(point.payload(env).map(crate::value::read)),
        }
    }
}

fn attribute(parts: &[Json], on: Where, keys: &mut Keys) -> Outcome<Operand> {
    let place = text(parts.get(1), "operand")?;
    let key = keys.add(text(parts.get(2), "operand")?.as_bytes()).ok_or("too many keys")?;
    let metrics = keys.signal == Signal::Metrics;
    let point = |resource| Operand::Point(Box::new(PointKey { key: keys.get(key).into(), resource }));
    let (needed, operand) = match (place, keys.signal.level(place)) {
        ("any", _) if metrics => (Where::Event, point(Some(key))),
        ("any", _) => (Where::Span, Operand::Any(key)),
        (_, Some(Where::Event)) if metrics => (Where::Event, point(None)),
        // Those of events stand in values only.
        (_, Some(place)) if place != Where::Event => (place, Operand::Attribute(place, key)),
        _ => return Err(format!("unknown place of an attribute {:?}", parts.get(1))),
    };
    need(needed <= on, || format!("an attribute of {place:?} is not there on a {on}"))?;
    Ok(operand)
}

fn field(name: &str, on: Where, signal: Signal) -> Outcome<Operand> {
    let field = match name {
        "scope.name" => FieldName::ScopeName,
        "scope.version" => FieldName::ScopeVersion,
        _ if !signal.is_traces() => {
            let (needed, field) = signal.field(name).ok_or_else(|| format!("unknown field {name:?}"))?;
            need(needed <= on, || format!("field {name:?} is not there on a {on}"))?;
            return Ok(Operand::Field(field));
        }
        "name" => FieldName::Name,
        "status.message" => FieldName::StatusMessage,
        "trace_state" => FieldName::TraceState,
        "kind" => FieldName::Kind,
        "status.code" => FieldName::StatusCode,
        "flags" => FieldName::Flags,
        "duration" => FieldName::Duration,
        "start" => FieldName::Start,
        "end" => FieldName::End,
        "trace_id" => FieldName::TraceId,
        "span_id" => FieldName::SpanId,
        "parent_span_id" => FieldName::ParentSpanId,
        _ => return Err(format!("unknown field {name:?}")),
    };
    let needed = if name.starts_with("scope.") { Where::Scope } else { Where::Span };
    need(needed <= on, || format!("field {name:?} is not there on a {on}"))?;
    Ok(Operand::Field(field))
}

impl FieldName {
    fn with<T>(self, env: &Env<'_>, then: impl FnOnce(Option<Value<'_>>) -> T) -> T {
        let number = |number: i128| Some(Value::Int(number));
        match self {
            FieldName::ScopeName => return then(Some(Value::Str(env.scope.text(1)))),
            FieldName::ScopeVersion => return then(Some(Value::Str(env.scope.text(2)))),
            _ => {}
        }
        let Some(span) = env.span else {
            return then(None);
        };
        let fields = span.fields;
        let bytes = |loc| span.work.bytes(span.base, loc);
        let id = match self {
            FieldName::Name => return then(Some(Value::Str(bytes(fields.name)))),
            FieldName::StatusMessage => return then(Some(Value::Str(bytes(fields.status_message)))),
            FieldName::TraceState => return then(Some(Value::Str(bytes(fields.trace_state)))),
            FieldName::Kind => return then(number(fields.kind.into())),
            FieldName::StatusCode => return then(number(fields.status_code.into())),
            FieldName::Flags => return then(number(fields.flags.into())),
            FieldName::Duration => return then(number(fields.duration().into())),
            FieldName::Start => return then(number((fields.start as i64).into())),
            FieldName::End => return then(number((fields.end as i64).into())),
            FieldName::SpanId => fields.span_id,
            FieldName::ParentSpanId => fields.parent,
            FieldName::Other(other) => return then(other.read(env)),
            _ => fields.trace_id,
        };
        let mut hex = Vec::with_capacity(32);
        put_hex(&mut hex, bytes(id));
        then(Some(Value::Str(&hex)))
    }
}
