//! Weights that events change at once, but for those of targets, which wait until rows are walked.

use std::ops::Range;

use super::pending::{Listed, Lists, Pending, after_sum};
use super::step::{Delivery, Meeting, Now, Synapses, TOGETHER, Walked, step};
use super::{Law, by_dependence};
use crate::error::Result;
use crate::event::{Index, length, prefetch_one};
use crate::lane::{Float, Lane};
use crate::shared::Shared;

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

impl<T> Side<'_, T> {
    /// Checks that the lengths of sources and of targets fit.
    pub(super) fn check(post: &Self, pre: &Self, synapses: &Synapses<'_>) -> Result<()> {
        length("pre", pre.events.len(), synapses.rows.n_pre())?;
        length("slopes", post.coefficient.len(), synapses.rows.n_pre())?;
        length("of_targets", pre.coefficient.len(), synapses.columns.rows.n_pre())
    }
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
    pending: &mut Pending<'_, T, 1>,
    delivery: Delivery<'_, T>,
    weight: &mut [T],
) -> Result<()> {
    Side::check(post, pre, synapses)?;
    length("weight", weight.len(), synapses.rows.nnz())?;
    let now = Now { post: post.events, clock, amounts: [clock], marks: [clock] };
    step(&now, walked, synapses, pending, delivery, &Learned { post, pre, weight: Shared::new(weight) })
}

/// The weights, and what both sides do to them.
struct Learned<'a, T> {
    post: &'a Side<'a, T>,
    pre: &'a Side<'a, T>,
    weight: Shared<'a, T>,
}

impl<T: Float> Meeting<T, 1> for Learned<'_, T> {
    fn weights(&self) -> &Shared<'_, T> {
        &self.weight
    }

    #[inline(always)]
    fn fetch(&self, place: usize) {
        // SAFETY: places are those of synapses.
        prefetch_one(unsafe { self.weight.at(place) });
    }

    #[inline(always)]
    unsafe fn row<L: Lane<Elem = T>, I: Index>(
        &self,
        pending: &Pending<'_, T, 1>,
        targets: &[I],
        row: Range<usize>,
        source: usize,
    ) {
        by_dependence!(self.post.law, D => {
            if self.pre.events[source] == T::ZERO {
                // SAFETY: promised to this function.
                unsafe { self.walk::<L, I, D, ABSENT>(pending, targets, row, source) };
            } else {
                by_dependence!(self.pre.law, P => {
                    // SAFETY: promised to this function.
                    unsafe { self.walk::<L, I, D, P>(pending, targets, row, source) };
                });
            }
        });
    }

    #[inline(always)]
    unsafe fn late<L: Lane<Elem = T>>(
        &self,
        pending: &Pending<'_, T, 1>,
        target: usize,
        count: usize,
        synapses: &[(usize, usize)],
    ) {
        let listed = pending.lists().of(target);
        let oldest = Listed { when: &listed.first(count), ..listed };
        let (law, coefficient, marks) = (&self.post.law, self.post.coefficient, pending.clocks());
        by_dependence!(law, D => for &(place, source) in synapses {
            let (slope, mark) = (coefficient[source], marks[source]);
            // SAFETY: promised to this function.
            unsafe { self.weight.replace(place, |w| oldest.applied::<L, D>(law, w, slope, mark)) };
        });
    }
}

impl<T: Float> Learned<'_, T> {
    /// As [`Meeting::row`].
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn walk<L: Lane<Elem = T>, I: Index, const D: u8, const P: u8>(
        &self,
        pending: &Pending<'_, T, 1>,
        targets: &[I],
        row: Range<usize>,
        source: usize,
    ) {
        // SAFETY: promised to this function.
        let weights = unsafe { self.weight.part(row.start, row.len()) };
        let row = Row {
            mark: pending.clocks()[source],
            slope: self.post.coefficient[source],
            event: self.pre.events[source],
            lists: pending.lists(),
            of_targets: self.pre.coefficient,
            post: self.post.law,
            pre: self.pre.law,
        };
        let together = if D == 0 { weights.len() / TOGETHER * TOGETHER } else { 0 };
        let (many, few) = weights.split_at_mut(together);
        let (many, to_many) = (many.as_chunks_mut().0, targets.as_chunks().0);
        // SAFETY: promised to this function; all targets have a coefficient.
        unsafe {
            if pending.graded {
                row.meet_many::<L, I, P, true>(many, to_many);
            } else {
                row.meet_many::<L, I, P, false>(many, to_many);
            }
            for (w, target) in few.iter_mut().zip(&targets[together..]) {
                row.meet::<L, D, P>(w, target.get());
            }
        }
    }
}

/// What the synapses of a row meet. Copies of the laws stay in registers.
struct Row<'a, T> {
    mark: T,
    slope: T,
    event: T,
    lists: Lists<'a, T, 1>,
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
                *amount = self.lists.of_unchecked(target.get()).lanes::<L, GRADED>(self.mark)[0];
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
