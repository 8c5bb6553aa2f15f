//! Programs of which some operands, and the results that replace them, are bits.

use super::arrays::place;
use crate::abi::{CallFrame, Operands, RawBuffer, dtype};
use crate::error::Result;
use crate::frame::Frame;
use crate::program::Ready;
use std::ffi::c_void;
use std::ptr;

/// An operand of the step that is bits, and what replaces it, if the program has that as bits too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) operand: usize,
    pub(super) result: Option<usize>,
}

/// The bits of all neurons.
pub(super) struct Bits<'a> {
    pub(super) place: Place,
    pub(super) words: &'a mut [u64],
}

/// A program that is ready to run, and what it reads and makes, as places among the operands and results of the step.
#[derive(Debug)]
pub(super) struct OfBits {
    inputs: Vec<usize>,
    outs: Vec<usize>,
    ready: Ready,
}

impl OfBits {
    /// The program of these attributes, with so many words of bits at these places.
    pub(super) fn new(frame: Frame, names: [&str; 3], words: usize, places: &[Place]) -> Result<Self> {
        let [hash, inputs, outs] = names;
        let [inputs, outs] = [(inputs, frame.arg_count()), (outs, frame.ret_count())].map(|(name, count)| {
            frame.ints(name)?.iter().map(|&k| place(k, count)).collect::<Result<Vec<_>>>()
        });
        let (inputs, outs) = (inputs?, outs?);
        let mut dims = [(words * size_of::<u64>()) as i64];
        let mut buffer = RawBuffer {
            struct_size: size_of::<RawBuffer>(),
            extension_start: ptr::null_mut(),
            dtype: dtype::U8,
            data: ptr::without_provenance_mut(align_of::<u64>()),
            rank: 1,
            dims: dims.as_mut_ptr(),
        };
        let (bits, raw) = (&raw mut buffer, frame.raw());
        let mut args = chosen(&raw.args, &inputs, bits, |k| places.iter().any(|place| place.operand == k));
        let mut rets = chosen(&raw.rets, &outs, bits, |k| places.iter().any(|place| place.result == Some(k)));
        let (args, rets) = (operands(&raw.args, &mut args), operands(&raw.rets, &mut rets));
        let inner = CallFrame { args, rets, future: ptr::null_mut(), ..*raw };
        // SAFETY: the frame is complete, and lives until the program is ready.
        let ready = Ready::new(unsafe { Frame::new(&inner) }, frame.int(hash)?)?;
        Ok(Self { inputs, outs, ready })
    }

    /// Runs the program with these bits at their places.
    ///
    /// # Safety
    /// As of `Prepared::run`, and the bits are as many as the program was made ready for.
    pub(super) unsafe fn run(&self, frame: Frame, bits: &[Bits]) -> Result<()> {
        let own = |found: Option<&Bits>| found.map(|bits| bits.words.as_ptr().cast_mut().cast::<c_void>());
        let arg = |k: usize| {
            let k = self.inputs[k];
            own(bits.iter().find(|bits| bits.place.operand == k)).unwrap_or_else(|| frame.arg(k).address())
        };
        let ret = |k: usize| {
            let k = self.outs[k];
            own(bits.iter().find(|bits| bits.place.result == Some(k)))
                .unwrap_or_else(|| frame.ret(k).address())
        };
        // SAFETY: promised to this function.
        unsafe { self.ready.run(arg, ret) }
    }
}

/// Some of the operands, of which those that are bits are another buffer.
fn chosen(
    all: &Operands,
    places: &[usize],
    buffer: *mut RawBuffer,
    is_bits: impl Fn(usize) -> bool,
) -> Vec<*mut RawBuffer> {
    // SAFETY: the runtime's array has an entry for each place.
    let one = |&k: &usize| if is_bits(k) { buffer } else { unsafe { *all.buffers.add(k) } };
    places.iter().map(one).collect()
}

fn operands(all: &Operands, some: &mut [*mut RawBuffer]) -> Operands {
    Operands { size: some.len() as i64, types: ptr::null_mut(), buffers: some.as_mut_ptr(), ..*all }
}
