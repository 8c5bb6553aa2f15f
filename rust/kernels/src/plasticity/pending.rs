//! Events of targets that wait until the rows of their sources are walked.
//!
//! A clock falls from 1 as the coefficients of sources do. Each target lists its last events with what the clock
//! showed, and each source has the mark that it showed when its row was last walked: events below the mark are those
//! that its synapses have yet to meet.

use std::array::from_fn;
use std::hint::select_unpredictable;
use std::mem::take;

use super::Law;
use crate::error::{Error, Result};
use crate::event::length;
use crate::lane::{Float, Lane};

/// Events that a target can list.
pub const SLOTS: usize = 8;

/// One number for each event of a target.
pub(super) type Slots<T> = [T; SLOTS];

/// Events that wait, and how far rows are. An event is listed with `N` amounts, a row has as many marks.
#[derive(Debug)]
pub struct Pending<'a, T, const N: usize> {
    /// What the clock showed at each event, the oldest first, then infinity.
    when: &'a mut [Slots<T>],
    /// The events times numbers of the step, of one sign.
    amounts: [&'a mut [Slots<T>]; N],
    /// Whether some amounts are not what the clock showed.
    pub(super) graded: bool,
    /// What the clock, and other numbers that begin at 0, showed when the row of each source was last walked.
    marks: [&'a mut [T]; N],
}

/// The events of all targets. Where all are 1, and their amounts the clock, amounts are the times themselves.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a, T, const N: usize> {
    when: &'a [Slots<T>],
    amounts: [&'a [Slots<T>]; N],
}

/// The events of one target.
#[derive(Clone, Copy)]
pub(super) struct Listed<'a, T, const N: usize> {
    pub(super) when: &'a Slots<T>,
    pub(super) amounts: [&'a Slots<T>; N],
}

impl<'a, T: Float, const N: usize> Pending<'a, T, N> {
    /// The events in `listed`, (1 + N, targets, slots): when they happened, and their amounts; and `marks`, (N, sources).
    ///
    /// # Errors
    /// If a length does not fit.
    pub fn new(listed: &'a mut [T], marks: &'a mut [T], n_post: usize, graded: bool) -> Result<Self> {
        length("listed", listed.len(), (1 + N) * n_post * SLOTS)?;
        let n_pre = marks.len() / N;
        length("marks", marks.len(), N * n_pre)?;
        let (slots, _) = listed.as_chunks_mut();
        let (when, amounts) = slots.split_at_mut(n_post);
        Ok(Self { when, amounts: parts(amounts, n_post), graded, marks: parts(marks, n_pre) })
    }

    /// Number of targets.
    pub(super) fn n_post(&self) -> usize {
        self.when.len()
    }

    /// Number of sources.
    pub(super) fn n_pre(&self) -> usize {
        self.marks[0].len()
    }

    /// What the clock showed when the row of each source was last walked.
    pub(super) fn clocks(&self) -> &[T] {
        self.marks[0]
    }

    /// The marks of a source.
    pub(super) fn marks(&self, source: usize) -> [T; N] {
        from_fn(|k| self.marks[k][source])
    }

    /// Marks a source.
    pub(super) fn mark(&mut self, source: usize, marks: [T; N]) {
        for (all, mark) in self.marks.iter_mut().zip(marks) {
            all[source] = mark;
        }
    }

    /// What all targets have listed.
    pub(super) fn lists(&self) -> Lists<'_, T, N> {
        let when = &*self.when;
        Lists { when, amounts: from_fn(|k| if self.graded { &*self.amounts[k] } else { when }) }
    }

    /// How many of its oldest events a target has to be rid of before it can list another: half of a full list,
    /// or all if they have another sign.
    pub(super) fn surplus(&self, target: usize, event: T) -> usize {
        let listed = self.lists().of(target);
        let count = listed.count();
        if count > 0 && (listed.amounts[0][0] < T::ZERO) != (event < T::ZERO) {
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
        for amounts in &mut self.amounts {
            shift(&mut amounts[target], T::ZERO);
        }
    }

    /// Lists an event; `amounts` are those of an event of 1.
    ///
    /// # Errors
    /// If the list is full.
    pub(super) fn list(&mut self, target: usize, event: T, clock: T, amounts: [T; N]) -> Result<()> {
        let count = self.lists().of(target).count();
        let slot =
            self.when[target].get_mut(count).ok_or(Error::Rule("events of a target have no room left"))?;
        *slot = clock;
        for (all, amount) in self.amounts.iter_mut().zip(amounts) {
            all[target][count] = event * amount;
        }
        Ok(())
    }

    /// Empties all lists, and lets the clock start at 1 again.
    pub(super) fn renew(&mut self) {
        self.when.fill([T::from_f64(f64::INFINITY); SLOTS]);
        self.amounts.iter_mut().for_each(|amounts| amounts.fill([T::ZERO; SLOTS]));
        for (k, marks) in self.marks.iter_mut().enumerate() {
            marks.fill(if k == 0 { T::ONE } else { T::ZERO });
        }
    }
}

/// The parts of a slice, of `n` each.
fn parts<X, const N: usize>(mut slice: &mut [X], n: usize) -> [&mut [X]; N] {
    from_fn(|_| {
        let (part, rest) = take(&mut slice).split_at_mut(n);
        slice = rest;
        part
    })
}

impl<'a, T: Float, const N: usize> Lists<'a, T, N> {
    #[inline(always)]
    pub(super) fn of(self, target: usize) -> Listed<'a, T, N> {
        Listed { when: &self.when[target], amounts: from_fn(|k| &self.amounts[k][target]) }
    }

    /// As [`Self::of`].
    ///
    /// # Safety
    /// There is such a target.
    #[inline(always)]
    pub(super) unsafe fn of_unchecked(self, target: usize) -> Listed<'a, T, N> {
        // SAFETY: promised to this function; all hold all targets.
        unsafe {
            let mut amounts = [self.when.get_unchecked(target); N];
            for (amount, all) in amounts.iter_mut().zip(self.amounts) {
                *amount = all.get_unchecked(target);
            }
            Listed { when: self.when.get_unchecked(target), amounts }
        }
    }
}

impl<T: Float, const N: usize> Listed<'_, T, N> {
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
    fn since<L: Lane<Elem = T>, const GRADED: bool>(
        self,
        mark: T,
        amount: &Slots<T>,
        first: usize,
    ) -> (L::Mask, L) {
        let (when, amount) = (&self.when[first..first + L::WIDTH], &amount[first..first + L::WIDTH]);
        // SAFETY: both slices are as long as a lane.
        let (when, amount) = unsafe { (L::load(when.as_ptr()), L::load(amount.as_ptr())) };
        (L::splat(mark).gt(when), if GRADED { amount } else { when })
    }

    /// The amounts since a mark, each added up to one lane; `GRADED` as in [`Self::since`].
    #[inline(always)]
    pub(super) fn lanes<L: Lane<Elem = T>, const GRADED: bool>(self, mark: T) -> [L; N] {
        let mut lanes = [L::splat(T::ZERO); N];
        for (lane, amount) in lanes.iter_mut().zip(self.amounts) {
            *lane = self.lane::<L, GRADED>(mark, amount);
        }
        lanes
    }

    /// One of the amounts, as [`Self::lanes`].
    #[inline(always)]
    fn lane<L: Lane<Elem = T>, const GRADED: bool>(self, mark: T, amount: &Slots<T>) -> L {
        const { assert!(L::WIDTH > 1 && L::WIDTH <= SLOTS, "one, two or four lanes for the slots") };
        let part = |k| {
            let (since, amount) = self.since::<L, GRADED>(mark, amount, k * L::WIDTH);
            L::select(since, amount, L::splat(T::ZERO))
        };
        // The order of additions is the same for lanes of any width.
        match SLOTS / L::WIDTH {
            1 => part(0),
            2 => part(0) + part(1),
            _ => (part(0) + part(2)) + (part(1) + part(3)),
        }
    }
}

impl<T: Float> Listed<'_, T, 1> {
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
            return after_sum(law, w, slope, self.lanes::<L, true>(mark)[0].sum());
        }
        for first in (0..SLOTS).step_by(L::WIDTH) {
            let mut since = L::bits(self.since::<L, true>(mark, self.amounts[0], first).0);
            while since != 0 {
                w = law.changed::<D>(w, slope * self.amounts[0][first + since.trailing_zeros() as usize]);
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
