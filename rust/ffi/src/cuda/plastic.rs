//! Handlers of plasticity: the operands and attributes are those of the CPU's.

use super::device::{Device, address};
use super::driver::Address;
use super::event::parts;
use super::history::History;
use super::kernels::{BLOCK, launch};
use super::operands::{Spikes, expect_len, tiles};
use super::plastic_lines::{Lines, Others};
use crate::buffer::{Buffer, Dtype};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::float;
use std::ffi::CStr;

/// `Law` in csrc/cuda/plastic.cu.
#[repr(C)]
#[derive(Clone, Copy)]
struct Law {
    numbers: Address,
    dependence: u64,
}

/// `Change`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Change {
    law: Law,
    weight: Address,
}

impl Change {
    /// The law in the operand `law` and the attribute `dependence`, for the weights in the result.
    fn of(frame: Frame, law: usize) -> Result<Self> {
        let (numbers, weight) = (frame.arg(law), frame.ret(0));
        numbers.expect(weight.dtype, "law")?;
        expect_len(&numbers, "law", 5)?;
        let dependence = match frame.int("dependence")? {
            given @ 0..=2 => given as u64,
            given => return Err(Error::invalid(format!("no dependence on the weight has the code {given}"))),
        };
        Ok(Self { law: Law { numbers: address(&numbers), dependence }, weight: address(&weight) })
    }
}

/// `Flush`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Flush {
    left: Address,
    gain: Address,
    spikes: Address,
    coefficient: Address,
    bounds: Address,
    synapses: [Address; 2],
}

/// `Credit`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Credit {
    left: Address,
    gain: Address,
    lines_are_sources: u64,
    synapses: [Address; 2],
}

impl Credit {
    /// `left, gain` from the operand `first` on, one for each source, and the synapses from `weight` on.
    fn of(frame: Frame, first: usize, weight: usize, lines: [u64; 2]) -> Result<Self> {
        let lines_are_sources = frame.flag("lines_are_sources")?;
        let [line, other] = lines;
        let n = if lines_are_sources { line } else { other };
        let [left, gain] = [("left", 0), ("gain", 1)]
            .map(|(name, k)| of_each(&frame.arg(first + k), name, frame.arg(weight).dtype, n));
        let synapses = synapses(frame, weight)?;
        Ok(Self { left: left?, gain: gain?, lines_are_sources: lines_are_sources.into(), synapses })
    }
}

/// `PlasticCall`, then the events: spikes or a history.
#[repr(C)]
#[derive(Clone, Copy)]
struct Call<A, E> {
    lines: Lines,
    coefficient: History,
    act: A,
    parts: u64,
    events: E,
}

/// `events, coefficient, law, indices, indptr, weight` to `weight`, in place.
pub(super) fn rows(frame: Frame) -> Result<()> {
    frame.expect_counts(6, 1)?;
    let float = float(&frame.arg(5), "weight")?;
    let (lines, others) = Lines::rows(frame, 3, frame.arg(0).len())?;
    let act = Change::of(frame, 2)?;
    now(frame, lines, numbers(frame, 1, float)?, act, change_now(float, others))
}

/// `events, coefficient, law, places, ends, sources, indptr, weight` to `weight`, in place.
pub(super) fn columns(frame: Frame) -> Result<()> {
    frame.expect_counts(8, 1)?;
    let float = float(&frame.arg(7), "weight")?;
    let coefficient = numbers(frame, 1, float)?;
    let (lines, others) = Lines::columns(frame, frame.arg(0).len(), coefficient.n)?;
    let act = Change::of(frame, 2)?;
    now(frame, lines, coefficient, act, change_now(float, others))
}

/// `events, left, gain, spikes, coefficient, bounds, indices, indptr, weight, eligibility` to `weight, eligibility`, in
/// place.
pub(super) fn flush(frame: Frame) -> Result<()> {
    frame.expect_counts(10, 2)?;
    let float = float(&frame.arg(8), "weight")?;
    let (lines, others) = Lines::rows(frame, 6, frame.arg(0).len())?;
    let coefficient = numbers(frame, 4, float)?;
    let of_source = |k, name| of_each(&frame.arg(k), name, float, lines.n());
    let (left, gain, spikes) = (of_source(1, "left")?, of_source(2, "gain")?, of_source(3, "spikes")?);
    let (bounds, coefficients) = (of_each(&frame.arg(5), "bounds", float, 2)?, address(&frame.arg(4)));
    let synapses = synapses(frame, 8)?;
    let act = Flush { left, gain, spikes, coefficient: coefficients, bounds, synapses };
    let name = others.stored(
        float,
        [
            [c"plastic_flush_now_f32_u16", c"plastic_flush_now_f32_u32"],
            [c"plastic_flush_now_f64_u16", c"plastic_flush_now_f64_u32"],
        ],
    );
    now(frame, lines, coefficient, act, name)
}

/// `events, coefficient, gain, places, ends, sources, indptr, weight, eligibility` to `weight, eligibility`, in place.
pub(super) fn credit(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 2)?;
    let float = float(&frame.arg(7), "weight")?;
    let coefficient = numbers(frame, 1, float)?;
    let (lines, others) = Lines::columns(frame, frame.arg(0).len(), coefficient.n)?;
    let gain = of_each(&frame.arg(2), "gain", float, coefficient.n)?;
    let act = Credit { left: 0, gain, lines_are_sources: 0, synapses: synapses(frame, 7)? };
    now(frame, lines, coefficient, act, credit_now(float, others))
}

/// `ring, count, neurons, cursor, coefficient, law, places, others, ends, delay, weight` to `weight`, in place.
pub(super) fn at_arrival(frame: Frame) -> Result<()> {
    frame.expect_counts(11, 1)?;
    let float = float(&frame.arg(10), "weight")?;
    let coefficient = numbers(frame, 4, float)?;
    let (lines, others) = Lines::delayed(frame, 6, frame.arg(0).population().n)?;
    let act = Change::of(frame, 5)?;
    let name = others.stored(
        float,
        [
            [c"plastic_change_arriving_f32_u16", c"plastic_change_arriving_f32_u32"],
            [c"plastic_change_arriving_f64_u16", c"plastic_change_arriving_f64_u32"],
        ],
    );
    arriving(frame, lines, coefficient, act, name)
}

/// `events, ring, cursor, law, places, others, ends, delay, weight` to `weight`, in place; the ring holds coefficients.
pub(super) fn delayed(frame: Frame) -> Result<()> {
    frame.expect_counts(9, 1)?;
    let float = float(&frame.arg(8), "weight")?;
    let coefficient = ring(frame, float)?;
    let (lines, others) = Lines::delayed(frame, 4, frame.arg(0).len())?;
    let act = Change::of(frame, 3)?;
    now(frame, lines, coefficient, act, change_now(float, others))
}

/// `ring, count, neurons, cursor, coefficient, left, gain, places, others, ends, delay, weight, eligibility` to `weight,
/// eligibility`, in place.
pub(super) fn credit_at_arrival(frame: Frame) -> Result<()> {
    frame.expect_counts(13, 2)?;
    let float = float(&frame.arg(11), "weight")?;
    let coefficient = numbers(frame, 4, float)?;
    let (lines, others) = Lines::delayed(frame, 7, frame.arg(0).population().n)?;
    let act = Credit::of(frame, 5, 11, [lines.n(), coefficient.n])?;
    let name = others.stored(
        float,
        [
            [c"plastic_credit_arriving_f32_u16", c"plastic_credit_arriving_f32_u32"],
            [c"plastic_credit_arriving_f64_u16", c"plastic_credit_arriving_f64_u32"],
        ],
    );
    arriving(frame, lines, coefficient, act, name)
}

/// `events, ring, cursor, left, gain, places, others, ends, delay, weight, eligibility` to `weight, eligibility`, in
/// place.
pub(super) fn credit_delayed(frame: Frame) -> Result<()> {
    frame.expect_counts(11, 2)?;
    let float = float(&frame.arg(9), "weight")?;
    let coefficient = ring(frame, float)?;
    let (lines, others) = Lines::delayed(frame, 5, frame.arg(0).len())?;
    let act = Credit::of(frame, 3, 9, [lines.n(), coefficient.n])?;
    now(frame, lines, coefficient, act, credit_now(float, others))
}

fn change_now(float: Dtype, others: Others) -> &'static CStr {
    others.any(
        float,
        [
            [c"plastic_change_now_f32_u16", c"plastic_change_now_f32_u32", c"plastic_change_now_f32_looked"],
            [c"plastic_change_now_f64_u16", c"plastic_change_now_f64_u32", c"plastic_change_now_f64_looked"],
        ],
    )
}

fn credit_now(float: Dtype, others: Others) -> &'static CStr {
    others.any(
        float,
        [
            [c"plastic_credit_now_f32_u16", c"plastic_credit_now_f32_u32", c"plastic_credit_now_f32_looked"],
            [c"plastic_credit_now_f64_u16", c"plastic_credit_now_f64_u32", c"plastic_credit_now_f64_looked"],
        ],
    )
}

/// One number for each neuron of the other side.
fn numbers(frame: Frame, at: usize, float: Dtype) -> Result<History> {
    frame.arg(at).expect(float, "coefficient")?;
    Ok(History::now(&frame.arg(at)))
}

/// The coefficients of the last steps, in the operands 1 and 2.
fn ring(frame: Frame, float: Dtype) -> Result<History> {
    let ring = frame.arg(1);
    ring.expect(float, "ring")?;
    History::values(&ring, &frame.arg(2), ring.population().n)
}

/// A buffer of `n` numbers.
fn of_each(buffer: &Buffer, name: &str, float: Dtype, n: u64) -> Result<Address> {
    buffer.expect(float, name)?;
    expect_len(buffer, name, n as usize)?;
    Ok(address(buffer))
}

/// The weights and eligibilities, which are operands from `first` on, in the results that continue these.
fn synapses(frame: Frame, first: usize) -> Result<[Address; 2]> {
    let eligibility = frame.arg(first + 1);
    eligibility.expect(frame.arg(first).dtype, "eligibility")?;
    expect_len(&eligibility, "eligibility", frame.arg(first).len())?;
    Ok([0, 1].map(|k| address(&frame.ret(k))))
}

/// The device, on which the results continue the last operands: weights, and eligibilities if there are some.
fn begin(frame: Frame) -> Result<Device> {
    let (device, results) = (Device::of(frame)?, frame.ret_count());
    for (k, name) in ["weight", "eligibility"].iter().enumerate().take(results) {
        device.continue_in(&frame.arg(frame.arg_count() - results + k), name, &frame.ret(k))?;
    }
    Ok(device)
}

/// Acts on the synapses of the lines that have an event in the first operand.
fn now<A: Copy>(frame: Frame, lines: Lines, coefficient: History, act: A, name: &'static CStr) -> Result<()> {
    expect_len(&frame.ret(0), "weight", lines.nnz() as usize)?;
    let events = Spikes::all(&frame.arg(0), frame.ret(0).dtype)?;
    expect_len(&frame.arg(0), "events", lines.n() as usize)?;
    let tiles = tiles(lines.n() as usize) as u64;
    let device = begin(frame)?;
    let parts = parts(&device, tiles, lines.nnz().div_ceil(tiles.max(1)))?;
    let call = Call { lines, coefficient, act, parts, events };
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, [tiles as u32, parts as u32, 1], BLOCK, &call) }
}

/// Acts on the synapses at which events of the history in the first four operands arrive.
fn arriving<A: Copy>(
    frame: Frame,
    lines: Lines,
    coefficient: History,
    act: A,
    name: &'static CStr,
) -> Result<()> {
    expect_len(&frame.ret(0), "weight", lines.nnz() as usize)?;
    frame.arg(0).expect(frame.ret(0).dtype, "ring")?;
    let events = History::of(&[0, 1, 2].map(|k| frame.arg(k)), &frame.arg(3), lines.n() as usize)?;
    let device = begin(frame)?;
    let parts = parts(&device, events.slots, lines.nnz().div_ceil(events.slots))?;
    let call = Call { lines, coefficient, act, parts, events };
    // SAFETY: the parameter is that of the kernel, and its buffers have the sizes that it says.
    unsafe { launch(&device, name, [events.slots as u32, parts as u32, 1], BLOCK, &call) }
}
