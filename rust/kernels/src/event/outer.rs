//! Cotangents of the weights: spikes times what their targets hold.

use super::rows::{Index, Indices};
use super::spikes::each_spike;
use super::{Dims, Rows, Spikes, length, shared::Shared};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::threads;

/// Rows that are summed up on their own: the order of additions does not depend on the threads.
const BLOCK: usize = 1_024;

/// From so many spikes a call on, several threads are faster than one.
const PARALLEL: usize = 65_536;

/// `out[j]` = sum over b of `spikes[b, offset + i] * ct[b, indices[j]]` for the synapses j of all
/// rows i; if `out` has one element, the sum of all these.
///
/// # Errors
/// If a length does not fit, or a spiking row holds an index beyond the targets.
pub fn outer<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    ct: &[T],
    rows: &Rows<'_>,
    out: &mut [T],
) -> Result<()> {
    dims.check(&spikes, rows.n_pre())?;
    length("cotangent", ct.len(), dims.batch * dims.n_post)?;
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
                let ct = &ct[b * dims.n_post..][..dims.n_post];
                let part = if same { None } else { Some(part.start) };
                dispatch(Outer { first, spikes, ct, rows, out, part })?;
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
    spikes: Spikes<'a, T>,
    ct: &'a [T],
    rows: &'a Rows<'a>,
    out: &'a mut [T],
    part: Option<usize>,
}

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let (rows, out) = (self.rows, self.out);
        each_spike::<L>(&self.spikes, rows, self.first, |row, spike| {
            let row = rows.row(row)?;
            let out = match self.part {
                Some(start) => &mut out[row.start - start..][..row.len()],
                None => &mut *out,
            };
            match rows.indices() {
                Indices::U16(all) => add(&all[row], spike, self.ct, out, self.part.is_none()),
                Indices::U32(all) => add(&all[row], spike, self.ct, out, self.part.is_none()),
            }
        })
    }
}

#[inline(always)]
fn add<T: Float, I: Index>(indices: &[I], spike: T, ct: &[T], out: &mut [T], same: bool) -> Result<()> {
    I::check(indices, ct.len())?;
    // SAFETY: all of the row's indices are checked.
    let held = indices.iter().map(|i| unsafe { *ct.get_unchecked(i.get()) });
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
    Ok(())
}
