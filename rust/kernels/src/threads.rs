//! The one team of threads of the process.

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
use std::arch::asm;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use team::team;

mod fork;
mod team;

static COUNT: AtomicUsize = AtomicUsize::new(0);
static CORES: AtomicUsize = AtomicUsize::new(0);

/// Cores that this process may use, asked once: the answer takes as long as a step.
// No lock, which a fork could leave locked.
fn cores() -> usize {
    match CORES.load(Ordering::Relaxed) {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            CORES.store(cores, Ordering::Relaxed);
            cores
        }
        cores => cores,
    }
}

/// More threads than cores are of use to tests alone, which compare numbers of threads.
const FOR_TESTS: usize = 64;

/// The greatest number of threads that may be asked for.
#[must_use]
pub fn limit() -> usize {
    FOR_TESTS.max(cores())
}

/// Sets the number of threads; 0 stands for as many as the process has cores.
///
/// # Errors
/// If it is above the [`limit`].
pub fn set(n: usize) -> Result<()> {
    if n > limit() {
        return Err(Error::Threads { given: n, limit: limit(), cores: cores() });
    }
    COUNT.store(n, Ordering::Relaxed);
    Ok(())
}

/// The number of threads.
#[must_use]
pub fn get() -> usize {
    match COUNT.load(Ordering::Relaxed) {
        0 => cores(),
        n => n,
    }
}

/// Runs `task` over `0..tasks` in contiguous ranges, on several threads if `parallel`.
///
/// Which thread runs what must not matter to the result.
pub(crate) fn ranges(tasks: usize, parallel: bool, task: impl Fn(Range<usize>) + Sync) {
    let threads = get().min(tasks);
    if parallel && threads > 1 {
        team().run(tasks, threads, &task);
    } else {
        task(0..tasks);
    }
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
/// XLA flushes subnormals to zero in the threads that it calls kernels from. Other threads
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

/// Runs `body` as XLA runs kernels: with subnormals flushed to zero, where the tests know how.
#[cfg(test)]
pub(crate) fn flushing(body: impl FnOnce()) {
    let flush = if cfg!(target_arch = "x86_64") { 0x8040 } else { 0 };
    Floats(Floats::current().0 | flush).during(body);
}

#[cfg(test)]
mod tests {
    use super::team::Team;
    use super::*;

    #[test]
    fn ranges_cover_all_once() {
        set(3).expect("few");
        for tasks in [0, 1, 2, 3, 10, 1001] {
            let counts: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            ranges(tasks, true, |range| {
                for k in range {
                    counts[k].fetch_add(1, Ordering::Relaxed);
                }
            });
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
        }
        let error = try_ranges(100, true, |range| Err(Error::Full { size: range.start }));
        assert_eq!(error, Err(Error::Full { size: 0 }));
        set(0).expect("as many as cores");
        assert!(get() >= 1);
        let error = Error::Threads { given: limit() + 1, limit: limit(), cores: cores() };
        assert_eq!(set(limit() + 1), Err(error));
        assert_eq!(get(), cores());
    }

    #[test]
    fn callers_share_the_team_and_a_panic_reaches_the_caller_alone() {
        let team = Team::new();
        std::thread::scope(|scope| {
            for caller in 0..8 {
                let team = &team;
                scope.spawn(move || {
                    for round in 0..200 {
                        let sum = AtomicUsize::new(0);
                        let task = |range: Range<usize>| {
                            assert!(caller != 0 || round % 50 != 7 || range.start == 0, "on purpose");
                            sum.fetch_add(range.len(), Ordering::Relaxed);
                        };
                        let run = || team.run(30, 3, &task);
                        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err();
                        assert_eq!(panicked, caller == 0 && round % 50 == 7);
                        assert!(panicked || sum.into_inner() == 30);
                    }
                });
            }
        });
    }

    #[test]
    fn a_team_that_sleeps_wakes_up() {
        let team = Team::new();
        for _ in 0..5 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let sum = AtomicUsize::new(0);
            team.run(4, 2, &|range| {
                sum.fetch_add(range.len(), Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 4);
        }
    }

    #[test]
    fn only_threads_that_have_work_are_started() {
        let team = Team::new();
        assert_eq!(team.started(), 0);
        team.run(100, 3, &|_| ());
        assert_eq!(team.started(), 2);
        team.run(100, 2, &|_| ());
        assert_eq!(team.started(), 2);
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    fn team_flushes_subnormals_as_the_caller_does() {
        let own = Floats::current();
        let flushed = Floats(own.0 | 0x8040);
        let seen = Mutex::new(Vec::new());
        flushing(|| ranges(2, true, |_| seen.lock().expect("no panic").push(Floats::current())));
        assert!(seen.into_inner().expect("no panic").iter().all(|&floats| floats == flushed));
        assert_eq!(Floats::current(), own);
    }
}
