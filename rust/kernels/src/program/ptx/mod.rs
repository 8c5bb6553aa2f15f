//! Programs as PTX, the assembly text that NVIDIA's driver compiles for its GPU.
//!
//! One thread computes one lane, by the same operations in the same order as on the CPU. `instruction` says what each
//! operation is, `section` puts those in a row that are done once for a row of lanes and those of each lane, `frame`
//! and `sums` put the loops around them.
//!
//! A sum over lanes is added up in the order of the CPU: a block of threads takes a chunk of lanes at a time and
//! stores the sum of each in the scratch memory, and a second kernel adds up the chunks. So neither the device nor the
//! size of the grid changes a result.

mod draw;
mod frame;
mod instruction;
mod section;
mod sums;

use std::ffi::CStr;

use super::run::CHUNK;
use super::{Call, Layout, Program};
use crate::shape::Shape;

/// Threads of a block.
pub const THREADS: u32 = 128;

/// Blocks at most: threads go on to further lanes where there are more. Enough for any device.
const BLOCKS: usize = 1 << 14;
/// Rows of blocks at most, a limit of CUDA.
const ROWS: usize = 65_535;

/// What a kernel is made for, beside its program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The layouts of the operands.
    pub layouts: Vec<Layout>,
    /// For each sum, whether it has one element for each row.
    pub per_row: Vec<bool>,
}

impl Variant {
    /// That of a call.
    #[must_use]
    pub fn of(call: &Call<'_>) -> Self {
        let layouts = call.inputs.iter().map(|input| input.layout).collect();
        Self { layouts, per_row: call.sums.iter().map(|sum| sum.per_row).collect() }
    }

    /// Whether rows are computed apart.
    fn has_rows(&self) -> bool {
        self.per_row.contains(&true)
            || self.layouts.iter().any(|layout| matches!(layout, Layout::Row | Layout::Neuron))
    }
}

/// One launch of a kernel of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The name of the kernel.
    pub name: &'static CStr,
    /// Blocks, in x and y.
    pub grid: [u32; 2],
    /// The parameters; all are words of 64 bits.
    pub params: Vec<u64>,
}

/// The name of the kernel that computes lanes.
const STEP: &CStr = c"program";
/// The name of the kernel that adds up chunks.
const TOTAL: &CStr = c"program_total";

/// The text of a program's kernels.
#[must_use]
pub fn text(program: &Program, variant: &Variant) -> String {
    let step = frame::step(program, variant);
    let total = if program.sums().is_empty() { String::new() } else { sums::total(program, variant) };
    format!(".version 8.0\n.target sm_80\n.address_size 64\n\n{step}{total}")
}

/// Elements of the scratch memory that the sums of a program need for a population, whatever the layouts are.
#[must_use]
pub fn scratch(program: &Program, shape: Shape) -> usize {
    program.sums().len() * shape.batch * shape.n.div_ceil(CHUNK)
}

/// The launches of a call, one after the other.
#[must_use]
pub fn launches(call: &Call<'_>, scratch: u64) -> Vec<Launch> {
    let (rows, lanes) = call.rows();
    let sizes = [lanes as u64, rows as u64];
    let inputs = call.inputs.iter().map(|input| input.ptr.addr() as u64);
    let outs = call.outs.iter().map(|out| out.addr() as u64);
    let sums = call.sums.iter().map(|sum| sum.ptr.addr() as u64);
    let chunks = rows * lanes.div_ceil(CHUNK);
    let per_lane = [lanes.div_ceil(THREADS as usize).min(BLOCKS), rows.min(ROWS)];
    let grid = if call.sums.is_empty() { per_lane } else { [chunks.min(BLOCKS), 1] };
    let last = (!call.sums.is_empty()).then_some(scratch);
    let params = sizes.into_iter().chain(inputs).chain(outs).chain(last).collect();
    let mut launches = Vec::new();
    if !call.shape.is_empty() {
        launches.push(Launch { name: STEP, grid: grid.map(|blocks| blocks as u32), params });
    }
    if !call.sums.is_empty() {
        let per_row = call.sums.iter().any(|sum| sum.per_row);
        let results = if per_row { call.shape.batch.clamp(1, BLOCKS) } else { 1 };
        let params = sizes.into_iter().chain([scratch]).chain(sums).collect();
        let grid = [results, call.sums.len()].map(|blocks| blocks as u32);
        launches.push(Launch { name: TOTAL, grid, params });
    }
    launches.retain(|launch| !launch.grid.contains(&0));
    launches
}
