//! The text of any value as the collector's `pdata` writes it (`Value.AsString`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::spec::put_base64;
use crate::value::{read, value_text, Value};
use crate::wire::{fields, Range};
use crate::work::key_value_parts;

/// A number that JSON cannot say stands within an array or map.
struct NoJson;

/// The text: arrays and maps as JSON, bytes in base64, empty for the empty value.
pub fn go_text(value: Value<'_>) -> Cow<'_, [u8]> {
    match value {
        Value::Array(_) | Value::Map(_) => {
            let mut out = Vec::new();
            match json(value, &mut out) {
                Ok(()) => out.into(),
                Err(NoJson) => Cow::Borrowed(&[]),
            }
        }
        Value::Bytes(bytes) => {
            let mut out = Vec::new();
            put_base64(&mut out, bytes);
            out.into()
        }
        Value::Double(number) if !number.is_finite() => {
            let text = value_text(value).unwrap_or_default();
            [b"json: unsupported value: ".as_slice(), &text].concat().into()
        }
        Value::Double(number) => ecma(number).into_bytes().into(),
        other => value_text(other).unwrap_or_default(),
    }
}

/// A finite number as ECMAScript writes it.
fn ecma(number: f64) -> String {
    if number == 0.0 || (1e-6..1e21).contains(&number.abs()) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    if text.contains("e-") {
        text
    } else {
        text.replace('e', "e+")
    }
}

fn json(value: Value<'_>, out: &mut Vec<u8>) -> Result<(), NoJson> {
    match value {
        Value::Array(payload) => {
            out.push(b'[');
            for (index, element) in elements(payload).into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                json(read(element), out)?;
            }
            out.push(b']');
        }
        Value::Map(payload) => {
            out.push(b'{');
            for (index, (key, value)) in entries(payload).into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                quoted(key, out);
                out.push(b':');
                json(read(value), out)?;
            }
            out.push(b'}');
        }
        Value::Empty => out.extend_from_slice(b"null"),
        Value::Double(number) if !number.is_finite() => return Err(NoJson),
        Value::Str(_) | Value::Bytes(_) => quoted(&go_text(value), out),
        other => out.extend_from_slice(&go_text(other)),
    }
    Ok(())
}

fn elements(payload: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    fields(payload, Range { start: 0, end: payload.len() }, |field| {
        if field.is(1) {
            found.push(field.body.of(payload));
        }
    });
    found
}

/// The last value of each key.
fn entries(payload: &[u8]) -> BTreeMap<&[u8], &[u8]> {
    let pair = |pair| {
        let (key, value) = key_value_parts(pair);
        (key.of(pair), value.of(pair))
    };
    elements(payload).into_iter().map(pair).collect()
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for one in String::from_utf8_lossy(text).chars() {
        match one {
            '"' | '\\' => out.extend_from_slice(&[b'\\', one as u8]),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", one as u32).as_bytes());
            }
            _ => out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        for (number, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (1e-6, "0.000001"),
        ] {
            assert_eq!(ecma(number), text);
        }
    }
}
