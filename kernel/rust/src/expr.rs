//! Conditions: compiled from a program's data, evaluated on one span with its scope and resource.

use std::cmp::Ordering;

use serde_json::Value as Json;

pub use crate::compare::Op;
use crate::env::{Env, Where};
use crate::keys::Keys;
use crate::operand::Operand;
use crate::ottl::{Cond, Site};
use crate::regex::Pattern;
use crate::spec::{listed, need, shown, text, Outcome};
use crate::value::{any_element, compare_int_double, value_text, Value};

/// A constant of a condition.
#[derive(Debug, Clone)]
pub enum Literal {
    Str(Vec<u8>),
    Bool(bool),
    Int(i64),
    Double(f64),
}

impl Literal {
    pub fn compile(spec: Option<&Json>) -> Outcome<Literal> {
        let bad = || format!("no literal: {}", shown(spec));
        Ok(match spec {
            Some(Json::String(text)) => Literal::Str(text.as_bytes().to_vec()),
            Some(Json::Bool(flag)) => Literal::Bool(*flag),
            Some(Json::Number(number))
                if number.to_string().bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) =>
            {
                Literal::Int(number.as_i64().ok_or_else(bad)?)
            }
            Some(Json::Number(number)) => {
                Literal::Double(number.as_f64().filter(|one| one.is_finite()).ok_or_else(bad)?)
            }
            _ => return Err(bad()),
        })
    }

    /// How a value compares with the literal; None when the two cannot be compared.
    #[inline]
    fn order(&self, value: Value<'_>) -> Option<Ordering> {
        match (value, self) {
            (Value::Str(text), Literal::Str(other)) => Some(text.cmp(other.as_slice())),
            (Value::Bool(flag), Literal::Bool(other)) => Some(flag.cmp(other)),
            (Value::Int(number), Literal::Int(other)) => Some(number.cmp(&i128::from(*other))),
            (Value::Int(number), Literal::Double(other)) => compare_int_double(number, *other),
            (Value::Double(number), Literal::Int(other)) => {
                compare_int_double(i128::from(*other), number).map(Ordering::reverse)
            }
            (Value::Double(number), Literal::Double(other)) => number.partial_cmp(other),
            _ => None,
        }
    }

    fn same_type(&self, value: Value<'_>) -> bool {
        matches!(
            (value, self),
            (Value::Str(_), Literal::Str(_))
                | (Value::Bool(_), Literal::Bool(_))
                | (Value::Int(_), Literal::Int(_))
                | (Value::Double(_), Literal::Double(_))
        )
    }
}

/// A condition.
pub enum Expr {
    Const(bool),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Root,
    Exists(Operand),
    Cmp(Op, Operand, Literal),
    Is(Operand, Literal),
    In(Operand, Vec<Literal>),
    Bits(Operand, i128),
    Matches(Operand, Pattern),
    Contains(Operand, Box<memchr::memmem::Finder<'static>>),
    TextMatches(Operand, Pattern),
    GoStrIn(Operand, Vec<Vec<u8>>),
    GoStrMatches(Operand, Pattern),
    GoIntBetween(Operand, i128, i128),
    GoBoolIs(Operand, bool),
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
            ("exists", [operand]) => Expr::Exists(Operand::compile(Some(operand), on, keys)?),
            ("cmp", [op, operand, literal]) => {
                let op = Op::compile(Some(op))?;
                let literal = Literal::compile(Some(literal))?;
                Expr::Cmp(op, Operand::compile(Some(operand), on, keys)?, literal)
            }
            ("ottl" | "ottl_fails", [one]) => {
                let cond = Cond::compile(Some(one), &mut Site { on, keys, depth: depth + 1 })?;
                Expr::Ottl(Box::new(cond), name == "ottl")
            }
            _ => Expr::leaf(name, rest, on, keys)?.ok_or_else(unknown)?,
        })
    }

    fn leaf(name: &str, rest: &[Json], on: Where, keys: &mut Keys) -> Outcome<Option<Expr>> {
        let count = match name {
            "is" | "in" | "bits" | "matches" | "contains" | "text_matches" | "go_str_in" | "go_str_matches"
            | "go_bool_is" => 2,
            "go_int_between" => 3,
            _ => return Ok(None),
        };
        if rest.len() != count {
            return Ok(None);
        }
        let operand = Operand::compile(rest.first(), on, keys)?;
        let argument = rest.get(1);
        let pattern = || text(argument, "pattern").and_then(Pattern::new);
        Ok(Some(match name {
            "is" => Expr::Is(operand, Literal::compile(argument)?),
            "in" => {
                let literals = listed(argument, "in")?.iter().map(|one| Literal::compile(Some(one)));
                Expr::In(operand, literals.collect::<Outcome<_>>()?)
            }
            "bits" => {
                let mask = argument.and_then(Json::as_i64).filter(|mask| *mask >= 0);
                Expr::Bits(operand, mask.ok_or_else(|| format!("bits: no mask: {}", shown(argument)))?.into())
            }
            "matches" => Expr::Matches(operand, pattern()?),
            "text_matches" => Expr::TextMatches(operand, pattern()?),
            "go_str_matches" => Expr::GoStrMatches(operand, pattern()?),
            "contains" => {
                let part = text(argument, "contains")?;
                Expr::Contains(operand, Box::new(memchr::memmem::Finder::new(part.as_bytes()).into_owned()))
            }
            "go_str_in" => {
                let texts = listed(argument, name)?.iter().map(|one| Ok(text(Some(one), name)?.as_bytes().to_vec()));
                Expr::GoStrIn(operand, texts.collect::<Outcome<_>>()?)
            }
            "go_bool_is" => {
                let wanted = argument.and_then(Json::as_bool);
                Expr::GoBoolIs(operand, wanted.ok_or_else(|| format!("go_bool_is: no boolean: {}", shown(argument)))?)
            }
            _ => Expr::GoIntBetween(operand, bound(argument, i64::MIN)?, bound(rest.get(2), i64::MAX)?),
        }))
    }

    /// Whether the condition holds.
    pub fn holds(&self, env: &Env<'_>) -> bool {
        match self {
            Expr::Const(value) => *value,
            Expr::And(inner) => inner.iter().all(|one| one.holds(env)),
            Expr::Or(inner) => inner.iter().any(|one| one.holds(env)),
            Expr::Not(inner) => !inner.holds(env),
            Expr::Root => env.span.is_some_and(|span| span.is_root()),
            Expr::Exists(operand) => operand.with(env, |value| value.is_some()),
            Expr::Cmp(op, operand, literal) => element(operand, env, |value| {
                let comparable = *op == Op::Equal || !matches!(value, Value::Bool(_));
                comparable && literal.order(value).is_some_and(|order| op.holds(order))
            }),
            Expr::Is(operand, literal) => {
                element(operand, env, |value| literal.same_type(value) && literal.order(value) == Some(Ordering::Equal))
            }
            Expr::In(operand, literals) => element(operand, env, |value| {
                literals.iter().any(|literal| literal.order(value) == Some(Ordering::Equal))
            }),
            Expr::Bits(operand, mask) => {
                element(operand, env, |value| matches!(value, Value::Int(number) if number & mask == *mask))
            }
            Expr::Matches(operand, pattern) => {
                element(operand, env, |value| matches!(value, Value::Str(text) if pattern.is_match(text)))
            }
            Expr::Contains(operand, part) => {
                element(operand, env, |value| matches!(value, Value::Str(text) if part.find(text).is_some()))
            }
            Expr::TextMatches(operand, pattern) => {
                operand.with(env, |value| value.and_then(value_text).is_some_and(|text| pattern.is_match(&text)))
            }
            Expr::GoStrIn(operand, texts) => whole(operand, env, |value| {
                let text = go_string(value);
                texts.iter().any(|one| one == text)
            }),
            Expr::GoStrMatches(operand, pattern) => whole(operand, env, |value| pattern.is_match(go_string(value))),
            Expr::GoIntBetween(operand, min, max) => whole(operand, env, |value| {
                let number = if let Value::Int(number) = value { number } else { 0 };
                *min <= number && number <= *max
            }),
            Expr::GoBoolIs(operand, wanted) => whole(operand, env, |value| (value == Value::Bool(true)) == *wanted),
            Expr::Ottl(cond, answered) => cond.answers(env, *answered),
        }
    }
}

fn bound(spec: Option<&Json>, otherwise: i64) -> Outcome<i128> {
    let bound = match spec {
        Some(Json::Null) => Some(otherwise),
        Some(Json::Number(number)) => number.as_i64(),
        _ => None,
    };
    bound.map(i128::from).ok_or_else(|| format!("go_int_between: no bound: {}", shown(spec)))
}

#[inline]
fn element(operand: &Operand, env: &Env<'_>, test: impl FnMut(Value<'_>) -> bool) -> bool {
    operand.with(env, |value| value.is_some_and(|value| any_element(value, test)))
}

#[inline]
fn whole(operand: &Operand, env: &Env<'_>, test: impl FnOnce(Value<'_>) -> bool) -> bool {
    operand.with(env, |value| value.is_some_and(test))
}

fn go_string(value: Value<'_>) -> &[u8] {
    if let Value::Str(text) = value {
        text
    } else {
        b""
    }
}
