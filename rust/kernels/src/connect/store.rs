//! Synapses as they are stored: targets, and for each its weight and delay if they are drawn.

use std::sync::atomic::{AtomicBool, Ordering};

use super::array::{Array, Column};
use super::room::extend;
use super::rows::Starts;
use super::{Draw, Spec, purpose};
use crate::error::{Error, Result};
use crate::random::Stream;

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
            indices: Column::unsigned(len, spec.n_post.saturating_sub(1) as u64, false)?,
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

    /// Stores row `i`. Its weights and delays are drawn from streams of the row.
    ///
    /// # Safety
    /// Nobody else reads or writes this row meanwhile.
    pub(crate) unsafe fn put(&self, i: usize, targets: &mut [u32], keys: &mut Vec<u64>) -> Result<()> {
        let row = self.starts.row(i);
        assert_eq!(row.len(), targets.len(), "a rule drew another row than it had counted");
        put_in_order(self.spec, i, targets, keys)?;
        if let Some(column) = &self.synapses.delay {
            if keys.last().is_some_and(|key| key >> 32 > LONGEST) {
                self.too_long.store(true, Ordering::Relaxed);
            }
            // SAFETY: by the contract of this function.
            unsafe { column.put_whole(row.start, keys.iter().map(|key| (key >> 32) as u32)) };
        }
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.put_whole(row.start, targets.iter().copied()) };
        if let (Some(draw), Some(column)) = (&self.spec.weight, &self.synapses.weight) {
            let mut weights = weights(draw, self.spec.seed, i);
            // SAFETY: by the contract of this function.
            unsafe { column.put_floats(row.start, row.map(|_| weights())) };
        }
        Ok(())
    }

    /// Writes one target.
    ///
    /// # Safety
    /// Nobody else reads or writes this place meanwhile.
    pub(crate) unsafe fn scatter(&self, place: usize, target: u32) {
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.put_whole(place, std::iter::once(target)) }
    }

    /// Replaces `targets` by those of row `i`.
    ///
    /// # Safety
    /// The row has been written, and nobody writes it meanwhile.
    pub(crate) unsafe fn get(&self, i: usize, targets: &mut Vec<u32>) -> Result<()> {
        targets.clear();
        // SAFETY: by the contract of this function.
        unsafe { self.synapses.indices.read(self.starts.row(i), targets) }
    }

    /// The synapses, once all rows are stored.
    pub(crate) fn finish(self) -> Result<Synapses> {
        if self.too_long.into_inner() {
            return Err(TOO_LONG);
        }
        Ok(self.synapses)
    }
}

/// Puts the targets of row `i` into the order of a stored row. If delays are drawn, `keys` then hold them
/// above 32 bits of the target.
pub(super) fn put_in_order(spec: &Spec, i: usize, targets: &mut [u32], keys: &mut Vec<u64>) -> Result<()> {
    // Before delays are given to them, targets need an order that all agree on.
    targets.sort_unstable();
    if let Some(draw) = &spec.delay {
        let mut stream = Stream::new(spec.seed, i as u64, purpose::DELAY);
        keys.clear();
        extend(keys, targets.iter().map(|&j| draw.steps(stream.unit()) << 32 | u64::from(j)))?;
        keys.sort_unstable();
        targets.iter_mut().zip(keys).for_each(|(j, &mut key)| *j = key as u32);
    }
    Ok(())
}

/// The weights of row `i`, one after the other.
pub(super) fn weights(draw: &Draw, seed: u64, i: usize) -> impl FnMut() -> f64 {
    let mut stream = Stream::new(seed, i as u64, purpose::WEIGHT);
    move || draw.value(stream.unit())
}
