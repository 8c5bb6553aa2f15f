//! Cotangents of the weights: spikes times what their targets hold.

use std::ops::Range;

use super::ring::{Later, Now, Place};
use super::rows::{Index, Indices};
use super::search::each_spike;
use super::{Delays, Dims, Ring, Rows, Spikes, Weight, length};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Rows that are summed up on their own: the order of additions does not depend on the threads.
const BLOCK: usize = 1_024;

/// From so many spikes a call on, several threads are faster than one.
const PARALLEL: usize = 65_536;

/// `out[j]` = sum over b of `spikes[b, offset + i] * ct[b, indices[j]]` for the synapses j of all
/// rows i; if `out` has one element, the sum of all these. With a ring, `ct[slot, b, indices[j]]`, where the
/// slot is the delay of j after the cursor.
///
/// # Errors
/// If a length does not fit, or a spiking row holds an index beyond the targets or a delay beyond the slots.
pub fn outer<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    ct: &[T],
    rows: &Rows<'_>,
    ring: &Ring<'_>,
    out: &mut [T],
) -> Result<()> {
    dims.check(&spikes, rows.n_pre())?;
    ring.check(dims, rows.nnz())?;
    length("cotangent", ct.len(), dims.batch * ring.slots * dims.n_post)?;
    let blocks = rows.n_pre().div_ceil(BLOCK);
    let mut sums = Vec::new();
    let same = out.len() == 1;
    if same {
        sums.resize(blocks, T::ZERO);
    } else {
        length("result", out.len(), rows.nnz())?;
        rows.check_order()?;
        out.fill(T::ZERO);
    }
    let sink = if same { Shared::new(&mut sums) } else { Shared::new(out) };
    threads::try_ranges(blocks, dims.batch * rows.n_pre() >= PARALLEL, |range| {
        for block in range {
            let first = block * BLOCK;
            let count = BLOCK.min(rows.n_pre() - first);
            let part = if same { block..block + 1 } else { rows.span(first, count)? };
            // SAFETY: every block is in one range only, and its rows come after those of the last.
            let out = unsafe { sink.part(part.start, part.len()) };
            for b in 0..dims.batch {
                let spikes = spikes.part(b * dims.n_total + dims.offset + first, count);
                let part = if same { None } else { Some(part.start) };
                dispatch(Outer { first, dims, b, spikes, ct, rows, ring, out, part })?;
            }
        }
        Ok(())
    })?;
    if same {
        out[0] = T::ZERO;
        for x in sums {
            out[0] += x;
        }
    }
    Ok(())
}

/// A block of rows of one batch row; `part` is where its synapses start, if each counts.
struct Outer<'a, T> {
    first: usize,
    dims: Dims,
    b: usize,
    spikes: Spikes<'a, T>,
    ct: &'a [T],
    rows: &'a Rows<'a>,
    ring: &'a Ring<'a>,
    out: &'a mut [T],
    part: Option<usize>,
}

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let bases = self.ring.bases(self.dims, self.b);
        let (bases, now) = (&bases[..], Now(self.b * self.dims.n_post));
        match self.ring.delays {
            Delays::None => self.each::<L, _>(now),
            Delays::U8(delays) => self.each::<L, _>(Later { delays, bases }),
            Delays::U16(delays) => self.each::<L, _>(Later { delays, bases }),
        }
    }
}

impl<T: Float> Outer<'_, T> {
    #[inline(always)]
    fn each<L: Lane<Elem = T>, P: Place>(self, place: P) -> Result<()> {
        let (rows, out, first) = (self.rows, self.out, self.first);
        let fetch = |row: usize| rows.prefetch_row::<T, _>(first + row, Weight::Same(T::ZERO), place);
        each_spike::<L>(&self.spikes, fetch, |row, spike| {
            let row = rows.row(first + row)?;
            let out = match self.part {
                Some(start) => &mut out[row.start - start..][..row.len()],
                None => &mut *out,
            };
            place.check(row.clone())?;
            rows.check_part(row.clone(), self.dims.n_post)?;
            let same = self.part.is_none();
            match rows.indices() {
                Indices::U16(all) => add(all, row, spike, self.ct, place, out, same),
                Indices::U32(all) => add(all, row, spike, self.ct, place, out, same),
            }
            Ok(())
        })
    }
}

/// Adds what the synapses of a row, whose indices and delays are checked, give to the result.
#[inline(always)]
fn add<T: Float, I: Index, P: Place>(
    all: &[I],
    row: Range<usize>,
    spike: T,
    ct: &[T],
    place: P,
    out: &mut [T],
    same: bool,
) {
    // SAFETY: promised to this function.
    let held =
        all[row.clone()].iter().zip(row).map(|(i, j)| unsafe { *ct.get_unchecked(place.at(j, i.get())) });
    if same {
        let mut total = T::ZERO;
        for x in held {
            total += x;
        }
        out[0] += spike * total;
    } else {
        for (y, x) in out.iter_mut().zip(held) {
            *y += spike * x;
        }
    }
}
