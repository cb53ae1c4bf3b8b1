//! Stages that may let spans go, and stages on events: what few programs have, apart from the rest of the walk.

use serde_json::Value as Json;

use crate::digest::Place;
use crate::edit::{Around, Edit, EVENT_ATTRIBUTES};
use crate::env::{Env, Side, SpanFields, SpanView, Where};
use crate::expr::Expr;
use crate::keys::Keys;
use crate::program::{Program, Scratch, Stage};
use crate::scrub::Scrub;
use crate::spec::{only, shown, Outcome};
use crate::work::{State, Work};

/// A compiled filter.
pub struct Filter {
    pub on: Where,
    when: Expr,
}

impl Filter {
    pub fn compile(spec: &Json, keys: &mut Keys) -> Outcome<Filter> {
        let stage = only(Some(spec), &["kind", "on", "if"], "filter")?;
        let on = stage.get("on").and_then(Json::as_str).and_then(|name| keys.signal.level(name));
        let on = on.filter(|on| *on >= Where::Span).ok_or_else(|| format!("filter: on {}", shown(stage.get("on"))))?;
        Ok(Filter { on, when: Expr::compile(stage.get("if"), on, keys)? })
    }

    /// Whether a span goes.
    pub fn drops(&self, env: &Env<'_>) -> bool {
        self.when.holds(env)
    }

    /// Lets go of events.
    pub fn events(&self, work: &mut Work, env: (Side<'_>, Side<'_>, &[u8], &SpanFields), todo: &mut Vec<usize>) {
        let (resource, scope, base, fields) = env;
        todo.clear();
        for (index, item) in work.items.iter().enumerate() {
            if item.number != 11 || item.attribute || item.state == State::Gone {
                continue;
            }
            let span = Some(SpanView { work, base, fields });
            if self.when.holds(&Env { resource, scope, span, event: Some(work.bytes(base, item.body)) }) {
                todo.push(index);
            }
        }
        for &index in todo.iter() {
            work.remove(index);
        }
    }
}

/// Runs a stage on a span, a log record or a metric; false when it is dropped, which is counted, as so many `records`.
#[inline(never)]
pub fn passes(
    program: &Program,
    (index, stage): (usize, &Stage),
    place: Place<'_>,
    base: &[u8],
    fields: &mut SpanFields,
    records: usize,
    scratch: &mut Scratch,
) -> bool {
    let (resource, scope) = (place.resource.level(index), place.scope.level(index));
    let kept = match stage {
        Stage::Edit(edit) if edit.on == Where::Event => {
            edit_events(program, edit, (place, index), base, fields, scratch)
        }
        Stage::Edit(edit) => {
            let span = Some(SpanView { work: &scratch.work, base, fields });
            let around = Around { resource, scope, span: None, context: place.context, keys: &program.keys };
            !edit.when.holds(&Env { resource, scope, span, event: None })
                || edit.apply(&mut scratch.work, base, fields, &around, &mut scratch.text)
        }
        Stage::Filter(filter) if filter.on == Where::Event => {
            filter.events(&mut scratch.work, (resource, scope, base, fields), &mut scratch.todo);
            true
        }
        Stage::Filter(filter) => {
            let span = Some(SpanView { work: &scratch.work, base, fields });
            !filter.drops(&Env { resource, scope, span, event: None })
        }
        Stage::Sample(sample) => sample.keeps(&mut scratch.work, base, fields),
        Stage::Scrub(_) | Stage::Measure(_) => true,
    };
    if !kept {
        count_dropped(program, index, records, scratch);
    }
    kept
}

/// Counts what a stage dropped.
pub fn count_dropped(program: &Program, index: usize, dropped: usize, scratch: &mut Scratch) {
    let before = program.stages.iter().take(index).map(|stage| stage.drops(program.keys.signal)).sum::<usize>();
    if let Some(count) = scratch.dropped.get_mut(before).filter(|_| dropped > 0) {
        *count += dropped as u64;
    }
}

/// Whether a span goes for what a scrub stage found in it, or above it; if so it is counted, as so many `records`.
#[inline(never)]
pub fn is_doomed(
    program: &Program,
    (index, scrub): (usize, &Scrub),
    place: Place<'_>,
    records: usize,
    scratch: &mut Scratch,
) -> bool {
    let own = scratch.scrub.get_mut(index).map_or(0, |cache| std::mem::take(&mut cache.marks.doom));
    let doom = own | place.resource.doom(index) | place.scope.doom(index);
    if doom == 0 {
        return false;
    }
    let signal = program.keys.signal;
    let before = program.stages.iter().take(index).map(|stage| stage.drops(signal)).sum::<usize>();
    if let Some(count) = scratch.dropped.get_mut(before + scrub.reason(doom)) {
        *count += records as u64;
    }
    true
}

/// Applies an edit to each event of a span; false when the span is dropped.
fn edit_events(
    program: &Program,
    edit: &Edit,
    (place, stage): (Place<'_>, usize),
    base: &[u8],
    fields: &SpanFields,
    scratch: &mut Scratch,
) -> bool {
    let (resource, scope) = (place.resource.level(stage), place.scope.level(stage));
    let Scratch { work, event_work, text, .. } = scratch;
    for index in 0..work.items.len() {
        let item = work.items.get(index).filter(|item| item.number == 11 && !item.attribute);
        let Some(item) = item.filter(|item| item.state != State::Gone) else { continue };
        let mut event = work.bytes(base, item.body).to_vec();
        let span = Some(SpanView { work, base, fields });
        if !edit.when.holds(&Env { resource, scope, span, event: Some(&event) }) {
            continue;
        }
        let around = Around { resource, scope, span, context: place.context, keys: &program.keys };
        if !edit.apply_to_event(&mut event, EVENT_ATTRIBUTES, event_work, &around, text) {
            return false;
        }
        if event != work.bytes(base, item.body) {
            work.replace(index, &event);
        }
    }
    true
}
