//! The one thread pool of the process.

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
use std::arch::asm;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Result;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static POOL: Mutex<Option<Arc<ThreadPool>>> = Mutex::new(None);

/// Sets the number of threads; 0 stands for as many as the machine offers.
pub fn set(n: usize) {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    COUNT.store(n, Ordering::Relaxed);
    *pool = None;
}

/// The number of threads.
#[must_use]
pub fn get() -> usize {
    match COUNT.load(Ordering::Relaxed) {
        0 => {
            let n = std::thread::available_parallelism().map_or(1, usize::from);
            COUNT.store(n, Ordering::Relaxed);
            n
        }
        n => n,
    }
}

/// The pool, made on first use; none if the system refuses threads.
fn pool() -> Option<Arc<ThreadPool>> {
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.is_none() {
        let name = |k| format!("spikeloop-{k}");
        *pool = ThreadPoolBuilder::new().num_threads(get() - 1).thread_name(name).build().ok().map(Arc::new);
    }
    pool.clone()
}

/// Runs `task` over `0..tasks` in contiguous ranges, on several threads if `parallel`.
///
/// Which thread runs what must not matter to the result.
pub(crate) fn ranges(tasks: usize, parallel: bool, task: impl Fn(Range<usize>) + Sync) {
    share(tasks, parallel, &task);
}

/// [`ranges`], compiled once for all tasks.
fn share(tasks: usize, parallel: bool, task: &(dyn Fn(Range<usize>) + Sync)) {
    let threads = get().min(tasks);
    let pool = if parallel && threads > 1 { pool() } else { None };
    let Some(pool) = pool else {
        return task(0..tasks);
    };
    let floats = Floats::current();
    // The calling thread takes a share, so the pool has one thread less.
    pool.in_place_scope(|scope| {
        for k in 1..threads {
            scope.spawn(move |_| floats.during(|| task(tasks * k / threads..tasks * (k + 1) / threads)));
        }
        task(0..tasks / threads);
    });
}

/// As [`ranges`], for tasks that can fail. The error is that of the first range that has one.
pub(crate) fn try_ranges(
    tasks: usize,
    parallel: bool,
    task: impl Fn(Range<usize>) -> Result<()> + Sync,
) -> Result<()> {
    let first = Mutex::new(None);
    ranges(tasks, parallel, |range| {
        let start = range.start;
        if let Err(error) = task(range) {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.as_ref().is_none_or(|&(earlier, _)| start < earlier) {
                *first = Some((start, error));
            }
        }
    });
    match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// How a thread's float instructions round and treat subnormals.
///
/// XLA flushes subnormals to zero in the threads that it calls kernels from. Threads of the pool
/// have to do the same, or results would depend on who computes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Floats(u64);

impl Floats {
    /// Those of this thread.
    fn current() -> Self {
        let control: u64;
        // SAFETY: reads a register, by way of a word of memory on x86.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            let mut word = 0u32;
            asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
            control = word.into();
        }
        // SAFETY: as above.
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        unsafe {
            asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags));
        }
        #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
        {
            control = 0;
        }
        // Of x86's bits the lowest six are a record of what has happened.
        Self(if cfg!(target_arch = "x86_64") { control & !0x3f } else { control })
    }

    /// Makes them this thread's.
    fn set(self) {
        // SAFETY: writes a value that `current` read; a handler does so too, see above.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            let word = self.0 as u32;
            asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack, preserves_flags, readonly));
        }
        // SAFETY: as above.
        #[cfg(all(target_arch = "aarch64", not(miri)))]
        unsafe {
            asm!("msr fpcr, {}", in(reg) self.0, options(nomem, nostack, preserves_flags));
        }
    }

    /// Runs `body` with these.
    fn during(self, body: impl FnOnce()) {
        let own = Self::current();
        self.set();
        body();
        own.set();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn ranges_cover_all_once() {
        set(3);
        for tasks in [0, 1, 2, 3, 10, 1001] {
            let counts: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            ranges(tasks, true, |range| {
                for k in range {
                    counts[k].fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        }
        let error = try_ranges(100, true, |range| Err(Error::Active { position: range.start }));
        assert_eq!(error, Err(Error::Active { position: 0 }));
        set(0);
        assert!(get() >= 1);
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn pool_flushes_subnormals_as_the_caller_does() {
        let own = Floats::current();
        let flushing = Floats(own.0 | 0x8040);
        let seen = Mutex::new(Vec::new());
        flushing.during(|| {
            ranges(2, true, |_| seen.lock().expect("no panic").push(Floats::current()));
        });
        assert!(seen.into_inner().expect("no panic").iter().all(|&floats| floats == flushing));
        assert_eq!(Floats::current(), own);
    }
}
