//! What conditions and actions see: a span with its scope and resource as the stages before have left them.

use std::fmt;

use crate::keys::KeyId;
use crate::work::{Loc, State, Work};

/// A level that has attributes. A condition may look at its own level and those before it. In programs of logs and
/// metrics `Span` stands for log records and metrics, `Event` for the data points of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Where {
    Resource,
    Scope,
    Span,
    Event,
}

impl fmt::Display for Where {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Where::Resource => "resource",
            Where::Scope => "scope",
            Where::Span => "span",
            Where::Event => "event",
        })
    }
}

/// A resource or scope as it was left after a stage: only what the program looks at.
#[derive(Debug, Default)]
pub struct Level {
    data: Vec<u8>,
    slots: Vec<Option<(usize, usize)>>,
    texts: [(usize, usize); 2],
}

impl Level {
    pub fn of(work: &Work, base: &[u8], keys: usize) -> Level {
        let mut level = Level::default();
        for key in 0..keys {
            let found = work.attr(base, key as KeyId).map(|value| level.store(value));
            level.slots.push(found);
        }
        level.texts = [level.store(texts(work, base, 1)), level.store(texts(work, base, 2))];
        level
    }

    fn store(&mut self, bytes: &[u8]) -> (usize, usize) {
        let start = self.data.len();
        self.data.extend_from_slice(bytes);
        (start, self.data.len())
    }

    fn at(&self, place: (usize, usize)) -> &[u8] {
        self.data.get(place.0..place.1).unwrap_or(&[])
    }
}

/// The last string field of that number (a scope's name or version).
fn texts<'a>(work: &'a Work, base: &'a [u8], number: u32) -> &'a [u8] {
    let fields = work.items.iter().rev().filter(|item| !item.attribute && item.owner != crate::work::TOP);
    let mut found = fields.filter(|item| item.number == number && item.state != State::Gone);
    found.next().map_or(&[], |item| work.bytes(base, item.body))
}

/// A resource or scope: finished, or being worked on.
#[derive(Clone, Copy)]
pub enum Side<'a> {
    Level(&'a Level),
    Work(&'a Work, &'a [u8]),
    None,
}

impl<'a> Side<'a> {
    #[inline]
    pub fn attr(self, key: KeyId) -> Option<&'a [u8]> {
        match self {
            Side::Level(level) => level.slots.get(usize::from(key)).copied().flatten().map(|place| level.at(place)),
            Side::Work(work, base) => work.attr(base, key),
            Side::None => None,
        }
    }

    /// A scope's name (1) or version (2).
    pub fn text(self, number: u32) -> &'a [u8] {
        match self {
            Side::Level(level) => level.at(level.texts[usize::from(number == 2)]),
            Side::Work(work, base) => texts(work, base, number),
            Side::None => &[],
        }
    }
}

/// The fields of a span that are no attributes. Those of log records and metrics stand in the same places, see `log` and
/// `metric`.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpanFields {
    pub trace_id: Loc,
    pub span_id: Loc,
    pub parent: Loc,
    pub trace_state: Loc,
    pub name: Loc,
    pub status_message: Loc,
    pub kind: i32,
    pub status_code: i32,
    pub flags: u32,
    pub start: u64,
    pub end: u64,
}

impl SpanFields {
    /// In ns, at least 0; 0 when either end is missing.
    #[inline]
    pub fn duration(&self) -> u64 {
        if self.start == 0 || self.end == 0 {
            0
        } else {
            self.end.saturating_sub(self.start)
        }
    }
}

/// A span that is being worked on.
#[derive(Clone, Copy)]
pub struct SpanView<'a> {
    pub work: &'a Work,
    pub base: &'a [u8],
    pub fields: &'a SpanFields,
}

impl SpanView<'_> {
    /// Whether the parent span id is empty or all zero.
    #[inline]
    pub fn is_root(&self) -> bool {
        self.work.bytes(self.base, self.fields.parent).iter().all(|&byte| byte == 0)
    }
}

/// What a condition sees.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    pub resource: Side<'a>,
    pub scope: Side<'a>,
    pub span: Option<SpanView<'a>>,
    /// The message of one of its events or data points.
    pub event: Option<&'a [u8]>,
}

impl<'a> Env<'a> {
    /// The `AnyValue` of an attribute.
    #[inline]
    pub fn attr(&self, place: Where, key: KeyId) -> Option<&'a [u8]> {
        match place {
            Where::Resource => self.resource.attr(key),
            Where::Scope => self.scope.attr(key),
            Where::Span => self.span.and_then(|span| span.work.attr(span.base, key)),
            Where::Event => None,
        }
    }
}
