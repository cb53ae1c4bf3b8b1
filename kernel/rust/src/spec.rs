//! Reading a program's data: small helpers whose errors say which part is wrong and why.

use serde_json::{Map, Value};

/// The sentence of a `BadProgram`.
pub type Outcome<T> = Result<T, String>;

pub fn need(condition: bool, message: impl FnOnce() -> String) -> Outcome<()> {
    if condition {
        Ok(())
    } else {
        Err(message())
    }
}

pub fn text<'a>(value: Option<&'a Value>, what: &str) -> Outcome<&'a str> {
    value.and_then(Value::as_str).ok_or_else(|| format!("{what}: expected a string, not {}", shown(value)))
}

pub fn natural(value: Option<&Value>, what: &str) -> Outcome<usize> {
    let number = value.and_then(Value::as_u64).map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    number.ok_or_else(|| format!("{what}: expected a number that is not negative, not {}", shown(value)))
}

pub fn listed<'a>(value: Option<&'a Value>, what: &str) -> Outcome<&'a [Value]> {
    value
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| format!("{what}: expected a list, not {}", shown(value)))
}

pub fn only<'a>(value: Option<&'a Value>, allowed: &[&str], what: &str) -> Outcome<&'a Map<String, Value>> {
    let map = value.and_then(Value::as_object);
    let map = map.ok_or_else(|| format!("{what}: expected a mapping, not {}", shown(value)))?;
    match map.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key {key}")),
        None => Ok(map),
    }
}

/// Refuses keys of a mapping that are not allowed.
pub fn only_of(spec: &Map<String, Value>, allowed: &[&str], what: &str) -> Outcome<()> {
    match spec.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(format!("{what}: unknown key {key}")),
        None => Ok(()),
    }
}

/// The value of a key that may be left out or null.
pub fn given<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).filter(|value| !value.is_null())
}

pub fn shown(value: Option<&Value>) -> String {
    let mut text = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    if text.len() > 100 {
        let end = (0..=100).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Decodes base64 in the standard alphabet; None when it is none. `strict` wants the padding.
pub fn base64(text: &[u8], strict: bool) -> Option<Vec<u8>> {
    let digits = text.len() - text.iter().rev().take_while(|&&byte| byte == b'=').count();
    let padding = text.len() - digits;
    if padding > 2 || digits % 4 == 1 || ((strict || padding > 0) && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut out = Vec::with_capacity(digits * 3 / 4);
    let (mut bits, mut count) = (0u32, 0);
    for &byte in text.get(..digits)? {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

/// Decodes an even number of hex digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// Appends bytes in lower-case hex.
pub fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Appends base64 in the standard alphabet, with padding.
pub fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            out.push(if known { DIGITS[(bits >> (18 - 6 * digit) & 63) as usize] } else { b'=' });
        }
    }
}
