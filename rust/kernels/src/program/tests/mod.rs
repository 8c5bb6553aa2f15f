//! Tests of programs.

mod text;
