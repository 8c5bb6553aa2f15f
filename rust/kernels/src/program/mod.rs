//! Step programs: what a population does in a step, as a short list of operations on lanes.
//!
//! Python traces a step and hands it over as text ([`parse()`]). A program ([`ir`]) is typed and in
//! static single assignment; [`op`] lists the operations, and `element` says what they do. The [`table`] keeps
//! the programs of the process. `variant` sorts a program for certain operands, `run` splits a call into spans
//! of lanes, and `jit` or `interp` compute them; `cache` keeps the machine code that `jit` makes. `steps` runs a
//! program over many steps in one call, and `recurrent` with a product of matrices between them.

mod cache;
mod draw;
mod element;
mod interp;
pub mod ir;
mod jit;
mod level;
pub mod op;
mod parse;
mod plan;
pub mod ptx;
mod recurrent;
mod run;
mod steps;
pub mod table;
mod variant;

#[cfg(test)]
mod tests;

pub use ir::Program;
pub use level::Level;
pub use op::{Op, Type};
pub use parse::{ParseError, parse};
pub use recurrent::{Link, Recurrent};
pub use run::{Call, Input, Layout, Sum};
pub use steps::Steps;
pub use table::{Entry, Stats};
