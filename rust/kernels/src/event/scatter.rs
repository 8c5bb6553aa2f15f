//! Adds the weights of the spiking rows to their targets.

use super::rows::{Index, Indices};
use super::{Dims, Rows, Spikes, Weight, length};
use crate::error::{Error, Result};
use crate::lane::Float;

/// Spikes that are ruled out at once: wide enough for vectors, small against the mean distance of spikes.
const BLOCK: usize = 32;

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
        Spikes::Float(s) => scan(&s[from..from + n], |&x| x != T::ZERO, |k, &x| body(k, x)),
        Spikes::Bool(s) => scan(&s[from..from + n], |&x| x != 0, |k, _| body(k, T::ONE)),
    }
}

/// Calls `body` with the position and value of everything that `is_spike`. Few are, so whole
/// blocks are ruled out first, without a branch for each.
fn scan<S>(
    values: &[S],
    is_spike: impl Fn(&S) -> bool,
    mut body: impl FnMut(usize, &S) -> Result<()>,
) -> Result<()> {
    for (block, values) in values.chunks(BLOCK).enumerate() {
        if values.iter().fold(false, |any, x| any | is_spike(x)) {
            for (k, value) in values.iter().enumerate() {
                if is_spike(value) {
                    body(block * BLOCK + k, value)?;
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
