//! Comparisons, as conditions and facts name them.

use std::cmp::Ordering;

use serde_json::Value as Json;

use crate::spec::{shown, Outcome};

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Op {
    pub fn compile(spec: Option<&Json>) -> Outcome<Op> {
        Ok(match spec.and_then(Json::as_str) {
            Some("==") => Op::Equal,
            Some("<") => Op::Less,
            Some("<=") => Op::LessEqual,
            Some(">") => Op::Greater,
            Some(">=") => Op::GreaterEqual,
            _ => return Err(format!("unknown comparison {}", shown(spec))),
        })
    }

    #[inline]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Op::Equal => order.is_eq(),
            Op::Less => order.is_lt(),
            Op::LessEqual => order.is_le(),
            Op::Greater => order.is_gt(),
            Op::GreaterEqual => order.is_ge(),
        }
    }
}
