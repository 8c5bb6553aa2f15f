//! Synapses as they are stored: targets, and for each its weight and delay if they are drawn.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Spec;
use super::array::{Array, Column};
use super::row::Row;
use super::rows::Starts;
use crate::error::{Error, Result};

/// The longest delay of a synapse in steps.
pub(super) const LONGEST: u64 = u16::MAX as u64;

/// A longer one.
pub(super) const TOO_LONG: Error = Error::Rule("a delay that is drawn is longer than 65535 steps");

/// The rows of all sources, one after the other; each ascends in delay, then in target.
#[derive(Debug)]
pub struct Synapses {
    /// Targets, in 16 bits where that is enough.
    pub indices: Column,
    /// Where each row begins and the last one ends; empty if all are equally long.
    pub indptr: Column,
    /// Weights, if drawn.
    pub weight: Option<Column>,
    /// Delays in steps, if drawn.
    pub delay: Option<Column>,
}

/// Synapses that threads fill row by row.
pub(crate) struct Store<'a> {
    spec: &'a Spec<'a>,
    starts: Starts,
    synapses: Synapses,
    too_long: AtomicBool,
}

impl<'a> Store<'a> {
    pub(crate) fn new(spec: &'a Spec<'a>, starts: Starts) -> Result<Self> {
        let len = starts.total()?;
        let floats =
            |wide| Ok(if wide { Column::F64(Array::new(len)?) } else { Column::F32(Array::new(len)?) });
        let steps = |most: u64| Column::unsigned(len, most.min(LONGEST), true);
        let synapses = Synapses {
            indices: Column::unsigned(len, spec.targets.len().saturating_sub(1) as u64, false)?,
            indptr: starts.indptr()?,
            weight: spec.weight.map(|_| floats(spec.wide)).transpose()?,
            delay: spec.delay.map(|draw| steps(draw.most_steps())).transpose()?,
        };
        Ok(Self { spec, starts, synapses, too_long: AtomicBool::new(false) })
    }

    /// The number of synapses.
    pub(crate) fn len(&self) -> usize {
        self.synapses.indices.len()
    }

    /// Stores row `i`, whose targets are given in any order.
    ///
    /// # Safety
    /// Nobody else reads or writes this row meanwhile.
    pub(crate) unsafe fn put(&self, i: usize, row: &mut Row) -> Result<()> {
        let places = self.starts.row(i);
        assert_eq!(places.len(), row.targets.len(), "a rule drew another row than it had counted");
        row.complete(self.spec, i)?;
        let first = self.spec.targets.start;
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.put_whole(places.start, row.targets.iter().map(|j| j - first)) };
        if let Some(column) = &self.synapses.delay {
            if row.delays.last().is_some_and(|&delay| delay > LONGEST) {
                self.too_long.store(true, Ordering::Relaxed);
            }
            // SAFETY: by the contract of this function.
            unsafe { column.put_whole(places.start, row.delays.iter().map(|&delay| delay as u32)) };
        }
        if let Some(column) = &self.synapses.weight {
            // SAFETY: by the contract of this function.
            unsafe { column.put_floats(places.start, row.weights.iter().copied()) };
        }
        Ok(())
    }

    /// Writes one target.
    ///
    /// # Safety
    /// Nobody else reads or writes this place meanwhile.
    pub(crate) unsafe fn scatter(&self, place: usize, target: u32) {
        let stored = std::iter::once(target - self.spec.targets.start);
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.put_whole(place, stored) }
    }

    /// Replaces `targets` by those of row `i`.
    ///
    /// # Safety
    /// The row has been written, and nobody writes it meanwhile.
    pub(crate) unsafe fn get(&self, i: usize, targets: &mut Vec<u32>) -> Result<()> {
        targets.clear();
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.read(self.starts.row(i), targets)? };
        for target in targets {
            *target += self.spec.targets.start;
        }
        Ok(())
    }

    /// The synapses, once all rows are stored.
    pub(crate) fn finish(self) -> Result<Synapses> {
        if self.too_long.into_inner() {
            return Err(TOO_LONG);
        }
        Ok(self.synapses)
    }
}
