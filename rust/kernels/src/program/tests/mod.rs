//! Tests of programs.

mod bits;
mod cache;
mod calls;
mod case;
mod fuzz;
mod meaning;
mod passes;
mod ptx;
mod random;
mod steps;
mod text;
