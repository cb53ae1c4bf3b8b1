//! What becomes of a text that a rule found.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::spec::{natural, need, only, put_hex, shown, text, unhex, Outcome};

pub enum Action {
    Redact(Vec<u8>),
    Lines(Vec<u8>),
    Mask { first: usize, last: usize, char: Vec<u8> },
    Hmac { start: Box<Hmac<Sha256>>, length: usize, prefix: Vec<u8> },
    Drop,
}

impl Action {
    pub fn compile(spec: Option<&Json>) -> Outcome<Action> {
        let all = ["do", "text", "keep_last", "keep_first", "char", "key", "length", "prefix"];
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
                allow(&["do", "text"], "lines")?;
                Ok(Action::Lines(text(action.get("text"), "lines: text")?.into()))
            }
            Some("mask") => {
                allow(&["do", "keep_last", "keep_first", "char"], "mask")?;
                let char = written("char", "*")?;
                need(char.chars().count() == 1, || format!("mask: char {char:?} is not one character"))?;
                Ok(Action::Mask { first: number("keep_first", 0)?, last: number("keep_last", 0)?, char: char.into() })
            }
            Some("hmac") => {
                allow(&["do", "key", "length", "prefix"], "hmac")?;
                let (length, prefix) = (number("length", 64)?, written("prefix", "")?);
                need(length <= 64, || format!("hmac: length {length} is over 64"))?;
                let key = unhex(text(action.get("key"), "hmac: key")?).filter(|key| !key.is_empty());
                let key = key.ok_or("hmac: key is not in hex")?;
                let start = Hmac::new_from_slice(&key).map_err(|_| "hmac: key is of no use")?;
                Ok(Action::Hmac { start: Box::new(start), length, prefix: prefix.into() })
            }
            Some("drop") => allow(&["do"], "drop").map(|()| Action::Drop),
            _ => Err(format!("unknown action {}", shown(action.get("do")))),
        }
    }

    /// Appends what the action makes of a text; false when it is to be dropped.
    pub fn replace(&self, found: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Action::Redact(text) => out.extend_from_slice(text),
            Action::Lines(text) => lines(found, text, out),
            Action::Mask { first, last, char } => mask(found, (*first, *last), char, out),
            Action::Hmac { start, length, prefix } => {
                let mut mac = (**start).clone();
                mac.update(found);
                let mut hex = Vec::with_capacity(64);
                put_hex(&mut hex, &mac.finalize().into_bytes());
                out.extend_from_slice(prefix);
                out.extend_from_slice(hex.get(..*length).unwrap_or(&hex));
            }
            Action::Drop => return false,
        }
        true
    }
}

fn lines(found: &[u8], text: &[u8], out: &mut Vec<u8>) {
    if found.is_empty() {
        out.extend_from_slice(text);
        return;
    }
    for (index, line) in found.split(|&byte| byte == b'\n').enumerate() {
        if index > 0 {
            out.push(b'\n');
        }
        if !line.is_empty() {
            out.extend_from_slice(text);
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
