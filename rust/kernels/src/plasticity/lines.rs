//! Changes at synapses that have a delay each.
//!
//! Synapses stand in lines, those of a source or those of a target, and each line ascends by delay. The side whose spikes
//! take time is known by its values of the last steps: with events e, coefficients q and a delay d of each synapse,
//!
//! ```text
//! arriving: w ← F(w, e[line, t − d] q[other, t])    for e[line, t − d] ≠ 0
//! delayed:  w ← F(w, e[line, t] q[other, t − d])    for e[line, t] ≠ 0
//! ```

use std::ops::Range;

use super::sources::PARALLEL;
use super::{Law, by_dependence, found};
use crate::error::Result;
use crate::event::{Bounded, Delays, History, Index, Indices, Rows, Spikes, Steps, length};
use crate::lane::Float;
use crate::shared::Shared;
use crate::threads;

/// Places among the weights.
const PLACES: Bounded = Bounded { name: "places", of: "weights" };

/// Synapses line after line.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    rows: &'a Rows<'a>,
    places: &'a [u32],
    delays: Delays<'a>,
}

impl<'a> Lines<'a> {
    /// The lines of `rows`, whose indices are neurons of the other side. `places` are those of the synapses among the
    /// weights; without any, they stand in the order of the weights.
    ///
    /// # Errors
    /// If a length does not fit.
    pub fn new(rows: &'a Rows<'a>, places: &'a [u32], delays: Delays<'a>) -> Result<Self> {
        if !places.is_empty() {
            length("places", places.len(), rows.nnz())?;
        }
        delays.check_len(rows.nnz())?;
        Ok(Self { rows, places, delays })
    }

    /// Calls `body` with the number, the place and the neuron of the other side, one of `n`, of some synapses.
    fn each(&self, part: Range<usize>, n: usize, body: impl FnMut(usize, usize, usize)) -> Result<()> {
        match self.rows.indices() {
            Indices::U16(all) => self.each_of(all, part, n, body),
            Indices::U32(all) => self.each_of(all, part, n, body),
        }
    }

    fn each_of<I: Index>(
        &self,
        others: &[I],
        part: Range<usize>,
        n: usize,
        mut body: impl FnMut(usize, usize, usize),
    ) -> Result<()> {
        self.rows.check(others, part.clone(), n)?;
        if self.places.is_empty() {
            part.for_each(|k| body(k, k, others[k].get()));
        } else {
            u32::check(self.places, part.clone(), self.rows.nnz(), PLACES)?;
            part.for_each(|k| body(k, self.places[k].get(), others[k].get()));
        }
        Ok(())
    }
}

/// A synapse that changes: its place among the weights, its line and its neuron of the other side.
#[derive(Clone, Copy)]
struct Synapse {
    place: usize,
    line: usize,
    other: usize,
}

/// Calls `act` with each synapse at which an event arrives, and the product of the event and of the coefficient.
fn arriving<T: Float>(
    events: &History<'_, T>,
    coefficient: &[T],
    lines: &Lines<'_>,
    act: impl Fn(Synapse, T) + Sync,
) -> Result<()> {
    let arrivals = events.arrivals(lines.rows, lines.delays)?;
    let synapses: usize = arrivals.iter().map(|arrival| arrival.part.len()).sum();
    threads::try_ranges(arrivals.len(), synapses >= PARALLEL, |range| {
        arrivals[range].iter().try_for_each(|arrival| {
            let (line, event) = (arrival.row, arrival.value);
            lines.each(arrival.part.clone(), coefficient.len(), |_, place, other| {
                act(Synapse { place, line, other }, event * coefficient[other]);
            })
        })
    })
}

/// Calls `act` with each synapse of the lines that have an event, and the product of the event and of the coefficient.
fn delayed<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &Steps<'_, T>,
    lines: &Lines<'_>,
    act: impl Fn(Synapse, T) + Sync,
) -> Result<()> {
    length("events", events.len(), lines.rows.n_pre())?;
    let (hits, synapses) = found(events, lines.rows)?;
    let ago: Vec<&[T]> = (0..coefficient.slots()).map(|age| coefficient.ago(age)).collect();
    threads::try_ranges(hits.len(), synapses >= PARALLEL, |range| {
        hits[range].iter().try_for_each(|hit| {
            let (line, row) = (hit.row, lines.rows.row(hit.row)?);
            lines.delays.check(row.clone(), ago.len())?;
            lines.each(row, coefficient.n(), |k, place, other| {
                act(Synapse { place, line, other }, hit.value * ago[lines.delays.get(k)][other]);
            })
        })
    })
}

/// Changes the weights at which events of the last steps arrive; `coefficient` has one number for each neuron of the
/// other side.
///
/// # Errors
/// If a length does not fit, or a number stands for nothing; some weights have then changed.
pub fn update_arriving<T: Float>(
    events: &History<'_, T>,
    coefficient: &[T],
    law: &Law<T>,
    lines: &Lines<'_>,
    weight: &mut [T],
) -> Result<()> {
    length("weight", weight.len(), lines.rows.nnz())?;
    let weight = &Shared::new(weight);
    by_dependence!(law, D => arriving(events, coefficient, lines, |synapse, change| {
        // SAFETY: the places of synapses are those of weights.
        unsafe { weight.replace(synapse.place, |w| law.changed::<D>(w, change)) };
    }))
}

/// Changes the weights of the lines that have an event; `coefficient` are those of the other side in the last steps.
///
/// # Errors
/// As [`update_arriving`].
pub fn update_delayed<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &Steps<'_, T>,
    law: &Law<T>,
    lines: &Lines<'_>,
    weight: &mut [T],
) -> Result<()> {
    length("weight", weight.len(), lines.rows.nnz())?;
    let weight = &Shared::new(weight);
    by_dependence!(law, D => delayed(events, coefficient, lines, |synapse, change| {
        // SAFETY: the places of synapses are those of weights.
        unsafe { weight.replace(synapse.place, |w| law.changed::<D>(w, change)) };
    }))
}

/// What has passed since the row of each source was walked, as in [`super::Elapsed`]; sources are lines, or are reached
/// by them.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a, T> {
    /// The part of the eligibility that is left.
    pub left: &'a [T],
    /// The integral of that part times the third factor.
    pub gain: &'a [T],
    /// Whether a line is that of a source.
    pub lines_are_sources: bool,
}

/// Weights and eligibilities.
struct Credited<'a, T> {
    since: &'a Since<'a, T>,
    weight: Shared<'a, T>,
    eligibility: Shared<'a, T>,
}

impl<'a, T: Float> Credited<'a, T> {
    fn new(
        since: &'a Since<'a, T>,
        lines: &Lines<'_>,
        [weight, eligibility]: [&'a mut [T]; 2],
        others: usize,
    ) -> Result<Self> {
        let n = if since.lines_are_sources { lines.rows.n_pre() } else { others };
        length("left", since.left.len(), n)?;
        length("gain", since.gain.len(), n)?;
        length("weight", weight.len(), lines.rows.nnz())?;
        length("eligibility", eligibility.len(), lines.rows.nnz())?;
        Ok(Self { since, weight: Shared::new(weight), eligibility: Shared::new(eligibility) })
    }

    /// Adds to an eligibility as if it had been there since the row of its source was walked.
    fn credit(&self, synapse: Synapse, change: T) {
        let source = if self.since.lines_are_sources { synapse.line } else { synapse.other };
        let added = T::from_f64(change.to_f64() / self.since.left[source].to_f64());
        let early = T::from_f64(-1.0) * self.since.gain[source] * added;
        // SAFETY: the places of synapses are those of weights and eligibilities.
        unsafe {
            self.eligibility.replace(synapse.place, |c| c + added);
            self.weight.replace(synapse.place, |w| w + early);
        }
    }
}

/// As [`update_arriving`], but events add to the eligibility.
///
/// # Errors
/// As [`update_arriving`].
pub fn credit_arriving<T: Float>(
    events: &History<'_, T>,
    coefficient: &[T],
    since: &Since<'_, T>,
    lines: &Lines<'_>,
    synapses: [&mut [T]; 2],
) -> Result<()> {
    let credited = Credited::new(since, lines, synapses, coefficient.len())?;
    arriving(events, coefficient, lines, |synapse, change| credited.credit(synapse, change))
}

/// As [`update_delayed`], but events add to the eligibility.
///
/// # Errors
/// As [`update_arriving`].
pub fn credit_delayed<T: Float>(
    events: Spikes<'_, T>,
    coefficient: &Steps<'_, T>,
    since: &Since<'_, T>,
    lines: &Lines<'_>,
    synapses: [&mut [T]; 2],
) -> Result<()> {
    let credited = Credited::new(since, lines, synapses, coefficient.n())?;
    delayed(events, coefficient, lines, |synapse, change| credited.credit(synapse, change))
}
