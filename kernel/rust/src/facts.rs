//! What a program computes of every trace, and the mask that policies test.

use serde_json::Value as Json;

use crate::compare::Op;
use crate::env::{Env, Where};
use crate::expr::Expr;
use crate::keys::Keys;
use crate::leaves::{Asked, Leaves};
use crate::operand::Operand;
use crate::rows::{KeyFact, Rows, Shape};
use crate::spec::{listed, natural, need, only, shown, Outcome};
use crate::value::{fixed_point, value_text, Value};

/// Longer values of keys are cut.
const MAX_KEY: usize = 256;

/// The compiled facts of a program.
pub struct Facts {
    leaves: Leaves,
    numbers: Vec<(Option<Operand>, Expr)>,
    keys: Vec<Operand>,
    compare: Vec<Compare>,
}

struct Compare {
    of: Subject,
    op: Op,
    value: i128,
}

#[derive(Clone, Copy)]
enum Subject {
    Duration,
    Spans,
    Bytes,
    Sum(usize),
    Min(usize),
    Max(usize),
}

impl Facts {
    pub fn compile(spec: Option<&Json>, keys: &mut Keys) -> Outcome<Facts> {
        let spec = only(spec, &["leaves", "numbers", "keys", "compare"], "facts")?;
        let leaves = listed(spec.get("leaves"), "leaves")?.iter();
        let leaves = leaves.map(|one| Expr::compile(Some(one), Where::Span, keys)).collect::<Outcome<_>>()?;
        let leaves = Leaves::new(leaves);
        let numbers = listed(spec.get("numbers"), "numbers")?.iter();
        let numbers = numbers.map(|one| number(one, keys)).collect::<Outcome<Vec<_>>>()?;
        let operands = listed(spec.get("keys"), "keys")?.iter();
        let operands = operands.map(|one| Operand::compile(Some(one), Where::Span, keys)).collect::<Outcome<_>>()?;
        let compare = listed(spec.get("compare"), "compare")?.iter();
        let compare = compare.map(|one| Compare::compile(one, numbers.len())).collect::<Outcome<_>>()?;
        Ok(Facts { leaves, numbers, keys: operands, compare })
    }

    /// Those of a program that is not for traces: none may be asked for.
    pub fn none(spec: Option<&Json>) -> Outcome<Facts> {
        if let Some(given) = spec {
            let asked = only(Some(given), &["leaves", "numbers", "keys", "compare"], "facts")?;
            let nothing = |one: &Json| one.is_null() || one.as_array().is_some_and(Vec::is_empty);
            need(asked.values().all(nothing), || "facts are those of traces".to_owned())?;
        }
        Ok(Facts { leaves: Leaves::default(), numbers: Vec::new(), keys: Vec::new(), compare: Vec::new() })
    }

    /// How much room a trace's facts take.
    pub fn shape(&self) -> Shape {
        Shape { leaves: self.leaves.len(), numbers: self.numbers.len(), keys: self.keys.len() }
    }

    /// How many bits a mask has.
    pub fn bits(&self) -> usize {
        2 * self.leaves.len() + self.compare.len() + 1
    }

    /// Merges the facts of a span, whose message has `size` bytes, into a row.
    pub fn add(&self, rows: &mut Rows, row: usize, env: &Env<'_>, size: usize, asked: &mut Asked) {
        let Some(span) = env.span else { return };
        let fields = span.fields;
        let root = span.is_root();
        let state = span.work.bytes(span.base, fields.trace_state);
        let randomness = if state.is_empty() { None } else { crate::tracestate::randomness(state) };
        rows.span(row, (size as u64, fields.start, fields.end, root), randomness);
        self.leaves.ask(env, asked, rows, row);
        for (index, (operand, when)) in self.numbers.iter().enumerate() {
            if when.holds(env) {
                let number = match operand {
                    None => Some(1_000_000),
                    Some(operand) => operand.with(env, |value| value.and_then(fixed_point)),
                };
                if let Some(number) = number {
                    rows.number(row, index, number);
                }
            }
        }
        for (index, operand) in self.keys.iter().enumerate() {
            let id = span.work.bytes(span.base, fields.span_id);
            operand.with(env, |value: Option<Value<'_>>| {
                if let Some(text) = value.and_then(value_text) {
                    let text = text.get(..MAX_KEY).unwrap_or(&text);
                    rows.key(row, index, KeyFact { not_root: !root, start: fields.start, span_id: id, text });
                }
            });
        }
    }

    /// The mask's 64-bit words: from bit 0 `any` of each leaf, `all` of each leaf, each comparison, `root`.
    pub fn mask(&self, rows: &Rows, row: usize, words: &mut Vec<u64>) {
        let leaves = self.leaves.len();
        words.clear();
        words.resize(self.bits().div_ceil(64), 0);
        let mut set = |bit: usize| {
            if let Some(word) = words.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        };
        for leaf in 0..leaves {
            let (any, all) = rows.leaves(row, leaf);
            if any {
                set(leaf);
            }
            if all {
                set(leaves + leaf);
            }
        }
        for (index, compare) in self.compare.iter().enumerate() {
            if compare.holds(rows, row) {
                set(2 * leaves + index);
            }
        }
        if rows.get(row).root {
            set(2 * leaves + self.compare.len());
        }
    }
}

fn number(spec: &Json, keys: &mut Keys) -> Outcome<(Option<Operand>, Expr)> {
    let spec = only(Some(spec), &["value", "if"], "number")?;
    let operand = match spec.get("value") {
        None | Some(Json::Null) => None,
        operand => Some(Operand::compile(operand, Where::Span, keys)?),
    };
    Ok((operand, Expr::compile_if(spec.get("if"), Where::Span, keys)?))
}

impl Compare {
    fn compile(spec: &Json, numbers: usize) -> Outcome<Compare> {
        let spec = only(Some(spec), &["of", "op", "value"], "compare")?;
        let of = listed(spec.get("of"), "compare: of")?;
        let unknown = || format!("compare: unknown subject {}", shown(spec.get("of")));
        let number = || {
            let index = natural(of.get(1), "compare: of")?;
            need(index < numbers, || format!("compare: number {index} of {numbers}"))?;
            Ok::<usize, String>(index)
        };
        let of = match (of.first().and_then(Json::as_str), of.len()) {
            (Some("duration"), 1) => Subject::Duration,
            (Some("spans"), 1) => Subject::Spans,
            (Some("bytes"), 1) => Subject::Bytes,
            (Some("sum"), 2) => Subject::Sum(number()?),
            (Some("min"), 2) => Subject::Min(number()?),
            (Some("max"), 2) => Subject::Max(number()?),
            _ => return Err(unknown()),
        };
        let op = Op::compile(spec.get("op"))?;
        let written = spec.get("value").and_then(Json::as_str).filter(|text| is_decimal(text));
        let value = written.and_then(|text| text.parse().ok());
        let value =
            value.ok_or_else(|| format!("compare: value {} is no decimal integer", shown(spec.get("value"))))?;
        Ok(Compare { of, op, value })
    }

    fn holds(&self, rows: &Rows, row: usize) -> bool {
        let value = match self.of {
            Subject::Duration => Some(rows.get(row).duration().into()),
            Subject::Spans => Some(rows.get(row).spans.into()),
            Subject::Bytes => Some(rows.get(row).bytes.into()),
            Subject::Sum(index) => Some(rows.number_of(row, index).map_or(0, |number| number.sum)),
            Subject::Min(index) => rows.number_of(row, index).map(|number| number.min),
            Subject::Max(index) => rows.number_of(row, index).map(|number| number.max),
        };
        value.is_some_and(|value: i128| self.op.holds(value.cmp(&self.value)))
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.len() <= 39 && digits.bytes().all(|byte| byte.is_ascii_digit())
}
