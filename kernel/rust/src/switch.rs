//! What many conditions on the same operand say of its value, found in one look instead of one by one.
//!
//! Between the constants that they compare with, conditions all say the same of every number, and of every text that is
//! none of the constants. So what they say is computed when they are compiled, and a value only has to be placed among
//! the constants. Where texts are told apart by more than constants (by patterns) it is remembered of the latest ones.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::env::Env;
use crate::expr::Expr;
use crate::operand::Operand;
use crate::predicate::Points;
use crate::value::Value;

/// More conditions than this are several switches: what is computed grows with the square of their number.
pub const MOST: usize = 256;

/// A condition that compares with more numbers is better asked by itself.
const MOST_NUMBERS: usize = 256;

/// How a condition on one operand may be part of a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It compares with constants.
    Constants,
    /// It looks for patterns in texts.
    Patterns,
}

impl Kind {
    /// None: it is better asked by itself.
    pub fn of(condition: &Expr) -> Option<Kind> {
        let points = points(condition);
        let few = !points.many_numbers && points.ints.len() <= MOST_NUMBERS;
        match points.many_texts {
            true => Some(Kind::Patterns),
            false => few.then_some(Kind::Constants),
        }
    }
}

/// The conditions on one operand, each with the bit that it sets where it holds.
pub struct Switch {
    operand: Operand,
    conditions: Vec<(usize, Expr)>,
    known: Known,
}

enum Known {
    Constants(Box<Table>),
    /// The number of its memo, and what is said where there is no value.
    Patterns(usize, Bits),
}

/// Which bits are set: words, from the one of that place on.
#[derive(Debug, Default, Clone)]
struct Bits {
    first: usize,
    words: Box<[u64]>,
}

/// What the conditions say of each value.
struct Table {
    absent: Bits,
    no: Bits,
    yes: Bits,
    ints: Ranges<i64>,
    doubles: Ranges<f64>,
    texts: HashMap<Box<[u8]>, Bits, RandomState>,
    other_text: Bits,
    longest: usize,
}

/// Where ranges of numbers begin, and what is said of those in them; the first one begins with the smallest number.
struct Ranges<T> {
    starts: Vec<T>,
    bits: Vec<Bits>,
}

impl Switch {
    /// The conditions must all look at `operand` alone and be of this kind; `memo` is the number of the memo, if it is
    /// `Patterns`.
    pub fn new(operand: Operand, kind: Kind, conditions: Vec<(usize, Expr)>, memo: usize) -> Switch {
        let known = match kind {
            Kind::Constants => Known::Constants(Box::new(Table::new(&conditions))),
            Kind::Patterns => Known::Patterns(memo, bits_of(&conditions, None)),
        };
        Switch { operand, conditions, known }
    }

    /// Sets the bits of the conditions that hold.
    #[inline]
    pub fn set(&self, env: &Env<'_>, memos: &mut [Memo], out: &mut [u64]) {
        self.operand.with(env, |value| match &self.known {
            Known::Constants(table) => match table.of(value) {
                Some(bits) => bits.set(out),
                None => self.each(value, out),
            },
            Known::Patterns(memo, absent) => match (value, memos.get_mut(*memo)) {
                (None, _) => absent.set(out),
                (Some(Value::Str(text)), Some(memo)) if text.len() <= LONGEST => {
                    memo.of(text, || bits_of(&self.conditions, value)).set(out);
                }
                _ => self.each(value, out),
            },
        });
    }

    /// As `set`, condition by condition.
    #[inline(never)]
    fn each(&self, value: Option<Value<'_>>, out: &mut [u64]) {
        for (bit, condition) in &self.conditions {
            if condition.holds_of(value) {
                set(out, *bit);
            }
        }
    }
}

/// Sets a bit.
#[inline]
pub fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

fn points(condition: &Expr) -> Points {
    let mut points = Points::default();
    condition.predicates(&mut |one| one.points(&mut points));
    points
}

fn bits_of(conditions: &[(usize, Expr)], value: Option<Value<'_>>) -> Bits {
    let holding = conditions.iter().filter(|(_, condition)| condition.holds_of(value)).map(|(bit, _)| *bit);
    Bits::of(holding.collect())
}

impl Bits {
    fn of(bits: Vec<usize>) -> Bits {
        let (Some(low), Some(high)) = (bits.iter().min(), bits.iter().max()) else {
            return Bits::default();
        };
        let first = low / 64;
        let mut words = vec![0; high / 64 + 1 - first];
        bits.iter().for_each(|bit| set(&mut words, bit - first * 64));
        Bits { first, words: words.into() }
    }

    #[inline]
    fn set(&self, out: &mut [u64]) {
        for (mine, its) in out.iter_mut().skip(self.first).zip(&self.words) {
            *mine |= its;
        }
    }
}

impl Table {
    fn new(conditions: &[(usize, Expr)]) -> Table {
        let of = |value| bits_of(conditions, value);
        let each: Vec<Points> = conditions.iter().map(|(_, condition)| points(condition)).collect();
        let ints = each.iter().flat_map(|points| points.ints.iter().copied()).collect();
        let doubles = each.iter().flat_map(|points| points.doubles.iter().copied()).collect();
        let longest = each.iter().flat_map(|points| &points.texts).map(Vec::len).max().unwrap_or(0);
        let other = vec![b'?'; longest + 1];
        Table {
            absent: of(None),
            no: of(Some(Value::Bool(false))),
            yes: of(Some(Value::Bool(true))),
            ints: Ranges::new(i64::MIN, ints, i64::cmp, |start| of(Some(Value::Int(start.into())))),
            doubles: Ranges::new(f64::NEG_INFINITY, doubles, f64::total_cmp, |start| of(Some(Value::Double(start)))),
            texts: texts(conditions, each, &other),
            other_text: of(Some(Value::Str(&other))),
            longest,
        }
    }

    /// None for values of types, and numbers, that no constant is like.
    #[inline]
    fn of(&self, value: Option<Value<'_>>) -> Option<&Bits> {
        match value {
            None => Some(&self.absent),
            Some(Value::Str(text)) if text.len() > self.longest => Some(&self.other_text),
            Some(Value::Str(text)) => Some(self.texts.get(text).unwrap_or(&self.other_text)),
            Some(Value::Bool(false)) => Some(&self.no),
            Some(Value::Bool(true)) => Some(&self.yes),
            Some(Value::Int(number)) => self.ints.of(i64::try_from(number).ok()?),
            Some(Value::Double(number)) if !number.is_nan() => self.doubles.of(number),
            _ => None,
        }
    }
}

/// For each text that conditions compare with. Those that do not name it say of it what they say of any `other`.
fn texts(conditions: &[(usize, Expr)], each: Vec<Points>, other: &[u8]) -> HashMap<Box<[u8]>, Bits, RandomState> {
    let elsewhere: Vec<bool> = conditions.iter().map(|(_, one)| one.holds_of(Some(Value::Str(other)))).collect();
    let mut naming: HashMap<Vec<u8>, Vec<usize>, RandomState> = HashMap::default();
    for (place, points) in each.into_iter().enumerate() {
        for text in points.texts {
            let places = naming.entry(text).or_default();
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    let mut found = HashMap::default();
    for (text, places) in naming {
        let mut holds = elsewhere.clone();
        for place in places {
            if let (Some(holds), Some((_, condition))) = (holds.get_mut(place), conditions.get(place)) {
                *holds = condition.holds_of(Some(Value::Str(&text)));
            }
        }
        let bits = conditions.iter().zip(holds).filter(|(_, holds)| *holds).map(|((bit, _), _)| *bit);
        found.insert(text.into_boxed_slice(), Bits::of(bits.collect()));
    }
    found
}

impl<T: Copy + PartialOrd> Ranges<T> {
    fn new(least: T, mut starts: Vec<T>, order: fn(&T, &T) -> std::cmp::Ordering, of: impl Fn(T) -> Bits) -> Ranges<T> {
        starts.push(least);
        starts.sort_unstable_by(order);
        starts.dedup();
        let bits = starts.iter().map(|start| of(*start)).collect();
        Ranges { starts, bits }
    }

    #[inline]
    fn of(&self, number: T) -> Option<&Bits> {
        self.bits.get(self.starts.partition_point(|start| *start <= number).saturating_sub(1))
    }
}

/// Longer texts are not remembered.
const LONGEST: usize = 256;
const PLACES: usize = 256;

/// What the conditions of a switch said of texts lately. Bounded, and every byte is compared.
#[derive(Default)]
pub struct Memo {
    hasher: RandomState,
    places: Vec<Option<(Vec<u8>, Bits)>>,
}

impl Memo {
    fn of(&mut self, text: &[u8], find: impl FnOnce() -> Bits) -> &Bits {
        use std::hash::BuildHasher;
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let at = self.hasher.hash_one(text) as usize % PLACES;
        let place = &mut self.places[at];
        if !matches!(place, Some((known, _)) if known == text) {
            *place = None;
        }
        &place.get_or_insert_with(|| (text.to_vec(), find())).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Where;
    use crate::keys::Keys;

    fn conditions(specs: &str) -> Vec<(usize, Expr)> {
        let mut keys = Keys::default();
        let specs: Vec<serde_json::Value> = serde_json::from_str(specs).expect("JSON");
        let compiled = specs.iter().map(|spec| Expr::compile(Some(spec), Where::Span, &mut keys).expect("a condition"));
        compiled.enumerate().collect()
    }

    /// Every number near a constant, whatever its type, is placed where it says what the conditions say of it.
    #[test]
    fn a_table_says_what_the_conditions_say() {
        let conditions = conditions(
            r#"[["cmp", ">", ["field", "name"], 3], ["cmp", "<=", ["field", "name"], 2.5], ["is", ["field", "name"], 3],
                ["in", ["field", "name"], [0.1, 9223372036854775807, true, "a"]], ["go_str_in", ["field", "name"], ["", "b"]],
                ["go_int_between", ["field", "name"], -5, 9007199254740993], ["go_bool_is", ["field", "name"], false],
                ["cmp", "<", ["field", "name"], -1e300], ["cmp", ">=", ["field", "name"], 9007199254740993],
                ["not", ["exists", ["field", "name"]]], ["ottl", ["cmp", "!=", ["field", "name"], ["lit", 4]]],
                ["ottl", ["cmp", "==", ["field", "name"], ["lit", null]]]]"#,
        );
        let table = Table::new(&conditions);
        let doubles = [0.0, 0.1, 2.5, 3.0, 4.0, -5.0, 9007199254740992.0, 9223372036854775807.0, -1e300, f64::INFINITY];
        let doubles = doubles.iter().flat_map(|one: &f64| [*one, -*one, one.next_up(), one.next_down()]);
        let ints = [0, 2, 3, 4, -5, 1 << 53, i64::MAX, i64::MIN].map(i128::from);
        let ints = ints.iter().flat_map(|one| [one - 1, *one, one + 1]).filter(|one| i64::try_from(*one).is_ok());
        let texts = [&b""[..], b"a", b"b", b"c", b"?", b"??"].map(Value::Str);
        let others = [Value::Bool(true), Value::Bool(false)];
        let numbers = doubles.map(Value::Double).chain(ints.map(Value::Int)).filter(|one| *one == *one);
        for value in numbers.chain(texts).chain(others).map(Some).chain([None]) {
            let bits = table.of(value).unwrap_or_else(|| panic!("{value:?} has no place"));
            assert_eq!(bits.words, bits_of(&conditions, value).words, "{value:?}");
        }
        assert!(table.of(Some(Value::Double(f64::NAN))).is_none() && table.of(Some(Value::Empty)).is_none());
    }

    #[test]
    fn only_the_very_same_text_is_remembered() {
        let mut memo = Memo::default();
        assert_eq!(*memo.of(b"a", || Bits::of(vec![70])).words, [1 << 6]);
        assert_eq!(*memo.of(b"a", || Bits::of(vec![])).words, [1 << 6]);
        for number in 0..1000u32 {
            let text = number.to_string();
            assert_eq!(*memo.of(text.as_bytes(), || Bits::of(vec![0])).words, [1]);
        }
    }

    #[test]
    fn how_a_condition_may_be_part_of_a_switch() {
        let kinds = [
            (r#"[["cmp", "==", ["field", "name"], "a"]]"#, Some(Kind::Constants)),
            (r#"[["cmp", "<", ["field", "name"], "a"]]"#, Some(Kind::Patterns)),
            (r#"[["matches", ["field", "name"], "a"]]"#, Some(Kind::Patterns)),
            (r#"[["bits", ["field", "name"], 1]]"#, None),
            (r#"[["ottl", ["cmp", "==", ["field", "name"], ["lit", 9007199254740993]]]]"#, None),
        ];
        for (spec, kind) in kinds {
            assert_eq!(conditions(spec).first().and_then(|(_, one)| Kind::of(one)), kind, "{spec}");
        }
    }
}
