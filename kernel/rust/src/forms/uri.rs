//! URLs and queries of which names stay and values go: user-info, values of parameters, identifiers in the path.

use serde_json::Value as Json;

use super::{head, is_plain};
use crate::regex::Pattern;
use crate::spec::{given, need, only, shown, text, Outcome};

pub struct Uri {
    /// The text is a query alone, else a URL or a path with what may follow it.
    query: bool,
    path: bool,
    text: Vec<u8>,
    allow: Option<Pattern>,
    deny: Option<Pattern>,
}

impl Uri {
    pub fn compile(query: bool, spec: Option<&Json>) -> Outcome<Uri> {
        let spec = only(spec, &["path", "text", "allow", "deny"], "uri")?;
        need(spec.get("path").is_some_and(Json::is_boolean), || format!("uri: path: {}", shown(spec.get("path"))))?;
        let pattern =
            |name: &str| given(spec, name).map(|one| text(Some(one), name).and_then(Pattern::new)).transpose();
        Ok(Uri {
            query,
            path: spec.get("path").is_some_and(|path| path == true),
            text: text(spec.get("text"), "uri: text")?.into(),
            allow: pattern("allow")?,
            deny: pattern("deny")?,
        })
    }

    /// The text without what goes.
    pub fn rewritten(&self, old: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(old.len());
        if self.query {
            self.parameters(old, &mut out);
            return out;
        }
        let (scheme, authority, rest) = head(old).unwrap_or((&[], &[], old));
        let host = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
        out.extend_from_slice(scheme);
        out.extend_from_slice(authority.get(host..).unwrap_or(&[]));
        let (before, fragment) = cut(rest, b'#');
        let (path, query) = cut(before, b'?');
        for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
            if index > 0 {
                out.push(b'/');
            }
            out.extend_from_slice(if !self.path || is_plain(segment) { segment } else { b"*" });
        }
        for (mark, part) in [(b'?', query), (b'#', fragment)] {
            if let Some(part) = part {
                out.push(mark);
                self.parameters(part, &mut out);
            }
        }
        out
    }

    /// `name=value` with the value or without; a part without `=` is a value without a name.
    fn parameters(&self, query: &[u8], out: &mut Vec<u8>) {
        let mut rest = query;
        loop {
            let end = rest.iter().position(|byte| b"&;".contains(byte)).unwrap_or(rest.len());
            let part = rest.get(..end).unwrap_or(rest);
            let (name, value) = cut(part, b'=');
            if part.is_empty() || value.is_some_and(<[u8]>::is_empty) || !self.goes(name, value.is_some()) {
                out.extend_from_slice(part);
            } else {
                if value.is_some() {
                    out.extend_from_slice(name);
                    out.push(b'=');
                }
                out.extend_from_slice(&self.text);
            }
            let Some(&mark) = rest.get(end) else {
                return;
            };
            out.push(mark);
            rest = rest.get(end + 1..).unwrap_or(&[]);
        }
    }

    fn goes(&self, name: &[u8], named: bool) -> bool {
        let decoded = decoded(name);
        if std::str::from_utf8(&decoded).is_err() {
            return self.allow.is_some() || (self.deny.is_some() && named);
        }
        (named && self.deny.as_ref().is_some_and(|deny| deny.is_match(&decoded)))
            || self.allow.as_ref().is_some_and(|allow| !allow.is_match(&decoded))
    }
}

/// What stands before a mark, and what follows it if it is there.
fn cut(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == mark) {
        Some(at) => (text.get(..at).unwrap_or(text), text.get(at + 1..)),
        None => (text, None),
    }
}

fn decoded(name: &[u8]) -> Vec<u8> {
    let digit = |at: usize| name.get(at).and_then(|&byte| char::from(byte).to_digit(16));
    let (mut out, mut at) = (Vec::with_capacity(name.len()), 0);
    while let Some(&byte) = name.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            out.push((high << 4 | low) as u8);
            at += 3;
            continue;
        }
        out.push(byte);
        at += 1;
    }
    for byte in &mut out {
        if *byte == b'+' {
            *byte = b' ';
        }
    }
    out
}
