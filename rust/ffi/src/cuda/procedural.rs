//! Handlers of propagation along synapses that are made anew: the operands and attributes are those of the CPU's.
//!
//! Scratch is (blocks, words): each block makes one row after the other in its own words.

use super::device::{Device, address};
use super::driver::Address;
use super::kernels::{BLOCK, by_float, launch};
use super::operands::{Ring, Targets, expect_len, tiles};
use super::sums::Sums;
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;
use crate::procedural::rule;
use spikeloop_kernels::Shape;
use spikeloop_kernels::connect::{self, Family, Own, Procedural, Rule};
use std::ffi::CStr;

/// `Draw` in csrc/cuda/draw.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
struct Draw {
    family: u64,
    numbers: [f64; 6],
}

impl Draw {
    fn of(draw: Option<connect::Draw>) -> Self {
        let Some(draw) = draw else { return Self { family: 0, numbers: [0.0; 6] } };
        let family = match draw.family {
            Family::Uniform => 1,
            Family::Normal => 2,
            Family::LogNormal => 3,
            Family::Exponential => 4,
        };
        let ([from, to], [low, high]) = (draw.part, draw.bounds);
        Self { family, numbers: [draw.a, draw.b, from, to, low, high] }
    }
}

/// `DrawnRows` in `csrc/cuda/drawn_rows.cuh`.
#[repr(C)]
#[derive(Clone, Copy)]
struct DrawnRows {
    rule: u64,
    num: u64,
    multapses: u64,
    has_own: u64,
    own: [i64; 2],
    seed: u64,
    n_pre: u64,
    n_post: u64,
    wide: u64,
    prob: f64,
    weight: Draw,
    delay: Draw,
    width: u64,
    parts: u64,
}

impl DrawnRows {
    fn of(rows: &Procedural<'_>) -> Result<Self> {
        let spec = rows.spec();
        let (rule, num, multapses, prob) = match spec.rule {
            Rule::OneToOne => (0, 0, false, 0.0),
            Rule::AllToAll => (1, 0, false, 0.0),
            Rule::FixedProb { prob } => (2, 0, false, prob),
            Rule::FixedOutDegree(number) => (3, number.num as u64, number.multapses, 0.0),
            _ => return Err(Error::invalid("the rows of this rule are not drawn one by one")),
        };
        let (has_own, own) = match spec.own {
            Own::Line { first, step } => (1, [first, step]),
            _ => (0, [0; 2]),
        };
        let (n_post, width) = (spec.n_post as u64, spec.block_width().into());
        Ok(Self {
            rule,
            num,
            multapses: multapses.into(),
            has_own,
            own,
            seed: spec.seed,
            n_pre: spec.n_pre as u64,
            n_post,
            wide: spec.wide.into(),
            prob,
            weight: Draw::of(spec.weight),
            delay: Draw::of(spec.delay),
            width,
            parts: n_post.div_ceil(width),
        })
    }

    /// The targets that a block of threads lists at a time, at most.
    fn listed(&self) -> u64 {
        match self.rule {
            2 => self.n_post.min(LISTED * u64::from(BLOCK)),
            3 => self.num,
            _ => 0,
        }
    }
}

/// Targets that a thread lists of a row with a probability: more than are ever drawn where 64 are expected at most.
const LISTED: u64 = 256;

/// The address and the words of a row of the scratch memory, and for how many blocks it is.
fn scratch(buffer: &Buffer, needed: u64) -> Result<(Address, u64, u64)> {
    let Shape { batch: blocks, n: words } = buffer.population();
    buffer.expect(Dtype::U32, "scratch")?;
    if (words as u64) < needed || blocks == 0 {
        let dims = buffer.dims;
        return Err(Error::invalid(format!("the scratch memory is {dims:?}, expected rows of {needed}")));
    }
    let blocks = if needed == 0 { u64::MAX } else { blocks as u64 };
    Ok((address(buffer), words as u64, blocks))
}

/// `ProceduralCall` in csrc/cuda/procedural.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct Call {
    rows: DrawnRows,
    scratch: Address,
    words: u64,
    targets: Targets,
    values: Address,
    out: Sums,
}

/// `values, [cursor,] target` to `target`, in place, and scratch.
pub(super) fn scatter(frame: Frame) -> Result<()> {
    let last = frame.arg_count().clamp(2, 3) - 1;
    Sums::expect_counts(frame, last + 1, 2)?;
    let (values, target, out) = (frame.arg(0), frame.arg(last), frame.ret(0));
    let float = float(&target, "target")?;
    values.expect(float, "values")?;
    let (device, mut call, blocks) = call(frame, (&values, "values"), &target, last > 1, [&values, &out])?;
    device.continue_in(&target, "target", &out)?;
    call.out = Sums::begin(&device, frame, &out, 2)?;
    let x = (tiles(call.rows.n_pre as usize) as u64).min(blocks);
    let grid = [x as u32, (blocks / x.max(1)) as u32, 1];
    run(&device, by_float!("procedural_scatter", float), grid, &call)?;
    call.out.finish(&device, &out)
}

/// `cotangent, [cursor]` to what the targets of each row sum up to, and scratch.
pub(super) fn gather(frame: Frame) -> Result<()> {
    frame.expect_counts(frame.arg_count().clamp(1, 2), 2)?;
    let (ct, out) = (frame.arg(0), frame.ret(0));
    let float = float(&ct, "cotangent")?;
    out.expect(float, "result")?;
    let timed = frame.arg_count() > 1;
    let (device, call, blocks) = call(frame, (&out, "result"), &ct, timed, [&ct, &out])?;
    let grid = [call.rows.n_pre.min(blocks) as u32, 1, 1];
    run(&device, by_float!("procedural_gather", float), grid, &call)
}

/// The parameter of the kernel, and how many blocks run; `sources` has a number for each source, and a name.
fn call(
    frame: Frame,
    sources: (&Buffer, &str),
    target: &Buffer,
    timed: bool,
    [values, out]: [&Buffer; 2],
) -> Result<(Device, Call, u64)> {
    let rule = rule(frame, target.population().n)?;
    let ring = if timed { Ring::timed(frame, 1)? } else { Ring::NONE };
    rule.check_delays(ring.slots as usize)?;
    let targets = Targets::with(ring, sources.0.population().batch, target)?;
    let rows = DrawnRows::of(&rule)?;
    let (scratch, words, most) = scratch(&frame.ret(1), rows.listed())?;
    expect_len(sources.0, sources.1, (targets.batch * rows.n_pre) as usize)?;
    let device = Device::of(frame)?;
    let blocks = device.blocks()?.min(most);
    let (values, out) = (address(values), Sums::none(out));
    Ok((device, Call { rows, scratch, words, targets, values, out }, blocks))
}

fn run(device: &Device, name: &'static CStr, grid: [u32; 3], call: &Call) -> Result<()> {
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(device, name, grid, BLOCK, call) }
}
