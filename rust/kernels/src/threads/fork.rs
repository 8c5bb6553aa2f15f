//! How often this process was forked from another.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static WATCHED: AtomicBool = AtomicBool::new(false);

/// The number of forks between this process and the one that first asked.
pub(super) fn count() -> usize {
    // No lock, which a fork could leave locked.
    if !WATCHED.load(Ordering::Relaxed) && !WATCHED.swap(true, Ordering::Relaxed) {
        watch();
    }
    COUNT.load(Ordering::Relaxed)
}

/// Lets every child count itself.
#[cfg(all(unix, not(miri)))]
fn watch() {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn pthread_atfork(
            before: Option<extern "C" fn()>,
            in_parent: Option<extern "C" fn()>,
            in_child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    extern "C" fn in_child() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }

    // SAFETY: the function is POSIX's, and what it is given may be called at any time. It fails where memory is short;
    // then a child is as if it had not been watched.
    unsafe { pthread_atfork(None, None, Some(in_child)) };
}

/// There are no forks.
#[cfg(not(all(unix, not(miri))))]
fn watch() {}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::threads::ranges;

    unsafe extern "C" {
        fn fork() -> c_int;
        fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
        fn kill(pid: c_int, signal: c_int) -> c_int;
        fn _exit(status: c_int) -> !;
    }

    fn sum_on_two_threads() -> usize {
        crate::threads::set(2).expect("few");
        let sum = AtomicUsize::new(0);
        ranges(100, true, |range| {
            sum.fetch_add(range.sum::<usize>(), Ordering::Relaxed);
        });
        sum.into_inner()
    }

    /// Waits for a child for ten seconds at most; its status, or none if it hangs, and it is ended then.
    fn status_of(child: c_int) -> Option<c_int> {
        const WITHOUT_WAITING: c_int = 1;
        let mut status = -1;
        for _ in 0..1_000 {
            // SAFETY: the child is ours, and the status may be written.
            if unsafe { waitpid(child, &raw mut status, WITHOUT_WAITING) } == child {
                return Some(status);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // SAFETY: the child is ours.
        unsafe { kill(child, 9) };
        None
    }

    #[test]
    fn a_child_has_threads_of_its_own() {
        assert_eq!(sum_on_two_threads(), 4950);
        for _ in 0..3 {
            // SAFETY: the child calls nothing but what is under test, and leaves at once.
            let child = unsafe { fork() };
            if child == 0 {
                let fits = sum_on_two_threads() == 4950 && sum_on_two_threads() == 4950;
                // SAFETY: ends the child.
                unsafe { _exit(c_int::from(!fits)) };
            }
            assert_eq!(status_of(child), Some(0));
        }
        assert_eq!(sum_on_two_threads(), 4950);
    }
}
