//! W3C trace states: members by key, and in the `ot` member a trace's randomness (`rv`) and threshold (`th`).

/// Longer trace states are left alone.
const MAX_TRACE_STATE: usize = 8192;
/// In characters.
const MAX_OT: usize = 256;
/// A list with more members is malformed.
const MAX_MEMBERS: usize = 32;
/// In bytes.
const MAX_VALUE: usize = 256;

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

/// The value of the member with that key; None where there is none, or the list as a whole is malformed.
pub fn member<'a>(state: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut keys: [&[u8]; MAX_MEMBERS] = [&[]; MAX_MEMBERS];
    let (mut count, mut found) = (0, None);
    for one in state.split(|&byte| byte == b',').filter(|one| !one.is_empty()) {
        let equals = one.iter().position(|&byte| byte == b'=')?;
        let (name, value) = (trimmed_start(one.get(..equals)?), trimmed_end(one.get(equals + 1..)?));
        if !is_key(name) || !is_value(value) || keys.get(..count)?.contains(&name) {
            return None;
        }
        *keys.get_mut(count)? = name;
        count += 1;
        if name == key {
            found = Some(value);
        }
    }
    found
}

fn trimmed_start(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    text
}

fn trimmed_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn is_key(key: &[u8]) -> bool {
    match key.iter().position(|&byte| byte == b'@') {
        None => is_part(key, 255, u8::is_ascii_lowercase),
        Some(at) => {
            let (tenant, system) = (key.get(..at).unwrap_or(&[]), key.get(at + 1..).unwrap_or(&[]));
            let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            is_part(tenant, 240, first) && is_part(system, 13, u8::is_ascii_lowercase)
        }
    }
}

/// A first character, and at most `most` others.
fn is_part(text: &[u8], most: usize, first: impl Fn(&u8) -> bool) -> bool {
    let Some((begin, rest)) = text.split_first() else {
        return false;
    };
    let other = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    first(begin) && rest.len() <= most && rest.iter().all(other)
}

fn is_value(value: &[u8]) -> bool {
    let allowed = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=MAX_VALUE).contains(&value.len()) && value.last() != Some(&b' ') && value.iter().all(allowed)
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

/// What a trace state says of sampling.
#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// The `ot` member, its `rv` and its `th` are well formed, as far as they are there.
    pub valid: bool,
    pub rv: Option<u64>,
    pub threshold: Option<u64>,
}

/// What a trace state says of sampling.
pub fn sampling(state: &[u8]) -> Sampling {
    let parsed = Parsed::new(state);
    let formed = parsed.subs.iter().all(|sub| sub.contains(&b':'));
    let threshold = parsed.value(b"th:").map(padded);
    let rv = randomness(state);
    let valid = formed && (rv.is_some() || parsed.value(b"rv:").is_none()) && threshold != Some(None);
    Sampling { valid, rv, threshold: threshold.flatten().filter(|_| valid) }
}

/// A threshold of 1 to 14 hex digits in 56 bits.
fn padded(digits: &[u8]) -> Option<u64> {
    if !(1..=14).contains(&digits.len()) {
        return None;
    }
    Some(hex(digits)? << (4 * (14 - digits.len())))
}

/// The trace state with the threshold (None: erased), and with `rv` first where one is given; None when it stays.
pub fn with_sampling(state: &[u8], rv: Option<u64>, threshold: Option<u64>) -> Option<Vec<u8>> {
    let mode = if threshold.is_some() { Mode::Set } else { Mode::Erase };
    let new = with_threshold(state, mode, threshold.unwrap_or(0)).filter(|new| new != state)?;
    let Some(rv) = rv else { return Some(new) };
    let parsed = Parsed::new(&new);
    let rv = format!("rv:{rv:014x}").into_bytes();
    let member = [&[rv.as_slice()], parsed.subs.as_slice()].concat().join(&b';');
    if String::from_utf8_lossy(&member).chars().count() > MAX_OT {
        return None;
    }
    let written = [b"ot=".as_slice(), &member].concat();
    Some([&[written.as_slice()], parsed.others.as_slice()].concat().join(&b','))
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
    let incoming = parsed.value(b"th:").and_then(padded);
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

/// The same, but for an incoming threshold above the trace's randomness: that one cannot be true, so `Set` erases.
/// `by_id` is the randomness of the trace id, asked for when the trace state has none.
pub fn with_true_threshold(state: &[u8], mode: Mode, threshold: u64, by_id: impl FnOnce() -> u64) -> Option<Vec<u8>> {
    let incoming = if mode == Mode::Set { Parsed::new(state).value(b"th:").and_then(padded) } else { None };
    let contradicted = incoming.is_some_and(|incoming| incoming > randomness(state).unwrap_or_else(by_id));
    with_threshold(state, if contradicted { Mode::Erase } else { mode }, threshold)
}
