//! Texts of a known form, without what is particular in them: statements, commands, documents, URLs.

mod json;
mod sql;
mod uri;

pub use uri::Uri;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Url,
    Sql,
    Redis,
    Memcached,
    Json,
    /// Whichever it is, by the system.
    Statement,
    /// These have a `Uri` of their own.
    Uri,
    Query,
}

impl Kind {
    pub fn by_name(name: &str) -> Option<Kind> {
        Some(match name {
            "url" => Kind::Url,
            "sql" => Kind::Sql,
            "redis" => Kind::Redis,
            "memcached" => Kind::Memcached,
            "json" => Kind::Json,
            "statement" => Kind::Statement,
            "uri" => Kind::Uri,
            "query" => Kind::Query,
            _ => return None,
        })
    }

    /// The text without what is particular in it; `system` is that of the database, empty when unknown.
    pub fn apply(self, text: &[u8], system: &[u8]) -> Vec<u8> {
        match self {
            Kind::Url => url(text),
            Kind::Sql => sql::sql(text, system),
            Kind::Redis => text.split(|&byte| byte == b'\n').map(command).collect::<Vec<_>>().join(&b'\n'),
            Kind::Memcached => {
                let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
                let cut = line.len() < text.len();
                line.strip_suffix(b"\r").filter(|_| cut).unwrap_or(line).to_vec()
            }
            Kind::Json => json::document(text).unwrap_or_else(|| text.to_vec()),
            Kind::Statement => match system {
                b"redis" | b"valkey" => Kind::Redis.apply(text, system),
                b"memcached" => Kind::Memcached.apply(text, system),
                _ => json::document(text).unwrap_or_else(|| sql::sql(text, system)),
            },
            Kind::Uri | Kind::Query => text.to_vec(),
        }
    }
}

/// A URL, or a path, with `*` for each segment that reads like an identifier; without query and fragment.
fn url(text: &[u8]) -> Vec<u8> {
    let (scheme, authority, rest) = head(text).unwrap_or((&[], &[], text));
    let host = authority.iter().rposition(|&byte| byte == b'@').map_or(0, |at| at + 1);
    let path = rest.split(|byte| b"?#".contains(byte)).next().unwrap_or(rest);
    let segments: Vec<&[u8]> =
        path.split(|&byte| byte == b'/').map(|one| if is_plain(one) { one } else { b"*" }).collect();
    [scheme, authority.get(host..).unwrap_or(&[]), &segments.join(&b'/')].concat()
}

/// The scheme with its `://`, the authority, and what follows.
fn head(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let colon = text.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"+.-".contains(byte)))?;
    let starts = text.first().is_some_and(u8::is_ascii_alphabetic) && text.get(colon..)?.starts_with(b"://");
    let (scheme, rest) = text.split_at_checked(colon + 3).filter(|_| starts)?;
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    Some((scheme, authority, rest))
}

/// Whether a segment of a path is a word: letters, `.`, `_`, `-` and blanks, the second may be a digit.
pub fn is_plain(segment: &[u8]) -> bool {
    let letters = |(at, byte): (usize, &u8)| {
        byte.is_ascii_alphabetic() || b"._ -".contains(byte) || (at == 1 && byte.is_ascii_digit())
    };
    let consonant = |byte: &u8| byte.is_ascii_lowercase() && !b"aeiouy".contains(byte);
    segment.iter().enumerate().all(letters)
        && longest_run(segment, consonant) < 6
        && longest_run(segment, u8::is_ascii_alphabetic) < 33
}

fn longest_run(text: &[u8], test: impl Fn(&u8) -> bool) -> usize {
    text.split(|byte| !test(byte)).map(<[u8]>::len).max().unwrap_or(0)
}

const KEYLESS: &[&[u8]] = &[
    b"AUTH",
    b"HELLO",
    b"ECHO",
    b"PING",
    b"EVAL",
    b"EVALSHA",
    b"EVAL_RO",
    b"EVALSHA_RO",
    b"FCALL",
    b"ACL",
    b"CONFIG",
    b"CLIENT",
    b"SCRIPT",
    b"MIGRATE",
];

/// A command of Redis with its key, `?` for the other arguments.
fn command(line: &[u8]) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(|byte| b" \t\r".contains(byte)).filter(|word| !word.is_empty()).collect();
    let Some((name, arguments)) = words.split_first() else {
        return Vec::new();
    };
    let quoted = arguments.first().and_then(|word| word.first()).is_some_and(|byte| b"\"'".contains(byte));
    let keyless = quoted || KEYLESS.iter().any(|one| one.eq_ignore_ascii_case(name));
    let kept = if keyless { 1 } else { 2 };
    let mut out = words.get(..kept.min(words.len())).unwrap_or(&[]).to_vec();
    if words.len() > kept {
        out.push(b"?");
    }
    out.join(&b' ')
}
