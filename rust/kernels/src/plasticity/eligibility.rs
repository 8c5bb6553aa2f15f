//! Eligibility that becomes weight by a third factor, such as dopamine.
//!
//! The eligibility c of a synapse decays, and the weight grows by it times the third factor. Both are brought up to
//! date only where a row is walked; of the time since then each source keeps two numbers, the part `left` of the
//! eligibility and the integral `gain` of that part times the third factor:
//!
//! ```text
//! w[i, j] ← clip(w[i, j] + gain[i] c[i, j])
//! c[i, j] ← left[i] c[i, j] + s[i] a[j]
//! ```
//!
//! What an event r of a target adds is counted as if it had been there since, and taken off the weight:
//!
//! ```text
//! c[i, j] ← c[i, j] + r[j] b[i],    w[i, j] ← w[i, j] − gain[i] r[j] b[i]
//! ```

use std::ops::Range;

use super::along::{Along, along};
use super::{Columns, found, sources};
use crate::error::{Error, Result};
use crate::event::{Hit, Index, Rows, Spikes, length, prefetch_one};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 32_768;

/// What each source keeps: one number each.
#[derive(Debug, Clone, Copy)]
pub struct Elapsed<'a, T> {
    /// The part of the eligibility that is left since the row was walked.
    pub left: &'a [T],
    /// The integral of that part times the third factor.
    pub gain: &'a [T],
    /// The spikes s that add to the eligibility now.
    pub spikes: &'a [T],
}

/// Brings the rows of sources that have an event up to date; `coefficient` has one number for each target, and `bounds`
/// are the least and the largest weight.
///
/// # Errors
/// If a length does not fit, rows overlap, or a row holds an index beyond the targets; some rows have then changed.
pub fn flush_rows<T: Float>(
    events: Spikes<'_, T>,
    elapsed: &Elapsed<'_, T>,
    coefficient: &[T],
    bounds: &[T],
    rows: &Rows<'_>,
    [weight, eligibility]: [&mut [T]; 2],
) -> Result<()> {
    length("events", events.len(), rows.n_pre())?;
    length("left", elapsed.left.len(), rows.n_pre())?;
    length("gain", elapsed.gain.len(), rows.n_pre())?;
    length("spikes", elapsed.spikes.len(), rows.n_pre())?;
    length("weight", weight.len(), rows.nnz())?;
    length("eligibility", eligibility.len(), rows.nnz())?;
    let &[low, high] = bounds else {
        return Err(Error::Length { name: "bounds", given: bounds.len(), expected: 2 });
    };
    let (hits, synapses) = found(events, rows)?;
    let (weight, eligibility) = (&Shared::new(weight), &Shared::new(eligibility));
    threads::try_ranges(hits.len(), synapses >= PARALLEL, |range| {
        let hits = &hits[range];
        dispatch(Flush { hits, elapsed, coefficient, low, high, rows, weight, eligibility })
    })
}

/// The rows of some events.
struct Flush<'a, T> {
    hits: &'a [Hit<T>],
    elapsed: &'a Elapsed<'a, T>,
    coefficient: &'a [T],
    low: T,
    high: T,
    rows: &'a Rows<'a>,
    weight: &'a Shared<'a, T>,
    eligibility: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Flush<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        along::<L>(self.hits, self.rows, self.coefficient.len(), self.weight, &self)
    }
}

impl<T: Float> Along<T> for Flush<'_, T> {
    #[inline(always)]
    fn row<L: Lane<Elem = T>, I: Index>(&self, hit: &Hit<T>, targets: &[I], row: Range<usize>) {
        let source = hit.row;
        let Elapsed { left, gain, spikes } = *self.elapsed;
        let (left, gain, spike) = (left[source], gain[source], spikes[source]);
        // SAFETY: rows of different events do not overlap, see `found`, and a thread has events of its own.
        let (weights, eligibilities) =
            unsafe { (self.weight.part(row.start, row.len()), self.eligibility.part(row.start, row.len())) };
        for ((w, c), target) in weights.iter_mut().zip(eligibilities).zip(targets) {
            // SAFETY: the indices of the row are checked.
            let coefficient = unsafe { *self.coefficient.get_unchecked(target.get()) };
            let new = *w + gain * *c;
            let new = if new < self.low { self.low } else { new };
            *w = if new > self.high { self.high } else { new };
            *c = left * *c + spike * coefficient;
        }
    }
}

/// Adds to the eligibility down the columns of targets that have an event; `coefficient` and `gain` have one number for
/// each source.
///
/// # Errors
/// If a length does not fit, columns overlap, or hold a place or source that is none; some columns have then changed.
pub fn credit_columns<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &[T],
    gain: &[T],
    columns: &Columns<'_>,
    [weight, eligibility]: [&mut [T]; 2],
) -> Result<()> {
    length("events", events.len(), columns.rows.n_pre())?;
    length("gain", gain.len(), coefficient.len())?;
    length("weight", weight.len(), columns.rows.nnz())?;
    length("eligibility", eligibility.len(), columns.rows.nnz())?;
    let (hits, synapses) = found(events, columns.rows)?;
    let (weight, eligibility) = (&Shared::new(weight), &Shared::new(eligibility));
    threads::try_ranges(hits.len(), synapses >= sources::PARALLEL, |range| {
        dispatch(Credit { hits: &hits[range], coefficient, gain, columns, weight, eligibility })
    })
}

/// The columns of some events.
struct Credit<'a, T> {
    hits: &'a [Hit<T>],
    coefficient: &'a [T],
    gain: &'a [T],
    columns: &'a Columns<'a>,
    weight: &'a Shared<'a, T>,
    eligibility: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Credit<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let (weight, eligibility) = (self.weight, self.eligibility);
        let fetch = |place| {
            // SAFETY: the places of columns are those of weights and eligibilities.
            let (weight, eligibility) = unsafe { (weight.at(place), eligibility.at(place)) };
            prefetch_one(weight);
            prefetch_one(eligibility);
        };
        self.columns.down(self.hits, fetch, |event, place, source| {
            let added = event * self.coefficient[source];
            let early = T::from_f64(-1.0) * self.gain[source] * added;
            // SAFETY: as above.
            unsafe {
                eligibility.replace(place, |c| c + added);
                weight.replace(place, |w| w + early);
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Indices, Indptr};
    use crate::plasticity::Sources;
    use proptest::prelude::*;

    fn rows(indices: &[u32]) -> Rows<'_> {
        Rows::new(Indices::U32(indices), Indptr::I32(&[0, 2, 2, 3]), 3).expect("fits")
    }

    fn after<'a>(left: &'a [f64], gain: &'a [f64], spikes: &'a [f64]) -> Elapsed<'a, f64> {
        Elapsed { left, gain, spikes }
    }

    #[test]
    fn only_rows_with_an_event_change() {
        let (mut w, mut c) = ([0.5, 0.75, 0.25], [1.0, -1.0, 2.0]);
        let elapsed = after(&[0.5; 3], &[0.25; 3], &[1.0, 0.0, 0.0]);
        let flushed = flush_rows(
            Spikes::Float(&[1.0, 1.0, 0.0]),
            &elapsed,
            &[9.0, -1.0, 9.0, 2.0],
            &[0.6, 0.7],
            &rows(&[1, 3, 0]),
            [&mut w, &mut c],
        );
        assert_eq!(flushed, Ok(()));
        assert_eq!(w, [0.7, 0.6, 0.25]);
        assert_eq!(c, [-0.5, 1.5, 2.0]);
    }

    #[test]
    fn lengths_and_indices_are_checked() {
        let run = |left: &[f64], bounds: &[f64], indices: &[u32]| {
            let elapsed = after(left, &[0.0; 3], &[0.0; 3]);
            let (mut w, mut c) = ([0.0; 3], [0.0; 3]);
            let events = Spikes::Float(&[1.0; 3]);
            flush_rows(events, &elapsed, &[0.0; 4], bounds, &rows(indices), [&mut w, &mut c])
        };
        assert_eq!(run(&[0.0; 3], &[0.0, 1.0], &[1, 3, 0]), Ok(()));
        assert!(run(&[0.0; 2], &[0.0, 1.0], &[1, 3, 0]).is_err());
        assert!(run(&[0.0; 3], &[0.0], &[1, 3, 0]).is_err());
        assert!(run(&[0.0; 3], &[0.0, 1.0], &[1, 4, 0]).is_err());
    }

    #[test]
    fn what_is_added_late_has_not_gained_yet() {
        let (mut w, mut c) = ([0.5, 0.75, 0.25], [1.0, -1.0, 2.0]);
        let columns = Rows::new(Indices::U32(&[2, 0, 1]), Indptr::I32(&[0, 1, 2, 2, 3]), 4).expect("fits");
        let sources = Sources::Stored(&[2, 0, 0]);
        let columns = Columns::new(&columns, &sources, 3).expect("fits");
        let credited = credit_columns(
            Spikes::Float(&[0.0, 2.0, 1.0, 1.0]),
            &[0.25, 9.0, 9.0],
            &[0.5, 9.0, 9.0],
            &columns,
            [&mut w, &mut c],
        );
        assert_eq!(credited, Ok(()));
        assert_eq!(c, [1.5, -0.75, 2.0]);
        assert_eq!(w, [0.25, 0.625, 0.25]);
        assert!(
            credit_columns(Spikes::Float(&[0.0; 4]), &[0.0; 3], &[0.0], &columns, [&mut w, &mut c]).is_err()
        );
    }

    proptest! {
        #[test]
        fn twice_is_once_over_both_times(w in 0.0..1.0_f64, c in -1.0..1.0_f64, left in 0.1..1.0_f64, gain in 0.0..1.0_f64) {
            let flush = |weight: &mut [f64], eligibility: &mut [f64], left: f64, gain: f64| {
                let rows = Rows::new(Indices::U32(&[0]), Indptr::Fixed, 1).expect("fits");
                let (left, gain) = ([left], [gain]);
                let elapsed = after(&left, &gain, &[0.0]);
                flush_rows(Spikes::Float(&[1.0]), &elapsed, &[0.0], &[-9.0, 9.0], &rows, [weight, eligibility])
            };
            let (mut w1, mut c1, mut w2, mut c2) = ([w], [c], [w], [c]);
            prop_assert_eq!(flush(&mut w1, &mut c1, left, gain), Ok(()));
            prop_assert_eq!(flush(&mut w1, &mut c1, left, gain), Ok(()));
            prop_assert_eq!(flush(&mut w2, &mut c2, left * left, gain + left * gain), Ok(()));
            prop_assert!((w1[0] - w2[0]).abs() < 1e-14 && (c1[0] - c2[0]).abs() < 1e-14);
        }
    }
}
