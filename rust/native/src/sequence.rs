//! Sequences of native calls for `csrc/program.cc`.

use spikeloop_ffi::register_sequence;
use std::ffi::{CString, c_char};
use std::panic::catch_unwind;
use std::{ptr, slice, str};

/// Registers a sequence under the hash of its text; returns null, or why not, for `spikeloop_error_free`.
///
/// # Safety
/// There are `size` bytes of text, and `hash` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spikeloop_sequence(text: *const u8, size: usize, hash: *mut i64) -> *mut c_char {
    // SAFETY: by the contract of this function.
    let text = if size == 0 { &[] } else { unsafe { slice::from_raw_parts(text, size) } };
    let registered = catch_unwind(|| {
        let text = str::from_utf8(text).map_err(|_| "the text of a sequence is no UTF-8".to_string())?;
        register_sequence(text)
    });
    match registered.unwrap_or_else(|_| Err("panic while a sequence was read".into())) {
        Ok(found) => {
            // SAFETY: by the contract of this function.
            unsafe { *hash = found as i64 };
            ptr::null_mut()
        }
        Err(message) => CString::new(message.replace('\0', "\\0")).unwrap_or_default().into_raw(),
    }
}
