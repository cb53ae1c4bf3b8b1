//! Records on their way into the table: their spans by trace, and those of traces that were decided before.

use std::sync::{Arc, Mutex};

use super::decisions::Decision;
use super::slots::Chunk;
use super::Inner;
use crate::labels::{Book, LabelId};
use crate::records::{Buffer, Records, SpanRef};
use crate::rows::Rows;

/// The spans of records by trace, in their order.
pub struct ByRow {
    order: Vec<u32>,
    ends: Vec<u32>,
}

impl ByRow {
    pub fn new(records: &Records) -> ByRow {
        let mut ends = vec![0u32; records.ids.len() + 1];
        for span in &records.spans {
            if let Some(count) = ends.get_mut(span.row as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum;
        }
        let (mut next, mut order) = (ends.clone(), vec![0; records.spans.len()]);
        for (index, span) in records.spans.iter().enumerate() {
            if let Some(place) = next.get_mut(span.row as usize) {
                if let Some(at) = order.get_mut(*place as usize) {
                    *at = index as u32;
                }
                *place += 1;
            }
        }
        ByRow { order, ends }
    }

    pub fn spans(&self, row: usize) -> &[u32] {
        let end = |row: usize| self.ends.get(row).copied().unwrap_or(0) as usize;
        self.order.get(end(row)..end(row + 1)).unwrap_or(&[])
    }
}

/// Some rows of records as records of their own.
pub struct Selection<'a> {
    from: &'a Records,
    rows: Rows,
    ids: Vec<[u8; 16]>,
    labels: Vec<[LabelId; 2]>,
    thresholds: Vec<u64>,
    /// By old row.
    new: Vec<Option<u32>>,
}

impl<'a> Selection<'a> {
    pub fn new(from: &'a Records) -> Self {
        let (rows, new) = (Rows::new(from.program.facts.shape()), vec![None; from.ids.len()]);
        Selection { from, rows, ids: Vec::new(), labels: Vec::new(), thresholds: Vec::new(), new }
    }

    pub fn row(&mut self, row: usize, id: [u8; 16], decision: Decision) {
        let new = self.rows.push_copy(&self.from.rows, row);
        if let Some(place) = self.new.get_mut(row) {
            *place = Some(new as u32);
        }
        self.ids.push(id);
        self.labels.push(decision.labels);
        self.thresholds.push(decision.threshold);
    }

    pub fn finish(self, book: &Arc<Book>) -> Option<Records> {
        if self.ids.is_empty() {
            return None;
        }
        let (mut buffer, mut spans) = (Vec::new(), Vec::new());
        for span in &self.from.spans {
            if let Some(Some(row)) = self.new.get(span.row as usize) {
                spans.push(SpanRef { buffer: 0, start: buffer.len() as u32, row: *row, ..*span });
                buffer.extend_from_slice(self.from.span(span));
            }
        }
        Some(Records {
            program: Arc::clone(&self.from.program),
            buffers: vec![Arc::new(Buffer::Owned(buffer))],
            spans,
            pairs: self.from.pairs.clone(),
            ids: self.ids,
            rows: self.rows,
            thresholds: self.thresholds,
            labels: Mutex::new(self.labels),
            book: Some(Arc::clone(book)),
            dropped: Vec::new(),
            noted: Mutex::default(),
            origin: None,
        })
    }
}

impl Inner {
    pub fn hold_spans(&mut self, records: &Records, slot: u32, spans: &[u32], pairs: &mut [Option<u32>]) {
        let (chunk, bytes) = self.chunk(records, spans, pairs);
        self.spans += spans.len() as u64;
        self.bytes += bytes;
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.add(chunk);
        }
    }

    /// Some spans (or log records) as they are held, and their bytes.
    #[inline]
    pub fn chunk(&mut self, records: &Records, spans: &[u32], pairs: &mut [Option<u32>]) -> (Chunk, u64) {
        let own = |index: &u32| records.spans.get(*index as usize);
        let bytes: usize = spans.iter().filter_map(own).map(|span| span.len as usize).sum();
        let mut chunk = Vec::with_capacity(bytes + 4 + 8 * spans.len());
        chunk.extend_from_slice(&(spans.len() as u32).to_le_bytes());
        for span in spans.iter().filter_map(own) {
            let number = self.pair(records, span, pairs);
            chunk.extend_from_slice(&number.to_le_bytes());
            chunk.extend_from_slice(&span.len.to_le_bytes());
        }
        for span in spans.iter().filter_map(own) {
            chunk.extend_from_slice(records.span(span));
        }
        (chunk.into_boxed_slice(), bytes as u64)
    }

    fn pair(&mut self, records: &Records, span: &SpanRef, pairs: &mut [Option<u32>]) -> u32 {
        let known = pairs.get(span.pair as usize).copied().flatten();
        if let Some(number) = known {
            self.headers.use_again(number);
            return number;
        }
        let Some(pair) = records.pairs.get(span.pair as usize) else {
            return u32::MAX;
        };
        let number = self.headers.number(pair);
        if let Some(place) = pairs.get_mut(span.pair as usize) {
            *place = Some(number);
        }
        number
    }
}
