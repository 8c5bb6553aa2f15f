//! XLA's FFI C ABI over the kernels: call frames are decoded and checked here, and nowhere else does
//! unsafe code meet the runtime's memory.

pub mod abi;
mod attributes;
mod buffer;
mod conv;
mod cuda;
mod delayed;
mod dense;
mod eligibility;
mod error;
mod event;
mod fire;
mod found;
mod frame;
mod handler;
#[cfg(test)]
mod lengths;
mod list;
mod operand;
mod plastic;
mod prepared;
mod procedural;
mod program;
mod program_steps;
mod random;
mod record;
mod register;
mod sequence;
mod spike_queue;
#[cfg(test)]
mod testing;

pub use cuda::{cuda_registrations, cuda_targets};
pub use register::{Registration, registrations};
pub use sequence::register_sequence;
