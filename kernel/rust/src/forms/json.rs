//! JSON without its values.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    More,
    Nothing,
}

/// The document with `"?"` for every value that is no object or array; None when it is no JSON.
pub fn document(text: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut open, mut position, mut next) = (Vec::with_capacity(text.len()), Vec::new(), 0, Next::Value);
    loop {
        let space = text.get(position..)?.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        out.extend_from_slice(text.get(position..position + space)?);
        position += space;
        let Some(&one) = text.get(position) else {
            return Some(out).filter(|_| next == Next::Nothing);
        };
        let rest = text.get(position..)?;
        position += match (next, one) {
            (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                open.push(one);
                next = if one == b'{' { Next::KeyOrEnd } else { Next::ValueOrEnd };
                out.push(one);
                1
            }
            (Next::ValueOrEnd | Next::More, b']') if open.last() == Some(&b'[') => {
                closed(&mut open, &mut next, &mut out, one)
            }
            (Next::KeyOrEnd | Next::More, b'}') if open.last() == Some(&b'{') => {
                closed(&mut open, &mut next, &mut out, one)
            }
            (Next::Value | Next::ValueOrEnd, _) => {
                out.extend_from_slice(b"\"?\"");
                next = after(&open);
                string(rest).or_else(|| scalar(rest))?
            }
            (Next::Key | Next::KeyOrEnd, b'"') => {
                let size = string(rest)?;
                out.extend_from_slice(rest.get(..size)?);
                next = Next::Colon;
                size
            }
            (Next::Colon, b':') => {
                out.push(one);
                next = Next::Value;
                1
            }
            (Next::More, b',') => {
                out.push(one);
                next = if open.last() == Some(&b'{') { Next::Key } else { Next::Value };
                1
            }
            _ => return None,
        };
    }
}

fn closed(open: &mut Vec<u8>, next: &mut Next, out: &mut Vec<u8>, one: u8) -> usize {
    open.pop();
    *next = after(open);
    out.push(one);
    1
}

fn after(open: &[u8]) -> Next {
    if open.is_empty() {
        Next::Nothing
    } else {
        Next::More
    }
}

/// The length of the string that stands first.
fn string(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut position = 1;
    loop {
        position += match text.get(position)? {
            b'"' => return Some(position + 1),
            b'\\' => match text.get(position + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                b'u' => {
                    let digits = text.get(position + 2..position + 6)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
                }
                _ => return None,
            },
            0..=0x1f => return None,
            _ => 1,
        };
    }
}

/// The length of the number, or of the word, that stands first.
fn scalar(text: &[u8]) -> Option<usize> {
    for word in [b"true".as_slice(), b"false", b"null"] {
        if text.starts_with(word) {
            return Some(word.len());
        }
    }
    let digits =
        |from: usize| text.get(from..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let mut end = usize::from(text.first() == Some(&b'-'));
    end += match text.get(end)? {
        b'0' => 1,
        b'1'..=b'9' => digits(end),
        _ => return None,
    };
    if text.get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if text.get(end).is_some_and(|byte| b"eE".contains(byte)) {
        let sign = usize::from(text.get(end + 1).is_some_and(|byte| b"+-".contains(byte)));
        if digits(end + 1 + sign) > 0 {
            end += 1 + sign + digits(end + 1 + sign);
        }
    }
    Some(end)
}
