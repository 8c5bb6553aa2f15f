//! Calls of a sequence that are decoded once, not in each step: attributes, types and sizes stay the same.

use crate::error::Result;
use crate::frame::Frame;
use crate::{event, fire, program, spike_queue};
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

/// How a handler is prepared, if it can be. What cannot be prepared says why when it is called.
pub(crate) fn prepare_of(name: &str) -> Option<Prepare> {
    match name {
        "fire" => Some(fire::prepare),
        "fire_kept" => Some(fire::prepare_kept),
        "program" => Some(program::prepare),
        "event_scatter" => Some(event::prepare_scatter),
        "event_enqueue" => Some(spike_queue::prepare_enqueue),
        "event_deliver" => Some(spike_queue::prepare_deliver),
        _ => None,
    }
}
