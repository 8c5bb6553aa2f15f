//! Adds the weights of the spiking rows to their targets.

use super::rows::{Index, Indices};
use super::{Dims, Rows, Spikes, Weight, length};
use crate::error::{Error, Result};
use crate::lane::Float;

/// `target[b, indices[j]] += weight[j] * spikes[b, offset + i]` for all synapses j of all rows i.
///
/// # Errors
/// If a length does not fit, or a spiking row holds an index beyond the targets; the targets
/// before it have then been added to.
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
    for b in 0..dims.batch {
        let target = &mut target[b * dims.n_post..][..dims.n_post];
        let from = b * dims.n_total + dims.offset;
        let add = |row: usize, spike: T| add_row(rows, weight, row, spike, target);
        each_spike(&spikes, from, rows.n_pre(), add)?;
    }
    Ok(())
}

/// Calls `body` with the position and value of every spike among `n` from `from` on.
pub(super) fn each_spike<T: Float>(
    spikes: &Spikes<'_, T>,
    from: usize,
    n: usize,
    mut body: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    match spikes {
        Spikes::Float(s) => {
            for (k, &spike) in s[from..from + n].iter().enumerate() {
                if spike != T::ZERO {
                    body(k, spike)?;
                }
            }
        }
        Spikes::Bool(s) => {
            for (k, &spike) in s[from..from + n].iter().enumerate() {
                if spike != 0 {
                    body(k, T::ONE)?;
                }
            }
        }
    }
    Ok(())
}

fn add_row<T: Float>(
    rows: &Rows<'_>,
    weight: Weight<'_, T>,
    row: usize,
    spike: T,
    target: &mut [T],
) -> Result<()> {
    match rows.indices() {
        Indices::U16(i) => add(i, rows.row(row)?, weight, spike, target),
        Indices::U32(i) => add(i, rows.row(row)?, weight, spike, target),
    }
}

#[inline(always)]
fn add<T: Float, I: Index>(
    indices: &[I],
    row: std::ops::Range<usize>,
    weight: Weight<'_, T>,
    spike: T,
    target: &mut [T],
) -> Result<()> {
    let size = target.len();
    let mut put = |index: I, x: T| match target.get_mut(index.get()) {
        Some(y) => {
            *y += x;
            Ok(())
        }
        None => Err(Error::Index { given: index.get(), size }),
    };
    match weight {
        Weight::Same(w) => {
            let x = w * spike;
            indices[row].iter().try_for_each(|&i| put(i, x))
        }
        Weight::Each(w) => {
            indices[row.clone()].iter().zip(&w[row]).try_for_each(|(&i, &w)| put(i, w * spike))
        }
    }
}
