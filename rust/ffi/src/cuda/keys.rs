//! The handler that makes keys from keys.

use super::device::{Device, address};
use super::driver::Address;
use super::joined::{Joinable, launch};
use super::kernels::strided;
use super::operands::expect_len;
use crate::buffer::Dtype;
use crate::error::Result;
use crate::frame::Frame;

/// `SplitCall` in csrc/cuda/keys.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct SplitCall {
    n: u64,
    keys: Address,
    first: Address,
    second: Address,
}

/// `keys`, two words each, to two new keys for each.
pub(super) fn split(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 2)?;
    let (keys, results) = (frame.arg(0), [0, 1].map(|k| frame.ret(k)));
    keys.expect(Dtype::U32, "keys")?;
    expect_len(&keys, "keys", keys.len() / 2 * 2)?;
    for result in &results {
        result.expect(Dtype::U32, "result")?;
        expect_len(result, "result", keys.len())?;
    }
    let [first, second] = results.each_ref().map(address);
    let call = SplitCall { n: (keys.len() / 2) as u64, keys: address(&keys), first, second };
    let device = Device::of(frame)?;
    let [x, y, _] = strided(&device, keys.len())?;
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, (Joinable::Split, c"random_split", None), [x, y], &call) }
}
