//! Events of targets that wait until the rows of their sources are walked.
//!
//! A clock falls from 1 as the coefficients of sources do. Each target lists its last events with what the clock
//! showed, and each source has the mark that it showed when its row was last walked: events below the mark are those
//! that its synapses have yet to meet.

use std::array::from_fn;
use std::hint::select_unpredictable;

use super::Law;
use crate::error::{Error, Result};
use crate::event::length;
use crate::lane::{Float, Lane};

/// Events that a target can list.
pub const SLOTS: usize = 8;

/// One number for each event of a target.
pub(super) type Slots<T> = [T; SLOTS];

/// Events that wait, and how far rows are.
#[derive(Debug)]
pub struct Pending<'a, T> {
    /// What the clock showed at each event, the oldest first, then infinity.
    when: &'a mut [Slots<T>],
    /// The events times the clock, of one sign.
    amount: &'a mut [Slots<T>],
    /// Whether some events are not 1; else amounts are what the clock showed.
    pub(super) graded: bool,
    /// What the clock showed when the row of each source was last walked.
    pub(super) marks: &'a mut [T],
}

/// The events of all targets. Where all amounts are 1 these are, times the clock, the times themselves.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a, T> {
    when: &'a [Slots<T>],
    amount: &'a [Slots<T>],
}

/// The events of one target.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a, T> {
    pub(super) when: &'a Slots<T>,
    pub(super) amount: &'a Slots<T>,
}

impl<'a, T: Float> Pending<'a, T> {
    /// The events in `listed`, (2, targets, slots): when they happened, and their amounts.
    ///
    /// # Errors
    /// If the length does not fit.
    pub fn new(listed: &'a mut [T], marks: &'a mut [T], n_post: usize, graded: bool) -> Result<Self> {
        length("listed", listed.len(), 2 * n_post * SLOTS)?;
        let (slots, _) = listed.as_chunks_mut();
        let (when, amount) = slots.split_at_mut(n_post);
        Ok(Self { when, amount, graded, marks })
    }

    /// Number of targets.
    pub(super) fn n_post(&self) -> usize {
        self.when.len()
    }

    /// What all targets have listed.
    pub(super) fn lists(&self) -> Lists<'_, T> {
        Lists { when: self.when, amount: if self.graded { self.amount } else { self.when } }
    }

    /// How many of its oldest events a target has to be rid of before it can list another: half of a full list,
    /// or all if they have another sign.
    pub(super) fn surplus(&self, target: usize, event: T) -> usize {
        let listed = self.lists().of(target);
        let count = listed.count();
        if count > 0 && (listed.amount[0] < T::ZERO) != (event < T::ZERO) {
            count
        } else if count == SLOTS {
            SLOTS / 2
        } else {
            0
        }
    }

    /// Forgets the oldest events of a target.
    pub(super) fn forget(&mut self, target: usize, count: usize) {
        let shift = |slots: &mut Slots<T>, empty| {
            *slots = from_fn(|k| slots.get(k + count).copied().unwrap_or(empty));
        };
        shift(&mut self.when[target], T::from_f64(f64::INFINITY));
        shift(&mut self.amount[target], T::ZERO);
    }

    /// Lists an event.
    ///
    /// # Errors
    /// If the list is full.
    pub(super) fn list(&mut self, target: usize, event: T, clock: T) -> Result<()> {
        let count = self.lists().of(target).count();
        let slot =
            self.when[target].get_mut(count).ok_or(Error::Rule("events of a target have no room left"))?;
        *slot = clock;
        self.amount[target][count] = event * clock;
        Ok(())
    }

    /// Empties all lists, and lets the clock start at 1 again.
    pub(super) fn renew(&mut self) {
        self.when.fill([T::from_f64(f64::INFINITY); SLOTS]);
        self.amount.fill([T::ZERO; SLOTS]);
        self.marks.fill(T::ONE);
    }
}

impl<'a, T: Float> Lists<'a, T> {
    #[inline(always)]
    pub(super) fn of(self, target: usize) -> Listed<'a, T> {
        Listed { when: &self.when[target], amount: &self.amount[target] }
    }

    /// As [`Self::of`].
    ///
    /// # Safety
    /// There is such a target.
    #[inline(always)]
    pub(super) unsafe fn of_unchecked(self, target: usize) -> Listed<'a, T> {
        // SAFETY: promised to this function; both hold all targets.
        unsafe { Listed { when: self.when.get_unchecked(target), amount: self.amount.get_unchecked(target) } }
    }
}

impl<T: Float> Listed<'_, T> {
    fn count(self) -> usize {
        self.when.iter().filter(|&&when| when < T::from_f64(f64::INFINITY)).count()
    }

    /// The first of them; the others are not seen.
    pub(super) fn first(self, count: usize) -> Slots<T> {
        from_fn(|k| if k < count { self.when[k] } else { T::from_f64(f64::INFINITY) })
    }

    /// Which of the events of some slots were since a mark, and their amounts. Where no event is graded, `GRADED` may
    /// be false, which saves a load.
    #[inline(always)]
    fn since<L: Lane<Elem = T>, const GRADED: bool>(self, mark: T, first: usize) -> (L::Mask, L) {
        let (when, amount) = (&self.when[first..first + L::WIDTH], &self.amount[first..first + L::WIDTH]);
        // SAFETY: both slices are as long as a lane.
        let (when, amount) = unsafe { (L::load(when.as_ptr()), L::load(amount.as_ptr())) };
        (L::splat(mark).gt(when), if GRADED { amount } else { when })
    }

    /// The amounts since a mark, added up to one lane; `GRADED` as in [`Self::since`].
    #[inline(always)]
    pub(super) fn lane<L: Lane<Elem = T>, const GRADED: bool>(self, mark: T) -> L {
        const { assert!(L::WIDTH > 1 && L::WIDTH <= SLOTS, "one, two or four lanes for the slots") };
        let part = |k| {
            let (since, amount) = self.since::<L, GRADED>(mark, k * L::WIDTH);
            L::select(since, amount, L::splat(T::ZERO))
        };
        // The order of additions is the same for lanes of any width.
        match SLOTS / L::WIDTH {
            1 => part(0),
            2 => part(0) + part(1),
            _ => (part(0) + part(2)) + (part(1) + part(3)),
        }
    }

    /// A weight after the events since a mark, whose coefficient is `slope` times the clock.
    #[inline(always)]
    pub(super) fn applied<L: Lane<Elem = T>, const D: u8>(
        self,
        law: &Law<T>,
        mut w: T,
        slope: T,
        mark: T,
    ) -> T {
        if D == 0 {
            return after_sum(law, w, slope, self.lane::<L, true>(mark).sum());
        }
        for first in (0..SLOTS).step_by(L::WIDTH) {
            let mut since = L::bits(self.since::<L, true>(mark, first).0);
            while since != 0 {
                w = law.changed::<D>(w, slope * self.amount[first + since.trailing_zeros() as usize]);
                since &= since - 1;
            }
        }
        w
    }
}

/// A weight after events whose amounts have this sum, for a law without a dependence on the weight.
#[inline(always)]
pub(super) fn after_sum<T: Float>(law: &Law<T>, w: T, slope: T, sum: T) -> T {
    // All have one sign, so that for a weight within its bounds one clip is as good as one after each.
    select_unpredictable(sum == T::ZERO, w, law.changed::<0>(w, slope * sum))
}
