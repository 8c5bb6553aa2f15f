//! Native calls that follow each other, as one call of the runtime. Attribute `sequence`: the hash under which the
//! sequence was registered.
//!
//! Setting up a call costs the runtime as much as a thousand neurons. A sequence has the operands and results of its
//! calls, each once, and hands them on in frames of its own; so every handler of the CPU can be part of one. What a call
//! leaves to a later one is a result of the sequence. On GPUs a sequence has calls that do not need each other's results.

mod parse;

use crate::abi::{CallFrame, Handler, Operands, RawBuffer};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::found::{self, Kept};
use crate::frame::Frame;
use crate::list::List;
use spikeloop_kernels::{Table, hash_of};
use std::ffi::c_int;
use std::ptr;

/// Buffers of a sequence, and of one of its calls, without the heap.
const BUFFERS: usize = 96;
const OPERANDS: usize = 48;

/// The sequences of the process.
static TABLE: Table<Sequence, 256> = Table::new();

/// Calls in their order.
#[derive(Debug)]
struct Sequence {
    hash: u64,
    text: String,
    operands: usize,
    results: usize,
    constants: Vec<Constant>,
    steps: Vec<Step>,
}

/// One of the calls: its handler, and where its operands and results stand among the buffers of the sequence.
#[derive(Debug)]
struct Step {
    handler: Handler,
    args: Vec<usize>,
    rets: Vec<usize>,
    attributes: Attributes,
}

/// An operand that is known beforehand. It lives as long as the process, as all sequences do.
#[derive(Debug)]
struct Constant(*mut RawBuffer);

// SAFETY: handlers do not write operands that no result shares, and a constant is no result.
unsafe impl Send for Constant {}
// SAFETY: as above.
unsafe impl Sync for Constant {}

/// Memory as the runtime aligns it.
#[repr(align(64))]
struct Aligned(u64);

impl Constant {
    /// A buffer of at most one element, which has these bits.
    fn new(dtype: c_int, dims: Vec<i64>, bits: u64) -> std::result::Result<Self, String> {
        if dims.iter().any(|&d| !(0..=1).contains(&d)) {
            return Err(format!("a constant has at most one element; given {dims:?}"));
        }
        let data = (&raw mut Box::leak(Box::new(Aligned(bits))).0).cast();
        let (rank, dims) = (dims.len() as i64, dims.leak().as_mut_ptr());
        let buffer = RawBuffer {
            struct_size: size_of::<RawBuffer>(),
            extension_start: ptr::null_mut(),
            dtype,
            data,
            rank,
            dims,
        };
        Ok(Self(Box::into_raw(Box::new(buffer))))
    }
}

/// The sequence with this hash.
fn find(wanted: u64) -> Option<&'static Sequence> {
    TABLE.list(wanted).iter().find(|sequence| sequence.hash == wanted)
}

/// Registers a sequence under the hash of its text, which is returned.
///
/// # Errors
/// If the text is no sequence, or another one has its hash.
pub fn register_sequence(text: &str) -> std::result::Result<u64, String> {
    let hash = hash_of(text);
    // A sequence is read once: what it holds is never given back.
    let entry = if let Some(known) = find(hash) {
        known
    } else {
        let new = parse::parse(text)?;
        TABLE.list(hash).find_or_add(|old| old.hash == hash, || new)
    };
    if entry.text == text { Ok(hash) } else { Err(format!("two sequences have the hash {hash:x}")) }
}

/// Runs a sequence.
pub(crate) fn call(frame: Frame) -> Result<()> {
    let hash = frame.int("sequence")?;
    let Some(sequence) = find(hash as u64) else {
        return Err(Error::invalid(format!(
            "no sequence with the hash {hash} is registered in this process"
        )));
    };
    frame.expect_counts(sequence.operands, sequence.results)?;
    let buffers = sequence.buffers(frame.raw())?;
    let _kept = Kept::new();
    sequence.steps.iter().try_for_each(|step| step.run(frame.raw(), &buffers))
}

impl Sequence {
    /// The buffers: operands, results, constants.
    fn buffers(&self, frame: &CallFrame) -> Result<List<*mut RawBuffer, BUFFERS>> {
        let mut buffers = List::new(ptr::null_mut());
        let (results, constants) = (self.operands, self.operands + self.results);
        buffers.fill(constants + self.constants.len(), |k, buffer| {
            // SAFETY: the runtime's arrays have as many entries as the frame was checked to have.
            *buffer = unsafe {
                match k {
                    k if k < results => *frame.args.buffers.add(k),
                    k if k < constants => *frame.rets.buffers.add(k - results),
                    k => self.constants[k - constants].0,
                }
            };
            Ok(())
        })?;
        Ok(buffers)
    }
}

impl Step {
    fn run(&self, frame: &CallFrame, buffers: &[*mut RawBuffer]) -> Result<()> {
        let (mut args, mut rets) = (List::new(ptr::null_mut()), List::new(ptr::null_mut()));
        for (to, places) in [(&mut args, &self.args), (&mut rets, &self.rets)] {
            to.fill(places.len(), |k, buffer| {
                *buffer = buffers[places[k]];
                Ok(())
            })?;
        }
        let mut inner = CallFrame {
            struct_size: frame.struct_size,
            extension_start: ptr::null_mut(),
            api: frame.api,
            ctx: frame.ctx,
            stage: frame.stage,
            args: operands(&mut args),
            rets: operands(&mut rets),
            attrs: self.attributes.tables(),
            future: ptr::null_mut(),
        };
        // SAFETY: the frame is complete, and lives until the handler returns.
        let done = Error::check_raised(unsafe { (self.handler)(&raw mut inner) });
        // SAFETY: buffers are live for the time of the call.
        found::forget(rets.iter().map(|&ret| unsafe { (*ret).data }.addr()));
        done
    }
}

fn operands(buffers: &mut List<*mut RawBuffer, OPERANDS>) -> Operands {
    Operands {
        struct_size: size_of::<Operands>(),
        extension_start: ptr::null_mut(),
        size: buffers.len() as i64,
        types: ptr::null_mut(),
        buffers: buffers.as_mut_ptr(),
    }
}

#[cfg(test)]
mod tests;
