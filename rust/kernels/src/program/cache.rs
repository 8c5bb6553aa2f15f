//! Machine code that is kept while there is room for it.
//!
//! No lock guards it, which a fork could leave locked: users count themselves in before they look.

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::jit::Code;

/// Bytes of code in the process …
static TOTAL: AtomicUsize = AtomicUsize::new(0);
/// … and how many there are to be at most.
const LIMIT: usize = 64 << 20;

/// Counts uses, for the order of the last ones.
static CLOCK: AtomicU64 = AtomicU64::new(0);

/// The place of a variant's code.
#[derive(Debug)]
pub(crate) struct Slot {
    code: AtomicPtr<Code>,
    /// Threads that look at the code or run it.
    users: AtomicUsize,
    last_use: AtomicU64,
    /// It cannot be made.
    failed: AtomicBool,
}

/// Code in use.
pub(crate) struct InUse<'a> {
    slot: &'a Slot,
    pub(crate) code: &'a Code,
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.slot.users.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            code: AtomicPtr::new(ptr::null_mut()),
            users: AtomicUsize::new(0),
            last_use: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// The code, made if it is not there; none if it cannot be made. Also whether there is too much of it now.
    pub(crate) fn get(&self, make: impl FnOnce() -> Option<Code>) -> (Option<InUse<'_>>, bool) {
        if self.failed.load(Ordering::Relaxed) {
            return (None, false);
        }
        self.last_use.store(CLOCK.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.users.fetch_add(1, Ordering::SeqCst);
        let found = self.code.load(Ordering::SeqCst);
        // SAFETY: null, or code that is not given back while there are users.
        if let Some(code) = unsafe { found.as_ref() } {
            return (Some(InUse { slot: self, code }), false);
        }
        let Some(made) = make() else {
            self.failed.store(true, Ordering::Relaxed);
            self.users.fetch_sub(1, Ordering::SeqCst);
            return (None, false);
        };
        let (size, made) = (made.size(), Box::into_raw(Box::new(made)));
        match self.code.compare_exchange(ptr::null_mut(), made, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {
                let total = TOTAL.fetch_add(size, Ordering::Relaxed) + size;
                // SAFETY: as above.
                (Some(InUse { slot: self, code: unsafe { &*made } }), total > LIMIT)
            }
            Err(other) => {
                // SAFETY: nobody has seen the one made here; the other is as above.
                unsafe {
                    drop(Box::from_raw(made));
                    (Some(InUse { slot: self, code: &*other }), false)
                }
            }
        }
    }

    /// When it was last used, if there is code that nobody uses.
    pub(crate) fn idle_since(&self) -> Option<u64> {
        let idle = !self.code.load(Ordering::SeqCst).is_null() && self.users.load(Ordering::SeqCst) == 0;
        idle.then(|| self.last_use.load(Ordering::Relaxed))
    }

    /// Gives the code back, if nobody uses it.
    pub(crate) fn give_back(&self) {
        let code = self.code.swap(ptr::null_mut(), Ordering::SeqCst);
        if code.is_null() {
            return;
        }
        // Who counts itself in from here on finds nothing; who did before is seen here.
        if self.users.load(Ordering::SeqCst) == 0 {
            // SAFETY: made by `get`, and nobody has it any more.
            let code = unsafe { Box::from_raw(code) };
            TOTAL.fetch_sub(code.size(), Ordering::Relaxed);
        } else if self
            .code
            .compare_exchange(ptr::null_mut(), code, Ordering::SeqCst, Ordering::SeqCst)
            .is_err()
        {
            // Made anew in these few instructions: the old one is lost, and stays counted.
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether there is too much code.
pub(crate) fn is_full() -> bool {
    TOTAL.load(Ordering::Relaxed) > LIMIT
}
