//! What becomes of a text that a rule found.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use serde_json::Value as Json;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;

use crate::spec::{natural, need, only, put_hex, shown, text, unhex, Outcome};

pub enum Action {
    Redact(Vec<u8>),
    /// For each line.
    Lines(Box<Action>),
    Mask {
        first: usize,
        last: usize,
        char: Vec<u8>,
    },
    Hmac {
        start: Keyed,
        length: usize,
        prefix: Vec<u8>,
    },
    Digest(Function),
    Drop,
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
        let all = ["do", "text", "each", "keep_last", "keep_first", "char", "key", "length", "prefix", "function"];
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
                    Some(Ok(Action::Drop | Action::Lines(_))) | None => {
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
                allow(&["do", "key", "length", "prefix", "function"], "hmac")?;
                let most = match action.get("function").map_or(Some("sha256"), Json::as_str) {
                    Some("sha256") => 64,
                    Some("sha512") => 128,
                    _ => return Err(format!("hmac: unknown function {}", shown(action.get("function")))),
                };
                let (length, prefix) = (number("length", most)?, written("prefix", "")?);
                need(length <= most, || format!("hmac: length {length} is over {most}"))?;
                let key = unhex(text(action.get("key"), "hmac: key")?).filter(|key| !key.is_empty());
                let key = key.ok_or("hmac: key is not in hex")?;
                let start = match most {
                    64 => Hmac::new_from_slice(&key).map(|start| Keyed::Sha256(Box::new(start))),
                    _ => Hmac::new_from_slice(&key).map(|start| Keyed::Sha512(Box::new(start))),
                };
                let start = start.map_err(|_| "hmac: key is of no use")?;
                Ok(Action::Hmac { start, length, prefix: prefix.into() })
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
            Action::Hmac { start, length, prefix } => {
                let hex = start.hex(found);
                out.extend_from_slice(prefix);
                out.extend_from_slice(hex.get(..*length).unwrap_or(&hex));
            }
            Action::Digest(Function::Md5) => put_hex(out, &Md5::digest(found)),
            Action::Digest(Function::Sha1) => put_hex(out, &Sha1::digest(found)),
            Action::Digest(Function::Sha3) => put_hex(out, &Sha3_256::digest(found)),
            Action::Drop => return false,
        }
        true
    }
}

impl Keyed {
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
