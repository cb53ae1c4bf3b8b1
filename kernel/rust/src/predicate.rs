//! What a condition asks of one value: compiled from a program's data, answered without looking at anything else.

use std::cmp::Ordering;

use serde_json::Value as Json;

use crate::compare::Op;
use crate::ottl::{self, Val};
use crate::regex::Pattern;
use crate::spec::{listed, shown, text, Outcome};
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

/// A set of texts, sorted.
#[derive(Debug, Clone)]
pub struct Texts(Vec<Vec<u8>>);

/// As many are compared one by one.
const FEW: usize = 8;

impl Texts {
    fn new(mut texts: Vec<Vec<u8>>) -> Texts {
        texts.sort_unstable();
        Texts(texts)
    }

    #[inline]
    fn has(&self, text: &[u8]) -> bool {
        if self.0.len() <= FEW {
            return self.0.iter().any(|one| one == text);
        }
        self.0.binary_search_by(|one| one.as_slice().cmp(text)).is_ok()
    }
}

/// A question about one value, which may be absent.
#[derive(Debug)]
pub enum Predicate {
    Exists,
    Cmp(Op, Literal),
    Is(Literal),
    /// One of the texts, or `==` to one of the other literals.
    In(Texts, Vec<Literal>),
    Bits(i128),
    Matches(Pattern),
    Contains(Box<memchr::memmem::Finder<'static>>),
    TextMatches(Pattern),
    GoStrIn(Texts),
    GoStrMatches(Pattern),
    GoIntBetween(i128, i128),
    GoBoolIs(bool),
    /// A comparison of OTTL with a constant.
    Ottl(ottl::Op, Val<'static>),
    /// The `is_match` of OTTL; false where it fails.
    OttlMatches(Pattern),
}

impl Predicate {
    /// Compiles what stands behind the operand of a condition; None when there is none of that name and that many parts.
    pub fn compile(name: &str, rest: &[Json]) -> Outcome<Option<Predicate>> {
        let argument = rest.first();
        let pattern = || text(argument, "pattern").and_then(Pattern::new);
        Ok(Some(match (name, rest.len()) {
            ("exists", 0) => Predicate::Exists,
            ("is", 1) => Predicate::Is(Literal::compile(argument)?),
            ("in", 1) => Predicate::one_of(listed(argument, "in")?)?,
            ("bits", 1) => {
                let mask = argument.and_then(Json::as_i64).filter(|mask| *mask >= 0);
                Predicate::Bits(mask.ok_or_else(|| format!("bits: no mask: {}", shown(argument)))?.into())
            }
            ("matches", 1) => Predicate::Matches(pattern()?),
            ("text_matches", 1) => Predicate::TextMatches(pattern()?),
            ("go_str_matches", 1) => Predicate::GoStrMatches(pattern()?),
            ("contains", 1) => {
                let part = text(argument, "contains")?;
                Predicate::Contains(Box::new(memchr::memmem::Finder::new(part.as_bytes()).into_owned()))
            }
            ("go_str_in", 1) => {
                let texts = listed(argument, name)?.iter().map(|one| Ok(text(Some(one), name)?.as_bytes().to_vec()));
                Predicate::GoStrIn(Texts::new(texts.collect::<Outcome<_>>()?))
            }
            ("go_bool_is", 1) => {
                let wanted = argument.and_then(Json::as_bool);
                Predicate::GoBoolIs(wanted.ok_or_else(|| format!("go_bool_is: no boolean: {}", shown(argument)))?)
            }
            ("go_int_between", 2) => Predicate::GoIntBetween(bound(argument, i64::MIN)?, bound(rest.get(1), i64::MAX)?),
            _ => return Ok(None),
        }))
    }

    fn one_of(specs: &[Json]) -> Outcome<Predicate> {
        let (mut texts, mut others) = (Vec::new(), Vec::new());
        for spec in specs {
            match Literal::compile(Some(spec))? {
                Literal::Str(text) => texts.push(text),
                other => others.push(other),
            }
        }
        Ok(Predicate::In(Texts::new(texts), others))
    }

    /// Whether it is true of a value.
    #[inline]
    pub fn holds(&self, value: Option<Value<'_>>) -> bool {
        let Some(value) = value else {
            return matches!(self, Predicate::Ottl(op, constant) if op.compare(&Val::Nil, constant));
        };
        match self {
            Predicate::Exists => true,
            Predicate::Cmp(op, literal) => any_element(value, |value| {
                let comparable = *op == Op::Equal || !matches!(value, Value::Bool(_));
                comparable && literal.order(value).is_some_and(|order| op.holds(order))
            }),
            Predicate::Is(literal) => {
                any_element(value, |value| literal.same_type(value) && literal.order(value) == Some(Ordering::Equal))
            }
            Predicate::In(texts, others) => any_element(value, |value| match value {
                Value::Str(text) => texts.has(text),
                other => others.iter().any(|literal| literal.order(other) == Some(Ordering::Equal)),
            }),
            Predicate::Bits(mask) => {
                any_element(value, |value| matches!(value, Value::Int(number) if number & mask == *mask))
            }
            Predicate::Matches(pattern) => {
                any_element(value, |value| matches!(value, Value::Str(text) if pattern.is_match(text)))
            }
            Predicate::Contains(part) => {
                any_element(value, |value| matches!(value, Value::Str(text) if part.find(text).is_some()))
            }
            Predicate::TextMatches(pattern) => value_text(value).is_some_and(|text| pattern.is_match(&text)),
            Predicate::GoStrIn(texts) => texts.has(go_string(value)),
            Predicate::GoStrMatches(pattern) => pattern.is_match(go_string(value)),
            Predicate::GoIntBetween(min, max) => {
                let number = if let Value::Int(number) = value { number } else { 0 };
                *min <= number && number <= *max
            }
            Predicate::GoBoolIs(wanted) => (value == Value::Bool(true)) == *wanted,
            Predicate::Ottl(op, constant) => op.compare(&Val::of(value), constant),
            Predicate::OttlMatches(pattern) => {
                matches!(Val::of(value).like_text(), Ok(Some(text)) if pattern.is_match(&text))
            }
        }
    }

    /// Adds the constants that it compares with to those of a switch; see `Points`.
    pub fn points(&self, points: &mut Points) {
        match self {
            Predicate::Exists | Predicate::GoBoolIs(_) | Predicate::Cmp(_, Literal::Bool(_)) => {}
            Predicate::Cmp(op, literal) => points.literal(literal, *op == Op::Equal),
            Predicate::Is(literal) => points.literal(literal, true),
            Predicate::In(texts, others) => {
                points.texts.extend(texts.0.iter().cloned());
                others.iter().for_each(|literal| points.literal(literal, true));
            }
            Predicate::GoStrIn(texts) => points.texts.extend(texts.0.iter().cloned()),
            Predicate::GoIntBetween(min, max) => {
                points.int(*min as i64);
                points.int(*max as i64);
            }
            Predicate::Ottl(op, constant) => {
                let equality = matches!(op, ottl::Op::Equal | ottl::Op::Unequal);
                match constant {
                    Val::Str(text) => points.literal(&Literal::Str(text.to_vec()), equality),
                    // Beyond these, ints that are compared as doubles are rounded.
                    Val::Int(number) if number.unsigned_abs() < EXACT => points.int(*number),
                    Val::Double(number) if number.abs() < EXACT as f64 => points.double(*number),
                    Val::Int(_) | Val::Double(_) => points.many_numbers = true,
                    _ => {}
                }
            }
            Predicate::Matches(_) | Predicate::Contains(_) | Predicate::GoStrMatches(_) => points.many_texts = true,
            Predicate::Bits(_) => points.many_numbers = true,
            Predicate::TextMatches(_) | Predicate::OttlMatches(_) => {
                (points.many_texts, points.many_numbers) = (true, true);
            }
        }
    }
}

/// Below this each int has a double of its own.
const EXACT: u64 = 1 << 53;

/// The constants that predicates compare with. Of values of one type between two neighbouring numbers, and of texts
/// that are none of these, a predicate says the same, unless it is said here that it does not.
#[derive(Default)]
pub struct Points {
    pub texts: Vec<Vec<u8>>,
    /// Where ints, or doubles, begin of which predicates may say something else than of smaller ones.
    pub ints: Vec<i64>,
    pub doubles: Vec<f64>,
    /// Texts, or numbers, are told apart by more than these constants.
    pub many_texts: bool,
    pub many_numbers: bool,
}

impl Points {
    fn literal(&mut self, literal: &Literal, equality: bool) {
        match literal {
            Literal::Str(text) if equality => self.texts.push(text.clone()),
            Literal::Str(_) => self.many_texts = true,
            Literal::Bool(_) => {}
            Literal::Int(number) => self.int(*number),
            Literal::Double(number) => self.double(*number),
        }
    }

    fn int(&mut self, number: i64) {
        self.ints.extend([number, number.saturating_add(1)]);
        let double = number as f64;
        self.doubles.extend([double.next_down(), double, double.next_up()]);
    }

    fn double(&mut self, number: f64) {
        let floor = number.floor() as i64;
        self.ints.extend([floor, floor.saturating_add(1)]);
        self.doubles.extend([number, number.next_up()]);
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

fn go_string(value: Value<'_>) -> &[u8] {
    if let Value::Str(text) = value {
        text
    } else {
        b""
    }
}
