//! One delay for all synapses: a ring of past spikes, of which the oldest are propagated.

use super::ring::{check_cursor, start};
use super::{Dims, Ring, Rows, Spikes, length, scatter};
use crate::error::{Error, Result};
use crate::lane::Float;

/// A ring of past spikes, row-major (lanes, slots, batch rows of a lane, sources).
#[derive(Debug, Clone, Copy)]
pub struct Past<'a> {
    /// Slots of each lane: one more than the delay in steps.
    pub slots: usize,
    /// Lanes: rings that turn on their own.
    pub lanes: usize,
    /// The slot that the new spikes go into, of all lanes or of each.
    pub cursor: &'a [i32],
}

/// Puts the spikes into the slot at the cursor, and adds what the spikes in the slot after it, the oldest,
/// deliver to the target.
///
/// # Errors
/// As [`scatter`], and if the ring does not fit.
pub fn relay<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    weight: &[T],
    rows: &Rows<'_>,
    past: &Past<'_>,
    ring: &mut [T],
    target: &mut [T],
) -> Result<()> {
    let n = rows.n_pre();
    dims.check(&spikes, n)?;
    length("ring", ring.len(), dims.batch * past.slots * n)?;
    length("target", target.len(), dims.batch * dims.n_post)?;
    if past.lanes == 0 || !dims.batch.is_multiple_of(past.lanes) {
        return Err(Error::Length { name: "cursor", given: past.lanes, expected: dims.batch });
    }
    check_cursor(past.cursor, past.lanes, past.slots)?;
    let batch = dims.batch / past.lanes;
    let part = Dims { batch, n_total: n, offset: 0, n_post: dims.n_post };
    for lane in 0..past.lanes {
        let ring = &mut ring[lane * past.slots * batch * n..][..past.slots * batch * n];
        let newest = start(past.cursor, lane);
        for (b, slot) in ring[newest * batch * n..][..batch * n].chunks_exact_mut(n.max(1)).enumerate() {
            spikes.part((lane * batch + b) * dims.n_total + dims.offset, n).write_to(slot);
        }
        let oldest = Spikes::Float(&ring[(newest + 1) % past.slots * batch * n..][..batch * n]);
        let target = &mut target[lane * batch * dims.n_post..][..batch * dims.n_post];
        scatter(part, oldest, weight, rows, &Ring::NONE, target)?;
    }
    Ok(())
}
