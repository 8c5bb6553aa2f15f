//! Orders given synapses into rows.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::array::{Array, Column};
use super::room::{extend, filled};
use super::rows::{PARALLEL, Starts};
use crate::error::{Error, Result};
use crate::event::{Bounded, Index};
use crate::threads;

/// Synapses in any order.
#[derive(Debug, Clone, Copy)]
pub struct Edges<'a> {
    /// The source of each.
    pub sources: &'a [u32],
    /// The target of each.
    pub targets: &'a [u32],
    /// The delay of each in steps; empty if it is one for all.
    pub delay: &'a [u16],
    /// The number of rows.
    pub n_pre: usize,
}

/// `indptr` of the rows, and which of the given synapses stands at each place of them: rows ascend
/// in delay, then in target; what is alike keeps its order.
///
/// # Errors
/// If lengths differ, a source is out of range, or memory is short.
pub fn order(edges: Edges) -> Result<(Column, Column)> {
    let Edges { sources, targets, delay, n_pre } = edges;
    let len = sources.len();
    for (name, given, fits) in [
        ("targets", targets.len(), targets.len() == len),
        ("delay", delay.len(), delay.is_empty() || delay.len() == len),
    ] {
        if !fits {
            return Err(Error::Length { name, given, expected: len });
        }
    }
    u32::check(sources, 0..len, n_pre, Bounded { name: "sources", of: "sources" })?;
    let parallel = len >= PARALLEL;
    let counts = filled(n_pre, || AtomicUsize::new(0))?;
    threads::ranges(len, parallel, |range| {
        for &source in &sources[range] {
            counts[source as usize].fetch_add(1, Ordering::Relaxed);
        }
    });
    let starts = Starts::of_lengths(counts.iter().map(|x| x.load(Ordering::Relaxed)))?;
    for (i, next) in counts.iter().enumerate() {
        next.store(starts.row(i).start, Ordering::Relaxed);
    }
    let order = Array::<i64>::new(len)?;
    threads::ranges(len, parallel, |range| {
        for k in range {
            let place = counts[sources[k] as usize].fetch_add(1, Ordering::Relaxed);
            // SAFETY: the counter gave this place to nobody else.
            unsafe { order.put(place, std::iter::once(k as i64)) };
        }
    });
    let key = |&k: &i64| (delay.get(k as usize).copied().unwrap_or(0), targets[k as usize], k);
    threads::try_ranges(n_pre, parallel, |range| {
        let mut row = Vec::new();
        for i in range {
            row.clear();
            let place = starts.row(i);
            // SAFETY: all places were filled above, and every row is in one range only.
            extend(&mut row, unsafe { order.get(place.clone()) }.iter().copied())?;
            row.sort_unstable_by_key(key);
            // SAFETY: as above.
            unsafe { order.put(place.start, row.iter().copied()) };
        }
        Ok(())
    })?;
    Ok((starts.indptr()?, Column::I64(order)))
}
