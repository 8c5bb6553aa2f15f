//! Handlers that build connectivity: the first counts synapses, the second fills them in. There are none for the CPU,
//! where builders run outside of XLA.
//!
//! `rules` holds structs as words of 32 bits, `BuiltRule` in csrc/cuda/connect.cuh, and `positions` floats of 64 bits,
//! two words each. `drawn` is scratch: a row for each warp that lists partners of a neuron.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, launch, strided};
use super::operands::expect_len;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use std::ffi::CStr;

/// Words of a rule.
const WORDS: usize = 88;

/// Warps of a block.
const WARPS: usize = BLOCK as usize / 32;

/// Cells of a thread that sums them up.
const EACH: usize = 8;

/// `Drawing` in csrc/cuda/connect.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Drawing {
    rules: Address,
    positions: Address,
    numbers: Address,
    drawn: Address,
    length: u64,
}

/// `CellsCall`.
#[repr(C)]
#[derive(Clone, Copy)]
struct CellsCall {
    by: Drawing,
    starts: Address,
    tiles: Address,
    n_cells: u64,
}

/// `FillCall`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct FillCall {
    by: Drawing,
    groups: Address,
    starts: Address,
    indices: Address,
    weight: Address,
    delay: Address,
    cursors: Address,
    listed: Address,
    places: Address,
    index_bytes: u64,
    weight_bytes: u64,
    delay_bytes: u64,
    delays: u64,
    nnz: u64,
    n_cells: u64,
}

/// `rules, positions` to where the synapses of each cell start and the last ones end, and a word for each source of each
/// rule; and scratch: a word for 2,048 cells, and `drawn`.
pub(super) fn count(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 4)?;
    let (rules, positions, starts, numbers) = (frame.arg(0), frame.arg(1), frame.ret(0), frame.ret(1));
    let (tiles, drawn) = (frame.ret(2), frame.ret(3));
    for (buffer, name) in [(&starts, "starts"), (&tiles, "tiles")] {
        buffer.expect(Dtype::U32, name)?;
    }
    let Some(n_cells) = starts.len().checked_sub(1) else {
        return Err(Error::invalid("'starts' has 0 elements, expected at least 1"));
    };
    let n_tiles = starts.len().div_ceil(EACH * BLOCK as usize);
    expect_len(&tiles, "tiles", n_tiles)?;
    let device = Device::of(frame)?;
    let drawing = Drawing::of(&rules, &positions, &numbers, &drawn)?;
    let n_rules = words(&rules, "rules", WORDS)?;
    let call =
        CellsCall { by: drawing, starts: address(&starts), tiles: address(&tiles), n_cells: n_cells as u64 };
    device.clear(&starts)?;
    let by_rule = |items: usize| -> Result<_> { Ok([strided(&device, items)?[0], n_rules, 1]) };
    let tiles = [n_tiles as u32, 1, 1];
    let kernels = [
        (c"connect_numbers", by_rule(numbers.len())?),
        (c"connect_count", by_rule(n_cells)?),
        (c"connect_count_listed", [blocks_of(&drawn, n_rules)?, n_rules, 1]),
        (c"connect_tiles", tiles),
        (c"connect_starts", tiles),
    ];
    for (name, grid) in kernels {
        // SAFETY: the parameter is that of the kernels, and its buffers have the sizes that it says.
        unsafe { launch(&device, name, grid, BLOCK, &call)? };
    }
    Ok(())
}

/// `rules, positions, groups, starts, numbers` to targets, then weights and delays if these are drawn; and scratch:
/// `drawn`; a word for each cell, if there are rules that draw the sources of a target; and with delays, the targets in
/// ascending order, and a row of delays for each warp.
pub(super) fn fill(frame: Frame) -> Result<()> {
    let call = FillCall::of(frame)?;
    let columns = 1 + usize::from(call.delay_bytes > 0) + usize::from(call.weight_bytes > 0);
    let (drawn, cursors) = (frame.ret(columns), frame.ret(columns + 1));
    let n_rules = words(&frame.arg(0), "rules", WORDS)?;
    let n_groups = words(&frame.arg(2), "groups", 2)?;
    let device = Device::of(frame)?;
    let by_rule = [blocks_of(&drawn, n_rules)?, n_rules, 1];
    run(&device, c"connect_targets", by_rule, &call)?;
    if cursors.len() > 0 {
        device.clear(&cursors)?;
        run(&device, c"connect_by_target", by_rule, &call)?;
        run(&device, c"connect_order", by_rule, &call)?;
    }
    let blocks = if call.delay_bytes > 0 {
        blocks_of(&frame.ret(frame.ret_count() - 1), n_groups)?
    } else if call.weight_bytes > 0 {
        device.blocks()? as u32
    } else {
        return Ok(());
    };
    run(&device, c"connect_synapses", [blocks, n_groups, 1], &call)
}

impl Drawing {
    fn of(rules: &Buffer, positions: &Buffer, numbers: &Buffer, drawn: &Buffer) -> Result<Self> {
        for (buffer, name) in [(positions, "positions"), (numbers, "numbers"), (drawn, "drawn")] {
            buffer.expect(Dtype::U32, name)?;
        }
        let length = drawn.population().n as u64;
        let [rules, positions, numbers, drawn] = [rules, positions, numbers, drawn].map(address);
        Ok(Self { rules, positions, numbers, drawn, length })
    }
}

impl FillCall {
    fn of(frame: Frame) -> Result<Self> {
        let (weighted, delayed) = (frame.flag("weighted")?, frame.flag("delayed")?);
        let columns = 1 + usize::from(weighted) + usize::from(delayed);
        frame.expect_counts(5, columns + if delayed { 4 } else { 2 })?;
        let [rules, positions, groups, starts, numbers] = [0, 1, 2, 3, 4].map(|k| frame.arg(k));
        let (drawn, cursors, nnz) = (frame.ret(columns), frame.ret(columns + 1), frame.ret(0).len());
        starts.expect(Dtype::U32, "starts")?;
        cursors.expect(Dtype::U32, "cursors")?;
        let n_cells = starts.len().saturating_sub(1);
        if cursors.len() > 0 {
            expect_len(&cursors, "cursors", n_cells)?;
        }
        let column = |is_there: bool, at, name, types| {
            if is_there { column(&frame.ret(at), name, types, nnz) } else { Ok((0, 0)) }
        };
        let (indices, index_bytes) = column(true, 0, "indices", [Dtype::U16, Dtype::U32])?;
        let (weight, weight_bytes) = column(weighted, 1, "weight", [Dtype::F32, Dtype::F64])?;
        let (delay, delay_bytes) = column(delayed, columns - 1, "delay", [Dtype::U8, Dtype::U16])?;
        let (listed, _) = column(delayed, columns + 2, "listed", [Dtype::U32; 2])?;
        let (places, delays) = if delayed { places(&frame.ret(columns + 3))? } else { (0, 0) };
        let by = Drawing::of(&rules, &positions, &numbers, &drawn)?;
        let [groups, starts, cursors] = [&groups, &starts, &cursors].map(address);
        let lists =
            Self { by, groups, starts, indices, weight, delay, cursors, listed, places, ..Self::default() };
        let (nnz, n_cells) = (nnz as u64, n_cells as u64);
        Ok(Self { index_bytes, weight_bytes, delay_bytes, delays, nnz, n_cells, ..lists })
    }
}

/// The blocks for each row of a grid, where `scratch` has a row for each warp.
fn blocks_of(scratch: &Buffer, rows: u32) -> Result<u32> {
    let blocks = scratch.population().batch / WARPS / rows.max(1) as usize;
    match u32::try_from(blocks) {
        Ok(blocks) if blocks > 0 => Ok(blocks),
        _ => Err(Error::invalid(format!(
            "{:?} are too few or too many rows of scratch memory: each warp of a block needs one",
            scratch.dims
        ))),
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
