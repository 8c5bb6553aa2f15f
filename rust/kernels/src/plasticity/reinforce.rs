//! Eligibility that becomes weight by a third factor, where events of targets wait until rows are walked.
//!
//! The step keeps three numbers of the time since nothing waited: the clock e, by which the coefficients of sources have
//! fallen; the part `left` of the eligibility; and `gain`, the integral of that part times the third factor. Eligibility
//! is stored as it would have been at the beginning. An event of a target, listed when the numbers were e', left' and
//! gain', adds p = r e'/left' to it, which has gained since then alone. With the slope β = b/e of the source and the gain
//! g when its row was walked, sums being over the events since,
//!
//! ```text
//! w[i, j] ← clip(w[i, j] + (gain − g[i]) c[i, j] + β[i] Σ (gain − gain') p)
//! c[i, j] ← c[i, j] + β[i] Σ p + s[i] a[j]/left
//! ```

use std::ops::Range;

use super::Law;
use super::learn::Side;
use super::pending::{Listed, Lists, Pending};
use super::step::{Delivery, Meeting, Now, Synapses, TOGETHER, Walked, step};
use crate::error::Result;
use crate::event::{Index, length, prefetch_one};
use crate::lane::{Float, Lane};
use crate::shared::Shared;

/// What has passed since nothing waited.
#[derive(Debug, Clone, Copy)]
pub struct Moment<T> {
    /// The part that is left of the coefficients of silent sources.
    pub clock: T,
    /// The part that is left of the eligibility.
    pub left: T,
    /// The integral of that part times the third factor.
    pub gain: T,
}

/// A step, as [`super::learn`], but events of both sides add to the eligibility; the law gives the bounds of weights.
///
/// # Errors
/// If a length does not fit, or synapses are inconsistent; some synapses have then changed.
pub fn reinforce<T: Float>(
    moment: Moment<T>,
    walked: Walked<'_, T>,
    (post, pre): (&Side<'_, T>, &Side<'_, T>),
    synapses: &Synapses<'_>,
    pending: &mut Pending<'_, T, 2>,
    delivery: Delivery<'_, T>,
    [weight, eligibility]: [&mut [T]; 2],
) -> Result<()> {
    Side::check(post, pre, synapses)?;
    length("weight", weight.len(), synapses.rows.nnz())?;
    length("eligibility", eligibility.len(), synapses.rows.nnz())?;
    let Moment { clock, left, gain } = moment;
    let per_left = T::from_f64(1.0 / left.to_f64());
    let early = clock * per_left;
    let now = Now { post: post.events, clock, amounts: [early, early * gain], marks: [clock, gain] };
    let scale = if walked.all { left } else { T::ONE };
    let (weight, eligibility) = (Shared::new(weight), Shared::new(eligibility));
    let reinforced = Reinforced { gain, per_left, scale, post, pre, weight, eligibility };
    step(&now, walked, synapses, pending, delivery, &reinforced)
}

/// The synapses, and what both sides do to them.
struct Reinforced<'a, T> {
    gain: T,
    per_left: T,
    scale: T, // by which the eligibility is brought up to date, where all rows are walked
    post: &'a Side<'a, T>,
    pre: &'a Side<'a, T>,
    weight: Shared<'a, T>,
    eligibility: Shared<'a, T>,
}

impl<T: Float> Meeting<T, 2> for Reinforced<'_, T> {
    fn weights(&self) -> &Shared<'_, T> {
        &self.weight
    }

    #[inline(always)]
    fn fetch(&self, place: usize) {
        // SAFETY: places are those of synapses.
        let (weight, eligibility) = unsafe { (self.weight.at(place), self.eligibility.at(place)) };
        prefetch_one(weight);
        prefetch_one(eligibility);
    }

    #[inline(always)]
    unsafe fn row<L: Lane<Elem = T>, I: Index>(
        &self,
        pending: &Pending<'_, T, 2>,
        targets: &[I],
        row: Range<usize>,
        source: usize,
    ) {
        // SAFETY: promised to this function.
        let (weights, eligibilities) =
            unsafe { (self.weight.part(row.start, row.len()), self.eligibility.part(row.start, row.len())) };
        let [mark, gain] = pending.marks(source);
        let row = Row {
            mark,
            gained: self.gain - gain,
            gain: self.gain,
            scale: self.scale,
            slope: self.post.coefficient[source],
            event: self.pre.events[source] * self.per_left,
            lists: pending.lists(),
            of_targets: self.pre.coefficient,
            law: self.post.law,
        };
        let (weights, last) = weights.as_chunks_mut();
        let (eligibilities, of_last) = eligibilities.as_chunks_mut();
        let (targets, to_last) = targets.as_chunks::<TOGETHER>();
        for ((w, c), targets) in weights.iter_mut().zip(eligibilities).zip(targets) {
            // SAFETY: promised to this function; all targets have a coefficient.
            unsafe { row.meet_together::<L, I>(w, c, targets) };
        }
        for ((w, c), target) in last.iter_mut().zip(of_last).zip(to_last) {
            // SAFETY: as above.
            unsafe { row.meet::<L>(w, c, target.get()) };
        }
    }

    #[inline(always)]
    unsafe fn late<L: Lane<Elem = T>>(
        &self,
        pending: &Pending<'_, T, 2>,
        target: usize,
        count: usize,
        synapses: &[(usize, usize)],
    ) {
        let listed = pending.lists().of(target);
        let oldest = Listed { when: &listed.first(count), ..listed };
        for &(place, source) in synapses {
            let (slope, [mark, gain]) = (self.post.coefficient[source], pending.marks(source));
            let [p, q] = oldest.lanes::<L, true>(mark);
            let (p, q) = (p.sum(), q.sum());
            // SAFETY: promised to this function.
            unsafe {
                self.eligibility.replace(place, |c| c + slope * p);
                self.weight.replace(place, |w| w + slope * (gain * p - q));
            }
        }
    }
}

/// What the synapses of a row meet. Copies stay in registers.
struct Row<'a, T> {
    mark: T,
    gained: T, // since the row was walked
    gain: T,
    scale: T,
    slope: T,
    event: T,
    lists: Lists<'a, T, 2>,
    of_targets: &'a [T],
    law: Law<T>,
}

impl<T: Float> Row<'_, T> {
    /// Changes a synapse.
    ///
    /// # Safety
    /// There is such a target.
    #[inline(always)]
    unsafe fn meet<L: Lane<Elem = T>>(&self, w: &mut T, c: &mut T, target: usize) {
        // SAFETY: promised to this function.
        let (listed, coefficient) =
            unsafe { (self.lists.of_unchecked(target), *self.of_targets.get_unchecked(target)) };
        let [p, q] = listed.lanes::<L, true>(self.mark);
        (*w, *c) = self.after(*w, *c, (p.sum(), q.sum()), coefficient);
    }

    /// Changes several synapses.
    ///
    /// # Safety
    /// As [`Self::meet`].
    #[inline(always)]
    unsafe fn meet_together<L: Lane<Elem = T>, I: Index>(
        &self,
        weights: &mut [T; TOGETHER],
        eligibilities: &mut [T; TOGETHER],
        targets: &[I; TOGETHER],
    ) {
        let none = [L::splat(T::ZERO); TOGETHER];
        let (mut ps, mut qs, mut coefficients) = (none, none, [T::ZERO; TOGETHER]);
        for (k, target) in targets.iter().enumerate() {
            // SAFETY: promised to this function. The read is volatile since a compiler makes one gather of eight, which
            // takes longer.
            unsafe {
                [ps[k], qs[k]] = self.lists.of_unchecked(target.get()).lanes::<L, true>(self.mark);
                coefficients[k] = self.of_targets.as_ptr().add(target.get()).read_volatile();
            }
        }
        let (ps, qs) = (L::sums(ps), L::sums(qs));
        for (k, (w, c)) in weights.iter_mut().zip(eligibilities).enumerate() {
            (*w, *c) = self.after(*w, *c, (ps[k], qs[k]), coefficients[k]);
        }
    }

    /// A weight and its eligibility after what was listed, whose sums are given, and the event of the source.
    #[inline(always)]
    fn after(&self, w: T, c: T, (p, q): (T, T), coefficient: T) -> (T, T) {
        let grown = self.gained * c + self.slope * (self.gain * p - q);
        let c = c + self.slope * p + self.event * coefficient;
        (self.law.changed::<0>(w, grown), c * self.scale)
    }
}
