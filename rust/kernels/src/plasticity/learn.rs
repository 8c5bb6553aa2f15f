//! A step in which events of targets wait, and rows that are walked meet them.

use std::ops::Range;

use super::along::{Along, along};
use super::pending::{Listed, Lists, Pending, after_sum};
use super::{Columns, Law, by_dependence, found};
use crate::error::Result;
use crate::event::{Dims, Hit, Index, Ring, Rows, Spikes, length, prefetch_one, scatter};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synapses on, several threads are faster than one: some 50 µs of work.
const PARALLEL: usize = 32_768;

/// The dependence of a side without an event.
const ABSENT: u8 = 3;

/// The events of one side, and what they act by.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a, T> {
    /// 0 where there is none.
    pub events: &'a [T],
    /// One number for each neuron of the other side; of sources it is the coefficient divided by the clock, which does
    /// not change between their own events.
    pub coefficient: &'a [T],
    /// The law of the change.
    pub law: Law<T>,
}

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

/// A step: lists the events of targets, and walks rows: their synapses meet what their targets have listed, then the
/// event of their source, and deliver its spike.
///
/// # Errors
/// If a length does not fit, or synapses are inconsistent; some weights have then changed.
pub fn learn<T: Float>(
    clock: T,
    walked: Walked<'_, T>,
    (post, pre): (&Side<'_, T>, &Side<'_, T>),
    synapses: &Synapses<'_>,
    pending: &mut Pending<'_, T>,
    delivery: Delivery<'_, T>,
    weight: &mut [T],
) -> Result<()> {
    let (n_pre, n_post) = (synapses.rows.n_pre(), synapses.columns.rows.n_pre());
    for (name, given, expected) in [
        ("post", post.events.len(), n_post),
        ("slopes", post.coefficient.len(), n_pre),
        ("pre", pre.events.len(), n_pre),
        ("of_targets", pre.coefficient.len(), n_post),
        ("walked", walked.sources.len(), n_pre),
        ("spikes", delivery.spikes.len(), n_pre),
        ("target", delivery.target.len(), n_post),
        ("listed", pending.n_post(), n_post),
        ("marks", pending.marks.len(), n_pre),
        ("weight", weight.len(), synapses.rows.nnz()),
        ("places", synapses.columns.rows.nnz(), weight.len()),
    ] {
        length(name, given, expected)?;
    }
    list(clock, post, synapses.columns, pending, &Shared::new(weight))?;
    let rows = synapses.rows;
    let (hits, count) = if walked.all { all(rows)? } else { found(walked.sources, rows)? };
    meet(&hits, count, (post, pre), rows, pending, delivery, weight)?;
    if walked.all {
        pending.renew();
    } else {
        for hit in &hits {
            pending.marks[hit.row] = clock;
        }
    }
    Ok(())
}

/// Walks the rows of hits, which have `count` synapses.
fn meet<T: Float>(
    hits: &[Hit<T>],
    count: usize,
    (post, pre): (&Side<'_, T>, &Side<'_, T>),
    rows: &Rows<'_>,
    pending: &Pending<'_, T>,
    Delivery { spikes, target }: Delivery<'_, T>,
    weight: &mut [T],
) -> Result<()> {
    // Threads have rows of their own, but not targets.
    let together = count >= PARALLEL && threads::get() > 1;
    let (weights, targets) = (&Shared::new(weight), &Shared::new(target));
    let to = (!together).then_some((spikes, targets));
    threads::try_ranges(hits.len(), together, |range| {
        dispatch(Walk { hits: &hits[range], post, pre, rows, pending, to, weight: weights })
    })?;
    if together {
        let dims = Dims { batch: 1, n_total: spikes.len(), offset: 0, n_post: target.len() };
        scatter(dims, Spikes::Float(spikes), weight, rows, &Ring::NONE, target)?;
    }
    Ok(())
}

/// All rows.
fn all<T: Float>(rows: &Rows<'_>) -> Result<(Vec<Hit<T>>, usize)> {
    rows.check_order()?;
    Ok(((0..rows.n_pre()).map(|row| Hit { row, value: T::ONE }).collect(), rows.nnz()))
}

/// Lists the events of targets. A full list makes room: its older half acts on the synapses that have not met it.
fn list<T: Float>(
    clock: T,
    post: &Side<'_, T>,
    columns: &Columns<'_>,
    pending: &mut Pending<'_, T>,
    weight: &Shared<'_, T>,
) -> Result<()> {
    let (hits, _) = found(Spikes::Float(post.events), columns.rows)?;
    let surplus: Vec<_> = hits
        .iter()
        .map(|hit| (hit.row, pending.surplus(hit.row, hit.value)))
        .filter(|full| full.1 > 0)
        .collect();
    let seen = &*pending;
    threads::try_ranges(surplus.len(), surplus.len() > 1, |range| {
        let surplus = &surplus[range];
        dispatch(Catch { surplus, post, columns, pending: seen, weight })
    })?;
    for &(target, count) in &surplus {
        pending.forget(target, count);
    }
    hits.iter().try_for_each(|hit| pending.list(hit.row, hit.value, clock))
}

/// Columns of targets that must forget events: synapses whose row was not walked since meet them now.
struct Catch<'a, T> {
    surplus: &'a [(usize, usize)],
    post: &'a Side<'a, T>,
    columns: &'a Columns<'a>,
    pending: &'a Pending<'a, T>,
    weight: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Catch<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let mut late = vec![];
        for (k, &(target, count)) in self.surplus.iter().enumerate() {
            if let Some(&(next, _)) = self.surplus.get(k + 1) {
                self.columns.fetch(next)?;
            }
            self.find_late(target, count, &mut late)?;
            by_dependence!(self.post.law, D => self.change::<L::Eight, D>(target, count, &late));
        }
        Ok(())
    }
}

impl<T: Float> Catch<'_, T> {
    /// The places and the sources of the synapses that have not met the oldest events of their target.
    fn find_late(&self, target: usize, count: usize, late: &mut Vec<(usize, usize)>) -> Result<()> {
        let newest = self.pending.lists().of(target).when[count - 1];
        let marks = &*self.pending.marks;
        late.clear();
        self.columns.each(self.columns.column(target)?, |_, place, source| {
            if newest < marks[source] {
                // SAFETY: the places of the column are checked.
                prefetch_one(unsafe { self.weight.at(place) });
                late.push((place, source));
            }
        })
    }

    /// Changes the weights at such places by these events.
    #[inline(always)]
    fn change<L: Lane<Elem = T>, const D: u8>(&self, target: usize, count: usize, late: &[(usize, usize)]) {
        let listed = self.pending.lists().of(target);
        let oldest = Listed { when: &listed.first(count), ..listed };
        let (law, coefficient, marks) = (&self.post.law, self.post.coefficient, &*self.pending.marks);
        for &(place, source) in late {
            let (slope, mark) = (coefficient[source], marks[source]);
            // SAFETY: the places of the column are checked.
            unsafe { self.weight.replace(place, |w| oldest.applied::<L, D>(law, w, slope, mark)) };
        }
    }
}

/// Some rows that are walked.
struct Walk<'a, T> {
    hits: &'a [Hit<T>],
    post: &'a Side<'a, T>,
    pre: &'a Side<'a, T>,
    rows: &'a Rows<'a>,
    pending: &'a Pending<'a, T>,
    to: Option<(&'a [T], &'a Shared<'a, T>)>, // spikes, and the targets they are delivered to
    weight: &'a Shared<'a, T>,
}

impl<T: Float> Job<T> for Walk<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        along::<L::Eight>(self.hits, self.rows, self.pending.n_post(), self.weight, &self)
    }
}

impl<T: Float> Along<T> for Walk<'_, T> {
    #[inline(always)]
    fn row<L: Lane<Elem = T>, I: Index>(&self, hit: &Hit<T>, targets: &[I], row: Range<usize>) {
        by_dependence!(self.post.law, D => {
            if self.pre.events[hit.row] == T::ZERO {
                self.walk::<L, I, D, ABSENT>(targets, row, hit.row);
            } else {
                by_dependence!(self.pre.law, P => self.walk::<L, I, D, P>(targets, row, hit.row));
            }
        });
    }
}

impl<T: Float> Walk<'_, T> {
    /// The synapses of a row meet what their targets have listed since it was walked, then the event of their source,
    /// and deliver its spike.
    #[inline(always)]
    fn walk<L: Lane<Elem = T>, I: Index, const D: u8, const P: u8>(
        &self,
        targets: &[I],
        row: Range<usize>,
        source: usize,
    ) {
        // SAFETY: rows of different sources do not overlap, see `found`, and a thread has sources of its own.
        let weights = unsafe { self.weight.part(row.start, row.len()) };
        let row = Row {
            mark: self.pending.marks[source],
            slope: self.post.coefficient[source],
            event: self.pre.events[source],
            lists: self.pending.lists(),
            of_targets: self.pre.coefficient,
            post: self.post.law,
            pre: self.pre.law,
        };
        let together = if D == 0 { weights.len() / TOGETHER * TOGETHER } else { 0 };
        let (many, few) = weights.split_at_mut(together);
        let (many, to_many) = (many.as_chunks_mut().0, targets.as_chunks().0);
        // SAFETY: the indices of the row are checked, all targets have a list and a coefficient, and a thread that
        // delivers walks alone.
        unsafe {
            if self.pending.graded {
                row.meet_many::<L, I, P, true>(many, to_many);
            } else {
                row.meet_many::<L, I, P, false>(many, to_many);
            }
            for (w, target) in few.iter_mut().zip(&targets[together..]) {
                row.meet::<L, D, P>(w, target.get());
            }
            self.deliver(weights, targets, source);
        }
    }

    /// Delivers the spike of a source by the new weights of its row: once they all are there, since the sums that change
    /// them and those of the targets then do not wait for each other.
    ///
    /// # Safety
    /// The targets are there, and no other thread delivers.
    #[inline(always)]
    unsafe fn deliver<I: Index>(&self, weights: &[T], targets: &[I], source: usize) {
        let Some((spikes, to)) = self.to else { return };
        // A copy of the address stays in a register.
        let (spike, to) = (spikes[source], to.all());
        for (&w, target) in weights.iter().zip(targets) {
            // SAFETY: promised to this function.
            unsafe { *to.add(target.get()) += spike * w };
        }
    }
}

/// Synapses of a row that are changed together.
const TOGETHER: usize = 8;

/// What the synapses of a row meet. Copies of the laws stay in registers.
struct Row<'a, T> {
    mark: T,
    slope: T,
    event: T,
    lists: Lists<'a, T>,
    of_targets: &'a [T],
    post: Law<T>,
    pre: Law<T>,
}

impl<T: Float> Row<'_, T> {
    /// Changes the weight of a synapse.
    ///
    /// # Safety
    /// There is such a target.
    #[inline(always)]
    unsafe fn meet<L: Lane<Elem = T>, const D: u8, const P: u8>(&self, w: &mut T, target: usize) {
        // SAFETY: promised to this function.
        let listed = unsafe { self.lists.of_unchecked(target) };
        let met = listed.applied::<L, D>(&self.post, *w, self.slope, self.mark);
        // SAFETY: as above.
        let coefficient = unsafe { *self.of_targets.get_unchecked(target) };
        *w = self.after_source::<P>(met, coefficient);
    }

    /// As [`Self::meet`] for several synapses, for a law without a dependence on the weight.
    ///
    /// # Safety
    /// As [`Self::meet`].
    #[inline(always)]
    unsafe fn meet_many<L: Lane<Elem = T>, I: Index, const P: u8, const GRADED: bool>(
        &self,
        weights: &mut [[T; TOGETHER]],
        targets: &[[I; TOGETHER]],
    ) {
        for (weights, targets) in weights.iter_mut().zip(targets) {
            // SAFETY: promised to this function.
            unsafe { self.meet_together::<L, I, P, GRADED>(weights, targets) };
        }
    }

    /// As [`Self::meet_many`] for as many as are changed together.
    ///
    /// # Safety
    /// As [`Self::meet`].
    #[inline(always)]
    unsafe fn meet_together<L: Lane<Elem = T>, I: Index, const P: u8, const GRADED: bool>(
        &self,
        weights: &mut [T; TOGETHER],
        targets: &[I; TOGETHER],
    ) {
        let (mut amounts, mut coefficients) = ([L::splat(T::ZERO); TOGETHER], [T::ZERO; TOGETHER]);
        for ((amount, coefficient), target) in amounts.iter_mut().zip(&mut coefficients).zip(targets) {
            // SAFETY: promised to this function. The read is volatile since a compiler makes one gather of eight, which
            // takes longer.
            unsafe {
                *amount = self.lists.of_unchecked(target.get()).lane::<L, GRADED>(self.mark);
                *coefficient = self.of_targets.as_ptr().add(target.get()).read_volatile();
            }
        }
        for ((w, sum), coefficient) in weights.iter_mut().zip(L::sums(amounts)).zip(coefficients) {
            let met = after_sum(&self.post, *w, self.slope, sum);
            *w = self.after_source::<P>(met, coefficient);
        }
    }

    /// A weight after the event of the source.
    #[inline(always)]
    fn after_source<const P: u8>(&self, w: T, coefficient: T) -> T {
        if P == ABSENT { w } else { self.pre.changed::<P>(w, self.event * coefficient) }
    }
}
