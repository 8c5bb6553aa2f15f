//! The one thread pool of the process.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

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
    let threads = get().min(tasks);
    let pool = if parallel && threads > 1 { pool() } else { None };
    let Some(pool) = pool else {
        return task(0..tasks);
    };
    // The calling thread takes a share, so the pool has one thread less.
    pool.in_place_scope(|scope| {
        let task = &task;
        for k in 1..threads {
            scope.spawn(move |_| task(tasks * k / threads..tasks * (k + 1) / threads));
        }
        task(0..tasks / threads);
    });
}
