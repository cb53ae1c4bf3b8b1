//! The leaves of a program's facts: all of them asked of one span, with what several have in common asked once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::env::Env;
use crate::expr::Expr;
use crate::operand::Operand;
use crate::rows::Rows;
use crate::switch::{set, Kind, Memo, Switch, MOST};

/// So many conditions on the same operand are worth a switch.
const WORTH: usize = 2;

/// All leaves. A bit each, and behind them one for each condition that a leaf needs beside others.
#[derive(Default)]
pub struct Leaves {
    count: usize,
    words: usize,
    memos: usize,
    /// Conditions on operands that many conditions look at.
    switches: Vec<Switch>,
    /// What sets a leaf's bit by itself.
    alone: Vec<(usize, Expr)>,
    together: Vec<Together>,
}

/// Sets a leaf's bit where all of these bits are set and all of the conditions hold.
struct Together {
    leaf: usize,
    bits: Vec<usize>,
    rest: Vec<Expr>,
}

/// Memory for asking, used again from span to span.
#[derive(Default)]
pub struct Asked {
    bits: Vec<u64>,
    memos: Vec<Memo>,
}

/// What sets a leaf's bit: one of several conditions, or all of several.
struct Way {
    leaf: usize,
    parts: Vec<Part>,
}

struct Part {
    condition: Expr,
    /// What it looks at, if it may be part of a switch.
    group: Option<usize>,
}

/// The operands that conditions look at, and how many do.
#[derive(Default)]
struct Groups {
    numbers: HashMap<(Operand, Kind), usize, RandomState>,
    found: Vec<(Operand, Kind, usize)>,
}

impl Leaves {
    pub fn new(leaves: Vec<Expr>) -> Leaves {
        let mut made = Leaves { count: leaves.len(), ..Leaves::default() };
        let (mut groups, mut ways) = (Groups::default(), Vec::new());
        for (leaf, condition) in leaves.into_iter().enumerate() {
            let some = merged(condition, Expr::or_parts, Expr::Or);
            ways.extend(some.into_iter().map(|one| Way { leaf, parts: groups.parts(one) }));
        }
        let mut bits = made.count;
        let mut conditions: Vec<Vec<(usize, Expr)>> = groups.found.iter().map(|_| Vec::new()).collect();
        let worth = |part: &Part| part.group.filter(|&group| groups.found[group].2 >= WORTH);
        for Way { leaf, parts } in ways {
            let single = parts.len() == 1;
            let mut together = Together { leaf, bits: Vec::new(), rest: Vec::new() };
            for part in parts {
                match worth(&part).and_then(|group| conditions.get_mut(group)) {
                    Some(group) => {
                        let bit = if single { leaf } else { bits };
                        bits += usize::from(!single);
                        group.push((bit, part.condition));
                        together.bits.push(bit);
                    }
                    None => together.rest.push(part.condition),
                }
            }
            if together.bits != [leaf] {
                made.add(together);
            }
        }
        for ((operand, kind, _), conditions) in groups.found.into_iter().zip(conditions) {
            made.add_switches(&operand, kind, conditions);
        }
        made.words = bits.div_ceil(64);
        made
    }

    fn add(&mut self, mut together: Together) {
        if !together.bits.is_empty() {
            self.together.push(together);
        } else if together.rest.len() == 1 {
            self.alone.extend(together.rest.pop().map(|condition| (together.leaf, condition)));
        } else {
            self.alone.push((together.leaf, Expr::And(together.rest)));
        }
    }

    fn add_switches(&mut self, operand: &Operand, kind: Kind, mut conditions: Vec<(usize, Expr)>) {
        while !conditions.is_empty() {
            let later = conditions.split_off(MOST.min(conditions.len()));
            self.switches.push(Switch::new(operand.clone(), kind, conditions, self.memos));
            self.memos += usize::from(kind == Kind::Patterns);
            conditions = later;
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    /// Merges what a span says of the leaves into a row.
    #[inline]
    pub fn ask(&self, env: &Env<'_>, asked: &mut Asked, rows: &mut Rows, row: usize) {
        if self.words <= 1 && self.switches.is_empty() {
            let mut word = 0;
            for (leaf, condition) in &self.alone {
                if word >> leaf & 1 == 0 && condition.holds(env) {
                    word |= 1 << leaf;
                }
            }
            rows.set_leaves(row, &[word]);
        } else {
            rows.set_leaves(row, self.all(env, asked));
        }
    }

    /// The bits of the leaves that hold. What stands behind them is of no meaning.
    #[inline(never)]
    fn all<'a>(&self, env: &Env<'_>, asked: &'a mut Asked) -> &'a [u64] {
        let Asked { bits, memos } = asked;
        bits.clear();
        bits.resize(self.words, 0);
        if memos.len() < self.memos {
            memos.resize_with(self.memos, Memo::default);
        }
        for switch in &self.switches {
            switch.set(env, memos, bits);
        }
        for (leaf, condition) in &self.alone {
            if !is_set(bits, *leaf) && condition.holds(env) {
                set(bits, *leaf);
            }
        }
        for one in &self.together {
            if one.bits.iter().all(|bit| is_set(bits, *bit)) && one.rest.iter().all(|rest| rest.holds(env)) {
                set(bits, one.leaf);
            }
        }
        bits
    }
}

#[inline]
fn is_set(words: &[u64], bit: usize) -> bool {
    words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 != 0)
}

impl Groups {
    /// The conditions that must all hold, those on one operand as one.
    fn parts(&mut self, condition: Expr) -> Vec<Part> {
        let parts = merged(condition, Expr::and_parts, Expr::And);
        let alone = parts.len() == 1;
        parts.into_iter().map(|condition| Part { group: self.of(&condition, alone), condition }).collect()
    }

    /// The number of the group that a condition belongs to; it is counted there. Patterns are looked for only where the
    /// conditions beside them hold.
    fn of(&mut self, condition: &Expr, alone: bool) -> Option<usize> {
        let operand = condition.operand()?;
        let kind = Kind::of(condition).filter(|kind| alone || *kind == Kind::Constants)?;
        let number = *self.numbers.entry((operand.clone(), kind)).or_insert(self.found.len());
        match self.found.get_mut(number) {
            Some((_, _, count)) => *count += 1,
            None => self.found.push((operand.clone(), kind, 1)),
        }
        Some(number)
    }
}

/// The parts of a condition (those of its parts, too), where those that look at one operand alone are one.
fn merged(condition: Expr, parts: fn(Expr, &mut Vec<Expr>), join: fn(Vec<Expr>) -> Expr) -> Vec<Expr> {
    let mut flat = Vec::new();
    parts(condition, &mut flat);
    let mut places: HashMap<Operand, usize, RandomState> = HashMap::default();
    let mut out: Vec<Vec<Expr>> = Vec::new();
    for part in flat {
        let next = out.len();
        let place = part.operand().map_or(next, |operand| *places.entry(operand.clone()).or_insert(next));
        match out.get_mut(place) {
            Some(same) => same.push(part),
            None => out.push(vec![part]),
        }
    }
    let one = |mut parts: Vec<Expr>| if parts.len() == 1 { parts.remove(0) } else { join(parts) };
    out.into_iter().map(one).collect()
}
