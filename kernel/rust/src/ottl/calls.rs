//! What OTTL values may call: functions of one or several values, and of constants.

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::{Compute, Computed, Failed, Site, Val};
use crate::convert::{to_double, to_int};
use crate::env::Env;
use crate::operand::Operand;
use crate::regex::Pattern;
use crate::spec::{listed, natural, need, put_hex, shown, text, Outcome};
use crate::value::{put_string, Value};
use crate::wire::{fields, put_field, Range};

/// A call with its arguments.
pub enum Call {
    Of(Function, Compute),
    Concat(Vec<Compute>, Vec<u8>),
}

/// A function of one value.
pub enum Function {
    Text,
    Lower,
    Upper,
    Len,
    Int,
    Double,
    Sha256,
    Fnv,
    Id,
    Scalar,
    IsMatch(Pattern),
    HasPrefix(Vec<u8>),
    HasSuffix(Vec<u8>),
    IsA(Kind),
    Substring(usize, usize),
    Split(Vec<u8>),
    Pick(Vec<Vec<u8>>),
    Member(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Str,
    Bool,
    Int,
    Double,
    Bytes,
    List,
    Map,
}

impl Call {
    pub fn compile(name: &Json, arguments: &[Json], site: &mut Site<'_>) -> Outcome<Call> {
        let name = text(Some(name), "call")?;
        let (first, rest) = arguments.split_first().ok_or_else(|| format!("call: {name} of nothing"))?;
        if name == "concat" {
            need(rest.len() == 1, || "concat: expected values and a separator".into())?;
            let values = listed(Some(first), "concat")?.iter().map(|one| Compute::compile(one, site));
            return Ok(Call::Concat(values.collect::<Outcome<_>>()?, bytes(rest.first(), "concat")?));
        }
        let function = Function::compile(name, rest)?;
        Ok(Call::Of(function, Compute::compile(first, site)?))
    }

    /// Of an `is_match` of an operand: these two.
    pub fn pattern(&self) -> Option<(&Operand, &Pattern)> {
        match self {
            Call::Of(Function::IsMatch(pattern), Compute::Operand(operand)) => Some((operand, pattern)),
            _ => None,
        }
    }

    pub fn eval<'a>(&'a self, env: &Env<'a>) -> Computed<'a> {
        match self {
            Call::Of(function, value) => function.of(value.eval(env)?),
            Call::Concat(values, separator) => {
                let mut out = Vec::new();
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(separator);
                    }
                    match value.eval(env)?.like_text()? {
                        Some(text) => out.extend_from_slice(&text),
                        None => out.extend_from_slice(b"<nil>"),
                    }
                }
                Ok(Val::Str(out.into()))
            }
        }
    }
}

fn bytes(spec: Option<&Json>, what: &str) -> Outcome<Vec<u8>> {
    Ok(text(spec, what)?.as_bytes().to_vec())
}

impl Function {
    fn compile(name: &str, rest: &[Json]) -> Outcome<Function> {
        let argument = rest.first();
        Ok(match (name, rest.len()) {
            ("text", 0) => Function::Text,
            ("lower", 0) => Function::Lower,
            ("upper", 0) => Function::Upper,
            ("len", 0) => Function::Len,
            ("int", 0) => Function::Int,
            ("double", 0) => Function::Double,
            ("sha256", 0) => Function::Sha256,
            ("fnv", 0) => Function::Fnv,
            ("id", 0) => Function::Id,
            ("scalar", 0) => Function::Scalar,
            ("is_match", 1) => Function::IsMatch(Pattern::new(text(argument, "pattern")?)?),
            ("has_prefix", 1) => Function::HasPrefix(bytes(argument, name)?),
            ("has_suffix", 1) => Function::HasSuffix(bytes(argument, name)?),
            ("is_a", 1) => Function::IsA(Kind::compile(argument)?),
            ("substring", 2) => Function::Substring(natural(argument, "start")?, natural(rest.get(1), "length")?),
            ("split", 1) => {
                let separator = bytes(argument, name)?;
                need(!separator.is_empty(), || "split: the separator is empty".into())?;
                Function::Split(separator)
            }
            ("pick", 1) => {
                let texts = listed(argument, name)?.iter().map(|one| bytes(Some(one), name));
                Function::Pick(texts.collect::<Outcome<_>>()?)
            }
            ("member", 1) => Function::Member(bytes(argument, name)?),
            _ => return Err(format!("call: {name} with {} arguments", rest.len() + 1)),
        })
    }

    fn of<'a>(&'a self, value: Val<'a>) -> Computed<'a> {
        Ok(match self {
            Function::Text => value.like_text()?.map_or(Val::Nil, Val::Str),
            Function::Lower => Val::Str(value.text()?.to_ascii_lowercase().into()),
            Function::Upper => Val::Str(value.text()?.to_ascii_uppercase().into()),
            Function::Len => Val::Int(length(&value)?),
            Function::Int => match value {
                Val::Int(number) => Val::Int(number),
                other => converted(other, |number| to_int(number).map(Val::Int))?,
            },
            Function::Double => match value {
                Val::Double(number) => Val::Double(number),
                other => converted(other, |number| to_double(number).map(Val::Double))?,
            },
            Function::Sha256 => {
                let mut hex = Vec::with_capacity(64);
                put_hex(&mut hex, &Sha256::digest(value.text()?));
                Val::Str(hex.into())
            }
            Function::Fnv => Val::Int(fnv(&value.text()?)),
            Function::Id => {
                let text = value.text()?;
                Val::Str(if text.iter().all(|&digit| digit == b'0') { (&[][..]).into() } else { text })
            }
            Function::Scalar => match value {
                Val::Bytes(_) => Val::Str((&b"<unknown-attribute-type>"[..]).into()),
                other => {
                    let text = other.like_text().ok().flatten();
                    Val::Str(text.unwrap_or_else(|| (&b"<unknown-attribute-type>"[..]).into()))
                }
            },
            Function::IsMatch(pattern) => Val::Bool(value.like_text()?.is_some_and(|text| pattern.is_match(&text))),
            Function::HasPrefix(wanted) => Val::Bool(value.text()?.starts_with(wanted)),
            Function::HasSuffix(wanted) => Val::Bool(value.text()?.ends_with(wanted)),
            Function::IsA(kind) => Val::Bool(Kind::of(&value) == Some(*kind)),
            Function::Substring(start, length) => {
                let text = value.text()?;
                let end = start.checked_add(*length).ok_or(Failed)?;
                let found = text.get(*start..end).ok_or(Failed)?;
                std::str::from_utf8(found).map_err(|_| Failed)?;
                Val::Str(found.to_vec().into())
            }
            Function::Split(separator) => Val::Array(split(&value.text()?, separator).into()),
            Function::Pick(texts) => {
                let index = if let Val::Int(index) = value { usize::try_from(index).ok() } else { None };
                Val::Str(index.and_then(|index| texts.get(index)).map_or(&[][..], |text| text).into())
            }
            Function::Member(key) => Val::Str(member(&value.text()?, key).to_vec().into()),
        })
    }
}

impl Kind {
    fn compile(spec: Option<&Json>) -> Outcome<Kind> {
        Ok(match spec.and_then(Json::as_str) {
            Some("string") => Kind::Str,
            Some("bool") => Kind::Bool,
            Some("int") => Kind::Int,
            Some("double") => Kind::Double,
            Some("bytes") => Kind::Bytes,
            Some("list") => Kind::List,
            Some("map") => Kind::Map,
            _ => return Err(format!("is_a: {}", shown(spec))),
        })
    }

    fn of(value: &Val<'_>) -> Option<Kind> {
        Some(match value {
            Val::Nil => return None,
            Val::Str(_) => Kind::Str,
            Val::Bool(_) => Kind::Bool,
            Val::Int(_) => Kind::Int,
            Val::Double(_) => Kind::Double,
            Val::Bytes(_) => Kind::Bytes,
            Val::Array(_) => Kind::List,
            Val::Map(_) => Kind::Map,
        })
    }
}

fn length(value: &Val<'_>) -> Result<i64, Failed> {
    let length = match value {
        Val::Str(text) | Val::Bytes(text) => text.len(),
        Val::Array(payload) | Val::Map(payload) => {
            let mut count = 0;
            fields(payload, Range { start: 0, end: payload.len() }, |field| count += usize::from(field.is(1)));
            count
        }
        _ => return Err(Failed),
    };
    Ok(length as i64)
}

/// A conversion as the action `convert` does it; what it leaves alone becomes nil.
fn converted<'a>(value: Val<'_>, convert: impl FnOnce(Value<'_>) -> Option<Val<'a>>) -> Computed<'a> {
    let found = match &value {
        Val::Nil => return Ok(Val::Nil),
        Val::Str(text) => convert(Value::Str(text)),
        Val::Bool(flag) => convert(Value::Bool(*flag)),
        Val::Int(number) => convert(Value::Int((*number).into())),
        Val::Double(number) => convert(Value::Double(*number)),
        Val::Bytes(_) | Val::Array(_) | Val::Map(_) => None,
    };
    found.ok_or(Failed)
}

fn fnv(text: &[u8]) -> i64 {
    let state = text
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |state, &byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    state as i64
}

/// The payload of an `ArrayValue` of the parts.
fn split(text: &[u8], separator: &[u8]) -> Vec<u8> {
    let (mut out, mut from, mut value) = (Vec::new(), 0, Vec::new());
    let mut put = |part: &[u8]| {
        value.clear();
        put_string(&mut value, part);
        put_field(&mut out, 1, &value);
    };
    for at in memchr::memmem::find_iter(text, separator) {
        put(text.get(from..at).unwrap_or(&[]));
        from = at + separator.len();
    }
    put(text.get(from..).unwrap_or(&[]));
    out
}

/// A member of a trace state; empty when there is none.
fn member<'a>(state: &'a [u8], key: &[u8]) -> &'a [u8] {
    let members = state.split(|&byte| byte == b',').map(crate::tracestate::trimmed);
    let mut found = members.filter_map(|member| member.strip_prefix(key)?.strip_prefix(b"="));
    found.next().unwrap_or(&[])
}
