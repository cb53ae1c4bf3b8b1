//! The `ot` member of a W3C trace state: a trace's own randomness (`rv`) and its sampling threshold (`th`).

/// Longer trace states are left alone.
const MAX_TRACE_STATE: usize = 8192;
/// In characters.
const MAX_OT: usize = 256;

/// What to do with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Leave,
    Set,
    Erase,
}

/// A trace state taken apart: the sub-keys of `ot`, and all other members, as they stand.
struct Parsed<'a> {
    subs: Vec<&'a [u8]>,
    others: Vec<&'a [u8]>,
}

impl<'a> Parsed<'a> {
    fn new(state: &'a [u8]) -> Parsed<'a> {
        let mut parsed = Parsed { subs: Vec::new(), others: Vec::new() };
        let mut seen = false;
        if state.is_empty() {
            return parsed;
        }
        for member in state.split(|&byte| byte == b',') {
            match trimmed(member).strip_prefix(b"ot=") {
                Some(content) if !seen => {
                    seen = true;
                    if !content.is_empty() {
                        parsed.subs = content.split(|&byte| byte == b';').collect();
                    }
                }
                _ => parsed.others.push(member),
            }
        }
        parsed
    }

    /// The value of the first such sub-key; None too when some sub-key has no `:`.
    fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        if self.subs.iter().any(|sub| !sub.contains(&b':')) {
            return None;
        }
        self.subs.iter().find_map(|sub| sub.strip_prefix(name))
    }
}

/// Without the spaces and tabs around it.
pub fn trimmed(mut member: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = member {
        member = rest;
    }
    member
}

fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |sum, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(sum << 4 | u64::from(value))
    })
}

/// `rv` as an integer below 2^56; None when it is not there or not 14 lower-case hex digits.
pub fn randomness(state: &[u8]) -> Option<u64> {
    let value = Parsed::new(state).value(b"rv:")?;
    if value.len() == 14 {
        hex(value)
    } else {
        None
    }
}

/// The trace state with its threshold set (the larger of both stays) or erased; None when it stays as it is.
pub fn with_threshold(state: &[u8], mode: Mode, threshold: u64) -> Option<Vec<u8>> {
    if mode == Mode::Leave || state.len() > MAX_TRACE_STATE {
        return None;
    }
    let parsed = Parsed::new(state);
    let place = parsed.subs.iter().position(|sub| sub.starts_with(b"th:"));
    if mode == Mode::Erase && place.is_none() {
        return None;
    }
    let mut subs: Vec<&[u8]> = parsed.subs.iter().copied().filter(|sub| !sub.starts_with(b"th:")).collect();
    let incoming = parsed.value(b"th:").filter(|value| (1..=14).contains(&value.len()));
    let incoming = incoming.and_then(|value| Some(hex(value)? << (4 * (14 - value.len()))));
    let digits = format!("th:{:014x}", threshold.max(incoming.unwrap_or(0)));
    let significant = digits.trim_end_matches('0');
    let written = if significant == "th:" { "th:0" } else { significant };
    if mode == Mode::Set {
        subs.insert(place.unwrap_or(subs.len()), written.as_bytes());
    }
    let member = subs.join(&b';');
    if String::from_utf8_lossy(&member).chars().count() > MAX_OT {
        return None;
    }
    let mut out = Vec::with_capacity(state.len() + 24);
    if !subs.is_empty() {
        out.extend_from_slice(b"ot=");
        out.extend_from_slice(&member);
    }
    for (index, other) in parsed.others.iter().enumerate() {
        if index > 0 || !subs.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(other);
    }
    Some(out)
}
