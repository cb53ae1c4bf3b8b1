//! The Rust kernel: bytes in, bytes and numbers out. `docs/kernel.md` says what it does, to the byte.

#![forbid(unsafe_code)]

mod checks;
mod columns;
mod digest;
mod edit;
mod env;
mod expr;
mod facts;
mod header;
mod index;
mod keys;
mod labels;
mod ottl;
mod outgoing;
mod program;
mod python;
mod records;
mod regex;
mod rows;
mod scrub;
mod spec;
mod table;
mod tracestate;
mod value;
mod walk;
mod wire;
mod work;

pub use python::_native;
