//! Adds the weights of the spiking rows to their targets.

use super::rows::{Index, Indices};
use super::spikes::each_spike;
use super::{Dims, Rows, Spikes, Weight, length, shared::Shared};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::threads;

/// From so many spikes a call on, several threads share a batch.
const PARALLEL: usize = 65_536;

/// `target[b, indices[j]] += weight[j] * spikes[b, offset + i]` for all synapses j of all rows i.
///
/// # Errors
/// If a length does not fit, or a spiking row holds an index beyond the targets; some targets
/// have then been added to.
pub fn scatter<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    weight: &[T],
    rows: &Rows<'_>,
    target: &mut [T],
) -> Result<()> {
    dims.check(&spikes, rows.n_pre())?;
    length("target", target.len(), dims.batch * dims.n_post)?;
    let weight = Weight::of(weight, rows.nnz())?;
    let parallel = dims.batch > 1 && dims.batch * rows.n_pre() >= PARALLEL;
    let shared = Shared::new(target);
    threads::try_ranges(dims.batch, parallel, |range| {
        for b in range {
            let spikes = spikes.part(b * dims.n_total + dims.offset, rows.n_pre());
            // SAFETY: every batch row is in one range only.
            let target = unsafe { shared.part(b * dims.n_post, dims.n_post) };
            dispatch(Scatter { spikes, weight, rows, target })?;
        }
        Ok(())
    })
}

/// The propagation of one batch row.
struct Scatter<'a, T> {
    spikes: Spikes<'a, T>,
    weight: Weight<'a, T>,
    rows: &'a Rows<'a>,
    target: &'a mut [T],
}

impl<T: Float> Job<T> for Scatter<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let (rows, weight, target) = (self.rows, self.weight, self.target);
        match rows.indices() {
            Indices::U16(all) => each_spike::<L>(&self.spikes, rows, 0, |row, spike| {
                add(all, rows.row(row)?, weight, spike, target)
            }),
            Indices::U32(all) => each_spike::<L>(&self.spikes, rows, 0, |row, spike| {
                add(all, rows.row(row)?, weight, spike, target)
            }),
        }
    }
}

#[inline(always)]
fn add<T: Float, I: Index>(
    all: &[I],
    row: std::ops::Range<usize>,
    weight: Weight<'_, T>,
    spike: T,
    target: &mut [T],
) -> Result<()> {
    let indices = &all[row.clone()];
    I::check(indices, target.len())?;
    match weight {
        Weight::Same(w) => {
            let x = w * spike;
            for &i in indices {
                // SAFETY: all of the row's indices are checked.
                unsafe { *target.get_unchecked_mut(i.get()) += x };
            }
        }
        Weight::Each(w) => {
            for (&i, &w) in indices.iter().zip(&w[row]) {
                // SAFETY: as above.
                unsafe { *target.get_unchecked_mut(i.get()) += w * spike };
            }
        }
    }
    Ok(())
}
