//! Step programs for `csrc/program.cc`.

use crate::Text;
use spikeloop_kernels::Shape;
use spikeloop_kernels::program::{Layout, Level, Op, Program, parse, ptx, table};
use std::ffi::{CString, c_char};
use std::panic::catch_unwind;
use std::{ptr, slice, str};

/// What is known of a program.
#[repr(C)]
pub struct Stats {
    ops: usize,
    registers: usize,
    spills: usize,
    bytes: usize,
    compile_us: f64,
    isa: Text,
}

/// How many values of a program an operation makes.
#[repr(C)]
pub struct Kind {
    name: Text,
    count: usize,
}

/// Registers a program under the hash of its text; returns null, or why not, for `spikeloop_error_free`.
///
/// # Safety
/// There are `size` bytes of text, and `hash` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_program(text: *const u8, size: usize, hash: *mut i64) -> *mut c_char {
    // SAFETY: by the contract of this function.
    let text = if size == 0 { &[] } else { unsafe { slice::from_raw_parts(text, size) } };
    let registered = catch_unwind(|| {
        let text = str::from_utf8(text).map_err(|_| "the text of a program is no UTF-8".to_string())?;
        table::insert(&parse(text).map_err(|error| error.to_string())?)
    });
    match registered.unwrap_or_else(|_| Err("panic while a program was read".into())) {
        Ok(entry) => {
            // SAFETY: by the contract of this function.
            unsafe { *hash = entry.hash() as i64 };
            ptr::null_mut()
        }
        Err(message) => CString::new(message.replace('\0', "\\0")).unwrap_or_default().into_raw(),
    }
}

/// Makes a program ready, and says what is known of it; false if there is none.
///
/// # Safety
/// `stats` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_program_stats(hash: i64, stats: *mut Stats) -> bool {
    let Ok(Some(found)) = catch_unwind(|| table::find(hash as u64).map(|entry| entry.stats(Level::best())))
    else {
        return false;
    };
    let isa = found.isa.into();
    let (ops, registers, spills) = (found.ops, found.registers, found.spills);
    // SAFETY: by the contract of this function.
    unsafe {
        *stats = Stats { ops, registers, spills, bytes: found.bytes, compile_us: found.compile_us, isa }
    };
    true
}

/// Writes up to `room` kinds of operations, the most frequent first, and returns how many there are.
///
/// # Safety
/// `kinds` has that room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_program_kinds(hash: i64, kinds: *mut Kind, room: usize) -> usize {
    let counts = table::find(hash as u64).map(|entry| entry.program().counts()).unwrap_or_default();
    for (k, &(name, count)) in counts.iter().enumerate().take(room) {
        // SAFETY: by the contract of this function.
        unsafe { kinds.add(k).write(Kind { name: name.into(), count }) };
    }
    counts.len()
}

/// What runs programs.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_jit_level() -> Text {
    Level::best().name().into()
}

/// The PTX of a program, for `spikeloop_error_free`; null if there is none, or no such layouts.
///
/// `operands` has a letter for each operand: u where it is the same for all lanes, r for one element a row, n for one a
/// neuron, f for both. `sums` has one for each sum: u, or r for one element a row. Without letters operands vary where
/// the program says so, and sums are those of all lanes.
///
/// # Safety
/// The texts have `operands_size` and `sums_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_program_ptx(
    hash: i64,
    operands: *const u8,
    operands_size: usize,
    sums: *const u8,
    sums_size: usize,
) -> *mut c_char {
    // SAFETY: by the contract of this function.
    let letters = |text, size| if size == 0 { &[] } else { unsafe { slice::from_raw_parts(text, size) } };
    let (operands, sums) = (letters(operands, operands_size), letters(sums, sums_size));
    let text = catch_unwind(|| {
        let program = table::find(hash as u64)?.program();
        Some(ptx::text(program, &variant(program, operands, sums)?))
    });
    let Ok(Some(text)) = text else { return ptr::null_mut() };
    CString::new(text).unwrap_or_default().into_raw()
}

/// The variant that letters say.
fn variant(program: &Program, operands: &[u8], sums: &[u8]) -> Option<ptx::Variant> {
    let layout = |letter: &u8| match letter {
        b'u' => Some(Layout::Uniform),
        b'r' => Some(Layout::Row),
        b'n' => Some(Layout::Neuron),
        b'f' => Some(Layout::Full),
        _ => None,
    };
    let usual = |reader: &Option<usize>| {
        let varies = reader.is_some_and(|id| program.values()[id].op == Op::In);
        if varies { Layout::Full } else { Layout::Uniform }
    };
    let layouts: Vec<Layout> = match operands {
        [] => program.readers().iter().map(usual).collect(),
        letters => letters.iter().map(layout).collect::<Option<_>>()?,
    };
    let per_row = match sums {
        [] => vec![false; program.sums().len()],
        letters => letters.iter().map(|&letter| letter == b'r').collect(),
    };
    let fits = (layouts.len(), per_row.len()) == (program.readers().len(), program.sums().len());
    fits.then_some(ptx::Variant { layouts, per_row })
}

/// Elements of the scratch memory that a program's CUDA code needs for a population.
#[unsafe(no_mangle)]
pub extern "C" fn spikeloop_program_scratch(hash: i64, batch: usize, n: usize) -> usize {
    table::find(hash as u64).map_or(0, |entry| ptx::scratch(entry.program(), Shape { batch, n }))
}
