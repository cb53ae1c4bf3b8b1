//! What OTTL computes with.

use std::borrow::Cow;

use crate::spec::put_hex;
use crate::value::{put_double, put_int, put_string, value_text, Value};
use crate::wire::{put_field, Range};

/// A value cannot be computed; the collector would report an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

pub type Computed<'a> = Result<Val<'a>, Failed>;

#[derive(Debug, Clone, PartialEq)]
pub enum Val<'a> {
    Nil,
    Str(Cow<'a, [u8]>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Bytes(Cow<'a, [u8]>),
    /// The payload of the `ArrayValue`.
    Array(Cow<'a, [u8]>),
    /// The payload of the `KeyValueList`.
    Map(Cow<'a, [u8]>),
}

impl<'a> Val<'a> {
    pub fn of(value: Value<'a>) -> Val<'a> {
        match value {
            Value::Str(text) => Val::Str(text.into()),
            Value::Bool(flag) => Val::Bool(flag),
            Value::Int(number) => Val::Int(number as i64),
            Value::Double(number) => Val::Double(number),
            Value::Bytes(bytes) => Val::Bytes(bytes.into()),
            Value::Array(payload) => Val::Array(payload.into()),
            Value::Map(payload) => Val::Map(payload.into()),
            Value::Empty => Val::Nil,
        }
    }

    /// The same without what is borrowed.
    pub fn into_owned(self) -> Val<'static> {
        match self {
            Val::Nil => Val::Nil,
            Val::Str(text) => Val::Str(text.into_owned().into()),
            Val::Bool(flag) => Val::Bool(flag),
            Val::Int(number) => Val::Int(number),
            Val::Double(number) => Val::Double(number),
            Val::Bytes(bytes) => Val::Bytes(bytes.into_owned().into()),
            Val::Array(payload) => Val::Array(payload.into_owned().into()),
            Val::Map(payload) => Val::Map(payload.into_owned().into()),
        }
    }

    /// A value that must be a string.
    pub fn text(self) -> Result<Cow<'a, [u8]>, Failed> {
        match self {
            Val::Str(text) => Ok(text),
            _ => Err(Failed),
        }
    }

    /// A value as text: bytes in hex, None for nil. Arrays and maps have none.
    pub fn like_text(self) -> Result<Option<Cow<'a, [u8]>>, Failed> {
        Ok(Some(match self {
            Val::Nil => return Ok(None),
            Val::Str(text) => text,
            Val::Bytes(bytes) => {
                let mut hex = Vec::with_capacity(bytes.len() * 2);
                put_hex(&mut hex, &bytes);
                hex.into()
            }
            Val::Bool(flag) => owned(Value::Bool(flag))?,
            Val::Int(number) => owned(Value::Int(number.into()))?,
            Val::Double(number) => owned(Value::Double(number))?,
            Val::Array(_) | Val::Map(_) => return Err(Failed),
        }))
    }

    /// Appends the payload of the `AnyValue` that holds this; false for nil.
    pub fn put(&self, out: &mut Vec<u8>) -> bool {
        match self {
            Val::Nil => return false,
            Val::Str(text) => put_string(out, text),
            Val::Bool(flag) => out.extend_from_slice(&[0x10, u8::from(*flag)]),
            Val::Int(number) => put_int(out, *number),
            Val::Double(number) => put_double(out, *number),
            Val::Bytes(bytes) => put_field(out, 7, bytes),
            Val::Array(payload) => put_field(out, 5, payload),
            Val::Map(payload) => put_field(out, 6, payload),
        }
        true
    }
}

fn owned<'a>(value: Value<'_>) -> Result<Cow<'a, [u8]>, Failed> {
    value_text(value).map(|text| Cow::Owned(text.into_owned())).ok_or(Failed)
}

/// A payload that lies inside another.
pub fn part<'a>(whole: &Cow<'a, [u8]>, range: Range) -> Cow<'a, [u8]> {
    match whole {
        Cow::Borrowed(bytes) => range.of(bytes).into(),
        Cow::Owned(bytes) => range.of(bytes).to_vec().into(),
    }
}
