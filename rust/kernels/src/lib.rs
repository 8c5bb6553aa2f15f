//! Kernels of spiking networks as plain functions over buffers: no Python, no XLA.
//!
//! A neuron model is one file under [`neuron`], written once for any [`Real`]: the lanes of
//! [`lane`] run it forwards, the dual numbers of [`dual`] derive its tangents from it.

pub mod connect;
pub mod dual;
mod error;
pub mod event;
pub mod lane;
pub mod math;
pub mod neuron;
mod operand;
pub mod plasticity;
pub mod program;
pub mod random;
mod real;
mod receptor;
pub mod record;
mod shared;
mod stack;
mod surrogate;
pub mod threads;

pub use error::{Error, Result};
pub use lane::{Float, simd_level};
pub use operand::{Arg, Operand, Ret, Shape};
pub use real::{Real, Spike};
pub use receptor::{Dynamics, Output, Receptor};
pub use surrogate::{Slope, Surrogate};
