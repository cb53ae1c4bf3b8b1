//! The Rust kernel: bytes in, bytes and numbers out. `docs/kernel.md` says what it does, to the byte.

#![forbid(unsafe_code)]

mod actions;
mod checks;
mod columns;
mod compare;
mod convert;
mod digest;
mod digits;
mod drop;
mod edit;
mod env;
mod expr;
mod facts;
mod field;
mod forms;
mod gotext;
mod header;
mod index;
mod keys;
mod labels;
mod leaves;
mod log;
mod lookup;
mod meter;
mod metric;
mod operand;
mod other;
mod ottl;
mod outgoing;
mod parts;
mod pool;
mod predicate;
mod program;
mod python;
mod rebuild;
mod records;
mod regex;
mod rewrite;
mod rows;
mod sample;
mod scrub;
mod shared;
mod signal;
mod source;
mod spec;
mod splice;
mod switch;
mod table;
mod tracestate;
mod value;
mod walk;
mod wire;
mod work;

pub use python::_native;
