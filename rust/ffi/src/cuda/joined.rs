//! Calls that do not need each other's results, as one launch.
//!
//! While a sequence runs, the launches of such calls wait; they are launched together when another command has to
//! follow them, or when the sequence ends.

use super::device::Device;
use super::kernels::{BLOCK, launch as launch_alone, launch_words};
use crate::buffer::Dtype;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::sequence;
use std::cell::RefCell;
use std::ffi::CStr;
use std::slice;

/// `Joinable` in csrc/cuda/joined.cu.
#[derive(Debug, Clone, Copy)]
pub(super) enum Joinable {
    Scatter,
    ScatterWide,
    Deliver,
    DeliverWide,
    Collect,
    Enqueue,
    Split,
}

impl Joinable {
    /// One of two, by the type of the indices.
    pub(super) fn by_index(index: Dtype, narrow: Self, wide: Self) -> Self {
        if index == Dtype::U16 { narrow } else { wide }
    }
}

/// Calls of a launch, and words of their parameters.
const MOST: usize = 8;
const WORDS: usize = 384;

/// `JoinedCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct JoinedCall {
    part: [u32; MOST],
    end: [u32; MOST],
    size_x: [u32; MOST],
    size_y: [u32; MOST],
    offset: [u32; MOST],
    words: [u64; WORDS],
}

/// A launch that waits; `float` is the type that its kernel is for, if there are several.
struct Waiting {
    part: Joinable,
    name: &'static CStr,
    float: Option<Dtype>,
    grid: [u32; 2],
    params: Vec<u64>,
}

thread_local! {
    /// The launches that wait, where a sequence runs.
    static WAITING: RefCell<Option<Vec<Waiting>>> = const { RefCell::new(None) };
}

/// Lets launches wait until this is dropped.
struct Joining;

impl Joining {
    fn begin() -> Self {
        WAITING.set(Some(vec![]));
        Self
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        WAITING.set(None);
    }
}

/// Runs a sequence, whose calls need nothing of each other but the sums that they add to.
pub(super) fn call(frame: Frame) -> Result<()> {
    let _joining = Joining::begin();
    sequence::call(frame)?;
    launch_waiting(&Device::of(frame)?)
}

/// Launches a kernel that can be part of a joined launch.
///
/// # Safety
/// As of `Device::launch`; all fields of `P` have 64 bits.
pub(super) unsafe fn launch<P: Copy>(
    device: &Device,
    (part, name, float): (Joinable, &'static CStr, Option<Dtype>),
    grid: [u32; 2],
    params: &P,
) -> Result<()> {
    if WAITING.with_borrow(Option::is_none) {
        // SAFETY: promised to this function.
        return unsafe { launch_alone(device, name, [grid[0], grid[1], 1], BLOCK, params) };
    }
    if grid.contains(&0) {
        return Ok(()); // no work
    }
    // SAFETY: the parameter is plain words.
    let params = unsafe { slice::from_raw_parts((&raw const *params).cast(), size_of::<P>() / 8) }.to_vec();
    let new = Waiting { part, name, float, grid, params };
    if !WAITING.with_borrow(|all| all.as_ref().is_some_and(|all| goes_with(all, &new))) {
        launch_waiting(device)?;
    }
    WAITING.with_borrow_mut(|all| all.get_or_insert_default().push(new));
    Ok(())
}

/// Whether there is room for one more, and it is for the same type of floats.
fn goes_with(all: &[Waiting], new: &Waiting) -> bool {
    let words: usize = all.iter().map(|one| one.params.len()).sum();
    let floats = all.iter().filter_map(|one| one.float);
    all.len() < MOST
        && words + new.params.len() <= WORDS
        && new.float.is_none_or(|float| floats.into_iter().all(|other| other == float))
}

/// Launches what waits: every other command on the stream does so first.
pub(super) fn launch_waiting(device: &Device) -> Result<()> {
    let taken = WAITING.with_borrow_mut(|all| all.as_mut().map(std::mem::take));
    let all = taken.unwrap_or_default();
    match &all[..] {
        [] => Ok(()),
        // SAFETY: promised when it was to be launched; its buffers are those of the sequence that still runs.
        [one] => unsafe { launch_words(device, one.name, [one.grid[0], one.grid[1], 1], &one.params) },
        all => {
            let (call, blocks) = joined(all)?;
            let is_double = all.iter().any(|one| one.float == Some(Dtype::F64));
            let name = if is_double { c"joined_f64" } else { c"joined_f32" };
            // SAFETY: the parameter is that of the kernel; the rest is as above.
            unsafe { launch_alone(device, name, [blocks, 1, 1], BLOCK, &call) }
        }
    }
}

/// The parameter of the one launch, and its blocks.
fn joined(all: &[Waiting]) -> Result<(JoinedCall, u32)> {
    let [part, end, size_x, size_y, offset] = [[0; MOST]; 5];
    let mut call = JoinedCall { part, end, size_x, size_y, offset, words: [0; WORDS] };
    let (mut blocks, mut words) = (0_u32, 0);
    for (k, one) in all.iter().enumerate() {
        let [x, y] = one.grid;
        let more = x.checked_mul(y).and_then(|own| blocks.checked_add(own));
        blocks =
            more.ok_or_else(|| Error::invalid("joined calls have more blocks than a launch can have"))?;
        (call.part[k], call.end[k], call.size_x[k], call.size_y[k]) = (one.part as u32, blocks, x, y);
        call.offset[k] = words as u32;
        call.words[words..words + one.params.len()].copy_from_slice(&one.params);
        words += one.params.len();
    }
    Ok((call, blocks))
}
