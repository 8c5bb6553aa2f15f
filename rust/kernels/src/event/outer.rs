//! Cotangents of the weights: spikes times what their targets hold.

use super::rows::{Index, Indices};
use super::scatter::each_spike;
use super::{Dims, Rows, Spikes, length};
use crate::error::{Error, Result};
use crate::lane::Float;

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
    let same = out.len() == 1;
    if !same {
        length("result", out.len(), rows.nnz())?;
    }
    out.fill(T::ZERO);
    for b in 0..dims.batch {
        let ct = &ct[b * dims.n_post..][..dims.n_post];
        let from = b * dims.n_total + dims.offset;
        each_spike(&spikes, from, rows.n_pre(), |i, spike| {
            let row = rows.row(i)?;
            let out = if same { &mut *out } else { &mut out[row.clone()] };
            match rows.indices() {
                Indices::U16(all) => add(&all[row], spike, ct, out, same),
                Indices::U32(all) => add(&all[row], spike, ct, out, same),
            }
        })?;
    }
    Ok(())
}

#[inline]
fn add<T: Float, I: Index>(indices: &[I], spike: T, ct: &[T], out: &mut [T], same: bool) -> Result<()> {
    let get =
        |index: I| ct.get(index.get()).copied().ok_or(Error::Index { given: index.get(), size: ct.len() });
    if same {
        let mut total = T::ZERO;
        for &i in indices {
            total += get(i)?;
        }
        out[0] += spike * total;
    } else {
        for (&i, y) in indices.iter().zip(out) {
            *y += spike * get(i)?;
        }
    }
    Ok(())
}
