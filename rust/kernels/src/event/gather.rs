//! Sums what the targets of each row hold: the transpose of propagation, by spikes.

use super::rows::{Index, Indices};
use super::{Rows, Weight, length, shared::Shared};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::threads;

/// From so many synapses a call on, several threads are faster than one.
const PARALLEL: usize = 65_536;

/// Sums kept at once: what a row adds up to waits for no single chain of additions.
const SUMS: usize = 8;

/// `out[b, i]` = sum of `weight[j] * ct[b, indices[j]]` over the synapses j of row i.
///
/// # Errors
/// If a length does not fit, or an index lies beyond the targets.
pub fn gather<T: Float>(
    batch: usize,
    n_post: usize,
    ct: &[T],
    weight: &[T],
    rows: &Rows<'_>,
    out: &mut [T],
) -> Result<()> {
    let n_pre = rows.n_pre();
    length("cotangent", ct.len(), batch * n_post)?;
    length("result", out.len(), batch * n_pre)?;
    let weight = Weight::of(weight, rows.nnz())?;
    let shared = Shared::new(out);
    threads::try_ranges(n_pre, batch * rows.nnz() >= PARALLEL, |range| {
        for b in 0..batch {
            let ct = &ct[b * n_post..][..n_post];
            // SAFETY: every row is in one range only.
            let out = unsafe { shared.part(b * n_pre + range.start, range.len()) };
            dispatch(Gather { first: range.start, ct, weight, rows, out })?;
        }
        Ok(())
    })
}

/// Consecutive rows of one batch row.
struct Gather<'a, T> {
    first: usize,
    ct: &'a [T],
    weight: Weight<'a, T>,
    rows: &'a Rows<'a>,
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Gather<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        for (k, out) in self.out.iter_mut().enumerate() {
            let row = self.rows.row(self.first + k)?;
            *out = match self.rows.indices() {
                Indices::U16(all) => sum(&all[row.clone()], row.start, self.weight, self.ct)?,
                Indices::U32(all) => sum(&all[row.clone()], row.start, self.weight, self.ct)?,
            };
        }
        Ok(())
    }
}

#[inline(always)]
fn sum<T: Float, I: Index>(indices: &[I], start: usize, weight: Weight<'_, T>, ct: &[T]) -> Result<T> {
    I::check(indices, ct.len())?;
    let mut sums = [T::ZERO; SUMS];
    match weight {
        Weight::Same(w) => {
            for (k, &i) in indices.iter().enumerate() {
                // SAFETY: all of the row's indices are checked.
                sums[k % SUMS] += unsafe { *ct.get_unchecked(i.get()) };
            }
            Ok(w * total(sums))
        }
        Weight::Each(w) => {
            for (k, (&i, &w)) in indices.iter().zip(&w[start..]).enumerate() {
                // SAFETY: as above.
                sums[k % SUMS] += w * unsafe { *ct.get_unchecked(i.get()) };
            }
            Ok(total(sums))
        }
    }
}

#[inline(always)]
fn total<T: Float>(sums: [T; SUMS]) -> T {
    let mut total = T::ZERO;
    for x in sums {
        total += x;
    }
    total
}
