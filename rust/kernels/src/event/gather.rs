//! Sums what the targets of each row hold: the transpose of propagation, by spikes.

use super::rows::{Index, Indices};
use super::{Rows, Weight, length};
use crate::error::{Error, Result};
use crate::lane::Float;

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
    length("cotangent", ct.len(), batch * n_post)?;
    length("result", out.len(), batch * rows.n_pre())?;
    let weight = Weight::of(weight, rows.nnz())?;
    for b in 0..batch {
        let ct = &ct[b * n_post..][..n_post];
        for i in 0..rows.n_pre() {
            let row = rows.row(i)?;
            out[b * rows.n_pre() + i] = match rows.indices() {
                Indices::U16(all) => sum(&all[row.clone()], row.start, weight, ct)?,
                Indices::U32(all) => sum(&all[row.clone()], row.start, weight, ct)?,
            };
        }
    }
    Ok(())
}

#[inline]
fn sum<T: Float, I: Index>(indices: &[I], start: usize, weight: Weight<'_, T>, ct: &[T]) -> Result<T> {
    let get =
        |index: I| ct.get(index.get()).copied().ok_or(Error::Index { given: index.get(), size: ct.len() });
    let mut total = T::ZERO;
    match weight {
        Weight::Same(w) => {
            for &i in indices {
                total += get(i)?;
            }
            Ok(w * total)
        }
        Weight::Each(w) => {
            for (&i, &w) in indices.iter().zip(&w[start..]) {
                total += w * get(i)?;
            }
            Ok(total)
        }
    }
}
