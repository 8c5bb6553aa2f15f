//! The kernels of csrc/cuda: their image, and their launch.

use super::device::{Device, Function, Key};
use crate::error::Result;
use std::borrow::Cow;
use std::ffi::CStr;

/// Threads of a block, in all kernels that do not say otherwise.
pub(super) const BLOCK: u32 = 256;

/// A fat binary is read in words.
#[repr(C, align(16))]
struct Image<const N: usize>([u8; N]);

const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));
static IMAGE: Image<{ BYTES.len() }> = Image(*include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin")));

/// The processors that the embedded kernels are compiled for, such as `sm_90`; empty if there are none.
#[must_use]
pub fn cuda_targets() -> &'static str {
    env!("SPIKELOOP_CUDA_TARGETS")
}

/// Launches a kernel of csrc/cuda, whose parameter is `params`.
///
/// # Safety
/// As of `Device::launch`.
pub(super) unsafe fn launch<P: Copy>(
    device: &Device,
    name: &'static CStr,
    grid: [u32; 3],
    block: u32,
    params: &P,
) -> Result<()> {
    // SAFETY: promised to this function.
    unsafe { device.launch(function(device, name)?, grid, block, 0, params) }
}

/// As `launch`, of blocks of `BLOCK` threads; the parameter is so many words.
///
/// # Safety
/// As of `Device::launch`.
pub(super) unsafe fn launch_words(
    device: &Device,
    name: &'static CStr,
    grid: [u32; 3],
    params: &[u64],
) -> Result<()> {
    // SAFETY: promised to this function.
    unsafe { device.launch_words(function(device, name)?, grid, BLOCK, 0, params) }
}

fn function(device: &Device, name: &'static CStr) -> Result<Function> {
    device.function(Key::Kernels, name, || Ok(Cow::Borrowed(&IMAGE.0[..])))
}

/// A grid of one dimension for so many items, of which a thread takes one after the other.
pub(super) fn strided(device: &Device, items: usize) -> Result<[u32; 3]> {
    Ok([(items as u64).div_ceil(BLOCK.into()).min(device.blocks()?) as u32, 1, 1])
}

/// The name of the kernel for a float: `name` with the ending `_f32` or `_f64`.
macro_rules! by_float {
    ($name:literal, $float:expr) => {
        match $float {
            $crate::buffer::Dtype::F32 => $crate::cuda::kernels::c_str(concat!($name, "_f32\0")),
            _ => $crate::cuda::kernels::c_str(concat!($name, "_f64\0")),
        }
    };
}
pub(super) use by_float;

/// As `by_float`, and for the type of the indices: then `_u16` or `_u32`.
macro_rules! by_float_and_index {
    ($name:literal, $float:expr, $index:expr) => {
        match ($float, $index) {
            ($crate::buffer::Dtype::F32, $crate::buffer::Dtype::U16) => {
                $crate::cuda::kernels::c_str(concat!($name, "_f32_u16\0"))
            }
            ($crate::buffer::Dtype::F32, _) => $crate::cuda::kernels::c_str(concat!($name, "_f32_u32\0")),
            (_, $crate::buffer::Dtype::U16) => $crate::cuda::kernels::c_str(concat!($name, "_f64_u16\0")),
            _ => $crate::cuda::kernels::c_str(concat!($name, "_f64_u32\0")),
        }
    };
}
pub(super) use by_float_and_index;

/// A text that ends with its only NUL.
pub(super) const fn c_str(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("the text ends with its only NUL"),
    }
}
