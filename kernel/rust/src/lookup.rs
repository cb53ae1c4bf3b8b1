//! Tables that programs look up in: rows of attributes by a text, replaced while requests are walked.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value as Json};

use crate::env::Where;
use crate::keys::{KeyId, Keys, UNKNOWN};
use crate::source::Source;
use crate::spec::{listed, natural, need, only_of, shown, Outcome};
use crate::value::{read, value_text, Value};
use crate::walk::Pair;
use crate::work::{put_key_value, Work};

/// An attribute that a row has.
pub struct Column {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// The `KeyValue` of both.
    pub pair: Vec<u8>,
}

impl Column {
    pub fn new(key: &str, value: Vec<u8>) -> Column {
        let mut pair = Vec::with_capacity(key.len() + value.len() + 8);
        put_key_value(&mut pair, key.as_bytes(), &value);
        Column { key: key.into(), value, pair }
    }
}

pub type Row = Arc<[Column]>;

/// Rows by the text that they are found by.
#[derive(Default)]
pub struct Rows {
    pub exact: HashMap<Box<[u8]>, Row, foldhash::fast::RandomState>,
    prefixes: HashMap<Box<[u8]>, Row, foldhash::fast::RandomState>,
    /// The lengths of the prefixes.
    lengths: BTreeSet<usize>,
}

impl Rows {
    pub fn add(&mut self, text: String, row: Row, prefix: bool) {
        let text = text.into_bytes().into_boxed_slice();
        if prefix {
            self.lengths.insert(text.len());
            self.prefixes.insert(text, row);
        } else {
            self.exact.insert(text, row);
        }
    }

    /// The row of this very text, else that of the longest prefix of it.
    fn find(&self, text: &[u8]) -> Option<&Row> {
        self.exact.get(text).or_else(|| {
            let lengths = self.lengths.iter().rev().filter_map(|&length| text.get(..length));
            lengths.filter_map(|prefix| self.prefixes.get(prefix)).next()
        })
    }
}

/// See `contract.Lookup`.
#[derive(Default)]
pub struct Lookup {
    rows: RwLock<Rows>,
    version: AtomicU64,
}

impl Lookup {
    /// Changes rows; what is computed from then on sees them.
    pub fn change(&self, change: impl FnOnce(&mut Rows)) {
        change(&mut self.rows.write().unwrap_or_else(PoisonError::into_inner));
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Read before the rows: what was computed of newer rows is then only computed once more.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn find(&self, text: &[u8]) -> Option<Row> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner).find(text).cloned()
    }

    pub fn len(&self) -> usize {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.exact.len() + rows.prefixes.len()
    }
}

/// The lookup of that number in a program.
pub fn of_program(index: Option<&Json>, keys: &Keys) -> Outcome<Arc<Lookup>> {
    let number = natural(index, "lookup")?;
    let found = keys.lookups.get(number).cloned();
    found.ok_or_else(|| format!("lookup {number}: the program has {}", keys.lookups.len()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What stands, stands.
    Insert,
    Upsert,
    /// What is absent or empty is written.
    Fill,
    /// Only counted.
    Nothing,
}

/// The action `lookup`.
pub struct Finder {
    pub lookup: Arc<Lookup>,
    number: usize,
    pub by: Vec<Vec<Source>>,
    mode: Mode,
}

impl Finder {
    pub fn compile(spec: &Map<String, Json>, on: Where, contexts: usize, keys: &mut Keys) -> Outcome<Finder> {
        only_of(spec, &["do", "in", "by", "write"], "lookup")?;
        need(on != Where::Event, || "lookup is not there on an event".into())?;
        let lookup = of_program(spec.get("in"), keys)?;
        let mut by = Vec::new();
        for alternative in listed(spec.get("by"), "by")? {
            let mut sources = Vec::new();
            for source in listed(Some(alternative), "by")? {
                let source = source.as_object().ok_or_else(|| format!("by: expected a mapping, not {source}"))?;
                only_of(source, &["value", "from", "context", "of"], "by")?;
                sources.push(Source::compile(source, ("lookup", on, contexts), UNKNOWN, keys)?);
            }
            need(!sources.is_empty(), || "by: an alternative of nothing".into())?;
            by.push(sources);
        }
        let mode = match spec.get("write").and_then(Json::as_str) {
            Some("insert") => Mode::Insert,
            Some("upsert") => Mode::Upsert,
            Some("fill") => Mode::Fill,
            Some("nothing") => Mode::Nothing,
            _ => return Err(format!("lookup: write {}", shown(spec.get("write")))),
        };
        Ok(Finder { lookup, number: natural(spec.get("in"), "lookup")?, by, mode })
    }

    pub fn uses_context(&self) -> bool {
        self.by.iter().flatten().any(|source| matches!(source, Source::Context(_)))
    }

    /// Finds the row of a text, and counts whether there is one.
    pub fn row(&self, text: &[u8], work: &mut Work) -> Option<Row> {
        let row = self.lookup.find(text);
        work.counted.push(2 * self.number + usize::from(row.is_none()));
        row
    }

    /// Writes a row on what is being worked on; `put` updates or appends an attribute.
    pub fn write(
        &self,
        row: &[Column],
        work: &mut Work,
        base: &[u8],
        keys: &Keys,
        mut put: impl FnMut(&mut Work, KeyId, &[u8]),
    ) {
        if self.mode == Mode::Nothing {
            return;
        }
        for column in row {
            let id = keys.find(&column.key);
            match standing(work, base, id, &column.key) {
                None => work.append(id, &column.pair, Pair::of(&column.pair)),
                Some(index) if self.overwrites(work, base, index) => {
                    if id != UNKNOWN {
                        put(work, id, &column.value);
                    } else {
                        put_unknown(work, base, column);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn overwrites(&self, work: &Work, base: &[u8], index: usize) -> bool {
        match self.mode {
            Mode::Upsert => true,
            Mode::Fill => work.items.get(index).is_some_and(|item| {
                let value = read(work.bytes(base, item.value));
                matches!(value, Value::Empty) || matches!(value, Value::Str(text) if text.is_empty())
            }),
            Mode::Insert | Mode::Nothing => false,
        }
    }
}

/// The first attribute with a key, which the program may not know.
fn standing(work: &Work, base: &[u8], id: KeyId, key: &[u8]) -> Option<usize> {
    work.items.iter().position(|item| item.is_attribute(id) && (id != UNKNOWN || work.bytes(base, item.key) == key))
}

/// Updates an attribute, wherever it stands, whose key the program does not know.
fn put_unknown(work: &mut Work, base: &[u8], column: &Column) {
    let mut scratch = Vec::new();
    for index in 0..work.items.len() {
        let mine = work
            .items
            .get(index)
            .is_some_and(|item| item.is_attribute(UNKNOWN) && work.bytes(base, item.key) == column.key);
        if mine {
            crate::edit::set_item(work, base, index, &mut scratch, &column.value);
        }
    }
}

/// Appends the text of an `AnyValue` that a row is found by; false when it has none, or an empty one.
pub fn put_text(out: &mut Vec<u8>, payload: &[u8]) -> bool {
    let text = value_text(read(payload));
    text.filter(|text| !text.is_empty()).map(|text| out.extend_from_slice(&text)).is_some()
}
