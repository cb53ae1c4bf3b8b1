//! Values of attributes: reading an `AnyValue`, its text, its number.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::wire::{put_field, put_varint, Range, Reader, LEN};

/// What an `AnyValue` (or a field of a span) says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Str(&'a [u8]),
    Bool(bool),
    Int(i128),
    Double(f64),
    Bytes(&'a [u8]),
    /// The payload of the `ArrayValue`.
    Array(&'a [u8]),
    /// The payload of the `KeyValueList`.
    Map(&'a [u8]),
    Empty,
}

/// Reads the payload of an `AnyValue` known to be valid: the last member that stands.
#[inline]
pub fn read(payload: &[u8]) -> Value<'_> {
    let mut reader = Reader::new(payload);
    let mut value = Value::Empty;
    while !reader.done() {
        let Ok(tag) = reader.tag() else { break };
        let read = match tag {
            0x0a => reader.len().map(|at| Value::Str(at.of(payload))),
            0x10 => reader.varint().map(|bits| Value::Bool(bits != 0)),
            0x18 => reader.varint().map(|bits| Value::Int(i128::from(bits as i64))),
            0x21 => reader.fixed64().map(|bits| Value::Double(f64::from_bits(bits))),
            0x2a => reader.len().map(|at| Value::Array(at.of(payload))),
            0x32 => reader.len().map(|at| Value::Map(at.of(payload))),
            0x3a => reader.len().map(|at| Value::Bytes(at.of(payload))),
            _ => reader.skip(tag, 0).map(|()| value),
        };
        let Ok(read) = read else { break };
        value = read;
    }
    value
}

/// Whether `test` holds for the value, or for any element of an array.
#[inline]
pub fn any_element(value: Value<'_>, mut test: impl FnMut(Value<'_>) -> bool) -> bool {
    let Value::Array(payload) = value else {
        return test(value);
    };
    let mut found = false;
    crate::wire::fields(payload, Range { start: 0, end: payload.len() }, |field| {
        if field.tag == 1 << 3 | LEN && !found {
            found = test(read(field.body.of(payload)));
        }
    });
    found
}

/// The text of a value as rules see it; None for bytes, arrays, maps and the empty value.
pub fn value_text(value: Value<'_>) -> Option<Cow<'_, [u8]>> {
    Some(match value {
        Value::Str(text) => text.into(),
        Value::Bool(true) => b"true".into(),
        Value::Bool(false) => b"false".into(),
        Value::Int(number) => number.to_string().into_bytes().into(),
        Value::Double(number) => double_text(number).into_bytes().into(),
        Value::Bytes(_) | Value::Array(_) | Value::Map(_) | Value::Empty => return None,
    })
}

fn double_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{number}")
}

/// Compares an integer with a double exactly; None for NaN.
pub fn compare_int_double(int: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= 1e38 {
        return Some(Ordering::Less);
    }
    if double <= -1e38 {
        return Some(Ordering::Greater);
    }
    let floor = double.floor();
    let order = int.cmp(&(floor as i128));
    Some(if order == Ordering::Equal && double > floor { Ordering::Less } else { order })
}

/// The largest magnitude of a fixed-point number.
const CLAMP: i128 = 10i128.pow(36);

/// The number in millionths, rounded half to even and clamped; None when it is no number.
pub fn fixed_point(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Int(number) => Some(number.saturating_mul(1_000_000).clamp(-CLAMP, CLAMP)),
        Value::Double(number) if !number.is_nan() => Some(double_fixed_point(number)),
        _ => None,
    }
}

fn double_fixed_point(number: f64) -> i128 {
    let sign = if number.is_sign_negative() { -1 } else { 1 };
    if number.abs() >= 1e30 {
        return sign * CLAMP;
    }
    sign * times(number.abs(), 1_000_000)
}

/// The number in billionths, rounded half to even, at most what 64 bits hold; None when it is no number, or negative.
pub fn billionths(value: Value<'_>) -> Option<u64> {
    const BILLION: i128 = 1_000_000_000;
    const MOST: i128 = u64::MAX as i128 / BILLION;
    match value {
        Value::Int(number) if number >= MOST => Some(u64::MAX),
        Value::Double(number) if number >= MOST as f64 => Some(u64::MAX),
        Value::Int(number) if number >= 0 => u64::try_from(number * BILLION).ok(),
        Value::Double(number) if number >= 0.0 => u64::try_from(times(number, BILLION)).ok(),
        _ => None,
    }
}

/// A number that is not negative times a factor, rounded half to even; both together are below 2^127.
fn times(number: f64, factor: i128) -> i128 {
    let bits = number.to_bits() & !(1 << 63);
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let fraction = i128::from(bits & ((1 << 52) - 1));
    let (mantissa, shift) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let scaled = mantissa * factor;
    if shift >= 0 {
        scaled << shift
    } else if shift < -100 {
        0
    } else {
        let down = -shift as u32;
        let (whole, rest, half) = (scaled >> down, scaled & ((1 << down) - 1), 1i128 << (down - 1));
        whole + i128::from(rest > half || (rest == half && whole & 1 == 1))
    }
}

/// Appends the payload of an `AnyValue` that holds a string.
pub fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    put_field(out, 1, text);
}

pub fn put_int(out: &mut Vec<u8>, number: i64) {
    out.push(0x18);
    put_varint(out, number as u64);
}

pub fn put_double(out: &mut Vec<u8>, number: f64) {
    out.push(0x21);
    out.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_become_fixed_point_half_to_even() {
        for (number, expected) in [(0.0, 0), (1.5, 1_500_000), (-0.25, -250_000), (0.000_000_5, 0), (1e30, CLAMP)] {
            assert_eq!(fixed_point(Value::Double(number)), Some(expected), "{number}");
        }
        assert_eq!(fixed_point(Value::Double(0.5 / 1_048_576.0 * 3.0)), Some(1));
        assert_eq!(fixed_point(Value::Double(f64::NEG_INFINITY)), Some(-CLAMP));
    }

    #[test]
    fn doubles_become_billionths_half_to_even() {
        let most = 18_446_744_073.0;
        for (number, expected) in
            [(-0.0, 0), (1.5, 1_500_000_000), (4e-10, 0), (f64::MIN_POSITIVE, 0), (most, u64::MAX)]
        {
            assert_eq!(billionths(Value::Double(number)), Some(expected), "{number}");
        }
        assert_eq!(billionths(Value::Double(1.5 / 1_073_741_824.0)), Some(1));
        for number in [-1e-300, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(billionths(Value::Double(number)), None, "{number}");
        }
        assert_eq!(billionths(Value::Int(-1)), None);
        assert_eq!(billionths(Value::Int(1 << 70)), Some(u64::MAX));
    }

    #[test]
    fn ints_and_doubles_compare_exactly() {
        let big = (1i128 << 53) + 1;
        assert_eq!(compare_int_double(big, (1i64 << 53) as f64), Some(Ordering::Greater));
        assert_eq!(compare_int_double(-1, -0.5), Some(Ordering::Less));
        assert_eq!(compare_int_double(0, f64::NAN), None);
    }
}
