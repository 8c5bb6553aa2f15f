//! Takes what arrives in this step out of a ring of arriving input.

use super::length;
use super::ring::{check_cursor, start};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many targets on, several threads are faster than one.
const PARALLEL: usize = 131_072;

/// `target += ring[cursor]`, and `ring[cursor] = 0`; the ring is (lanes, slots, …), the target (lanes, …), and
/// the cursor one for all lanes or one each. Nothing happens if the ring is known to be empty.
///
/// # Errors
/// If a length does not fit, or the cursor lies beyond the slots.
pub fn collect<T: Float>(
    lanes: usize,
    slots: usize,
    cursor: &[i32],
    is_empty: bool,
    target: &mut [T],
    ring: &mut [T],
) -> Result<()> {
    check_cursor(cursor, lanes, slots)?;
    length("ring", ring.len(), slots * target.len())?;
    let n = target.len() / lanes.max(1);
    length("target", target.len(), lanes * n)?;
    if is_empty {
        return Ok(());
    }
    for (lane, target) in target.chunks_exact_mut(n.max(1)).enumerate() {
        let slot = &mut ring[(lane * slots + start(cursor, lane)) * n..][..n];
        let (target, slot) = (Shared::new(target), Shared::new(slot));
        threads::ranges(n, n >= PARALLEL, |range| {
            // SAFETY: ranges are disjoint.
            let parts =
                unsafe { (target.part(range.start, range.len()), slot.part(range.start, range.len())) };
            dispatch(Take { target: parts.0, slot: parts.1 });
        });
    }
    Ok(())
}

struct Take<'a, T> {
    target: &'a mut [T],
    slot: &'a mut [T],
}

impl<T: Float> Job<T> for Take<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        for (target, arrived) in self.target.iter_mut().zip(self.slot) {
            *target += *arrived;
            *arrived = T::ZERO;
        }
    }
}
