//! Queues of spikes, for rows in which many synapses have the same delay.
//!
//! A ring of arriving input has a slot of targets for every step of the longest delay, and nearly every
//! synapse of a long row touches a cache line of it that nothing else has touched for long. A queue holds the
//! spikes instead. In every step each of them delivers the piece of its row whose delay has passed, and
//! all pieces add to the same targets, which stay in the cache. On the cortical microcircuit an event then costs
//! 1.6 ns in place of 4.1, of which most was bandwidth.

use std::ops::Range;

use super::ring::check_cursor;
use super::rows::{Bounded, prefetch, prefetch_one};
use super::scatter::{ALIGN, Piece, enough, scatter_pieces};
use super::search::each_spike;
use super::{Delays, Dims, Index, Indices, Rows, Spikes, Weight, length};
use crate::error::{Error, Result};
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// The spikes of the last steps; slots are turned by the cursor.
#[derive(Debug)]
pub struct SpikeQueue<'a, T> {
    /// The slot of the present step.
    pub cursor: &'a [i32],
    /// Spikes in each slot.
    pub count: &'a mut [i32],
    /// Their sources, row-major (slots, sources).
    pub sources: &'a mut [u32],
    /// Their values, row-major (slots, sources).
    pub values: &'a mut [T],
}

impl<T: Float> SpikeQueue<'_, T> {
    fn slots(&self) -> usize {
        self.count.len()
    }

    /// The slot of the present step, once the lengths and counts are checked.
    fn checked(&self, n_pre: usize) -> Result<usize> {
        check_cursor(self.cursor, 1, self.slots())?;
        length("sources", self.sources.len(), self.slots() * n_pre)?;
        length("values", self.values.len(), self.slots() * n_pre)?;
        match self.count.iter().find(|&&n| usize::try_from(n).map_or(true, |n| n > n_pre)) {
            Some(&n) => Err(Error::Length { name: "count", given: n as usize, expected: n_pre }),
            None => Ok(self.cursor[0] as usize),
        }
    }

    /// Lets `put` write sources and values behind those in the slot of the present step; it tells how many.
    fn fill(&mut self, n_pre: usize, put: impl FnOnce(&mut [u32], &mut [T]) -> Result<usize>) -> Result<()> {
        let slot = self.checked(n_pre)?;
        let filled = self.count[slot] as usize;
        let room = slot * n_pre + filled..(slot + 1) * n_pre;
        let found = put(&mut self.sources[room.clone()], &mut self.values[room])?;
        self.count[slot] = (filled + found) as i32;
        Ok(())
    }
}

/// Puts the spikes into the slot of the present step.
///
/// # Errors
/// If a length does not fit, or the slot is full, since it was given spikes before.
pub fn enqueue<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    n_pre: usize,
    queue: &mut SpikeQueue<'_, T>,
) -> Result<()> {
    dims.check(&spikes, n_pre)?;
    length("batch", dims.batch, 1)?;
    queue.fill(n_pre, |sources, values| {
        dispatch(Enqueue { spikes: spikes.part(dims.offset, n_pre), sources, values })
    })
}

/// As [`enqueue`], where these elements are the spikes, in order, and are all 1.
///
/// # Errors
/// As [`enqueue`].
pub fn enqueue_found<T: Float>(
    dims: Dims,
    spikes: &[u32],
    n_pre: usize,
    queue: &mut SpikeQueue<'_, T>,
) -> Result<()> {
    dims.check_rows(n_pre)?;
    length("batch", dims.batch, 1)?;
    let own = dims.own(spikes, n_pre);
    queue.fill(n_pre, |sources, values| {
        if own.len() > sources.len() {
            return Err(Error::Full { size: sources.len() });
        }
        values[..own.len()].fill(T::ONE);
        sources.iter_mut().zip(own).for_each(|(to, spike)| *to = spike - dims.offset as u32);
        Ok(own.len())
    })
}

struct Enqueue<'a, T> {
    spikes: Spikes<'a, T>,
    sources: &'a mut [u32],
    values: &'a mut [T],
}

impl<T: Float> Job<T> for Enqueue<'_, T> {
    type Out = Result<usize>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<usize> {
        let (room, mut found) = (self.sources.len(), 0);
        each_spike::<L>(
            &self.spikes,
            |_| (),
            |row, value| {
                if found == room {
                    return Err(Error::Full { size: room });
                }
                (self.sources[found], self.values[found]) = (row as u32, value);
                found += 1;
                Ok(())
            },
        )?;
        Ok(found)
    }
}

/// Where in each row the synapses begin that have one delay and lie in one block of targets.
///
/// Row-major (sources, delays × blocks + 1); the last place of a row is its length. Threads take blocks, so
/// none has to search.
#[derive(Debug, Clone, Copy)]
pub struct Starts<'a> {
    /// The places.
    pub at: Indices<'a>,
    /// Blocks of targets.
    pub blocks: usize,
}

/// Targets of a block.
fn block_size(n_post: usize, blocks: usize) -> usize {
    n_post.div_ceil(blocks).next_multiple_of(ALIGN).max(ALIGN)
}

/// The places of [`Starts`], for rows that ascend by delay and then by target.
///
/// # Errors
/// If lengths do not fit, a delay or target lies beyond them, or rows do not ascend.
pub fn starts<I: Index>(
    rows: &Rows<'_>,
    delays: Delays<'_>,
    n_post: usize,
    blocks: usize,
    out: &mut [I],
) -> Result<()> {
    let n = rows.n_pre();
    let width = width(out, n, blocks)?;
    delays.check_len(rows.nnz())?;
    let (size, slots) = (block_size(n_post, blocks), width.saturating_sub(1) / blocks);
    let target = |j: usize| match rows.indices() {
        Indices::U16(i) => usize::from(i[j]),
        Indices::U32(i) => i[j] as usize,
    };
    let number = |j: usize| match delays {
        Delays::None => target(j) / size,
        Delays::U8(d) => usize::from(d[j]) * blocks + target(j) / size,
        Delays::U16(d) => usize::from(d[j]) * blocks + target(j) / size,
    };
    let out = &Shared::new(out);
    threads::try_ranges(n, rows.nnz() >= PARALLEL, |mut range| {
        range.try_for_each(|k| {
            let row = rows.row(k)?;
            delays.check(row.clone(), slots)?;
            rows.check_part(row.clone(), n_post)?;
            // SAFETY: ranges of rows are disjoint.
            fill(unsafe { out.part(k * width, width) }, row, number)
        })
    })
}

/// The places of one row, whose synapses have ascending numbers of delay and block.
fn fill<I: Index>(out: &mut [I], row: Range<usize>, number: impl Fn(usize) -> usize) -> Result<()> {
    let at = |k: usize| I::try_from(k).map_err(|_| Error::Length { name: "row", given: k, expected: 65_535 });
    let mut next = 0;
    for (k, j) in row.clone().enumerate() {
        let here = number(j);
        if here + 1 < next {
            return Err(Error::Order);
        }
        while next <= here {
            out[next] = at(k)?;
            next += 1;
        }
    }
    out[next..].fill(at(row.len())?);
    Ok(())
}

/// Adds to the targets what arrives in the present step, and forgets the spikes that have delivered all.
///
/// The oldest spikes come first, so the order of additions is that of a ring of arriving input.
///
/// # Errors
/// As [`super::scatter`], and if a source or a piece lies beyond the rows.
pub fn deliver<T: Float>(
    dims: Dims,
    weight: &[T],
    rows: &Rows<'_>,
    starts: Starts<'_>,
    queue: &mut SpikeQueue<'_, T>,
    target: &mut [T],
) -> Result<()> {
    length("batch", dims.batch, 1)?;
    length("target", target.len(), dims.n_post)?;
    let cursor = queue.checked(rows.n_pre())?;
    let delivery = Delivery { dims, weight: Weight::of(weight, rows.nnz())?, rows, queue, cursor };
    match starts.at {
        Indices::U16(at) => delivery.at(at, starts.blocks, target)?,
        Indices::U32(at) => delivery.at(at, starts.blocks, target)?,
    }
    queue.count[(cursor + 1) % queue.slots()] = 0;
    Ok(())
}

/// What all threads of a call share.
struct Delivery<'a, T> {
    dims: Dims,
    weight: Weight<'a, T>,
    rows: &'a Rows<'a>,
    queue: &'a SpikeQueue<'a, T>,
    cursor: usize,
}

impl<T: Float> Delivery<'_, T> {
    fn at<I: Index>(&self, at: &[I], blocks: usize, target: &mut [T]) -> Result<()> {
        let (rows, n, n_post) = (self.rows, self.rows.n_pre(), self.dims.n_post);
        let (width, size) = (width(at, n, blocks)?, block_size(n_post, blocks));
        let delays = width.saturating_sub(1) / blocks;
        if delays > self.queue.slots() {
            return Err(Error::Length { name: "count", given: self.queue.slots(), expected: delays });
        }
        let walk = Walk { places: at, delivery: self, blocks, delays, width };
        let spikes: usize = self.queue.count.iter().map(|&n| n as usize).sum();
        let events = spikes * (rows.nnz() / (n * delays).max(1));
        let parallel = events >= enough(target);
        let target = &Shared::new(target);
        let delivered = threads::try_ranges(blocks, parallel, |range| {
            let part = (range.start * size).min(n_post)..(range.end * size).min(n_post);
            scatter_pieces(self.dims, self.weight, rows, &walk.pieces(range)?, part, target)
        });
        delivered.map_err(|error| walk.first_fault().err().unwrap_or(error))
    }
}

/// Places of a row: one for each delay and block, and its end.
fn width<I>(places: &[I], n: usize, blocks: usize) -> Result<usize> {
    let width = places.len() / n.max(1);
    length("starts", places.len(), width * n)?;
    if blocks == 0 || (n > 0 && (width <= blocks || width % blocks != 1 % blocks)) {
        return Err(Error::Length { name: "starts", given: width, expected: blocks + 1 });
    }
    Ok(width)
}

/// Synapses from which on several threads find places faster than one.
const PARALLEL: usize = 1 << 20;

/// Listed spikes.
const SOURCES: Bounded = Bounded { name: "sources", of: "sources" };

/// Places in rows, which rise to the length of their row.
const STARTS: Bounded = Bounded { name: "starts", of: "places in its row" };

/// Spikes whose places in their rows are on their way while one is looked up.
const AHEAD: usize = 16;

/// A spike in the queue, and the first of the places of its row that are looked up.
struct Queued<T> {
    source: usize,
    column: usize,
    value: T,
}

/// The search for the pieces that arrive now.
struct Walk<'a, T, I> {
    places: &'a [I],
    delivery: &'a Delivery<'a, T>,
    blocks: usize,
    delays: usize,
    width: usize,
}

impl<T: Float, I: Index> Walk<'_, T, I> {
    /// Those in these blocks of targets.
    fn pieces(&self, blocks: Range<usize>) -> Result<Vec<Piece<T>>> {
        let queued = self.queued(blocks.start)?;
        let mut pieces = Vec::with_capacity(queued.len());
        queued.iter().take(AHEAD).for_each(|spike| self.prefetch(spike));
        for (k, &Queued { source, column, value }) in queued.iter().enumerate() {
            if let Some(next) = queued.get(k + AHEAD) {
                self.prefetch(next);
            }
            let part = self.piece(source, column..column + blocks.len())?;
            if !part.is_empty() {
                pieces.push(Piece { part, value });
            }
        }
        Ok(pieces)
    }

    /// The spikes that may deliver to blocks from `first` on, the oldest first.
    fn queued(&self, first: usize) -> Result<Vec<Queued<T>>> {
        let Delivery { rows, queue, cursor, .. } = *self.delivery;
        let (n, slots) = (rows.n_pre(), queue.slots());
        let filled = |age: usize| {
            let slot = (cursor + slots - age) % slots;
            slot * n..slot * n + queue.count[slot] as usize
        };
        let ages = 0..slots.min(self.delays);
        for part in ages.clone().rev().map(filled) {
            prefetch(&queue.sources[part.clone()]);
            prefetch(&queue.values[part]);
        }
        let mut all = Vec::with_capacity(ages.clone().map(|age| filled(age).len()).sum());
        for age in ages.rev() {
            let (part, column) = (filled(age), age * self.blocks + first);
            u32::check(queue.sources, part.clone(), n, SOURCES)?;
            let listed = queue.sources[part.clone()].iter().zip(&queue.values[part]);
            all.extend(listed.map(|(source, &value)| Queued { source: source.get(), column, value }));
        }
        Ok(all)
    }

    /// Fetches the places of a spike, and where its row lies.
    #[inline(always)]
    fn prefetch(&self, spike: &Queued<T>) {
        self.delivery.rows.prefetch_ends(spike.source);
        prefetch_one(&raw const self.places[spike.source * self.width + spike.column]);
    }

    /// The fault that one thread would meet first.
    #[cold]
    fn first_fault(&self) -> Result<()> {
        let Delivery { rows, dims, .. } = self.delivery;
        self.pieces(0..self.blocks)?
            .into_iter()
            .try_for_each(|piece| rows.check_part(piece.part, dims.n_post))
    }

    /// The synapses of a row between two of its places.
    #[inline(always)]
    fn piece(&self, source: usize, columns: Range<usize>) -> Result<Range<usize>> {
        let row = self.delivery.rows.row(source)?;
        let first = source * self.width;
        let [start, end] = [columns.start, columns.end].map(|column| self.places[first + column].get());
        let is_last = columns.end + 1 == self.width;
        if start <= end && if is_last { end == row.len() } else { end <= row.len() } {
            return Ok(row.start + start..row.start + end);
        }
        Err(STARTS.error(first + columns.end, end as i64, row.len() + 1))
    }
}
