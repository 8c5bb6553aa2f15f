//! Sums at targets: by atomic operations in any order, or exact, where the call has the memory for it.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, by_float, launch, strided};
use super::operands::expect_len;
use crate::buffer::{Buffer, Dtype};
use crate::error::Result;
use crate::frame::Frame;

/// `Sums` in csrc/cuda/sums.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Sums {
    pub(super) target: Address,
    digits: Address,
}

/// `FinishCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct FinishCall {
    sums: Sums,
    n: u64,
}

impl Sums {
    /// No sums: a result that is written once.
    pub(super) fn none(out: &Buffer) -> Self {
        Self { target: address(out), digits: 0 }
    }

    /// Sums at `target`, a result of the call. They are exact if there is one result more than `results`: the memory of
    /// their digits, which is cleared.
    pub(super) fn begin(device: &Device, frame: Frame, target: &Buffer, results: usize) -> Result<Self> {
        if frame.ret_count() <= results {
            return Ok(Self::none(target));
        }
        let (digits, each) = (frame.ret(results), if target.dtype == Dtype::F32 { 8 } else { 54 });
        digits.expect(Dtype::U32, "digits")?;
        expect_len(&digits, "digits", 2 * each * target.len())?;
        device.clear(&digits)?;
        Ok(Self { target: address(target), digits: address(&digits) })
    }

    /// Fails unless a call has so many operands, and so many results or one more.
    pub(super) fn expect_counts(frame: Frame, args: usize, results: usize) -> Result<()> {
        frame.expect_counts(args, frame.ret_count().clamp(results, results + 1))
    }

    /// Rounds the sums, if they are exact, and adds them to the target.
    pub(super) fn finish(self, device: &Device, target: &Buffer) -> Result<()> {
        if self.digits == 0 {
            return Ok(());
        }
        let (call, grid) =
            (FinishCall { sums: self, n: target.len() as u64 }, strided(device, target.len())?);
        // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
        unsafe { launch(device, by_float!("finish_sums", target.dtype), grid, BLOCK, &call) }
    }
}
