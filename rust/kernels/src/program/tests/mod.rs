//! Tests of programs.

mod calls;
mod case;
mod fuzz;
mod meaning;
mod random;
mod text;
