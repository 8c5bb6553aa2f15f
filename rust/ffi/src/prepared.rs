//! Calls of a sequence that are decoded once, not in each step: attributes, types and sizes stay the same.

use crate::buffer::Element;
use crate::error::Result;
use crate::event::Scatter;
use crate::frame::Frame;
use crate::spike_queue::{Deliver, Enqueue};
use crate::{fire, program, record};
use spikeloop_kernels::Float;
use std::fmt::Debug;

/// A call whose attributes, types and sizes were looked at. What buffers hold, and which of them share memory, is
/// looked at as it runs.
pub(crate) trait Prepared: Debug + Send + Sync {
    /// Runs the call.
    ///
    /// # Safety
    /// The operands and results have the types and dimensions of those that the call was prepared with.
    unsafe fn run(&self, frame: Frame) -> Result<()>;
}

/// Prepares a call with the attributes of a frame, and operands and results like its own; their memory is not read.
pub(crate) type Prepare = fn(Frame) -> Result<Box<dyn Prepared>>;

/// A call of one type of floats, with its attributes read.
pub(crate) trait OfFloats: Debug + Send + Sync + Sized + 'static {
    /// Reads the attributes of a frame.
    fn new(frame: Frame) -> Result<Self>;

    /// Whether its floats are float64.
    fn is_double(&self) -> bool;

    /// Runs the call.
    fn call_as<T: Float + Element>(&self, frame: Frame) -> Result<()>;

    /// Runs the call of its type.
    fn call(&self, frame: Frame) -> Result<()> {
        if self.is_double() { self.call_as::<f64>(frame) } else { self.call_as::<f32>(frame) }
    }
}

impl<C: OfFloats> Prepared for C {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        self.call(frame)
    }
}

/// Runs a call that was not prepared.
pub(crate) fn call<C: OfFloats>(frame: Frame) -> Result<()> {
    C::new(frame)?.call(frame)
}

fn prepare<C: OfFloats>(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(C::new(frame)?))
}

/// How a handler is prepared, if it can be. What cannot be prepared says why when it is called.
pub(crate) fn prepare_of(name: &str) -> Option<Prepare> {
    match name {
        "fire" => Some(fire::prepare),
        "fire_kept" => Some(fire::prepare_kept),
        "program" => Some(program::prepare),
        "event_scatter" => Some(prepare::<Scatter>),
        "event_enqueue" => Some(prepare::<Enqueue>),
        "event_deliver" => Some(prepare::<Deliver>),
        "record_count" => Some(record::prepare_count),
        _ => None,
    }
}
