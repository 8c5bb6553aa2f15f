//! Large pages for large arrays. Each small page that the processor has not used lately costs it a walk through tables of
//! pages, and each one that is new costs an interrupt.

use std::ptr::NonNull;

/// The size of a large page on x86-64, and on other processors with pages of 4 KiB.
const PAGE: usize = 2 << 20;

/// From so many bytes on: several large pages, so that little is lost at the end.
const LARGE: usize = 2 * PAGE;

/// The alignment that an array of so many bytes needs for large pages.
pub(crate) fn alignment(bytes: usize) -> usize {
    if bytes >= LARGE { PAGE } else { 1 }
}

/// Asks for large pages under memory that is still to be written, also for those at its ends that it shares.
///
/// The runtime gets the memory of large results anew from the system in each call, all of them as one piece.
pub fn ask_around(memory: *mut u8, bytes: usize) {
    if bytes < LARGE {
        return;
    }
    let before = memory.addr() % PAGE;
    if let Some(start) = NonNull::new(memory.wrapping_sub(before)) {
        ask_for(start, (before + bytes).next_multiple_of(PAGE));
    }
}

/// Asks the system for large pages. It may refuse, and then the array has small ones.
pub(crate) fn ask_for(memory: NonNull<u8>, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if bytes >= LARGE {
        use std::ffi::{c_int, c_void};
        const HUGEPAGE: c_int = 14;
        unsafe extern "C" {
            fn madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int;
        }
        // SAFETY: the advice changes nothing of what the memory holds, whose it ever is; of memory that is not there it
        // says so.
        unsafe { madvise(memory.as_ptr().cast(), bytes / PAGE * PAGE, HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (memory, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::Array;

    #[test]
    fn memory_keeps_what_it_holds() {
        let mut memory = vec![7_u8; 3 * LARGE];
        for (start, bytes) in [(0, 3 * LARGE), (1, LARGE + PAGE), (77, 5)] {
            ask_around(memory[start..].as_mut_ptr(), bytes);
        }
        assert!(memory.iter().all(|&x| x == 7));
    }

    #[test]
    fn arrays_of_all_sizes_are_filled_and_given_back() {
        for bytes in [1, LARGE - 1, LARGE, LARGE + 77] {
            let array = Array::<u8>::new(bytes).expect("there is memory");
            // SAFETY: nobody else has the array.
            unsafe {
                array.put(0, (0..bytes).map(|k| k as u8));
                let all = array.get(0..bytes);
                assert_eq!(all[bytes - 1], (bytes - 1) as u8);
                assert_eq!(all.as_ptr() as usize % alignment(bytes), 0);
            }
        }
    }
}
