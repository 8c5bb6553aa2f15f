//! The values of the last steps, for synapses with a delay each whose weights change: what a spike delivers and what
//! it changes is decided when it arrives.

use std::ops::Range;

use super::ring::{check_cursor, start};
use super::rows::Bounded;
use super::scatter::{Piece, scatter_pieces};
use super::search::find;
use super::{Delays, Dims, Index, Rows, Spikes, Weight, length};
use crate::error::{Error, Result};
use crate::lane::Float;
use crate::shared::Shared;

/// Values of the last steps, row-major (slots, neurons); slots are turned by the cursor.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a, T> {
    values: &'a [T],
    n: usize,
    slots: usize,
    cursor: usize,
}

impl<'a, T: Float> Steps<'a, T> {
    /// The values of `n` neurons, of which those of the present step stand in the slot at the cursor.
    ///
    /// # Errors
    /// If the length does not fit, or the cursor is no slot.
    pub fn new(values: &'a [T], n: usize, slots: usize, cursor: &[i32]) -> Result<Self> {
        check_cursor(cursor, 1, slots)?;
        length("cursor", cursor.len(), 1)?;
        length("ring", values.len(), slots * n)?;
        Ok(Self { values, n, slots, cursor: start(cursor, 0) })
    }

    /// Number of neurons.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of slots.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The slot of so many steps ago.
    fn slot(&self, age: usize) -> usize {
        (self.cursor + self.slots - age) % self.slots
    }

    /// The values of so many steps ago.
    pub(crate) fn ago(&self, age: usize) -> &'a [T] {
        &self.values[self.slot(age) * self.n..][..self.n]
    }
}

/// Values of the last steps, and in which neurons they are not 0.
#[derive(Debug, Clone, Copy)]
pub struct History<'a, T> {
    steps: Steps<'a, T>,
    count: &'a [i32],
    neurons: &'a [u32],
}

/// Neurons that are listed.
const NEURONS: Bounded = Bounded { name: "neurons", of: "neurons" };

/// How many of them in a slot.
const COUNT: Bounded = Bounded { name: "count", of: "neurons and none" };

/// Synapses of a row that a value arrives at.
#[derive(Debug, Clone)]
pub(crate) struct Arrival<T> {
    pub(crate) row: usize,
    pub(crate) part: Range<usize>,
    pub(crate) value: T,
}

impl<'a, T: Float> History<'a, T> {
    /// The values of `steps`; each slot lists `count` `neurons`.
    ///
    /// # Errors
    /// If a length or a count does not fit.
    pub fn new(steps: Steps<'a, T>, count: &'a [i32], neurons: &'a [u32]) -> Result<Self> {
        length("count", count.len(), steps.slots)?;
        length("neurons", neurons.len(), steps.slots * steps.n)?;
        let fits = |&n: &i32| usize::try_from(n).is_ok_and(|n| n <= steps.n);
        match count.iter().position(|n| !fits(n)) {
            Some(slot) => Err(COUNT.error(slot, count[slot].into(), steps.n + 1)),
            None => Ok(Self { steps, count, neurons }),
        }
    }

    /// What arrives in the present step, the oldest first: each value at the synapses of its row with the delay that
    /// has passed.
    pub(crate) fn arrivals(&self, rows: &Rows<'_>, delays: Delays<'_>) -> Result<Vec<Arrival<T>>> {
        let Steps { n, slots, .. } = self.steps;
        length("ring", n, rows.n_pre())?;
        delays.check_len(rows.nnz())?;
        let mut arrivals = Vec::new();
        for age in (0..slots).rev() {
            let slot = self.steps.slot(age);
            let listed = slot * n..slot * n + self.count[slot] as usize;
            u32::check(self.neurons, listed.clone(), n, NEURONS)?;
            let values = self.steps.ago(age);
            for row in self.neurons[listed].iter().map(|&row| row.get()) {
                let part = delays.arriving(rows.row(row)?, age)?;
                if !part.is_empty() {
                    arrivals.push(Arrival { row, part, value: values[row] });
                }
            }
        }
        Ok(arrivals)
    }
}

/// Puts the values of the present step into the slot at the cursor, and lists the neurons in which they are not 0.
///
/// # Errors
/// If a length does not fit, or the cursor is no slot.
pub fn record<T: Float>(
    values: &[T],
    cursor: &[i32],
    ring: &mut [T],
    count: &mut [i32],
    neurons: &mut [u32],
) -> Result<()> {
    let (n, slots) = (values.len(), count.len());
    let slot = Steps::new(ring, n, slots, cursor)?.cursor;
    length("neurons", neurons.len(), slots * n)?;
    ring[slot * n..][..n].copy_from_slice(values);
    let found = find(Spikes::Float(values), |_| ());
    for (place, hit) in neurons[slot * n..][..n].iter_mut().zip(&found) {
        *place = u32::try_from(hit.row).map_err(|_| NEURONS.error(0, hit.row as i64, u32::MAX as usize))?;
    }
    count[slot] = i32::try_from(found.len()).map_err(|_| Error::Full { size: i32::MAX as usize })?;
    Ok(())
}

/// `target[j] += w * value` for all synapses at which a value arrives in the present step.
///
/// # Errors
/// If a length does not fit, or a row or index lies beyond what there is; some targets have then been added to.
pub fn deliver_arriving<T: Float>(
    history: &History<'_, T>,
    weight: &[T],
    rows: &Rows<'_>,
    delays: Delays<'_>,
    target: &mut [T],
) -> Result<()> {
    let weight = Weight::of(weight, rows.nnz())?;
    let n_post = target.len();
    let dims = Dims { batch: 1, n_total: rows.n_pre(), offset: 0, n_post };
    let arrivals = history.arrivals(rows, delays)?;
    arrivals.iter().try_for_each(|arrival| rows.check_part(arrival.part.clone(), n_post))?;
    let pieces: Vec<_> =
        arrivals.into_iter().map(|Arrival { part, value, .. }| Piece { part, value }).collect();
    scatter_pieces(dims, weight, rows, &pieces, 0..n_post, &Shared::new(target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Indices, Indptr};

    /// Two sources: 0 → 0 after a step; 1 → 2 at once, → 0 and 1 after two steps.
    #[test]
    fn values_arrive_after_the_delay_of_each_synapse() {
        let rows = Rows::new(Indices::U16(&[0, 2, 0, 1]), Indptr::I32(&[0, 1, 4]), 2).expect("fits");
        let (delays, weight) = (Delays::U8(&[1, 0, 2, 2]), [1.0, 2.0, 3.0, 4.0]);
        let (mut ring, mut count, mut neurons) = ([0.0; 6], [0; 3], [0; 6]);
        let mut seen = vec![];
        for step in 0..5 {
            let cursor = [step % 3];
            let values = if step == 1 { [10.0, 0.5] } else { [0.0, 0.0] };
            record(&values, &cursor, &mut ring, &mut count, &mut neurons).expect("fits");
            let steps = Steps::new(&ring, 2, 3, &cursor).expect("fits");
            let history = History::new(steps, &count, &neurons).expect("fits");
            let mut target = [0.0; 3];
            deliver_arriving(&history, &weight, &rows, delays, &mut target).expect("fits");
            seen.push(target);
        }
        let none = [0.0; 3];
        assert_eq!(seen, [none, [0.0, 0.0, 1.0], [10.0, 0.0, 0.0], [1.5, 2.0, 0.0], none]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let steps = |cursor: i32| Steps::new(&[0.0; 6], 2, 3, &[cursor]);
        assert!(matches!(steps(3), Err(Error::Range { name: "cursor", .. })));
        assert!(matches!(Steps::new(&[0.0; 5], 2, 3, &[0]), Err(Error::Length { name: "ring", .. })));
        let steps = steps(0).expect("fits");
        let error = History::new(steps, &[0, 3, 0], &[0; 6]).map(drop);
        assert!(matches!(error, Err(Error::Range { name: "count", place: 1, given: 3, .. })));
        let rows = Rows::new(Indices::U16(&[0, 1]), Indptr::Fixed, 2).expect("fits");
        let history = History::new(steps, &[1, 0, 0], &[2, 0, 0, 0, 0, 0]).expect("fits");
        let deliver =
            |target: &mut [f64]| deliver_arriving(&history, &[1.0], &rows, Delays::U8(&[0, 0]), target);
        assert!(matches!(
            deliver(&mut [0.0; 2]),
            Err(Error::Range { name: "neurons", place: 0, given: 2, .. })
        ));
        let history = History::new(steps, &[1, 0, 0], &[1, 0, 0, 0, 0, 0]).expect("fits");
        let error = deliver_arriving(&history, &[1.0], &rows, Delays::U8(&[0, 0]), &mut [0.0; 1]);
        assert!(matches!(error, Err(Error::Range { name: "indices", place: 1, given: 1, below: 1, .. })));
    }
}
