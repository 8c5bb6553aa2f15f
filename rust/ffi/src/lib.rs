//! XLA's FFI C ABI over the kernels: call frames are decoded and checked here, and nowhere else does
//! unsafe code meet the runtime's memory.

pub mod abi;
mod buffer;
mod eligibility;
mod error;
mod event;
mod frame;
mod handler;
#[cfg(test)]
mod lengths;
#[cfg(test)]
mod lengths_of_neurons;
mod list;
mod neuron;
mod plastic;
mod procedural;
mod random;
mod record;
mod register;
#[cfg(test)]
mod testing;
mod waiting;

pub use register::{Registration, registrations};
