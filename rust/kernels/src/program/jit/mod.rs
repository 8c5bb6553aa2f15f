//! Programs as machine code of x86-64, made when they are first run.
//!
//! `schedule` orders what there is to do, `body` keeps track of where values are, `lower` and `control` choose the
//! instructions (from the table in `isa`), `frame` puts the loop around them, `memory` makes them executable.

mod assembler;
mod bits;
mod body;
mod control;
#[cfg(test)]
mod emulator;
mod frame;
mod isa;
mod lower;
mod memory;
mod resident;
mod schedule;
mod state;

use std::io::Write;
use std::time::Instant;

use super::element::{Element, GROUP, Group};
use super::interp::Span;
use super::level::Level;
use super::variant::Variant;
use super::{Program, Stats};
use assembler::{LINE, Line};
use frame::{Frame, SUMS_AT};
use isa::Target;
use memory::Executable;

/// A program's machine code.
#[derive(Debug)]
pub(crate) struct Code {
    executable: Executable,
    /// The constants: as many lines as follow the first place that is on a line of the cache.
    constants: Vec<u64>,
    inputs: Vec<usize>,
    uniform_inputs: Vec<usize>,
    scratch: usize,
    stats: Stats,
}

/// Where memory with room for one line more begins on a line of the cache.
fn line_start(memory: &[u64]) -> usize {
    memory.as_ptr().align_offset(LINE).min(memory.len())
}

impl Code {
    /// None where there is no such code: the program runs in the interpreter then.
    pub(crate) fn new(program: &Program, variant: &Variant, level: Level) -> Option<Self> {
        let begin = Instant::now();
        if program.double() && program.has_bits() {
            return None;
        }
        let target = Target::new(level, program.double())?;
        let function = frame::write(program, variant, target).ok()?;
        let executable = Executable::new(&function.bytes)?;
        let mut constants = vec![0; (function.constants.len() + 1) * size_of::<Line>() / 8];
        let start = line_start(&constants);
        constants[start..][..function.constants.len() * 8].copy_from_slice(function.constants.as_flattened());
        let stats = Stats {
            ops: variant.ops,
            registers: function.counts.registers,
            spills: function.counts.spills,
            bytes: function.bytes.len(),
            compile_us: begin.elapsed().as_secs_f64() * 1e6,
            isa: level.name(),
        };
        map_for_perf(&executable, function.bytes.len(), program);
        let frame::Function { inputs, uniform_inputs, scratch, .. } = function;
        Some(Self { executable, constants, inputs, uniform_inputs, scratch, stats })
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        self.stats.bytes + size_of_val(&self.constants[..])
    }

    /// Computes the lanes of a span. `uniforms` has a word for each of the variant's loads, `workspace` is for any code.
    ///
    /// # Safety
    /// As for [`Memory::run`](super::interp::Memory::run), and this machine has the code's instructions.
    pub(crate) unsafe fn run<T: Element>(
        &self,
        uniforms: &[u64],
        span: &mut Span<'_, T>,
        workspace: &mut Vec<u64>,
    ) {
        assert_eq!(uniforms.len(), self.uniform_inputs.len(), "one word for each operand");
        let words = Frame::WORDS + self.inputs.len() + span.outs.len();
        let room = self.scratch / 8 + LINE / 8 + words;
        if workspace.len() < room {
            workspace.resize(room, 0);
        }
        let start = line_start(workspace);
        let (scratch, table) = workspace[start..].split_at_mut(self.scratch / 8);
        let constants = self.constants[line_start(&self.constants)..].as_ptr();
        let bytes = span.len * size_of::<T>();
        let fixed = [bytes, uniforms.as_ptr().addr(), constants.addr(), scratch.as_ptr().addr()];
        let inputs = self.inputs.iter().map(|&k| span.inputs[k].addr());
        let outs = span.outs.iter().map(|out| out.addr());
        for (word, value) in table.iter_mut().zip(fixed.into_iter().chain(inputs).chain(outs)) {
            *word = value as u64;
        }
        let sums = scratch[SUMS_AT / 8..].as_mut_ptr().cast::<Group<T::Bits>>();
        const { assert!(size_of::<Group<T::Bits>>() == GROUP * size_of::<T>()) };
        // SAFETY: the code keeps to the table, the scratch has its size, and the caller vouches for the lanes.
        unsafe {
            for (k, sum) in span.sums.iter().enumerate() {
                sums.add(k).write(*sum);
            }
            self.call(table);
            for (k, sum) in span.sums.iter_mut().enumerate() {
                *sum = sums.add(k).read();
            }
        }
    }
}

impl Code {
    /// # Safety
    /// The table is as the code wants it, and this machine has its instructions.
    #[cfg(not(test))]
    unsafe fn call(&self, table: &[u64]) {
        // SAFETY: promised to this function.
        unsafe { self.executable.call(table.as_ptr()) };
    }

    /// Tests emulate what this machine does not have.
    ///
    /// # Safety
    /// The table is as the code wants it.
    #[cfg(test)]
    unsafe fn call(&self, table: &[u64]) {
        let missing = Level::available().iter().all(|level| level.name() != self.stats.isa);
        if missing || EMULATED.get() {
            return emulator::call(self.executable.bytes(), table.as_ptr());
        }
        // SAFETY: promised to this function.
        unsafe { self.executable.call(table.as_ptr()) };
    }
}

#[cfg(test)]
thread_local! {
    /// Whether this thread emulates all code.
    pub(super) static EMULATED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether the system lets memory become executable.
pub(crate) fn is_allowed() -> bool {
    Executable::new(&[0xc3]).is_some()
}

/// Tells perf where the code is, if `SPIKELOOP_PERF_MAP=1`.
fn map_for_perf(code: &Executable, bytes: usize, program: &Program) {
    if std::env::var("SPIKELOOP_PERF_MAP").is_ok_and(|value| value == "1") {
        // Where perf looks for it, whatever the folder for temporary files is.
        let path = format!("/tmp/perf-{}.map", std::process::id());
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        let line = format!("{:x} {:x} spikeloop_{:016x}\n", code.address(), bytes, program.hash());
        // A profile without names is no reason to fail.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}
