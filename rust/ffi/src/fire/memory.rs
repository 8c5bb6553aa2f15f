//! What the step of a population keeps from step to step of a loop: the spikes of the last one as bits and as a list,
//! and a calendar of its refractory neurons. Its memory is one buffer of words of 32 bits, whose parts follow each
//! other; all zeros is the start. Python reads it after the loop (`kernels/plan/_kept.py`).

use crate::error::{Error, Result};
use spikeloop_kernels::event::Calendar;

/// Words of the header: whether the spikes are known, and how many there are; what holds the refractory steps, and the
/// step of the calendar; the steps that the sequence counts, if it writes rows. The others are not used: behind them lie
/// words of 64 bits, on a line of the cache.
const HEADER: usize = 16;
/// Steps that the calendar has a chain for.
const SLOTS: usize = 1024;

/// What holds the refractory steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// The array; whether the calendar can is not known yet.
    Unknown = 0,
    /// The calendar.
    Calendar = 1,
    /// The array, as the calendar cannot.
    Array = 2,
}

/// The parts of the memory.
pub(super) struct Memory<'a> {
    known: &'a mut u32,
    count: &'a mut u32,
    holds: &'a mut u32,
    /// The bits of the neurons that spiked in the last step, if that is known.
    pub(super) bits: &'a mut [u64],
    rows: &'a mut [u32],
    /// The calendar, if the loop has one.
    pub(super) calendar: Option<Calendar<'a>>,
}

impl<'a> Memory<'a> {
    /// The parts of the memory of a population of `n` neurons, with a calendar or without one.
    pub(super) fn new(words: &'a mut [u32], n: usize, has_calendar: bool) -> Result<Self> {
        let of_bits = n.div_ceil(64) * 2;
        let of_calendar = if has_calendar { of_bits + 2 * n + SLOTS } else { 0 };
        let (given, expected) = (words.len(), HEADER + of_bits + n + of_calendar);
        if given != expected {
            return Err(Error::invalid(format!("what is kept has {given} words, expected {expected}")));
        }
        let (header, words) = words.split_at_mut(HEADER);
        let [known, count, holds, now, ..] = header else { unreachable!("a header has more words") };
        let (bits, words) = words.split_at_mut(of_bits);
        let (calendar, rows) = words.split_at_mut(of_calendar);
        let calendar = has_calendar.then(|| {
            let (waits, words) = calendar.split_at_mut(of_bits);
            let (due, words) = words.split_at_mut(n);
            let (next, first) = words.split_at_mut(n);
            Calendar { now, waits: pairs(waits), due, next, first }
        });
        Ok(Self { known, count, holds, bits: pairs(bits), rows, calendar })
    }

    /// The neurons that spiked in the last step, if that is known.
    pub(super) fn rows(&self) -> Option<&[u32]> {
        (*self.known != 0).then(|| &self.rows[..*self.count as usize])
    }

    /// The neurons that spiked, in memory that nobody writes.
    pub(super) fn known_rows(words: &[u32], n: usize) -> Result<Option<&[u32]>> {
        let [known, count, ..] = *words else { return Err(Error::invalid("nothing is kept")) };
        let rows = words.len().checked_sub(n).map(|at| &words[at..]);
        let rows = rows.and_then(|rows| rows.get(..count as usize));
        let rows = rows.ok_or_else(|| Error::invalid(format!("what is kept is not of {n} neurons")))?;
        Ok((known != 0).then_some(rows))
    }

    /// In the first step: these neurons spiked in the one before.
    pub(super) fn begin(&mut self, rows: &[u32]) {
        for &k in rows {
            self.bits[k as usize / 64] |= 1 << (k % 64);
        }
        self.set_rows(rows);
    }

    /// From now on these are the neurons that spiked, whose bits are set.
    pub(super) fn set_rows(&mut self, rows: &[u32]) {
        self.rows[..rows.len()].copy_from_slice(rows);
        (*self.known, *self.count) = (1, rows.len() as u32);
    }

    /// What holds the refractory steps.
    pub(super) fn holds(&self) -> Holds {
        [Holds::Unknown, Holds::Calendar, Holds::Array][*self.holds as usize]
    }

    /// From now on this holds the refractory steps.
    pub(super) fn set_holds(&mut self, holds: Holds) {
        *self.holds = holds as u32;
    }
}

/// Words of 32 bits as words of 64.
fn pairs(words: &mut [u32]) -> &mut [u64] {
    // SAFETY: there are as many bytes, and any bits are a number.
    let (before, pairs, after) = unsafe { words.align_to_mut::<u64>() };
    assert!(before.is_empty() && after.is_empty(), "words of 64 bits lie on their line");
    pairs
}
