//! Native calls that follow each other, as one call of the runtime. Attribute `sequence`: the hash under which the
//! sequence was registered.
//!
//! Setting up a call costs the runtime as much as a thousand neurons. A sequence has the operands and results of its
//! calls, each once, and hands them on in frames of its own; so every handler of the CPU can be part of one. What a call
//! leaves to a later one is a result of the sequence. On GPUs a sequence has calls that do not need each other's results.

mod parse;
mod rows;

use crate::abi::{CallFrame, Operands, RawBuffer};
use crate::attributes::Attributes;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::found::Found;
use crate::frame::Frame;
use crate::handler::Body;
use crate::list::List;
use crate::prepared::Prepared;
use rows::Rows;
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
    /// The types and dimensions of the operands and results.
    kinds: Kinds,
    rows: Option<Rows>,
    constants: Vec<Constant>,
    steps: Vec<Step>,
}

/// What buffers are, whatever memory they have.
#[derive(Debug, Default)]
struct Kinds {
    dtypes: Vec<c_int>,
    ranks: Vec<usize>,
    /// The dimensions of all, one after the other.
    dims: Vec<i64>,
}

/// One of the calls: what it runs, and where its operands and results stand among the buffers of the sequence.
#[derive(Debug)]
struct Step {
    name: String,
    body: Body,
    /// What it runs instead, if it could be prepared.
    prepared: Option<Box<dyn Prepared>>,
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
        let buffer = RawBuffer { dtype, data, rank, dims, ..RawBuffer::NONE };
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
    let mut buffers = List::new(ptr::null_mut());
    sequence.list(frame.raw(), &mut buffers)?;
    // SAFETY: there is a kind for each operand and result; all live for the time of the call.
    unsafe { sequence.kinds.expect(&buffers)? };
    let Some(rows) = &sequence.rows else { return sequence.run(frame, &buffers) };
    let mut own = List::new(RawBuffer::NONE);
    // SAFETY: the buffers are of these kinds, and no call runs.
    let done = unsafe { rows.begin(&buffers, &mut own)? };
    let first = sequence.operands + sequence.results;
    buffers[first..].iter_mut().zip(own.iter_mut()).for_each(|(place, row)| *place = row);
    sequence.run(frame, &buffers)?;
    // SAFETY: as above.
    unsafe { rows.end(&buffers, done) };
    Ok(())
}

impl Sequence {
    /// Runs the calls.
    fn run(&self, frame: Frame, buffers: &[*mut RawBuffer]) -> Result<()> {
        let found = Found::new();
        self.steps.iter().try_for_each(|step| step.run(frame.raw(), buffers, &found))
    }

    /// The number of the first constant among the buffers.
    fn first_constant(&self) -> usize {
        self.operands + self.results + self.rows.as_ref().map_or(0, Rows::len)
    }

    /// Lists the buffers: operands, results, null in the places of rows, and constants.
    fn list(&self, frame: &CallFrame, buffers: &mut List<*mut RawBuffer, BUFFERS>) -> Result<()> {
        let [results, rows] = [self.operands, self.operands + self.results];
        let constants = self.first_constant();
        buffers.fill(constants + self.constants.len(), |k, buffer| {
            // SAFETY: the runtime's arrays have as many entries as the frame was checked to have.
            *buffer = unsafe {
                match k {
                    k if k < results => *frame.args.buffers.add(k),
                    k if k < rows => *frame.rets.buffers.add(k - results),
                    k if k < constants => ptr::null_mut(),
                    k => self.constants[k - constants].0,
                }
            };
            Ok(())
        })
    }
}

impl Kinds {
    fn len(&self) -> usize {
        self.dtypes.len()
    }

    fn push(&mut self, dtype: c_int, dims: &[i64]) {
        self.dtypes.push(dtype);
        self.ranks.push(dims.len());
        self.dims.extend(dims);
    }

    /// The types and dimensions.
    #[inline]
    fn each(&self) -> impl Iterator<Item = (c_int, &[i64])> {
        let mut rest = &self.dims[..];
        self.dtypes.iter().zip(&self.ranks).map(move |(&dtype, &rank)| {
            let (dims, others) = rest.split_at(rank);
            rest = others;
            (dtype, dims)
        })
    }

    /// Fails unless the buffers are of these kinds.
    ///
    /// # Safety
    /// There are at least as many, and they are live.
    unsafe fn expect(&self, buffers: &[*mut RawBuffer]) -> Result<()> {
        for (k, (dtype, dims)) in self.each().enumerate() {
            // SAFETY: promised to this function.
            let given = unsafe { Buffer::new(&*buffers[k]) };
            // Dimensions are one or two: a call to compare them would take longer.
            let same = dtype == given.dtype.0 && dims.len() == given.dims.len();
            if !same || dims.iter().zip(given.dims).any(|(a, b)| a != b) {
                return Err(misfit(k, given, Dtype(dtype), dims));
            }
        }
        Ok(())
    }
}

#[cold]
fn misfit(k: usize, given: Buffer<'_>, dtype: Dtype, dims: &[i64]) -> Error {
    Error::invalid(format!("buffer {k} is {} {:?}, expected {dtype} {dims:?}", given.dtype, given.dims))
}

impl Step {
    /// Runs the call in a sequence with these buffers.
    fn run(&self, frame: &CallFrame, buffers: &[*mut RawBuffer], found: &Found) -> Result<()> {
        let done = self.with_frame(frame, buffers, |inner| {
            let inner = inner.within(found);
            match &self.prepared {
                // SAFETY: the buffers are of the kinds that it was prepared for.
                Some(prepared) => unsafe { prepared.run(inner) },
                None => (self.body)(inner),
            }
        });
        // SAFETY: buffers are live for the time of the call.
        found.forget(self.rets.iter().map(|&ret| unsafe { (*buffers[ret]).data }.addr()));
        // SAFETY: in an execution `api` is the runtime's table.
        done.or_else(|error| Error::check_raised(unsafe { error.of(&self.name).raise(frame) }))
    }

    /// Does something with the frame of the call.
    fn with_frame<R>(
        &self,
        frame: &CallFrame,
        buffers: &[*mut RawBuffer],
        run: impl FnOnce(Frame) -> Result<R>,
    ) -> Result<R> {
        let (mut args, mut rets) = (List::new(ptr::null_mut()), List::new(ptr::null_mut()));
        for (to, places) in [(&mut args, &self.args), (&mut rets, &self.rets)] {
            to.fill(places.len(), |k, buffer| {
                *buffer = buffers[places[k]];
                Ok(())
            })?;
        }
        let inner = CallFrame {
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
        // SAFETY: the frame is complete, and lives until the call has run.
        run(unsafe { Frame::new(&inner) })
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
