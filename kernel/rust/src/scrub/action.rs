//! What becomes of a text that a rule found.

use std::net::{Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde_json::Value as Json;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;

use crate::checks::ipv6;
use crate::spec::{given, natural, need, only, put_hex, shown, text, unhex, Outcome};

pub enum Action {
    Redact(Vec<u8>),
    /// For each line.
    Lines(Box<Action>),
    Mask {
        first: usize,
        last: usize,
        char: Vec<u8>,
    },
    /// Each with what stands before it.
    Hmac {
        starts: Vec<(Vec<u8>, Keyed)>,
        length: usize,
    },
    Token(Box<Hmac<Sha256>>),
    Truncate(usize),
    /// Bits of an address that stay.
    Network(u32, u32),
    Digest(Function),
    Drop,
    /// The text stays; what it is called is said beside it.
    Tag(Vec<u8>),
    /// The span goes.
    DropSpan,
}

/// A MAC that has taken in its key.
pub enum Keyed {
    Sha256(Box<Hmac<Sha256>>),
    Sha512(Box<Hmac<Sha512>>),
}

/// A digest without a key.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    Md5,
    Sha1,
    Sha3,
}

impl Action {
    pub fn compile(spec: Option<&Json>) -> Outcome<Action> {
        let all = [
            "do",
            "text",
            "each",
            "keep_last",
            "keep_first",
            "char",
            "key",
            "length",
            "prefix",
            "function",
            "also",
            "keep",
            "v4",
            "v6",
            "as",
        ];
        let action = only(spec, &all, "action")?;
        let allow = |allowed: &[&str], what: &str| only(spec, allowed, what).map(drop);
        let number =
            |name: &str, otherwise: usize| action.get(name).map_or(Ok(otherwise), |value| natural(Some(value), name));
        let written = |name: &str, otherwise: &str| match action.get(name) {
            None => Ok(otherwise.to_owned()),
            value => text(value, name).map(str::to_owned),
        };
        match action.get("do").and_then(Json::as_str) {
            Some("redact") => {
                allow(&["do", "text"], "redact")?;
                Ok(Action::Redact(text(action.get("text"), "redact: text")?.into()))
            }
            Some("lines") => {
                allow(&["do", "each"], "lines")?;
                match action.get("each").map(|each| Action::compile(Some(each))) {
                    Some(Ok(Action::Drop | Action::Lines(_) | Action::Tag(_) | Action::DropSpan)) | None => {
                        Err("lines: each: expected an action that replaces".to_owned())
                    }
                    Some(each) => Ok(Action::Lines(Box::new(each?))),
                }
            }
            Some("mask") => {
                allow(&["do", "keep_last", "keep_first", "char"], "mask")?;
                let char = written("char", "*")?;
                need(char.chars().count() == 1, || format!("mask: char {char:?} is not one character"))?;
                Ok(Action::Mask { first: number("keep_first", 0)?, last: number("keep_last", 0)?, char: char.into() })
            }
            Some("hmac") => {
                allow(&["do", "key", "length", "prefix", "function", "also"], "hmac")?;
                let most = match action.get("function").map_or(Some("sha256"), Json::as_str) {
                    Some("sha256") => 64,
                    Some("sha512") => 128,
                    _ => return Err(format!("hmac: unknown function {}", shown(action.get("function")))),
                };
                let (length, prefix) = (number("length", most)?, written("prefix", "")?);
                need(length <= most, || format!("hmac: length {length} is over {most}"))?;
                let mut starts = vec![(prefix.into(), Keyed::new(action.get("key"), most == 128)?)];
                if let Some(also) = given(action, "also") {
                    let also = only(Some(also), &["key", "prefix"], "hmac: also")?;
                    let prefix = also.get("prefix").map_or(Ok(""), |prefix| text(Some(prefix), "prefix"))?;
                    starts.push((prefix.into(), Keyed::new(also.get("key"), most == 128)?));
                }
                Ok(Action::Hmac { starts, length })
            }
            Some("token") => {
                allow(&["do", "key"], "token")?;
                match Keyed::new(action.get("key"), false)? {
                    Keyed::Sha256(start) => Ok(Action::Token(start)),
                    Keyed::Sha512(_) => Err("token: key is of no use".to_owned()),
                }
            }
            Some("truncate") => {
                allow(&["do", "keep"], "truncate")?;
                Ok(Action::Truncate(natural(action.get("keep"), "truncate: keep")?))
            }
            Some("network") => {
                allow(&["do", "v4", "v6"], "network")?;
                let (v4, v6) = (natural(action.get("v4"), "network: v4")?, natural(action.get("v6"), "network: v6")?);
                need(v4 <= 32 && v6 <= 128, || "network: more bits than an address has".to_owned())?;
                Ok(Action::Network(v4 as u32, v6 as u32))
            }
            Some("digest") => {
                allow(&["do", "function"], "digest")?;
                Ok(Action::Digest(match action.get("function").and_then(Json::as_str) {
                    Some("md5") => Function::Md5,
                    Some("sha1") => Function::Sha1,
                    Some("sha3-256") => Function::Sha3,
                    _ => return Err(format!("digest: unknown function {}", shown(action.get("function")))),
                }))
            }
            Some("tag") => {
                allow(&["do", "as"], "tag")?;
                Ok(Action::Tag(text(action.get("as"), "tag: as")?.into()))
            }
            Some("drop_span") => allow(&["do"], "drop_span").map(|()| Action::DropSpan),
            Some("drop") => allow(&["do"], "drop").map(|()| Action::Drop),
            _ => Err(format!("unknown action {}", shown(action.get("do")))),
        }
    }

    /// Appends what the action makes of a text; false when it is to be dropped.
    pub fn replace(&self, found: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Action::Redact(text) => out.extend_from_slice(text),
            Action::Lines(each) => {
                for (index, line) in found.split(|&byte| byte == b'\n').enumerate() {
                    if index > 0 {
                        out.push(b'\n');
                    }
                    each.replace(line, out);
                }
            }
            Action::Mask { first, last, char } => mask(found, (*first, *last), char, out),
            Action::Hmac { starts, length } => {
                for (index, (prefix, start)) in starts.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let hex = start.hex(found);
                    out.extend_from_slice(prefix);
                    out.extend_from_slice(hex.get(..*length).unwrap_or(&hex));
                }
            }
            Action::Token(start) => token(found, start, out),
            Action::Truncate(keep) => {
                let text = std::str::from_utf8(found).unwrap_or("");
                let end = text.char_indices().nth(*keep).map_or(found.len(), |(end, _)| end);
                out.extend_from_slice(found.get(..end).unwrap_or(found));
            }
            Action::Network(v4, v6) => network(std::str::from_utf8(found).unwrap_or(""), (*v4, *v6), out),
            Action::Digest(Function::Md5) => put_hex(out, &Md5::digest(found)),
            Action::Digest(Function::Sha1) => put_hex(out, &Sha1::digest(found)),
            Action::Digest(Function::Sha3) => put_hex(out, &Sha3_256::digest(found)),
            Action::Tag(_) => out.extend_from_slice(found),
            Action::DropSpan => {}
            Action::Drop => return false,
        }
        true
    }
}

/// Another text of the same shape: digits for digits, letters for letters; what is beyond ASCII becomes a small letter.
fn token(found: &[u8], start: &Hmac<Sha256>, out: &mut Vec<u8>) {
    let mut stream = Vec::new();
    for (index, one) in std::str::from_utf8(found).unwrap_or("").chars().enumerate() {
        if index % 32 == 0 {
            let mut mac = start.clone();
            mac.update(&(index as u32 / 32).to_be_bytes());
            mac.update(found);
            stream = mac.finalize().into_bytes().to_vec();
        }
        let random = stream.get(index % 32).copied().unwrap_or(0);
        out.push(match one {
            '0'..='9' => b'0' + random % 10,
            'A'..='Z' => b'A' + random % 26,
            _ if one.is_ascii() && !one.is_ascii_alphanumeric() => one as u8,
            _ => b'a' + random % 26,
        });
    }
}

/// The network of an address; nothing when it is none.
fn network(text: &str, (v4, v6): (u32, u32), out: &mut Vec<u8>) {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        let start = address.to_bits() & u32::MAX.checked_shl(32 - v4).unwrap_or(0);
        out.extend_from_slice(Ipv4Addr::from_bits(start).to_string().as_bytes());
    } else if let Some(address) = ipv6(text) {
        let start = address.to_bits() & u128::MAX.checked_shl(128 - v6).unwrap_or(0);
        let groups = Ipv6Addr::from_bits(start).segments();
        let kept = groups.iter().take(v6.div_ceil(16) as usize).map(|group| format!("{group:x}"));
        let groups: Vec<String> = kept.collect();
        out.extend_from_slice(groups.join(":").as_bytes());
        if groups.len() < 8 {
            out.extend_from_slice(b"::");
        }
    }
}

impl Keyed {
    fn new(key: Option<&Json>, long: bool) -> Outcome<Keyed> {
        let key = unhex(text(key, "key")?).filter(|key| !key.is_empty()).ok_or("key is not in hex")?;
        let keyed = match long {
            false => Hmac::new_from_slice(&key).map(|start| Keyed::Sha256(Box::new(start))),
            true => Hmac::new_from_slice(&key).map(|start| Keyed::Sha512(Box::new(start))),
        };
        keyed.map_err(|_| "key is of no use".to_owned())
    }

    fn hex(&self, text: &[u8]) -> Vec<u8> {
        fn finished(mut mac: impl Mac, text: &[u8]) -> Vec<u8> {
            let mut hex = Vec::with_capacity(128);
            mac.update(text);
            put_hex(&mut hex, &mac.finalize().into_bytes());
            hex
        }
        match self {
            Keyed::Sha256(start) => finished((**start).clone(), text),
            Keyed::Sha512(start) => finished((**start).clone(), text),
        }
    }
}

fn mask(found: &[u8], (first, last): (usize, usize), char: &[u8], out: &mut Vec<u8>) {
    let found = std::str::from_utf8(found).unwrap_or("");
    let maskable = |one: &char| !one.is_ascii() || one.is_ascii_alphanumeric();
    let end = found.chars().filter(maskable).count().saturating_sub(last);
    let mut index = 0;
    for one in found.chars() {
        let hidden = maskable(&one) && {
            index += 1;
            index > first && index <= end
        };
        if hidden {
            out.extend_from_slice(char);
        } else {
            out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}
