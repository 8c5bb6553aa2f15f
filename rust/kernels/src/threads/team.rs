//! Threads that stay awake for a while: a step of a simulation must not wait for them to be woken.
//!
//! Each worker has a mailbox for one job at a time. Whoever posts a job works on its first share, then takes
//! back the shares that no worker has started, and waits only for those that one has. So a caller never
//! waits for a thread to be scheduled, callers on several threads can post at the same time, and a team
//! whose workers are all busy is only slower.
//!
//! A worker is started when there is a share for it, and stays. After a fork there is only the thread that forked: the
//! child has a team of its own, since nobody would answer the mailboxes of its parent's.

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::{Floats, fork, limit};

/// How long a worker looks for its next job before it sleeps: longer than the serial part of a step, since to
/// wake a sleeping one takes some 50 µs; and short, since on a machine with other work a thread that is always
/// awake has to wait for its turn, and those that wait for it with it.
const AWAKE: Duration = Duration::from_micros(100);

/// Looks at a mailbox, or at a result, between looks at the clock, or at other threads that want to run.
const SPINS: usize = 128;

/// The team of the process; that of its parent, if it has been forked since, or none before the first use.
static TEAM: AtomicPtr<Team> = AtomicPtr::new(ptr::null_mut());

/// The team of this process. Teams are never given back: a worker may look into its mailbox at any time.
pub(super) fn team() -> &'static Team {
    // SAFETY: null, or a team that is never given back.
    match unsafe { TEAM.load(Ordering::Acquire).as_ref() } {
        Some(team) if team.forks == fork::count() => team,
        seen => renewed(seen),
    }
}

/// Makes a team in the place of the one seen, unless another thread has just done so.
#[cold]
fn renewed(seen: Option<&'static Team>) -> &'static Team {
    let old = seen.map_or(ptr::null_mut(), |team| ptr::from_ref(team).cast_mut());
    let new = Box::into_raw(Box::new(Team::new()));
    match TEAM.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: from now on it is never given back.
        Ok(_) => unsafe { &*new },
        Err(other) => {
            // SAFETY: nobody has seen the new one, and the other is never given back.
            unsafe {
                drop(Box::from_raw(new));
                &*other
            }
        }
    }
}

/// Threads that wait for jobs.
pub(super) struct Team {
    /// Those that could not be started are none.
    workers: Box<[OnceLock<Option<Worker>>]>,
    /// How often the process had been forked from another when the team was made.
    forks: usize,
}

struct Worker {
    mailbox: &'static Mailbox,
    thread: Thread,
}

struct Mailbox {
    /// A job whose share nobody has taken.
    job: AtomicPtr<Job<'static>>,
    asleep: AtomicBool,
}

/// What a caller wants done; it lives on the caller's stack until all shares are finished.
struct Job<'a> {
    task: &'a (dyn Fn(Range<usize>) + Sync),
    tasks: usize,
    shares: usize,
    floats: Floats,
    finished: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job<'_> {
    /// Runs one share. A panic waits until all are finished.
    fn run(&self, share: usize) {
        let range = self.tasks * share / self.shares..self.tasks * (share + 1) / self.shares;
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (self.task)(range))) {
            *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
        }
    }
}

impl Team {
    /// A team whose workers are still to be started.
    pub(super) fn new() -> Self {
        Self { workers: (1..limit()).map(|_| OnceLock::new()).collect(), forks: fork::count() }
    }

    /// The worker that takes a share, started if it was not; none if the system allows no more threads.
    fn worker(&self, share: usize) -> Option<&Worker> {
        self.workers.get(share - 1)?.get_or_init(|| Worker::new(share).ok()).as_ref()
    }

    #[cfg(test)]
    pub(super) fn started(&self) -> usize {
        self.workers.iter().filter(|worker| worker.get().is_some()).count()
    }

    /// Runs `task` over `0..tasks` in `shares` contiguous ranges; worker k takes share k.
    pub(super) fn run(&self, tasks: usize, shares: usize, task: &(dyn Fn(Range<usize>) + Sync)) {
        let (floats, finished, panic) = (Floats::current(), AtomicUsize::new(0), Mutex::new(None));
        let job = Job { task, tasks, shares, floats, finished, panic };
        // The workers see a job of any lifetime. It outlives their use of it: this function returns
        // after all shares are finished or taken back.
        let address: *mut Job<'static> = (&raw const job).cast_mut().cast();
        let post = |share: usize| self.worker(share).filter(|worker| worker.post(address));
        let posted: Vec<Option<&Worker>> = (1..shares).map(post).collect();
        job.run(0);
        let mut taken = 0;
        for (share, worker) in (1..shares).zip(posted) {
            let own = worker.is_none_or(|worker| worker.take_back(address));
            if own {
                job.run(share);
            } else {
                taken += 1;
            }
        }
        let mut spins = 0;
        while job.finished.load(Ordering::Acquire) < taken {
            spins += 1;
            if spins % SPINS == 0 { thread::yield_now() } else { std::hint::spin_loop() }
        }
        if let Some(panic) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            resume_unwind(panic);
        }
    }
}

impl Worker {
    fn new(share: usize) -> std::io::Result<Self> {
        let mailbox: &'static Mailbox = Box::leak(Box::new(Mailbox {
            job: AtomicPtr::new(ptr::null_mut()),
            asleep: AtomicBool::new(false),
        }));
        let name = format!("spikeloop-{share}");
        let handle = thread::Builder::new().name(name).spawn(move || mailbox.serve(share))?;
        Ok(Self { mailbox, thread: handle.thread().clone() })
    }

    /// Puts a job into the mailbox, unless another caller's lies there.
    fn post(&self, job: *mut Job<'static>) -> bool {
        let mailbox = self.mailbox;
        let order = (Ordering::SeqCst, Ordering::Relaxed);
        let posted = mailbox.job.compare_exchange(ptr::null_mut(), job, order.0, order.1).is_ok();
        // A worker that goes to sleep says so before it looks into the mailbox for the last time.
        if posted && mailbox.asleep.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        posted
    }

    /// Takes the job out again; false if the worker has it.
    fn take_back(&self, job: *mut Job<'static>) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        self.mailbox.job.compare_exchange(job, ptr::null_mut(), order.0, order.1).is_ok()
    }
}

impl Mailbox {
    /// What a worker does: its share of all jobs.
    fn serve(&self, share: usize) -> ! {
        loop {
            // SAFETY: the caller waits until the shares that were taken out of mailboxes are finished.
            let job = unsafe { &*self.next() };
            job.floats.during(|| job.run(share));
            // The caller may leave, and the job be gone, from here on.
            job.finished.fetch_add(1, Ordering::Release);
        }
    }

    /// The next job.
    fn next(&self) -> *mut Job<'static> {
        let mut since = Instant::now();
        loop {
            for _ in 0..SPINS {
                if let Some(job) = self.take() {
                    return job;
                }
                std::hint::spin_loop();
            }
            // Threads that want to run come first: on few cores they may be those of XLA, for which the caller waits.
            thread::yield_now();
            if since.elapsed() > AWAKE {
                self.sleep();
                since = Instant::now();
            }
        }
    }

    fn take(&self) -> Option<*mut Job<'static>> {
        if self.job.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let job = self.job.swap(ptr::null_mut(), Ordering::AcqRel);
        (!job.is_null()).then_some(job)
    }

    fn sleep(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        if self.job.load(Ordering::SeqCst).is_null() {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}
