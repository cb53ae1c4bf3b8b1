//! The collector's transformation language (OTTL): conditions and values that may fail, and stop where they do.

mod calls;
mod val;
mod value;

use std::cmp::Ordering;

use serde_json::Value as Json;

use crate::env::{Env, Where};
use crate::expr::{Expr, MAX_NESTING};
use crate::keys::Keys;
use crate::operand::Operand;
use crate::predicate::Predicate;
use crate::regex::Pattern;
use crate::spec::{listed, need, shown, Outcome};
use crate::wire::Range;
use crate::work::State;
pub use val::{Computed, Failed, Val};
pub use value::Compute;

/// Where something is compiled: the level that it stands on, the program's keys, and how deep it is nested.
pub struct Site<'k> {
    pub on: Where,
    pub keys: &'k mut Keys,
    pub depth: usize,
}

impl Site<'_> {
    /// One level deeper, perhaps on another level.
    fn inside<T>(&mut self, on: Where, then: impl FnOnce(&mut Site<'_>) -> Outcome<T>) -> Outcome<T> {
        need(self.depth < MAX_NESTING, || "ottl: nested too deep".into())?;
        then(&mut Site { on, keys: self.keys, depth: self.depth + 1 })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A condition that may fail.
pub enum Cond {
    And(Vec<Cond>),
    Or(Vec<Cond>),
    Not(Box<Cond>),
    Try(Box<Cond>),
    Cmp(Op, Compute, Compute),
    Truth(Compute),
    Defined(Compute),
    Leaf(Expr),
    Events(Box<Cond>),
}

impl Cond {
    pub fn compile(spec: Option<&Json>, site: &mut Site<'_>) -> Outcome<Cond> {
        let parts = listed(spec, "ottl")?;
        let unknown = || format!("no ottl condition: {}", shown(spec));
        let name = parts.first().and_then(Json::as_str).ok_or_else(unknown)?;
        let rest = parts.get(1..).unwrap_or(&[]);
        let on = site.on;
        site.inside(on, |site| {
            Ok(match (name, rest) {
                ("and", _) => Cond::And(all(rest, site)?),
                ("or", _) => Cond::Or(all(rest, site)?),
                ("cmp", [op, one, other]) => {
                    Cond::Cmp(Op::compile(op)?, Compute::compile(one, site)?, Compute::compile(other, site)?)
                }
                ("leaf", [one]) => Cond::Leaf(Expr::nested(Some(one), site.on, site.keys, site.depth)?),
                ("truth", [one]) => Cond::Truth(Compute::compile(one, site)?),
                ("defined", [one]) => Cond::Defined(Compute::compile(one, site)?),
                ("not", [one]) => Cond::Not(Box::new(Cond::compile(Some(one), site)?)),
                ("try", [one]) => Cond::Try(Box::new(Cond::compile(Some(one), site)?)),
                ("events", [one]) => {
                    let there = site.on == Where::Span && site.keys.signal.is_traces();
                    need(there, || format!("events are not there on a {}", site.on))?;
                    let inner = site.inside(Where::Event, |site| Cond::compile(Some(one), site));
                    Cond::Events(Box::new(inner?))
                }
                _ => return Err(unknown()),
            })
        })
    }

    /// Whether it is answered with yes (`answered`), or whether it cannot be answered. Few programs ask.
    #[inline(never)]
    pub fn answers(&self, env: &Env<'_>, answered: bool) -> bool {
        match self.test(env) {
            Ok(holds) => answered && holds,
            Err(Failed) => !answered,
        }
    }

    /// The condition that this one is answered with yes (`yes`), or that it cannot be answered: one that knows nothing of
    /// failing, where that is the same.
    pub fn answered(self, yes: bool) -> Expr {
        if !yes {
            return if self.never_fails() { Expr::Const(false) } else { Expr::Ottl(Box::new(self), false) };
        }
        let tried = Cond::Try(Box::new(self));
        if tried.never_fails() {
            tried.plain()
        } else {
            Expr::Ottl(Box::new(tried), true)
        }
    }

    /// Whether it is of the conditions that `plain` makes others of, which can always be answered.
    fn never_fails(&self) -> bool {
        match self {
            Cond::And(inner) | Cond::Or(inner) => inner.iter().all(Cond::never_fails),
            Cond::Not(inner) => inner.never_fails(),
            Cond::Try(inner) => inner.never_fails() || inner.pattern().is_some(),
            Cond::Cmp(_, Compute::Operand(_), Compute::Constant(_)) | Cond::Leaf(_) => true,
            _ => false,
        }
    }

    fn plain(self) -> Expr {
        match self {
            Cond::And(inner) => Expr::And(inner.into_iter().map(Cond::plain).collect()),
            Cond::Or(inner) => Expr::Or(inner.into_iter().map(Cond::plain).collect()),
            Cond::Not(inner) => Expr::Not(Box::new(inner.plain())),
            Cond::Try(inner) => match inner.pattern() {
                Some((operand, pattern)) => Expr::On(operand.clone(), Predicate::OttlMatches(pattern.clone())),
                None => inner.plain(),
            },
            Cond::Cmp(op, Compute::Operand(operand), Compute::Constant(constant)) => {
                Expr::On(operand, Predicate::Ottl(op, constant))
            }
            Cond::Leaf(inner) => inner,
            other => Expr::Ottl(Box::new(other), true),
        }
    }

    /// Of a condition that is nothing but `is_match` of an operand: these two.
    fn pattern(&self) -> Option<(&Operand, &Pattern)> {
        match self {
            Cond::Or(inner) | Cond::And(inner) if inner.len() == 1 => inner.first()?.pattern(),
            Cond::Truth(Compute::Call(call)) => call.pattern(),
            _ => None,
        }
    }

    /// Whether the condition is true, or that this cannot be answered.
    pub fn test(&self, env: &Env<'_>) -> Result<bool, Failed> {
        match self {
            Cond::And(inner) => {
                for one in inner {
                    if !one.test(env)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Cond::Or(inner) => {
                for one in inner {
                    if one.test(env)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Cond::Not(inner) => inner.test(env).map(|holds| !holds),
            Cond::Try(inner) => Ok(inner.test(env).unwrap_or(false)),
            Cond::Cmp(op, one, other) => Ok(op.compare(&one.eval(env)?, &other.eval(env)?)),
            Cond::Truth(value) => match value.eval(env)? {
                Val::Bool(holds) => Ok(holds),
                _ => Err(Failed),
            },
            Cond::Defined(value) => value.eval(env).map(|_| true),
            Cond::Leaf(inner) => Ok(inner.holds(env)),
            Cond::Events(inner) => any_event(inner, env),
        }
    }
}

fn all(specs: &[Json], site: &mut Site<'_>) -> Outcome<Vec<Cond>> {
    specs.iter().map(|one| Cond::compile(Some(one), site)).collect()
}

impl Op {
    fn compile(spec: &Json) -> Outcome<Op> {
        Ok(match spec.as_str() {
            Some("==") => Op::Equal,
            Some("!=") => Op::Unequal,
            Some("<") => Op::Less,
            Some("<=") => Op::LessEqual,
            Some(">") => Op::Greater,
            Some(">=") => Op::GreaterEqual,
            _ => return Err(format!("unknown comparison {}", shown(Some(spec)))),
        })
    }

    /// Whether two values compare so.
    pub fn compare(self, one: &Val<'_>, other: &Val<'_>) -> bool {
        let equality = matches!(self, Op::Equal | Op::Unequal);
        self.holds(match (one, other) {
            (Val::Nil, Val::Nil) => Some(Ordering::Equal),
            (Val::Bool(one), Val::Bool(other)) => Some(one.cmp(other)),
            (Val::Int(one), Val::Int(other)) => Some(one.cmp(other)),
            (Val::Int(one), Val::Double(other)) => (*one as f64).partial_cmp(other),
            (Val::Double(one), Val::Int(other)) => one.partial_cmp(&(*other as f64)),
            (Val::Double(one), Val::Double(other)) => one.partial_cmp(other),
            (Val::Str(one), Val::Str(other)) | (Val::Bytes(one), Val::Bytes(other)) => Some(one.cmp(other)),
            (Val::Array(one), Val::Array(other)) | (Val::Map(one), Val::Map(other)) if equality => Some(one.cmp(other)),
            _ => None,
        })
    }

    /// `None`: the two cannot be compared.
    fn holds(self, order: Option<Ordering>) -> bool {
        match (self, order) {
            (Op::Unequal, None) => true,
            (_, None) => false,
            (Op::Equal, Some(order)) => order.is_eq(),
            (Op::Unequal, Some(order)) => order.is_ne(),
            (Op::Less, Some(order)) => order.is_lt(),
            (Op::LessEqual, Some(order)) => order.is_le(),
            (Op::Greater, Some(order)) => order.is_gt(),
            (Op::GreaterEqual, Some(order)) => order.is_ge(),
        }
    }
}

fn any_event(inner: &Cond, env: &Env<'_>) -> Result<bool, Failed> {
    let Some(span) = env.span else {
        return Ok(false);
    };
    let test = |event: &[u8]| inner.test(&Env { event: Some(event), ..*env });
    if span.work.noted {
        for item in span.work.items.iter().filter(|item| item.number == 11 && item.state != State::Gone) {
            if test(span.work.bytes(span.base, item.body))? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    // No stage touches events: they stand as they came.
    let range = span.work.owners.first().map_or(Range::default(), |owner| owner.range);
    let mut found = Ok(false);
    crate::wire::fields(span.base, range, |field| {
        if field.is(11) && matches!(found, Ok(false)) {
            found = test(field.body.of(span.base));
        }
    });
    found
}
