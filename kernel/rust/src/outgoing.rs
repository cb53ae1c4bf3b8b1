//! Spans on the way out: labels applied, grouped by resource and scope header, cut into requests.

use std::collections::HashMap;
use std::sync::Arc;

use crate::labels::{Label, LabelId};
use crate::records::Records;
use crate::wire::{field_size, put_head};

/// A resource with its scopes, in order of first appearance.
struct Resource {
    header: Arc<[u8]>,
    scopes: Vec<Scope>,
}

/// A scope with its spans (indices into the records).
struct Scope {
    header: Arc<[u8]>,
    spans: Vec<usize>,
}

/// Where a span goes: its resource, its scope in that resource.
type Group = (usize, usize);

/// The records as requests with their span counts; no bound where one is 0.
pub fn requests(records: &Records, max_spans: usize, max_bytes: usize) -> Vec<(Vec<u8>, usize)> {
    let labels = records.labels_now();
    let resources = grouped(records, &labels);
    let mut packer =
        Packer { max_spans, max_bytes, size: Size::default(), count: 0, open: Vec::new(), out: Vec::new() };
    let mut labelled = Labelled { records, labels: &labels, first: Vec::new(), second: Vec::new() };
    for resource in &resources {
        for scope in &resource.scopes {
            for &index in &scope.spans {
                labelled.with(index, |span, count| packer.add(&resource.header, &scope.header, span, count));
            }
        }
    }
    packer.close();
    packer.out
}

fn grouped(records: &Records, labels: &[[LabelId; 2]]) -> Vec<Resource> {
    let mut resources: Vec<Resource> = Vec::new();
    let mut by_header: HashMap<Arc<[u8]>, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut by_scope: HashMap<(usize, Arc<[u8]>), usize, foldhash::fast::RandomState> = HashMap::default();
    let mut by_pair: HashMap<(u32, [LabelId; 2]), Option<Group>, foldhash::fast::RandomState> = HashMap::default();
    let mut last = None;
    for (index, span) in records.spans.iter().enumerate() {
        let mine = labels.get(span.row as usize).copied().unwrap_or_default();
        let group = match last {
            Some((pair, labels, group)) if pair == span.pair && labels == mine => group,
            _ => *by_pair.entry((span.pair, mine)).or_insert_with(|| {
                let (resource, scope) = records.pairs.get(span.pair as usize)?;
                let header =
                    labelled(records, resource, mine, |label| (!label.resource.is_empty(), Label::on_resource));
                let scope = labelled(records, scope, mine, |label| (!label.scope.is_empty(), Label::on_scope));
                let place = *by_header.entry(Arc::clone(&header)).or_insert_with(|| {
                    resources.push(Resource { header, scopes: Vec::new() });
                    resources.len() - 1
                });
                let scopes = &mut resources.get_mut(place)?.scopes;
                let scope = *by_scope.entry((place, Arc::clone(&scope))).or_insert_with(|| {
                    scopes.push(Scope { header: scope, spans: Vec::new() });
                    scopes.len() - 1
                });
                Some((place, scope))
            }),
        };
        last = Some((span.pair, mine, group));
        let scope = group.and_then(|(place, scope)| resources.get_mut(place)?.scopes.get_mut(scope));
        if let Some(scope) = scope {
            scope.spans.push(index);
        }
    }
    resources
}

/// How a label writes on a header.
type Write = fn(&Label, &[u8]) -> Vec<u8>;

/// A header with what the labels write on it; `write` says whether a label does, and how.
fn labelled(
    records: &Records,
    header: &Arc<[u8]>,
    labels: [LabelId; 2],
    write: impl Fn(&Label) -> (bool, Write),
) -> Arc<[u8]> {
    let Some(book) = &records.book else {
        return Arc::clone(header);
    };
    let book = book.read();
    let mut header = Arc::clone(header);
    for label in labels.iter().filter_map(|&number| book.get(usize::from(number))) {
        if let (true, write) = write(label) {
            header = write(label, &header).into();
        }
    }
    header
}

/// Writes labels on spans, one span at a time.
struct Labelled<'a> {
    records: &'a Records,
    labels: &'a [[LabelId; 2]],
    first: Vec<u8>,
    second: Vec<u8>,
}

impl Labelled<'_> {
    fn with(&mut self, index: usize, then: impl FnOnce(&[u8], usize)) {
        let Some(span) = self.records.spans.get(index) else {
            return;
        };
        let (bytes, count) = (self.records.span(span), self.records.counts(span));
        let labels = self.labels.get(span.row as usize).copied().unwrap_or_default();
        let (Some(book), true) = (&self.records.book, labels != [0; 2]) else {
            return then(bytes, count);
        };
        let (book, threshold) = (book.read(), self.records.threshold(span.row));
        let mut writes = labels.iter().filter_map(|&number| book.get(usize::from(number)));
        let mut next = || writes.find(|label: &&Label| !label.leaves_spans());
        let Some(one) = next() else {
            return then(bytes, count);
        };
        self.first.clear();
        one.on_span(bytes, threshold, &mut self.first);
        let Some(two) = next() else {
            return then(&self.first, count);
        };
        self.second.clear();
        two.on_span(&self.first, threshold, &mut self.second);
        then(&self.second, count);
    }
}

/// How long the request that is being filled would be.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// Finished `resource_spans` fields.
    resources: usize,
    /// The open `ResourceSpans`: its header and finished `scope_spans` fields.
    scopes: usize,
    /// The open `ScopeSpans`.
    spans: usize,
}

impl Size {
    fn total(self) -> usize {
        self.resources + field_size(self.scopes + field_size(self.spans))
    }
}

/// A scope's part of the request that is being filled.
struct Part {
    resource: Arc<[u8]>,
    scope: Arc<[u8]>,
    /// `spans` fields.
    spans: Vec<u8>,
}

struct Packer {
    max_spans: usize,
    max_bytes: usize,
    size: Size,
    count: usize,
    open: Vec<Part>,
    out: Vec<(Vec<u8>, usize)>,
}

impl Packer {
    fn grown(&self, resource: &Arc<[u8]>, scope: &Arc<[u8]>, span: usize) -> (Size, bool) {
        let size = self.size;
        let start = scope.len() + span;
        match self.open.last() {
            None => (Size { resources: 0, scopes: resource.len(), spans: start }, true),
            Some(last) if !Arc::ptr_eq(&last.resource, resource) => {
                (Size { resources: size.total(), scopes: resource.len(), spans: start }, true)
            }
            Some(last) if !Arc::ptr_eq(&last.scope, scope) => {
                (Size { scopes: size.scopes + field_size(size.spans), spans: start, ..size }, true)
            }
            Some(_) => (Size { spans: size.spans + span, ..size }, false),
        }
    }

    /// Adds a span (log record, metric) that counts for so many.
    fn add(&mut self, resource: &Arc<[u8]>, scope: &Arc<[u8]>, span: &[u8], count: usize) {
        let field = field_size(span.len());
        let (mut size, mut fresh) = self.grown(resource, scope, field);
        let full = self.max_spans > 0 && !self.open.is_empty() && self.count + count > self.max_spans;
        let large = self.max_bytes > 0 && !self.open.is_empty() && size.total() > self.max_bytes;
        if full || large {
            self.close();
            (size, fresh) = self.grown(resource, scope, field);
        }
        self.size = size;
        if fresh {
            let (resource, scope) = (Arc::clone(resource), Arc::clone(scope));
            self.open.push(Part { resource, scope, spans: Vec::new() });
        }
        if let Some(part) = self.open.last_mut() {
            put_head(&mut part.spans, 2, span.len());
            part.spans.extend_from_slice(span);
            self.count += count;
        }
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let mut out = Vec::with_capacity(self.size.total());
        let same = |one: &Part, two: &Part| Arc::ptr_eq(&one.resource, &two.resource);
        for parts in self.open.chunk_by(same) {
            let Some(first) = parts.first() else { continue };
            let inner: usize = parts.iter().map(|part| field_size(part.scope.len() + part.spans.len())).sum();
            put_head(&mut out, 1, first.resource.len() + inner);
            out.extend_from_slice(&first.resource);
            for part in parts {
                put_head(&mut out, 2, part.scope.len() + part.spans.len());
                out.extend_from_slice(&part.scope);
                out.extend_from_slice(&part.spans);
            }
        }
        self.out.push((out, self.count));
        self.count = 0;
        self.open.clear();
        self.size = Size::default();
    }
}
