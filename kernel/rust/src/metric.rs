//! Metrics: how they and their data points are validated, and what the stages make of them.
//!
//! What is read of a metric stands in `SpanFields`: its name, its description as the trace state, its unit as the status
//! message, its type as the kind, its data (the last that stands) as the parent.

use crate::digest::Place;
use crate::drop::{count_dropped, is_doomed, passes};
use crate::edit::{Around, Edit};
use crate::env::{Env, SpanFields, SpanView, Where};
use crate::keys::Keys;
use crate::program::{Program, Scratch, Stage};
use crate::splice::Splice;
use crate::walk::{attribute, key_value, Limits, Walked, DATA, EXEMPLAR, POINT, SPAN};
use crate::wire::{fields, Bad, Range, Reader, What};
use crate::work::{State, Work};

/// The fields that hold data, by its kind.
pub const GAUGE: u32 = 5;
pub const SUM: u32 = 7;
pub const HISTOGRAM: u32 = 9;
pub const EXPONENTIAL: u32 = 10;
pub const SUMMARY: u32 = 11;
/// The field of an exemplar that holds its attributes.
pub const FILTERED: u32 = 7;
/// The field of a metric that holds its attributes.
const METADATA: u32 = 12;

pub fn is_data(number: u32) -> bool {
    matches!(number, GAUGE | SUM | HISTOGRAM | EXPONENTIAL | SUMMARY)
}

/// The field of a data point that holds its attributes, by the kind of data.
pub fn point_attributes(data: u32) -> u32 {
    match data {
        HISTOGRAM => 9,
        EXPONENTIAL => 1,
        _ => 7,
    }
}

/// The field of a data point that holds its exemplars; summaries have none.
pub fn point_exemplars(data: u32) -> Option<u32> {
    match data {
        GAUGE | SUM => Some(5),
        HISTOGRAM => Some(8),
        EXPONENTIAL => Some(11),
        _ => None,
    }
}

/// Validates a metric and notes all that stages may touch; also the number of its data points.
pub fn walk(mut reader: Reader<'_>, keys: &Keys, limits: &Limits, work: &mut Work) -> Walked<(SpanFields, usize)> {
    let (mut read, mut attributes, mut points) = (SpanFields::default(), 0, 0);
    work.begin(METADATA, keys.len(), &reader);
    while !reader.done() {
        let start = reader.pos;
        let tag = reader.tag()?;
        match tag {
            0x0a | 0x12 | 0x1a => {
                let body = reader.string()?;
                work.field(0, tag >> 3, start, body);
            }
            0x2a | 0x3a | 0x4a | 0x52 | 0x5a => {
                let body = reader.len()?;
                points += data(reader.sub(body), tag >> 3, limits)?;
                work.field(0, tag >> 3, start, body);
            }
            0x62 => {
                attributes += 1;
                attribute(&mut reader, start, keys, limits, true, work)?;
            }
            _ => reader.skip(tag, SPAN)?,
        }
    }
    limits.attributes(attributes)?;
    reread(work, &mut read);
    Ok((read, points))
}

/// Reads the fields of a metric, again after some changed.
pub fn reread(work: &Work, metric: &mut SpanFields) {
    for item in work.items.iter().filter(|item| !item.attribute && item.state != State::Gone) {
        let kind = match item.number {
            1 => {
                metric.name = item.body;
                continue;
            }
            2 => {
                metric.trace_state = item.body;
                continue;
            }
            3 => {
                metric.status_message = item.body;
                continue;
            }
            GAUGE => 1,
            SUM => 2,
            HISTOGRAM => 3,
            EXPONENTIAL => 4,
            _ => 5,
        };
        (metric.kind, metric.parent) = (kind, item.body);
    }
}

fn data(mut reader: Reader<'_>, data: u32, limits: &Limits) -> Walked<usize> {
    let mut points = 0;
    while !reader.done() {
        match reader.tag()? {
            0x0a => {
                let body = reader.len()?;
                point(reader.sub(body), data, limits)?;
                points += 1;
            }
            other => reader.skip(other, DATA)?,
        }
    }
    Ok(points)
}

fn point(mut reader: Reader<'_>, data: u32, limits: &Limits) -> Walked<()> {
    let (attributes, exemplars) = (point_attributes(data), point_exemplars(data));
    let mut count = 0;
    while !reader.done() {
        let tag = reader.tag()?;
        if tag & 7 != crate::wire::LEN {
            reader.skip(tag, POINT)?;
            continue;
        }
        let (number, body) = (tag >> 3, reader.len()?);
        let inner = reader.sub(body);
        if number == attributes {
            key_value(inner, POINT + 1, limits)?;
            count += 1;
        } else if Some(number) == exemplars {
            exemplar(inner, limits)?;
        } else {
            match (data, number) {
                (HISTOGRAM, 6 | 7) if (body.end - body.start) % 8 != 0 => {
                    return Err(Bad { what: What::Truncated, at: body.start as u32 }.into());
                }
                (EXPONENTIAL, 8 | 9) => buckets(inner)?,
                (SUMMARY, 6) => known_of_scalars(inner)?,
                _ => {}
            }
        }
    }
    limits.attributes(count)
}

fn exemplar(mut reader: Reader<'_>, limits: &Limits) -> Walked<()> {
    let mut count = 0;
    while !reader.done() {
        match reader.tag()? {
            0x3a => {
                let body = reader.len()?;
                key_value(reader.sub(body), EXEMPLAR + 1, limits)?;
                count += 1;
            }
            other => reader.skip(other, EXEMPLAR)?,
        }
    }
    limits.attributes(count)
}

fn buckets(mut reader: Reader<'_>) -> Walked<()> {
    while !reader.done() {
        match reader.tag()? {
            0x12 => {
                let body = reader.len()?;
                let mut counts = reader.sub(body);
                while !counts.done() {
                    counts.varint()?;
                }
            }
            other => reader.skip(other, EXEMPLAR)?,
        }
    }
    Ok(())
}

/// A message without strings and messages.
fn known_of_scalars(mut reader: Reader<'_>) -> Walked<()> {
    while !reader.done() {
        let tag = reader.tag()?;
        reader.skip(tag, EXEMPLAR)?;
    }
    Ok(())
}

/// A metric after the stages: its data points before, and those that are left.
pub struct Points {
    pub came: usize,
    pub left: usize,
}

/// Walks a metric and takes it through the stages; it is left in the scratch's work, or `gone` and counted.
pub fn one(
    program: &Program,
    reader: Reader<'_>,
    limits: &Limits,
    place: Place<'_>,
    scratch: &mut Scratch,
) -> Walked<Points> {
    let base = reader.buf;
    let (mut read, came) = walk(reader, &program.keys, limits, &mut scratch.work)?;
    let mut points = Points { came, left: came };
    scratch.gone = false;
    for &index in &program.span_stages {
        let Some(stage) = program.stages.get(index) else { continue };
        let kept = match stage {
            Stage::Scrub(scrub) => {
                scrub.metric(base, &mut read, (index, &program.keys), scratch);
                scrub.drops() == 0 || !is_doomed(program, (index, scrub), place, points.left, scratch)
            }
            Stage::Edit(_) | Stage::Filter(_) if stage.on() == Where::Event => {
                let gone = on_points(program, (index, stage), place, base, &mut read, scratch);
                points.left -= gone;
                count_dropped(program, index, gone, scratch);
                gone == 0 || points.left > 0
            }
            _ => passes(program, (index, stage), place, base, &mut read, points.left, scratch),
        };
        if !kept {
            scratch.gone = true;
            break;
        }
    }
    if !program.keys.lookups.is_empty() {
        scratch.count_lookups(program.rules);
    }
    Ok(points)
}

/// Runs a stage on each data point; how many are gone.
fn on_points(
    program: &Program,
    (index, stage): (usize, &Stage),
    place: Place<'_>,
    base: &[u8],
    read: &mut SpanFields,
    scratch: &mut Scratch,
) -> usize {
    let mut gone = 0;
    let (mut new, mut point) = (Vec::new(), Vec::new());
    let mut changes: Vec<(usize, Vec<u8>)> = Vec::new();
    for item in 0..scratch.work.items.len() {
        let data = scratch.work.items.get(item).filter(|item| !item.attribute && is_data(item.number));
        let Some((number, body)) = data.map(|item| (item.number, item.body)) else { continue };
        scratch.work.data = number;
        let Scratch { work, event_work, text, .. } = &mut *scratch;
        let payload = work.bytes(base, body);
        let mut splice = Splice::new(payload);
        new.clear();
        fields(payload, Range { start: 0, end: payload.len() }, |field| {
            if !field.is(1) {
                return;
            }
            let around = Env {
                resource: place.resource.level(index),
                scope: place.scope.level(index),
                span: Some(SpanView { work, base, fields: read }),
                event: Some(field.body.of(payload)),
            };
            let stays = match stage {
                Stage::Filter(filter) => !filter.drops(&around),
                Stage::Edit(edit) => {
                    point.clear();
                    point.extend_from_slice(field.body.of(payload));
                    let stays = edited(program, edit, (&around, place), number, &mut point, (event_work, text));
                    if stays {
                        splice.replace(&field, &point, &mut new);
                    }
                    stays
                }
                _ => true,
            };
            if !stays {
                splice.remove(&field, &mut new);
                gone += 1;
            }
        });
        if splice.finish(None, &mut new) {
            changes.push((item, std::mem::take(&mut new)));
        }
    }
    for (item, payload) in &changes {
        scratch.work.replace(*item, payload);
    }
    if !changes.is_empty() {
        reread(&scratch.work, read);
    }
    gone
}

/// Applies an edit to a data point; false when it is dropped.
fn edited(
    program: &Program,
    edit: &Edit,
    (env, place): (&Env<'_>, Place<'_>),
    data: u32,
    point: &mut Vec<u8>,
    (work, text): (&mut Work, &mut Vec<u8>),
) -> bool {
    if !edit.when.holds(env) {
        return true;
    }
    let around = Around {
        resource: env.resource,
        scope: env.scope,
        span: env.span,
        context: place.context,
        keys: &program.keys,
    };
    edit.apply_to_event(point, point_attributes(data), work, &around, text)
}
