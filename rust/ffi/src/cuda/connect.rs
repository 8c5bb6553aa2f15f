//! Handlers that build connectivity: the first counts synapses, the second fills them in. There are none for the CPU,
//! where builders run outside of XLA.
//!
//! `rules` holds structs of 256 bytes as words of 32 bits, `BuiltRule` in csrc/cuda/connect.cuh.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, launch, strided};
use super::operands::expect_len;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use std::ffi::CStr;

/// Words of a rule.
const WORDS: usize = 64;

/// Threads that draw together, and how many such warps a block has.
const WARP: usize = 32;
const WARPS: usize = BLOCK as usize / WARP;

/// Cells of a thread that sums them up.
const EACH: usize = 8;

/// `CellsCall` in csrc/cuda/connect.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct CellsCall {
    rules: Address,
    starts: Address,
    numbers: Address,
    tiles: Address,
    n_cells: u64,
}

/// `FillCall`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FillCall {
    rules: Address,
    groups: Address,
    starts: Address,
    indices: Address,
    weight: Address,
    delay: Address,
    listed: Address,
    places: Address,
    index_bytes: u64,
    weight_bytes: u64,
    delay_bytes: u64,
    delays: u64,
    nnz: u64,
}

/// `rules` to where the synapses of each cell start and the last ones end; and scratch: a word for each source of each
/// rule, and one for 2,048 cells.
pub(super) fn count(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 3)?;
    let (rules, starts, numbers, tiles) = (frame.arg(0), frame.ret(0), frame.ret(1), frame.ret(2));
    let n_rules = words(&rules, "rules", WORDS)?;
    for (buffer, name) in [(&starts, "starts"), (&numbers, "numbers"), (&tiles, "tiles")] {
        buffer.expect(Dtype::U32, name)?;
    }
    let Some(n_cells) = starts.len().checked_sub(1) else {
        return Err(Error::invalid("'starts' has 0 elements, expected at least 1"));
    };
    let n_tiles = starts.len().div_ceil(EACH * BLOCK as usize);
    expect_len(&tiles, "tiles", n_tiles)?;
    let device = Device::of(frame)?;
    let [rules, starts, sources, sums] = [&rules, &starts, &numbers, &tiles].map(address);
    let call = CellsCall { rules, starts, numbers: sources, tiles: sums, n_cells: n_cells as u64 };
    let by_rule = |items: usize| -> Result<_> { Ok([strided(&device, items)?[0], n_rules, 1]) };
    let tiles = [n_tiles as u32, 1, 1];
    let kernels = [
        (c"connect_numbers", by_rule(numbers.len())?),
        (c"connect_count", by_rule(n_cells)?),
        (c"connect_tiles", tiles),
        (c"connect_starts", tiles),
    ];
    for (name, grid) in kernels {
        // SAFETY: the parameter is that of the kernels, and its buffers have the sizes that it says.
        unsafe { launch(&device, name, grid, BLOCK, &call)? };
    }
    Ok(())
}

/// `rules, groups, starts` to targets, then weights and delays if these are drawn; and, with delays, scratch: the
/// targets in ascending order, and a row of delays for each warp.
pub(super) fn fill(frame: Frame) -> Result<()> {
    let call = FillCall::of(frame)?;
    let (rules, groups, starts) = (frame.arg(0), frame.arg(1), frame.arg(2));
    let (n_rules, n_groups) = (words(&rules, "rules", WORDS)?, words(&groups, "groups", 2)?);
    let device = Device::of(frame)?;
    let cells = strided(&device, starts.len().saturating_sub(1) * WARP)?[0];
    run(&device, c"connect_targets", [cells, n_rules, 1], &call)?;
    let blocks = if call.delay_bytes > 0 {
        let warps = frame.ret(frame.ret_count() - 1).population().batch;
        (warps / WARPS / n_groups.max(1) as usize) as u32
    } else if call.weight_bytes > 0 {
        device.blocks()? as u32
    } else {
        return Ok(());
    };
    if blocks == 0 {
        return Err(Error::invalid("'places' has too few rows: each warp of a block needs one"));
    }
    run(&device, c"connect_synapses", [blocks, n_groups, 1], &call)
}

impl FillCall {
    fn of(frame: Frame) -> Result<Self> {
        let (weighted, delayed) = (frame.flag("weighted")?, frame.flag("delayed")?);
        let drawn = usize::from(weighted) + usize::from(delayed);
        frame.expect_counts(3, 1 + drawn + if delayed { 2 } else { 0 })?;
        frame.arg(2).expect(Dtype::U32, "starts")?;
        let nnz = frame.ret(0).len();
        let column = |is_there: bool, at, name, types| {
            if is_there { column(&frame.ret(at), name, types, nnz) } else { Ok((0, 0)) }
        };
        let (indices, index_bytes) = column(true, 0, "indices", [Dtype::U16, Dtype::U32])?;
        let (weight, weight_bytes) = column(weighted, 1, "weight", [Dtype::F32, Dtype::F64])?;
        let (delay, delay_bytes) = column(delayed, drawn, "delay", [Dtype::U8, Dtype::U16])?;
        let (listed, _) = column(delayed, drawn + 1, "listed", [Dtype::U32; 2])?;
        let (places, delays) = if delayed { places(&frame.ret(drawn + 2))? } else { (0, 0) };
        let [rules, groups, starts] = [0, 1, 2].map(|k| address(&frame.arg(k)));
        let columns = Self { rules, groups, starts, indices, weight, delay, ..Self::default() };
        let sizes = Self { index_bytes, weight_bytes, delay_bytes, delays, nnz: nnz as u64, ..columns };
        Ok(Self { listed, places, ..sizes })
    }
}

/// The address of the rows of delays, and how many delays there are.
fn places(buffer: &Buffer) -> Result<(Address, u64)> {
    let delays = buffer.population().n;
    words(buffer, "places", delays)?;
    if delays == 0 {
        return Err(Error::invalid("'places' is for 0 delays, expected at least 1"));
    }
    Ok((address(buffer), delays as u64))
}

/// How many rows of so many words a buffer has.
fn words(buffer: &Buffer, name: &str, each: usize) -> Result<u32> {
    buffer.expect(Dtype::U32, name)?;
    let shape = buffer.population();
    match u32::try_from(shape.batch) {
        Ok(rows) if shape.n == each => Ok(rows),
        _ => Err(Error::invalid(format!("'{name}' is {:?}, expected rows of {each}", buffer.dims))),
    }
}

/// The address of a result with `nnz` elements of one of two types, and their bytes.
fn column(buffer: &Buffer, name: &str, types: [Dtype; 2], nnz: usize) -> Result<(Address, u64)> {
    if !types.contains(&buffer.dtype) {
        let (given, [one, other]) = (buffer.dtype, types);
        return Err(Error::invalid(format!("'{name}' is {given}, expected {one} or {other}")));
    }
    expect_len(buffer, name, nnz)?;
    let bytes = match buffer.dtype {
        Dtype::U8 => 1,
        Dtype::U16 => 2,
        Dtype::F64 => 8,
        _ => 4,
    };
    Ok((address(buffer), bytes))
}

fn run(device: &Device, name: &'static CStr, grid: [u32; 3], call: &FillCall) -> Result<()> {
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(device, name, grid, BLOCK, call) }
}
