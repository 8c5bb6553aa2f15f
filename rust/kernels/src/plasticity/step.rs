//! A step in which events of targets wait, and rows that are walked meet them.

use std::ops::Range;

use super::along::{Along, along};
use super::{Columns, Pending, found};
use crate::error::Result;
use crate::event::{Dims, Hit, Index, Ring, Rows, Spikes, length, scatter};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 32_768;

/// Synapses of a row that are changed together.
pub(super) const TOGETHER: usize = 8;

/// The synapses by source and by target.
#[derive(Debug, Clone, Copy)]
pub struct Synapses<'a> {
    /// The targets of each source.
    pub rows: &'a Rows<'a>,
    /// The places of the synapses of each target.
    pub columns: &'a Columns<'a>,
}

/// Which rows are walked in a step.
#[derive(Debug, Clone, Copy)]
pub struct Walked<'a, T> {
    /// Those of the sources that have one here, …
    pub sources: Spikes<'a, T>,
    /// … or all, after which nothing waits any more.
    pub all: bool,
}

/// What spikes deliver by the new weights.
#[derive(Debug)]
pub struct Delivery<'a, T> {
    /// One for each source; those whose row is not walked deliver nothing.
    pub spikes: &'a [T],
    /// What each target receives.
    pub target: &'a mut [T],
}

/// What a step writes down of itself.
pub(super) struct Now<'a, T, const N: usize> {
    /// The events of targets.
    pub post: &'a [T],
    /// What the clock shows.
    pub clock: T,
    /// What an event of 1 is listed with.
    pub amounts: [T; N],
    /// The marks of the sources whose rows are walked; the first is the clock.
    pub marks: [T; N],
}

/// What synapses do with the events that they meet. Methods, since closures would not get the lanes of their caller.
pub(super) trait Meeting<T: Float, const N: usize>: Sync {
    /// The weights.
    fn weights(&self) -> &Shared<'_, T>;

    /// Lets the synapse at a place come from memory.
    fn fetch(&self, place: usize);

    /// The synapses of a row meet what their targets have listed since it was walked, then the event of their source.
    ///
    /// # Safety
    /// All targets are there, and nobody else has the synapses of the row.
    unsafe fn row<L: Lane<Elem = T>, I: Index>(
        &self,
        pending: &Pending<'_, T, N>,
        targets: &[I],
        row: Range<usize>,
        source: usize,
    );

    /// Synapses, given by place and source, meet the oldest `count` events of their target, which it will forget.
    ///
    /// # Safety
    /// There are such synapses.
    unsafe fn late<L: Lane<Elem = T>>(
        &self,
        pending: &Pending<'_, T, N>,
        target: usize,
        count: usize,
        synapses: &[(usize, usize)],
    );
}

/// Lists the events of targets, walks rows, and delivers the spikes of their sources by the new weights.
pub(super) fn step<T: Float, const N: usize>(
    now: &Now<'_, T, N>,
    walked: Walked<'_, T>,
    synapses: &Synapses<'_>,
    pending: &mut Pending<'_, T, N>,
    delivery: Delivery<'_, T>,
    meeting: &impl Meeting<T, N>,
) -> Result<()> {
    let (rows, n_post) = (synapses.rows, synapses.columns.rows.n_pre());
    for (name, given, expected) in [
        ("post", now.post.len(), n_post),
        ("walked", walked.sources.len(), rows.n_pre()),
        ("spikes", delivery.spikes.len(), rows.n_pre()),
        ("target", delivery.target.len(), n_post),
        ("listed", pending.n_post(), n_post),
        ("marks", pending.n_pre(), rows.n_pre()),
        ("places", synapses.columns.rows.nnz(), rows.nnz()),
    ] {
        length(name, given, expected)?;
    }
    list(now, synapses.columns, pending, meeting)?;
    let (hits, count) = if walked.all { all(rows)? } else { found(walked.sources, rows)? };
    walk(&hits, count, rows, pending, delivery, meeting)?;
    if walked.all {
        pending.renew();
    } else {
        for hit in &hits {
            pending.mark(hit.row, now.marks);
        }
    }
    Ok(())
}

/// All rows.
fn all<T: Float>(rows: &Rows<'_>) -> Result<(Vec<Hit<T>>, usize)> {
    rows.check_order()?;
    Ok(((0..rows.n_pre()).map(|row| Hit { row, value: T::ONE }).collect(), rows.nnz()))
}

/// Lists the events of targets. A full list makes room: its older half acts on the synapses that have not met it.
fn list<T: Float, const N: usize>(
    now: &Now<'_, T, N>,
    columns: &Columns<'_>,
    pending: &mut Pending<'_, T, N>,
    meeting: &impl Meeting<T, N>,
) -> Result<()> {
    let (hits, _) = found(Spikes::Float(now.post), columns.rows)?;
    let surplus: Vec<_> = hits
        .iter()
        .map(|hit| (hit.row, pending.surplus(hit.row, hit.value)))
        .filter(|full| full.1 > 0)
        .collect();
    let seen = &*pending;
    threads::try_ranges(surplus.len(), surplus.len() > 1, |range| {
        dispatch(Catch { surplus: &surplus[range], columns, pending: seen, meeting })
    })?;
    for &(target, count) in &surplus {
        pending.forget(target, count);
    }
    hits.iter().try_for_each(|hit| pending.list(hit.row, hit.value, now.clock, now.amounts))
}

/// Columns of targets that must forget events: synapses whose row was not walked since meet them now.
struct Catch<'a, T, M, const N: usize> {
    surplus: &'a [(usize, usize)],
    columns: &'a Columns<'a>,
    pending: &'a Pending<'a, T, N>,
    meeting: &'a M,
}

impl<T: Float, M: Meeting<T, N>, const N: usize> Job<T> for Catch<'_, T, M, N> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let mut late = vec![];
        for (k, &(target, count)) in self.surplus.iter().enumerate() {
            if let Some(&(next, _)) = self.surplus.get(k + 1) {
                self.columns.fetch(next)?;
            }
            self.find_late(target, count, &mut late)?;
            // SAFETY: the places of the column are checked.
            unsafe { self.meeting.late::<L::Eight>(self.pending, target, count, &late) };
        }
        Ok(())
    }
}

impl<T: Float, M: Meeting<T, N>, const N: usize> Catch<'_, T, M, N> {
    /// The places and the sources of the synapses that have not met the oldest events of their target.
    fn find_late(&self, target: usize, count: usize, late: &mut Vec<(usize, usize)>) -> Result<()> {
        let newest = self.pending.lists().of(target).when[count - 1];
        let marks = self.pending.clocks();
        late.clear();
        self.columns.each(self.columns.column(target)?, |_, place, source| {
            if newest < marks[source] {
                self.meeting.fetch(place);
                late.push((place, source));
            }
        })
    }
}

/// Walks the rows of hits, which have `count` synapses.
fn walk<T: Float, const N: usize>(
    hits: &[Hit<T>],
    count: usize,
    rows: &Rows<'_>,
    pending: &Pending<'_, T, N>,
    Delivery { spikes, target }: Delivery<'_, T>,
    meeting: &impl Meeting<T, N>,
) -> Result<()> {
    // Threads have rows of their own, but not targets.
    let together = count >= PARALLEL && threads::get() > 1;
    let targets = &Shared::new(target);
    let to = (!together).then_some((spikes, targets));
    threads::try_ranges(hits.len(), together, |range| {
        dispatch(Walk { hits: &hits[range], rows, pending, to, meeting })
    })?;
    if together {
        let dims = Dims { batch: 1, n_total: spikes.len(), offset: 0, n_post: target.len() };
        // SAFETY: the threads have ended.
        let weight = unsafe { meeting.weights().part(0, rows.nnz()) };
        scatter(dims, Spikes::Float(spikes), weight, rows, &Ring::NONE, target)?;
    }
    Ok(())
}

/// Some rows that are walked.
struct Walk<'a, T, M, const N: usize> {
    hits: &'a [Hit<T>],
    rows: &'a Rows<'a>,
    pending: &'a Pending<'a, T, N>,
    to: Option<(&'a [T], &'a Shared<'a, T>)>, // spikes, and the targets they are delivered to
    meeting: &'a M,
}

impl<T: Float, M: Meeting<T, N>, const N: usize> Job<T> for Walk<'_, T, M, N> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        along::<L::Eight>(self.hits, self.rows, self.pending.n_post(), self.meeting.weights(), &self)
    }
}

impl<T: Float, M: Meeting<T, N>, const N: usize> Along<T> for Walk<'_, T, M, N> {
    #[inline(always)]
    fn row<L: Lane<Elem = T>, I: Index>(&self, hit: &Hit<T>, targets: &[I], row: Range<usize>) {
        // SAFETY: the indices of the row are checked, all targets have a list. Rows of different sources do not
        // overlap, see `found`, and a thread has sources of its own.
        unsafe {
            self.meeting.row::<L, I>(self.pending, targets, row.clone(), hit.row);
            self.deliver(row, targets, hit.row);
        }
    }
}

impl<T: Float, M: Meeting<T, N>, const N: usize> Walk<'_, T, M, N> {
    /// Delivers the spike of a source by the new weights of its row: once they all are there, since the sums that change
    /// them and those of the targets then do not wait for each other.
    ///
    /// # Safety
    /// The targets are there, and nobody else has the row.
    #[inline(always)]
    unsafe fn deliver<I: Index>(&self, row: Range<usize>, targets: &[I], source: usize) {
        let Some((spikes, to)) = self.to else { return };
        // SAFETY: promised to this function.
        let weights = unsafe { self.meeting.weights().part(row.start, row.len()) };
        // A copy of the address stays in a register.
        let (spike, to) = (spikes[source], to.all());
        for (&w, target) in weights.iter().zip(targets) {
            // SAFETY: promised to this function; where there are threads, nobody delivers here.
            unsafe { *to.add(target.get()) += spike * w };
        }
    }
}
