//! Programs whose operands and results were checked beforehand.

use super::{ARGS, RETS, checked, expect_own};
use crate::error::Result;
use crate::frame::Frame;
use crate::list::List;
use crate::prepared::Prepared;
use spikeloop_kernels::Shape;
use spikeloop_kernels::program::{Call, Entry, Input, Layout, Level, Sum};
use std::ffi::c_void;
use std::ptr;

/// A program, and how its operands and results lie in memory.
#[derive(Debug)]
pub(crate) struct Ready {
    entry: &'static Entry,
    shape: Shape,
    /// None of an operand that is not read.
    inputs: Vec<Option<Layout>>,
    /// Whether each sum has one element for each row.
    per_row: Vec<bool>,
}

/// A program that is ready to run, of the hash in the attribute `program`.
pub(crate) fn prepare(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(Ready::new(frame, frame.int("program")?)?))
}

impl Ready {
    /// The program with this hash, for operands and results like those of the frame, whose memory is not looked at.
    pub(crate) fn new(frame: Frame, hash: i64) -> Result<Self> {
        let mut ready = None;
        checked(
            frame,
            hash,
            |_| 0,
            |entry, call| {
                let layout = |input: &Input| (!input.ptr.is_null()).then_some(input.layout);
                ready = Some(Self {
                    entry,
                    shape: call.shape,
                    inputs: call.inputs.iter().map(layout).collect(),
                    per_row: call.sums.iter().map(|sum| sum.per_row).collect(),
                });
                Ok(())
            },
        )?;
        Ok(ready.expect("a checked call is handed on"))
    }

    /// Runs the program on operands and results at these addresses.
    ///
    /// # Safety
    /// They are buffers of the types and dimensions that the program was made ready for.
    pub(crate) unsafe fn run(
        &self,
        arg: impl Fn(usize) -> *mut c_void,
        ret: impl Fn(usize) -> *mut c_void,
    ) -> Result<()> {
        let outs = self.entry.program().outs();
        let mut inputs = List::<_, ARGS>::new(Input { ptr: ptr::null(), layout: Layout::Uniform });
        inputs.fill(self.inputs.len(), |k, input| {
            if let Some(layout) = self.inputs[k] {
                *input = Input { ptr: arg(k), layout };
            }
            Ok(())
        })?;
        let mut results = List::<_, RETS>::new(ptr::null_mut());
        results.fill(outs.len(), |k, result| {
            *result = ret(k);
            expect_own(k, *result, outs[k].alias, self.shape, &inputs)
        })?;
        let mut sums = List::<_, RETS>::new(Sum { ptr: ptr::null_mut(), per_row: false });
        sums.fill(self.per_row.len(), |k, sum| {
            *sum = Sum { ptr: ret(outs.len() + k), per_row: self.per_row[k] };
            Ok(())
        })?;
        let call = Call { shape: self.shape, inputs: &inputs, outs: &results, sums: &sums };
        // SAFETY: types and lengths are those that were checked, and the aliases were checked here.
        unsafe { self.entry.run(&call, Level::best()) };
        Ok(())
    }
}

impl Prepared for Ready {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        // SAFETY: promised to this function.
        unsafe { self.run(|k| frame.arg(k).address(), |k| frame.ret(k).address()) }
    }
}
