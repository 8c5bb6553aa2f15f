//! Sums what the targets of each row hold: the transpose of propagation, by spikes.

use std::ops::Range;

use super::ring::{Later, Now, Place};
use super::rows::{Index, Indices};
use super::{Delays, Dims, Ring, Rows, Weight, length};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses a call on, several threads are faster than one.
const PARALLEL: usize = 65_536;

/// Sums kept at once: what a row adds up to waits for no single chain of additions.
const SUMS: usize = 8;

/// `out[b, i]` = sum of `weight[j] * ct[b, indices[j]]` over the synapses j of row i; with a ring,
/// of `weight[j] * ct[slot, b, indices[j]]`, where the slot is the delay of j after the cursor.
///
/// # Errors
/// If a length does not fit, or an index lies beyond the targets, or a delay beyond the slots.
pub fn gather<T: Float>(
    dims: Dims,
    ct: &[T],
    weight: &[T],
    rows: &Rows<'_>,
    ring: &Ring<'_>,
    out: &mut [T],
) -> Result<()> {
    let n_pre = rows.n_pre();
    ring.check(dims, rows.nnz())?;
    length("cotangent", ct.len(), dims.batch * ring.slots * dims.n_post)?;
    length("result", out.len(), dims.batch * n_pre)?;
    let weight = Weight::of(weight, rows.nnz())?;
    let shared = Shared::new(out);
    threads::try_ranges(n_pre, dims.batch * rows.nnz() >= PARALLEL, |range| {
        for b in 0..dims.batch {
            // SAFETY: every row is in one range only.
            let out = unsafe { shared.part(b * n_pre + range.start, range.len()) };
            dispatch(Gather { first: range.start, dims, b, ct, weight, rows, ring, out })?;
        }
        Ok(())
    })
}

/// Consecutive rows of one batch row.
struct Gather<'a, T> {
    first: usize,
    dims: Dims,
    b: usize,
    ct: &'a [T],
    weight: Weight<'a, T>,
    rows: &'a Rows<'a>,
    ring: &'a Ring<'a>,
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Gather<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let bases = self.ring.bases(self.dims, self.b);
        let (bases, now) = (&bases[..], Now(self.b * self.dims.n_post));
        match self.ring.delays {
            Delays::None => self.each(now),
            Delays::U8(delays) => self.each(Later { delays, bases }),
            Delays::U16(delays) => self.each(Later { delays, bases }),
        }
    }
}

impl<T: Float> Gather<'_, T> {
    #[inline(always)]
    fn each<P: Place>(self, place: P) -> Result<()> {
        for (k, out) in self.out.iter_mut().enumerate() {
            let row = self.rows.row(self.first + k)?;
            place.check(row.clone())?;
            self.rows.check_part(row.clone(), self.dims.n_post)?;
            *out = match self.rows.indices() {
                Indices::U16(all) => sum(all, row, self.weight, self.ct, place),
                Indices::U32(all) => sum(all, row, self.weight, self.ct, place),
            };
        }
        Ok(())
    }
}

/// The sum over the synapses of a row, whose indices and delays are checked.
#[inline(always)]
fn sum<T: Float, I: Index, P: Place>(
    all: &[I],
    row: Range<usize>,
    weight: Weight<'_, T>,
    ct: &[T],
    place: P,
) -> T {
    let places = all[row.clone()].iter().zip(row.clone()).map(|(i, j)| place.at(j, i.get()));
    let mut sums = [T::ZERO; SUMS];
    match weight {
        Weight::Same(w) => {
            for (k, at) in places.enumerate() {
                // SAFETY: promised to this function.
                sums[k % SUMS] += unsafe { *ct.get_unchecked(at) };
            }
            w * total(sums)
        }
        Weight::Each(w) => {
            for (k, (at, &w)) in places.zip(&w[row]).enumerate() {
                // SAFETY: as above.
                sums[k % SUMS] += w * unsafe { *ct.get_unchecked(at) };
            }
            total(sums)
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
