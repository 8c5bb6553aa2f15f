//! Tests of programs.

mod calls;
mod case;
mod meaning;
mod text;
