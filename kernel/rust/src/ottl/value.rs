//! Values: operands, constants, what stands inside maps and arrays, calculations, calls.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Json;

use super::calls::Call;
use super::val::part;
use super::{Computed, Failed, Site, Val};
use crate::env::{Env, Where};
use crate::lookup::{of_program, Lookup};
use crate::operand::{FieldName, Operand};
use crate::predicate::Literal;
use crate::spec::{listed, natural, need, put_hex, shown, text, unhex, Outcome};
use crate::value::read;
use crate::wire::{fields, Range};
use crate::work::key_value_parts;

/// How a value is computed.
pub enum Compute {
    Operand(Operand),
    EventAttribute(Vec<u8>),
    EventName,
    EventTime,
    Constant(Val<'static>),
    Entry(Box<Compute>, Vec<u8>),
    Element(Box<Compute>, usize),
    Calculate(Calculation, Box<Compute>, Box<Compute>),
    Call(Box<Call>),
    /// A column of the row that a table has for the text of a value.
    Lookup(Arc<Lookup>, Vec<u8>, Box<Compute>),
    Sum(Vec<Compute>),
    /// The first that is there and can be computed.
    First(Vec<Compute>),
}

#[derive(Debug, Clone, Copy)]
pub enum Calculation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Compute {
    pub fn compile(spec: &Json, site: &mut Site<'_>) -> Outcome<Compute> {
        let on = site.on;
        site.inside(on, |site| Compute::inner(spec, site))
    }

    fn inner(spec: &Json, site: &mut Site<'_>) -> Outcome<Compute> {
        let parts = listed(Some(spec), "value")?;
        let unknown = || format!("no value: {}", shown(Some(spec)));
        let name = parts.first().and_then(Json::as_str).ok_or_else(unknown)?;
        Ok(match (name, parts.get(1..).unwrap_or(&[])) {
            ("attr" | "field", rest) => Compute::operand(spec, rest, site)?,
            ("lit", [Json::Null]) => Compute::Constant(Val::Nil),
            ("lit", [value]) => Compute::Constant(constant(Literal::compile(Some(value))?)),
            ("hex", [digits]) => {
                let bytes = unhex(text(Some(digits), "hex")?).ok_or_else(|| format!("hex: {digits}"))?;
                Compute::Constant(Val::Bytes(bytes.into()))
            }
            ("at", [of, Json::String(key)]) => {
                Compute::Entry(Box::new(Compute::compile(of, site)?), key.as_bytes().to_vec())
            }
            ("at", [of, index]) => {
                let index = natural(Some(index), "at")?;
                Compute::Element(Box::new(Compute::compile(of, site)?), index)
            }
            ("call", [function, rest @ ..]) => Compute::Call(Box::new(Call::compile(function, rest, site)?)),
            ("lookup", [table, column, of]) => {
                let (table, column) = (of_program(Some(table), site.keys)?, text(Some(column), "lookup")?);
                Compute::Lookup(table, column.into(), Box::new(Compute::compile(of, site)?))
            }
            ("sum" | "first", values) => {
                let values = values.iter().map(|one| Compute::compile(one, site)).collect::<Outcome<_>>()?;
                if name == "sum" {
                    Compute::Sum(values)
                } else {
                    Compute::First(values)
                }
            }
            (name, [one, other]) => {
                let calculation = Calculation::named(name).ok_or_else(unknown)?;
                let one = Box::new(Compute::compile(one, site)?);
                Compute::Calculate(calculation, one, Box::new(Compute::compile(other, site)?))
            }
            _ => return Err(unknown()),
        })
    }

    /// An operand; those of an event stand in values only.
    fn operand(spec: &Json, rest: &[Json], site: &mut Site<'_>) -> Outcome<Compute> {
        let there = site.on == Where::Event && site.keys.signal.is_traces();
        let event = || need(there, || format!("{spec} is not there on a {}", site.on));
        Ok(match (rest.first().and_then(Json::as_str), rest.get(1)) {
            (Some("event"), Some(key)) => {
                event()?;
                Compute::EventAttribute(text(Some(key), "operand")?.as_bytes().to_vec())
            }
            (Some("event.name"), None) => {
                event()?;
                Compute::EventName
            }
            (Some("event.time"), None) => {
                event()?;
                Compute::EventTime
            }
            _ => Compute::Operand(Operand::compile(Some(spec), site.on, site.keys)?),
        })
    }

    /// Computes the value.
    pub fn eval<'a>(&'a self, env: &Env<'a>) -> Computed<'a> {
        match self {
            Compute::Operand(operand) => Ok(operand_value(operand, env)),
            Compute::EventAttribute(key) => {
                Ok(env.event.and_then(|event| attribute(event, key)).map_or(Val::Nil, |payload| Val::of(read(payload))))
            }
            Compute::EventName => Ok(Val::Str(env.event.map_or(&[][..], event_name).into())),
            Compute::EventTime => Ok(Val::Int(env.event.map_or(0, event_time))),
            Compute::Constant(value) => Ok(value.clone()),
            Compute::Entry(of, key) => match of.eval(env)? {
                Val::Nil => Ok(Val::Nil),
                Val::Map(payload) => Ok(entry(&payload, key)),
                _ => Err(Failed),
            },
            Compute::Element(of, index) => match of.eval(env)? {
                Val::Nil => Ok(Val::Nil),
                Val::Array(payload) => element(&payload, *index),
                _ => Err(Failed),
            },
            Compute::Calculate(calculation, one, other) => calculation.of(&one.eval(env)?, &other.eval(env)?),
            Compute::Call(call) => call.eval(env),
            Compute::Lookup(table, column, of) => Ok(looked_up(table, column, of.eval(env)?)),
            Compute::First(values) => {
                let mut known = values.iter().filter_map(|one| one.eval(env).ok()).filter(|one| *one != Val::Nil);
                Ok(known.next().unwrap_or(Val::Nil))
            }
            Compute::Sum(values) => {
                let numbers = values.iter().filter_map(|one| one.eval(env).ok());
                let numbers = numbers.filter(|one| matches!(one, Val::Int(_) | Val::Double(_)));
                let mut numbers = numbers.map(Val::into_owned);
                let first = numbers.next().unwrap_or(Val::Nil);
                numbers.try_fold(first, |sum, one| Calculation::Add.of(&sum, &one))
            }
        }
    }
}

fn constant(literal: Literal) -> Val<'static> {
    match literal {
        Literal::Str(text) => Val::Str(text.into()),
        Literal::Bool(flag) => Val::Bool(flag),
        Literal::Int(number) => Val::Int(number),
        Literal::Double(number) => Val::Double(number),
    }
}

fn operand_value<'a>(operand: &Operand, env: &Env<'a>) -> Val<'a> {
    let payload = match operand {
        Operand::Attribute(place, key) => env.attr(*place, *key),
        Operand::Any(key) => env.attr(Where::Span, *key).or_else(|| env.attr(Where::Resource, *key)),
        Operand::Field(name) => return field(*name, env),
        Operand::State(key) => return operand_state(env, key),
        Operand::Point(point) => point.payload(env),
    };
    payload.map_or(Val::Nil, |payload| Val::of(read(payload)))
}

/// A member of the trace state.
fn operand_state<'a>(env: &Env<'a>, key: &[u8]) -> Val<'a> {
    let state = env.span.map_or(&[][..], |span| span.work.bytes(span.base, span.fields.trace_state));
    crate::tracestate::member(state, key).map_or(Val::Nil, |value| Val::Str(value.into()))
}

fn field<'a>(name: FieldName, env: &Env<'a>) -> Val<'a> {
    let string = |bytes: &'a [u8]| Val::Str(bytes.into());
    match name {
        FieldName::ScopeName => return string(env.scope.text(1)),
        FieldName::ScopeVersion => return string(env.scope.text(2)),
        _ => {}
    }
    let Some(span) = env.span else {
        return Val::Nil;
    };
    let fields = span.fields;
    let id = match name {
        FieldName::Name => return string(span.work.bytes(span.base, fields.name)),
        FieldName::StatusMessage => return string(span.work.bytes(span.base, fields.status_message)),
        FieldName::TraceState => return string(span.work.bytes(span.base, fields.trace_state)),
        FieldName::Kind => return Val::Int(fields.kind.into()),
        FieldName::StatusCode => return Val::Int(fields.status_code.into()),
        FieldName::Flags => return Val::Int(fields.flags.into()),
        FieldName::Duration => return Val::Int(fields.duration() as i64),
        FieldName::Start => return Val::Int(fields.start as i64),
        FieldName::End => return Val::Int(fields.end as i64),
        FieldName::SpanId => fields.span_id,
        FieldName::ParentSpanId => fields.parent,
        FieldName::Other(other) => return other.read(env).map_or(Val::Nil, Val::of),
        _ => fields.trace_id,
    };
    let mut hex = Vec::with_capacity(32);
    put_hex(&mut hex, span.work.bytes(span.base, id));
    Val::Str(hex.into())
}

/// The `AnyValue` of an event's attribute, at its first place.
fn attribute<'a>(event: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut found = None;
    fields(event, Range { start: 0, end: event.len() }, |field| {
        if field.is(3) && found.is_none() {
            let pair = field.body.of(event);
            let (name, value) = key_value_parts(pair);
            if name.of(pair) == key {
                found = Some(value.of(pair));
            }
        }
    });
    found
}

fn event_name(event: &[u8]) -> &[u8] {
    let mut name = Range::default();
    fields(event, Range { start: 0, end: event.len() }, |field| {
        if field.is(2) {
            name = field.body;
        }
    });
    name.of(event)
}

fn event_time(event: &[u8]) -> i64 {
    let mut time = 0;
    fields(event, Range { start: 0, end: event.len() }, |field| {
        if field.tag == 0x09 {
            let bytes = event.get(field.body.end.saturating_sub(8)..field.body.end);
            time = bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes);
        }
    });
    time
}

fn inner<'a>(whole: &Cow<'a, [u8]>, at: Range) -> Val<'a> {
    match part(whole, at) {
        Cow::Borrowed(payload) => Val::of(read(payload)),
        Cow::Owned(payload) => Val::of(read(&payload)).into_owned(),
    }
}

fn entry<'a>(map: &Cow<'a, [u8]>, key: &[u8]) -> Val<'a> {
    let mut found = None;
    fields(map, Range { start: 0, end: map.len() }, |field| {
        if field.is(1) && found.is_none() {
            let pair = field.body.of(map);
            let (name, value) = key_value_parts(pair);
            if name.of(pair) == key {
                found = Some(Range { start: field.body.start + value.start, end: field.body.start + value.end });
            }
        }
    });
    found.map_or(Val::Nil, |at| inner(map, at))
}

fn element<'a>(array: &Cow<'a, [u8]>, index: usize) -> Computed<'a> {
    let (mut at, mut found) = (0, None);
    fields(array, Range { start: 0, end: array.len() }, |field| {
        if field.is(1) {
            if at == index {
                found = Some(field.body);
            }
            at += 1;
        }
    });
    found.map(|at| inner(array, at)).ok_or(Failed)
}

fn looked_up<'a>(table: &Lookup, column: &[u8], of: Val<'_>) -> Val<'a> {
    let scalar = !matches!(of, Val::Bytes(_));
    let Some(text) = of.like_text().ok().flatten().filter(|_| scalar) else {
        return Val::Nil;
    };
    let row = table.find(&text);
    let found = row.as_ref().and_then(|row| row.iter().find(|one| one.key == column));
    found.map_or(Val::Nil, |one| Val::of(read(&one.value)).into_owned())
}

impl Calculation {
    fn named(name: &str) -> Option<Calculation> {
        Some(match name {
            "+" => Calculation::Add,
            "-" => Calculation::Subtract,
            "*" => Calculation::Multiply,
            "/" => Calculation::Divide,
            _ => return None,
        })
    }

    fn of<'a>(self, one: &Val<'_>, other: &Val<'_>) -> Computed<'a> {
        match (one, other) {
            (Val::Int(one), Val::Int(other)) => self.of_ints(*one, *other).map(Val::Int),
            (Val::Int(one), Val::Double(other)) => self.of_doubles(*one as f64, *other).map(Val::Double),
            (Val::Double(one), Val::Int(other)) => self.of_doubles(*one, *other as f64).map(Val::Double),
            (Val::Double(one), Val::Double(other)) => self.of_doubles(*one, *other).map(Val::Double),
            _ => Err(Failed),
        }
    }

    fn of_ints(self, one: i64, other: i64) -> Result<i64, Failed> {
        Ok(match self {
            Calculation::Add => one.wrapping_add(other),
            Calculation::Subtract => one.wrapping_sub(other),
            Calculation::Multiply => one.wrapping_mul(other),
            Calculation::Divide if other == 0 => return Err(Failed),
            Calculation::Divide => one.wrapping_div(other),
        })
    }

    fn of_doubles(self, one: f64, other: f64) -> Result<f64, Failed> {
        Ok(match self {
            Calculation::Add => one + other,
            Calculation::Subtract => one - other,
            Calculation::Multiply => one * other,
            Calculation::Divide if other == 0.0 => return Err(Failed),
            Calculation::Divide => one / other,
        })
    }
}
