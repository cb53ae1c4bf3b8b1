//! Conditions: compiled from a program's data, evaluated on one span with its scope and resource.

use serde_json::Value as Json;

use crate::compare::Op;
use crate::env::{Env, Where};
use crate::keys::Keys;
use crate::operand::Operand;
use crate::ottl::{Cond, Site};
use crate::predicate::{Literal, Predicate};
use crate::spec::{listed, need, shown, Outcome};
use crate::value::Value;

/// A condition.
pub enum Expr {
    Const(bool),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Root,
    On(Operand, Predicate),
    /// True: it is answered with yes. False: it cannot be answered.
    Ottl(Box<Cond>, bool),
}

/// How deep conditions may be nested: evaluating them is recursive.
pub const MAX_NESTING: usize = 200;

impl Expr {
    /// Compiles a condition that is asked on the level `on`.
    pub fn compile(spec: Option<&Json>, on: Where, keys: &mut Keys) -> Outcome<Expr> {
        Expr::nested(spec, on, keys, 0)
    }

    /// Compiles a condition that may be left out: then it is true.
    pub fn compile_if(spec: Option<&Json>, on: Where, keys: &mut Keys) -> Outcome<Expr> {
        match spec {
            None | Some(Json::Null) => Ok(Expr::Const(true)),
            _ => Expr::compile(spec, on, keys),
        }
    }

    pub fn nested(spec: Option<&Json>, on: Where, keys: &mut Keys, depth: usize) -> Outcome<Expr> {
        need(depth < MAX_NESTING, || "condition: nested too deep".into())?;
        let parts = listed(spec, "condition")?;
        let unknown = || format!("no condition: {}", shown(spec));
        let name = parts.first().and_then(Json::as_str).ok_or_else(unknown)?;
        let rest = parts.get(1..).unwrap_or(&[]);
        let mut inner = |one: &Json| Expr::nested(Some(one), on, keys, depth + 1);
        Ok(match (name, rest) {
            ("and", _) => Expr::And(rest.iter().map(inner).collect::<Outcome<_>>()?),
            ("or", _) => Expr::Or(rest.iter().map(inner).collect::<Outcome<_>>()?),
            ("not", [one]) => Expr::Not(Box::new(inner(one)?)),
            ("true", []) => Expr::Const(true),
            ("false", []) => Expr::Const(false),
            ("root", []) => {
                let there = keys.signal.is_traces() && on >= Where::Span;
                need(there, || format!("root is not there on a {on}"))?;
                Expr::Root
            }
            ("cmp", [op, operand, literal]) => {
                let predicate = Predicate::Cmp(Op::compile(Some(op))?, Literal::compile(Some(literal))?);
                Expr::On(Operand::compile(Some(operand), on, keys)?, predicate)
            }
            ("ottl" | "ottl_fails", [one]) => {
                let cond = Cond::compile(Some(one), &mut Site { on, keys, depth: depth + 1 })?;
                cond.answered(name == "ottl")
            }
            (_, [operand, arguments @ ..]) => {
                let predicate = Predicate::compile(name, arguments)?.ok_or_else(unknown)?;
                Expr::On(Operand::compile(Some(operand), on, keys)?, predicate)
            }
            _ => return Err(unknown()),
        })
    }

    /// Whether the condition holds.
    pub fn holds(&self, env: &Env<'_>) -> bool {
        match self {
            Expr::Const(value) => *value,
            Expr::And(inner) => inner.iter().all(|one| one.holds(env)),
            Expr::Or(inner) => inner.iter().any(|one| one.holds(env)),
            Expr::Not(inner) => !inner.holds(env),
            Expr::Root => env.span.is_some_and(|span| span.is_root()),
            Expr::On(operand, predicate) => operand.with(env, |value| predicate.holds(value)),
            Expr::Ottl(cond, answered) => cond.answers(env, *answered),
        }
    }

    /// The operand, if the condition looks at one and at nothing else.
    pub fn operand(&self) -> Option<&Operand> {
        match self {
            Expr::On(operand, _) => Some(operand),
            Expr::Not(inner) => inner.operand(),
            Expr::And(inner) | Expr::Or(inner) => {
                let (first, rest) = inner.split_first()?;
                let operand = first.operand()?;
                rest.iter().all(|one| one.operand() == Some(operand)).then_some(operand)
            }
            Expr::Const(_) | Expr::Root | Expr::Ottl(..) => None,
        }
    }

    /// Whether a condition that looks at one operand holds where that has this value.
    pub fn holds_of(&self, value: Option<Value<'_>>) -> bool {
        match self {
            Expr::On(_, predicate) => predicate.holds(value),
            Expr::Not(inner) => !inner.holds_of(value),
            Expr::And(inner) => inner.iter().all(|one| one.holds_of(value)),
            Expr::Or(inner) => inner.iter().any(|one| one.holds_of(value)),
            Expr::Const(known) => *known,
            Expr::Root | Expr::Ottl(..) => false,
        }
    }

    /// Calls `each` with every predicate of the condition.
    pub fn predicates<'e>(&'e self, each: &mut impl FnMut(&'e Predicate)) {
        match self {
            Expr::On(_, predicate) => each(predicate),
            Expr::Not(inner) => inner.predicates(each),
            Expr::And(inner) | Expr::Or(inner) => inner.iter().for_each(|one| one.predicates(each)),
            Expr::Const(_) | Expr::Root | Expr::Ottl(..) => {}
        }
    }

    /// Appends the conditions one of which must hold, none of them an `or`.
    pub fn or_parts(self, out: &mut Vec<Expr>) {
        match self {
            Expr::Or(inner) => inner.into_iter().for_each(|one| one.or_parts(out)),
            Expr::Const(false) => {}
            other => out.push(other),
        }
    }

    /// Appends the conditions all of which must hold, none of them an `and`.
    pub fn and_parts(self, out: &mut Vec<Expr>) {
        match self {
            Expr::And(inner) => inner.into_iter().for_each(|one| one.and_parts(out)),
            other => out.push(other),
        }
    }
}
