//! Rings of arriving input, for synapses that have a delay each.
//!
//! A ring is row-major (lanes, slots, batch rows of a lane, targets). A synapse with a delay of d steps adds
//! to the slot d after the cursor of its lane; the targets collect the slot at the cursor and move it on.

use std::ops::Range;

use super::rows::{Bounded, DELAYS, Index};
use super::{Dims, length};
use crate::error::{Error, Result};

/// Delays of all synapses in steps, row after row.
#[derive(Debug, Clone, Copy)]
pub enum Delays<'a> {
    /// There are none: what spikes deliver arrives at once.
    None,
    /// Up to 255 steps.
    U8(&'a [u8]),
    /// Up to 65,535 steps.
    U16(&'a [u16]),
}

impl Delays<'_> {
    /// Checks that there is one for each synapse, if there are any.
    pub(crate) fn check_len(&self, nnz: usize) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::U8(d) => length("delay", d.len(), nnz),
            Self::U16(d) => length("delay", d.len(), nnz),
        }
    }

    /// The delay of a synapse.
    #[inline(always)]
    pub(crate) fn get(&self, j: usize) -> usize {
        match self {
            Self::None => 0,
            Self::U8(d) => d[j].get(),
            Self::U16(d) => d[j].get(),
        }
    }

    /// The synapses of a row with this delay, by which rows ascend.
    pub(crate) fn arriving(&self, row: Range<usize>, delay: usize) -> Result<Range<usize>> {
        match self {
            Self::None => Ok(if delay == 0 { row } else { row.start..row.start }),
            Self::U8(d) => within(d, row, &(delay..delay + 1)),
            Self::U16(d) => within(d, row, &(delay..delay + 1)),
        }
    }

    /// Checks that the delays of these synapses are slots.
    pub(crate) fn check(&self, part: Range<usize>, slots: usize) -> Result<()> {
        match self {
            Self::None => Ok(()),
            Self::U8(d) => Index::check(d, part, slots, DELAYS),
            Self::U16(d) => Index::check(d, part, slots, DELAYS),
        }
    }
}

/// Where in time synapses deliver.
#[derive(Debug, Clone, Copy)]
pub struct Ring<'a> {
    /// Delays of the synapses.
    pub delays: Delays<'a>,
    /// Slots of each lane.
    pub slots: usize,
    /// Lanes: rings that turn on their own.
    pub lanes: usize,
    /// The slot that is collected next, of all lanes or of each.
    pub cursor: &'a [i32],
}

impl Ring<'_> {
    /// No ring: synapses without delays.
    pub const NONE: Self = Self { delays: Delays::None, slots: 1, lanes: 1, cursor: &[0] };

    pub(super) fn check(&self, dims: Dims, nnz: usize) -> Result<()> {
        self.delays.check_len(nnz)?;
        if self.lanes == 0 || !dims.batch.is_multiple_of(self.lanes) {
            return Err(Error::Length { name: "cursor", given: self.lanes, expected: dims.batch });
        }
        check_cursor(self.cursor, self.lanes, self.slots)
    }

    /// The slot at the cursor of a lane.
    pub(super) fn start(&self, lane: usize) -> usize {
        start(self.cursor, lane)
    }

    /// Where the targets of batch row `b` begin, for each delay below the number of slots.
    pub(super) fn bases(&self, dims: Dims, b: usize) -> Vec<usize> {
        let rows = dims.batch / self.lanes;
        let (lane, row) = (b / rows, b % rows);
        let first = self.start(lane);
        (0..self.slots)
            .map(|delay| ((lane * self.slots + (first + delay) % self.slots) * rows + row) * dims.n_post)
            .collect()
    }
}

/// Slots that rings stand at.
const CURSOR: Bounded = Bounded { name: "cursor", of: "slots" };

/// Checks that there is one cursor or one for each lane, and that they are slots.
pub(super) fn check_cursor(cursor: &[i32], lanes: usize, slots: usize) -> Result<()> {
    if cursor.len() != 1 {
        length("cursor", cursor.len(), lanes)?;
    }
    match cursor.iter().position(|&c| usize::try_from(c).map_or(true, |c| c >= slots)) {
        Some(place) => Err(CURSOR.error(place, cursor[place].into(), slots)),
        None => Ok(()),
    }
}

/// The cursor of a lane, once checked.
pub(super) fn start(cursor: &[i32], lane: usize) -> usize {
    cursor[if cursor.len() == 1 { 0 } else { lane }] as usize
}

/// Where the synapses of one batch row deliver to.
pub(super) trait Place: Copy {
    /// The element of the target that synapse `j`, which has this index, adds to.
    fn at(self, j: usize, index: usize) -> usize;
    /// Checks the delays of these synapses.
    fn check(self, row: Range<usize>) -> Result<()>;
    /// Of the synapses of a row those that lie in a part of the targets, or of the slots if there are some.
    fn cut<I: Index>(self, indices: &[I], row: Range<usize>, part: &Range<usize>) -> Result<Range<usize>>;
    /// Fetches into the cache what belongs to a row besides its indices.
    fn prefetch(self, row: Range<usize>);
}

/// At once, to the targets from here on.
#[derive(Clone, Copy)]
pub(super) struct Now(pub(super) usize);

impl Place for Now {
    #[inline(always)]
    fn at(self, _: usize, index: usize) -> usize {
        self.0 + index
    }

    #[inline(always)]
    fn check(self, _: Range<usize>) -> Result<()> {
        Ok(())
    }

    #[inline(always)]
    fn cut<I: Index>(self, indices: &[I], row: Range<usize>, part: &Range<usize>) -> Result<Range<usize>> {
        within(indices, row, part)
    }

    #[inline(always)]
    fn prefetch(self, _: Range<usize>) {}
}

/// Later: the targets begin at the base of the delay.
#[derive(Clone, Copy)]
pub(super) struct Later<'a, D> {
    pub(super) delays: &'a [D],
    pub(super) bases: &'a [usize],
}

impl<D: Index> Place for Later<'_, D> {
    #[inline(always)]
    fn at(self, j: usize, index: usize) -> usize {
        // SAFETY: all of the row's delays are checked.
        unsafe { *self.bases.get_unchecked(self.delays.get_unchecked(j).get()) + index }
    }

    #[inline(always)]
    fn check(self, row: Range<usize>) -> Result<()> {
        D::check(self.delays, row, self.bases.len(), DELAYS)
    }

    #[inline(always)]
    fn cut<I: Index>(self, _: &[I], row: Range<usize>, part: &Range<usize>) -> Result<Range<usize>> {
        within(self.delays, row, part)
    }

    #[inline(always)]
    fn prefetch(self, row: Range<usize>) {
        super::rows::prefetch(&self.delays[row]);
    }
}

/// The part of a row whose ascending keys lie in `part`; the last part has no end.
///
/// All parts ask the same row where a bound lies, so that together they hold each synapse once. If the keys do not
/// ascend, one of the parts finds keys of another in its own, or an end before its start.
#[inline(always)]
fn within<K: Index>(all: &[K], row: Range<usize>, part: &Range<usize>) -> Result<Range<usize>> {
    let keys = &all[row.clone()];
    let (start, end) = (K::below(keys, part.start), K::below(keys, part.end));
    if start > end {
        return Err(Error::Order);
    }
    K::check_within(&keys[start..end], part)?;
    Ok(row.start + start..row.start + end)
}
