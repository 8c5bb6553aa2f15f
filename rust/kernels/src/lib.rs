//! Kernels of spiking networks as plain functions over buffers: no Python, no XLA.
//!
//! What a population does in a step is a [`program`]; events, connectivity, plasticity and
//! recorders are written by hand over the lanes of [`lane`].

pub mod connect;
mod error;
pub mod event;
mod growing;
pub mod lane;
pub mod large_pages;
pub mod plasticity;
pub mod program;
pub mod random;
pub mod record;
mod shape;
mod shared;
mod stack;
pub mod threads;

pub use error::{Error, Result};
pub use growing::{Table, hash_of};
pub use lane::{Float, simd_level};
pub use shape::Shape;
