//! Spikes times a dense matrix, and the cotangent of the matrix: only rows of inputs that spike are touched.

use super::length;
use super::rows::prefetch;
use super::spikes::{Spikes, each_spike};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many numbers of the result a call on, several threads are faster than one.
const PARALLEL: usize = 16_384;

/// Rows that are added to a result at once.
const AT_ONCE: usize = 4;

/// Samples whose cotangents stay in the cache while their spikes are worked on.
const SAMPLES: usize = 256;

/// The sizes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// Samples, and steps.
    pub batch: usize,
    /// Inputs.
    pub n_in: usize,
    /// Outputs.
    pub n_out: usize,
}

/// `out[b, j]` = sum over i of `spikes[b, i] * weight[i, j]`, in the order of i.
///
/// # Errors
/// If a length does not fit.
pub fn dense_product<T: Float>(
    size: Dense,
    spikes: Spikes<'_, T>,
    weight: &[T],
    out: &mut [T],
) -> Result<()> {
    length("spikes", spikes.len(), size.batch * size.n_in)?;
    length("weight", weight.len(), size.n_in * size.n_out)?;
    length("result", out.len(), size.batch * size.n_out)?;
    let parallel = out.len() >= PARALLEL;
    let shared = Shared::new(out);
    threads::try_ranges(size.batch, parallel, |range| {
        // SAFETY: every sample is in one range only.
        let out = unsafe { shared.part(range.start * size.n_out, range.len() * size.n_out) };
        dispatch(Product { size, first: range.start, spikes, weight, out })
    })
}

struct Product<'a, T> {
    size: Dense,
    first: usize,
    spikes: Spikes<'a, T>,
    weight: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Product<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let Dense { n_in, n_out, .. } = self.size;
        let row = |i: usize| &self.weight[i * n_out..][..n_out];
        for (k, out) in self.out.chunks_exact_mut(n_out.max(1)).enumerate() {
            let spikes = self.spikes.part((self.first + k) * n_in, n_in);
            out.fill(T::ZERO);
            let (mut held, mut count) = ([(0, T::ZERO); AT_ONCE], 0);
            let fetch = |i: usize| prefetch(row(i));
            each_spike::<L>(&spikes, fetch, |i, spike| {
                held[count] = (i, spike);
                count += 1;
                if count == AT_ONCE {
                    add_rows(out, held.map(|(i, spike)| (row(i), spike)));
                    count = 0;
                }
                Ok(())
            })?;
            for &(i, spike) in &held[..count] {
                add_rows(out, [(row(i), spike)]);
            }
        }
        Ok(())
    }
}

/// `out += spike * row` for some rows, one after the other.
#[inline(always)]
fn add_rows<T: Float, const N: usize>(out: &mut [T], rows: [(&[T], T); N]) {
    let n = out.len();
    let rows = rows.map(|(row, spike)| (&row[..n], spike));
    for (j, y) in out.iter_mut().enumerate() {
        let mut sum = *y;
        for (row, spike) in rows {
            sum += spike * row[j];
        }
        *y = sum;
    }
}

/// `out[i, j]` = sum over b of `spikes[b, i] * ct[b, j]`, in the order of b.
///
/// # Errors
/// If a length does not fit.
pub fn dense_outer<T: Float>(size: Dense, spikes: Spikes<'_, T>, ct: &[T], out: &mut [T]) -> Result<()> {
    length("spikes", spikes.len(), size.batch * size.n_in)?;
    length("cotangent", ct.len(), size.batch * size.n_out)?;
    length("result", out.len(), size.n_in * size.n_out)?;
    let shared = Shared::new(out);
    threads::try_ranges(size.n_in, ct.len() >= PARALLEL, |range| {
        // SAFETY: every input is in one range only.
        let out = unsafe { shared.part(range.start * size.n_out, range.len() * size.n_out) };
        dispatch(Outer { size, first: range.start, count: range.len(), spikes, ct, out })
    })
}

struct Outer<'a, T> {
    size: Dense,
    first: usize,
    count: usize,
    spikes: Spikes<'a, T>,
    ct: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = Result<()>;

    /// Samples come in blocks, whose spikes are sorted by input, so that a row of the result is read and written once
    /// for several of them.
    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let Dense { batch, n_in, n_out } = self.size;
        let out = self.out;
        out.fill(T::ZERO);
        let (mut found, mut sorted) = (vec![], vec![]);
        for block in (0..batch).step_by(SAMPLES) {
            let mut ends = vec![0; self.count + 1];
            found.clear();
            for b in block..batch.min(block + SAMPLES) {
                let spikes = self.spikes.part(b * n_in + self.first, self.count);
                each_spike::<L>(
                    &spikes,
                    |_| (),
                    |i, spike| {
                        ends[i + 1] += 1;
                        found.push((i, (b, spike)));
                        Ok(())
                    },
                )?;
            }
            for i in 0..self.count {
                ends[i + 1] += ends[i];
            }
            sorted.resize(found.len(), (0, T::ZERO));
            for &(i, event) in &found {
                sorted[ends[i]] = event; // `ends[i]` is where the input's next event goes
                ends[i] += 1;
            }
            let row = |(b, spike): (usize, T)| (&self.ct[b * n_out..][..n_out], spike);
            for (i, out) in out.chunks_exact_mut(n_out.max(1)).enumerate() {
                let start = if i == 0 { 0 } else { ends[i - 1] };
                let events = sorted[start..ends[i]].chunks_exact(AT_ONCE);
                let rest = events.remainder();
                for few in events {
                    let few: [(usize, T); AT_ONCE] = few.try_into().expect("a whole chunk");
                    add_rows(out, few.map(row));
                }
                for &event in rest {
                    add_rows(out, [row(event)]);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Dense = Dense { batch: 3, n_in: 7, n_out: 5 };

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|k| ((k * 37 + 11) % 19) as f64 - 9.0).collect()
    }

    fn spikes() -> Vec<f64> {
        (0..SIZE.batch * SIZE.n_in).map(|k| if k % 3 == 0 { (k % 5) as f64 } else { 0.0 }).collect()
    }

    #[test]
    fn the_product_is_that_of_matrices() {
        let (s, w) = (spikes(), numbers(SIZE.n_in * SIZE.n_out));
        let mut out = vec![f64::NAN; SIZE.batch * SIZE.n_out];
        dense_product(SIZE, Spikes::Float(&s), &w, &mut out).expect("fits");
        for (k, &y) in out.iter().enumerate() {
            let (b, j) = (k / SIZE.n_out, k % SIZE.n_out);
            let expected: f64 = (0..SIZE.n_in).map(|i| s[b * SIZE.n_in + i] * w[i * SIZE.n_out + j]).sum();
            assert_eq!(y, expected);
        }
    }

    #[test]
    fn the_outer_product_is_summed_over_the_batch() {
        let (s, ct) = (spikes(), numbers(SIZE.batch * SIZE.n_out));
        let mut out = vec![f64::NAN; SIZE.n_in * SIZE.n_out];
        dense_outer(SIZE, Spikes::Float(&s), &ct, &mut out).expect("fits");
        for (k, &y) in out.iter().enumerate() {
            let (i, j) = (k / SIZE.n_out, k % SIZE.n_out);
            let expected: f64 = (0..SIZE.batch).map(|b| s[b * SIZE.n_in + i] * ct[b * SIZE.n_out + j]).sum();
            assert_eq!(y, expected);
        }
    }

    #[test]
    fn lengths_are_checked() {
        let mut out = vec![0.0; SIZE.batch * SIZE.n_out];
        let (s, w) = (spikes(), numbers(SIZE.n_in * SIZE.n_out));
        assert!(dense_product(SIZE, Spikes::Float(&s[1..]), &w, &mut out).is_err());
        assert!(dense_product(SIZE, Spikes::Float(&s), &w[1..], &mut out).is_err());
        assert!(dense_outer(SIZE, Spikes::Float(&s), &out, &mut [0.0; 3]).is_err());
    }
}
