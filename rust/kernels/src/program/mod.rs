//! Step programs: what a population does in a step, as a short list of operations on lanes.
//!
//! Python traces a step and hands it over as text ([`parse()`]). A program ([`ir`]) is typed and in
//! static single assignment; [`op`] is the list of operations and the whole of their meaning.

pub mod ir;
pub mod op;
mod parse;

#[cfg(test)]
mod tests;

pub use ir::Program;
pub use op::{Op, Type};
pub use parse::{ParseError, parse};
