//! Tests of programs.

mod cache;
mod calls;
mod case;
mod fuzz;
mod meaning;
mod ptx;
mod random;
mod text;
