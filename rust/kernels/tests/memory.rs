//! Building connectivity while memory is short: an error, whichever allocation fails, and never an abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use spikeloop_kernels::connect::{
    Draw, Edges, Family, Number, Own, Profile, Rule, Space, Spec, build, order,
};
use spikeloop_kernels::{Error, threads};

/// Allocations from this size on are counted, and may fail: what depends on the user's sizes here is greater.
const LARGE: usize = 2_048;

/// Large allocations that still succeed.
static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

struct Short;

impl Short {
    fn fails(size: usize) -> bool {
        size >= LARGE && LEFT.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err()
    }
}

// SAFETY: the system's allocator, or no memory.
unsafe impl GlobalAlloc for Short {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: by the contract of this function.
        if Self::fails(layout.size()) { ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: by the contract of this function.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the contract of this function.
        if Self::fails(size) { ptr::null_mut() } else { unsafe { System.realloc(ptr, layout, size) } }
    }
}

#[global_allocator]
static ALLOCATOR: Short = Short;

const N: usize = 1_000;

/// Calls `make` with room for 0, 1, 2, … large allocations until it succeeds.
fn fails_until_there_is_room(what: &str, make: impl Fn() -> Result<(), Error>) {
    for room in 0..200 {
        LEFT.store(room, SeqCst);
        let made = make();
        LEFT.store(usize::MAX, SeqCst);
        match made {
            Ok(()) => {
                assert!(room > 0, "{what}: nothing large was allocated");
                return;
            }
            Err(Error::Memory { bytes }) => assert!(bytes >= LARGE / 2, "{what}: {bytes} bytes"),
            Err(other) => panic!("{what}: {other}"),
        }
    }
    panic!("{what}: 200 large allocations are not enough");
}

fn rules(source: &[f64]) -> Vec<(&'static str, Rule<'_>)> {
    let number = |num, multapses| Number { num, multapses };
    let space = Space {
        source,
        target: source,
        axes: 1,
        period: [0.0; 3],
        profile: Profile::Box,
        scale: 0.5,
        cutoff: 0.5,
    };
    vec![
        ("one to one", Rule::OneToOne),
        ("all to all", Rule::AllToAll),
        ("fixed probability", Rule::FixedProb { prob: 0.5 }),
        ("certain", Rule::FixedProb { prob: 1.0 }),
        ("fixed in-degree", Rule::FixedInDegree(number(300, true))),
        ("fixed out-degree", Rule::FixedOutDegree(number(300, false))),
        ("fixed total number", Rule::FixedTotalNumber(number(50_000, true))),
        ("fixed total number of pairs", Rule::FixedTotalNumber(number(50_000, false))),
        ("distance", Rule::DistanceDependent { prob: 1.0, space }),
        ("small world", Rule::SmallWorld { num: 300, prob: 0.1 }),
    ]
}

// One test alone: others would run into its shortness.
#[test]
fn short_memory_is_an_error_wherever_it_is_short() {
    let source: Vec<f64> = (0..N).map(|k| k as f64 / N as f64).collect();
    let draw = |family, a, b| Draw { family, a, b, part: [0.0, 1.0], bounds: [0.0, 20.0] };
    let (weight, delay) = (Some(draw(Family::Normal, 1.0, 0.3)), Some(draw(Family::Uniform, 1.0, 6.0)));
    threads::set(1).expect("one thread");
    for (what, rule) in rules(&source) {
        let own = if matches!(rule, Rule::OneToOne) { Own::None } else { Own::SAME };
        let spec = Spec {
            rule,
            own,
            seed: 1,
            n_pre: N,
            n_post: N,
            targets: 0..N as u32,
            weight,
            delay,
            wide: false,
        };
        fails_until_there_is_room(what, || build(&spec).map(drop));
    }
    let sources: Vec<u32> = (0..20_000).map(|k| k % N as u32).collect();
    let edges = Edges { sources: &sources, targets: &sources, delay: &[], n_pre: 10 * N };
    fails_until_there_is_room("order", || order(edges).map(drop));
}
