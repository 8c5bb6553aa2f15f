//! Orders given synapses into rows.

use super::array::{Array, Column};
use super::room::{extend, filled};
use super::rows::{PARALLEL, Starts};
use crate::error::{Error, Result};
use crate::event::{Bounded, Index};
use crate::shared::Shared;
use crate::threads;

/// Digits that delays are sorted by.
const DIGITS: usize = 256;

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
    let mut next = filled(n_pre, || 0_usize)?;
    for &source in sources {
        next[source as usize] += 1;
    }
    let starts = Starts::of_lengths(next.iter().copied())?;
    for (i, next) in next.iter_mut().enumerate() {
        *next = starts.row(i).start;
    }
    let order = Array::<i64>::new(len)?;
    let shared = &Shared::new(&mut next);
    threads::try_ranges(n_pre, parallel, |range| {
        // SAFETY: every row is in one range only.
        let next = unsafe { shared.part(range.start, range.len()) };
        let own = |source: u32| (source as usize).checked_sub(range.start).filter(|&i| i < range.len());
        // A thread looks at all sources, so that its rows hold their synapses in the order in which they were given.
        for (k, i) in sources.iter().enumerate().filter_map(|(k, &source)| Some((k, own(source)?))) {
            // SAFETY: the counter gives this place to nobody else.
            unsafe { order.put(next[i], std::iter::once(k as i64)) };
            next[i] += 1;
        }
        let mut sorting = Sorting { targets, delay, row: vec![], spare: vec![] };
        for place in range.map(|i| starts.row(i)) {
            // SAFETY: these places were filled above, and are this thread's.
            let row = sorting.sorted(unsafe { order.get(place.clone()) })?;
            // SAFETY: as above.
            unsafe { order.put(place.start, row.iter().copied()) };
        }
        Ok(())
    })?;
    Ok((starts.indptr()?, Column::I64(order)))
}

/// Sorts the synapses of a row.
struct Sorting<'a> {
    targets: &'a [u32],
    delay: &'a [u16],
    row: Vec<i64>,
    spare: Vec<i64>,
}

impl Sorting<'_> {
    /// These synapses in order.
    ///
    /// Often they are several rows behind each other, each in order and with greater targets than the one before. Then
    /// to sort them by delay is enough, where what is alike keeps its order.
    fn sorted(&mut self, given: &[i64]) -> Result<&[i64]> {
        self.row.clear();
        extend(&mut self.row, given.iter().copied())?;
        self.spare.clear();
        extend(&mut self.spare, given.iter().copied())?;
        let Self { targets, delay, row, spare } = self;
        let delay = |k: i64| delay.get(k as usize).copied().unwrap_or(0);
        let all = row.iter().fold(0, |all, &k| all | delay(k));
        for shift in [0, 8].into_iter().filter(|&shift| all >> shift != 0) {
            count_by_digit(row, spare, |k| usize::from(delay(k) >> shift) % DIGITS);
            std::mem::swap(row, spare);
        }
        let key = |&k: &i64| (delay(k), targets[k as usize], k);
        if !row.is_sorted_by_key(key) {
            row.sort_unstable_by_key(key);
        }
        Ok(row)
    }
}

/// Copies the synapses in the order of a digit; those with the same one keep their order.
fn count_by_digit(from: &[i64], to: &mut [i64], digit: impl Fn(i64) -> usize) {
    let mut places = [0; DIGITS];
    for &k in from {
        places[digit(k)] += 1;
    }
    let mut sum = 0;
    for place in &mut places {
        sum += std::mem::replace(place, sum);
    }
    for &k in from {
        let place: &mut usize = &mut places[digit(k)];
        to[*place] = k;
        *place += 1;
    }
}
