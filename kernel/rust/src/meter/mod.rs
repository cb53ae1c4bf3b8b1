//! Meters: what the spans of a pipeline are counted in, whatever becomes of them later.
//!
//! A walk only notes what it saw (`stage.rs`); the notes are counted when the request has been accepted.

mod edges;
mod series;
mod stage;

use std::sync::Mutex;

use serde_json::Value as Json;

use crate::keys::Keys;
use crate::operand::Operand;
use crate::program::lock;
use crate::spec::{listed, natural, need, only, shown, text, Outcome};

use edges::Store;
pub use series::{Exemplar, Row, Table};
pub use stage::{Measure, Noted};

/// Longer texts are cut.
const MAX_TEXT: usize = 256;

/// Whether requests without a counterpart are counted, and whether that shows in a part of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Virtual {
    None,
    Plain,
    Labelled,
}

/// What is known of a meter of edges beside its series.
struct Pairing {
    ttl: i64,
    items: usize,
    virtual_nodes: Virtual,
    /// How many texts a side has after its service's.
    by: usize,
}

/// See `contract.Meter`.
pub struct Meter {
    /// Each program compiles the parts for itself.
    spec: Json,
    pairing: Option<Pairing>,
    /// How many texts a series has.
    pub parts: usize,
    /// How many different keys are noted of one request.
    keys: usize,
    state: Mutex<State>,
}

struct State {
    table: Table,
    store: Store,
}

/// What a meter has counted beside its series.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    pub series: usize,
    pub overflowed: u64,
    pub waiting: usize,
    pub edges: u64,
    pub expired: u64,
    pub dropped: u64,
}

const SPANS: &[&str] = &["kind", "by", "value", "bounds", "keys", "series", "groups", "exemplars"];
const EDGES: &[&str] =
    &["kind", "service", "by", "peer", "database", "ttl", "items", "virtual", "bounds", "keys", "series", "groups"];

impl Meter {
    pub fn compile(spec: Json) -> Outcome<Meter> {
        let kind = spec.get("kind").and_then(Json::as_str);
        let edges = match kind {
            Some("spans") => false,
            Some("edges") => true,
            _ => return Err(format!("meter: unknown kind {}", shown(spec.get("kind")))),
        };
        let map = only(Some(&spec), if edges { EDGES } else { SPANS }, "meter")?;
        let by = listed(map.get("by"), "meter: by")?.len();
        let bounds = bounds(map.get("bounds"))?;
        let number = |name: &str| natural(map.get(name), &format!("meter: {name}"));
        let (keys, limit, groups) = (number("keys")?, number("series")?, number("groups")?);
        let pairing = if edges {
            let ttl = i64::try_from(number("ttl")?).map_err(|_| "meter: ttl is over 63 bits")?;
            let virtual_nodes = match map.get("virtual").and_then(Json::as_str) {
                Some("none") => Virtual::None,
                Some("plain") => Virtual::Plain,
                Some("labelled") => Virtual::Labelled,
                _ => return Err(format!("meter: virtual {}", shown(map.get("virtual")))),
            };
            Some(Pairing { ttl, items: number("items")?, virtual_nodes, by })
        } else {
            None
        };
        let exemplars = if edges { 0 } else { number("exemplars")? };
        let (parts, values) = if edges { (5 + 2 * by, 2) } else { (by, 1) };
        let table = Table::new(bounds, values, limit, groups, exemplars);
        let meter = Meter { spec, pairing, parts, keys, state: Mutex::new(State { table, store: Store::default() }) };
        stage::Parts::compile(&meter, &mut Keys::default())?;
        Ok(meter)
    }

    /// Counts what a walk has noted. Edges that have waited too long at `now` go first.
    pub fn count(&self, noted: &Noted, now: i64) {
        let State { table, store } = &mut *lock(&self.state);
        match &self.pairing {
            None => table.count(noted, now),
            Some(pairing) => {
                store.expire(pairing, table, now);
                store.dropped += noted.dropped;
                for half in &noted.halves {
                    store.add(pairing, table, noted, half, now);
                }
            }
        }
    }

    /// Lets go of edges that have waited too long at `now`.
    pub fn advance(&self, now: i64) {
        if let Some(pairing) = &self.pairing {
            let State { table, store } = &mut *lock(&self.state);
            store.expire(pairing, table, now);
        }
    }

    /// Lets go of series that were last counted before then; how many.
    pub fn forget(&self, before: i64) -> usize {
        lock(&self.state).table.forget(before)
    }

    /// Reads the series in the order in which they came.
    pub fn read<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        read(&lock(&self.state).table)
    }

    pub fn stats(&self) -> Stats {
        let State { table, store } = &*lock(&self.state);
        Stats {
            series: table.rows.len(),
            overflowed: table.overflowed,
            waiting: store.waiting(),
            edges: store.edges,
            expired: store.expired,
            dropped: store.dropped,
        }
    }
}

fn bounds(spec: Option<&Json>) -> Outcome<Vec<u64>> {
    let listed = listed(spec, "meter: bounds")?.iter();
    let bounds = listed.map(|one| natural(Some(one), "meter: bounds").map(|bound| bound as u64));
    let bounds = bounds.collect::<Outcome<Vec<u64>>>()?;
    need(bounds.is_sorted_by(|one, two| one < two), || "meter: bounds are not ascending".into())?;
    Ok(bounds)
}

/// A text of a series: of the first operand that is there, else the default.
struct Part {
    of: Vec<Operand>,
    default: Option<Box<[u8]>>,
}

impl Part {
    fn compile(spec: Option<&Json>, keys: &mut Keys) -> Outcome<Part> {
        let spec = only(spec, &["of", "default"], "meter: part")?;
        let of = listed(spec.get("of"), "meter: of")?.iter();
        let of = of.map(|one| Operand::compile(Some(one), crate::env::Where::Span, keys)).collect::<Outcome<_>>()?;
        let default = match spec.get("default") {
            None | Some(Json::Null) => None,
            given => Some(cut(text(given, "meter: default")?.as_bytes()).into()),
        };
        Ok(Part { of, default })
    }
}

/// At most `MAX_TEXT` bytes of UTF-8, whole characters.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= MAX_TEXT {
        return text;
    }
    let end = (0..=MAX_TEXT).rev().find(|&at| text.get(at).is_some_and(|byte| byte & 0xc0 != 0x80)).unwrap_or(0);
    text.get(..end).unwrap_or(&[])
}

/// Appends a text as it stands in a key: whether it is there, its length, itself.
fn put_part(out: &mut Vec<u8>, text: Option<&[u8]>) {
    let Some(text) = text else { return out.push(0) };
    let size = text.len() as u16;
    out.push(1);
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(text);
}

/// The texts of a key.
pub fn parts(mut key: &[u8]) -> Vec<Option<&[u8]>> {
    let mut out = Vec::new();
    while let Some((&there, rest)) = key.split_first() {
        key = rest;
        if there == 0 {
            out.push(None);
        } else if let Some((size, rest)) = key.split_first_chunk::<2>() {
            let (text, rest) = rest.split_at_checked(u16::from_le_bytes(*size).into()).unwrap_or((rest, &[]));
            out.push(Some(text));
            key = rest;
        }
    }
    out
}
