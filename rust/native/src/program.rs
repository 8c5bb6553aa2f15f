//! Step programs for `csrc/program.cc`.

use crate::Text;
use spikeloop_kernels::program::{Level, parse, table};
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
        table::insert(parse(text).map_err(|error| error.to_string())?)
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
