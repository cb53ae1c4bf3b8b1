//! Values that become others: of another type, hashed, or gone.

use sha2::{Digest, Sha256};

use crate::spec::put_hex;
use crate::splice::Change;
use crate::value::{put_double, put_int, put_string, read, value_text, Value};

/// What an attribute becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum To {
    Gone,
    Hash,
    Int,
    Double,
    Text,
}

impl To {
    /// Changes a value.
    pub fn apply(self, old: &[u8], new: &mut Vec<u8>) -> Change {
        let value = read(old);
        let written = match self {
            To::Gone => return Change::Drop,
            To::Hash => hash(value, new),
            To::Int => to_int(value).map(|number| put_int(new, number)),
            To::Double => to_double(value).map(|number| put_double(new, number)),
            To::Text if matches!(value, Value::Str(_)) => None,
            To::Text => value_text(value).map(|text| put_string(new, &text)),
        };
        written.map_or(Change::Same, |()| Change::New)
    }
}

fn hash(value: Value<'_>, new: &mut Vec<u8>) -> Option<()> {
    let digest = match value {
        Value::Str(text) => Sha256::digest(text),
        Value::Int(number) => Sha256::digest((number as i64).to_le_bytes()),
        Value::Double(number) => Sha256::digest(number.to_le_bytes()),
        Value::Bool(flag) => Sha256::digest([u8::from(flag)]),
        _ => {
            put_string(new, b"");
            return Some(());
        }
    };
    let mut hex = Vec::with_capacity(64);
    put_hex(&mut hex, &digest);
    put_string(new, &hex);
    Some(())
}

pub fn to_int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Bool(flag) => Some(flag.into()),
        // 2^63 is exact as a double, and the first one out of range.
        Value::Double(number) if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) => {
            Some(number as i64)
        }
        Value::Str(text) => {
            let text = std::str::from_utf8(text).ok()?;
            let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            text.parse().ok()
        }
        _ => None,
    }
}

pub fn to_double(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(number as f64),
        Value::Bool(flag) => Some(f64::from(u8::from(flag))),
        Value::Str(text) => {
            let text = std::str::from_utf8(text).ok()?;
            // Rust also reads `inf` and `nan`, and otherwise the same numbers.
            let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
            text.bytes().all(numeric).then(|| text.parse().ok()).flatten()
        }
        _ => None,
    }
}
