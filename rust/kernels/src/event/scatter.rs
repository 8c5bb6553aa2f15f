//! Adds the weights of the spiking rows to their targets.

use std::ops::{Deref, Range};

use super::ring::{Later, Now, Place};
use super::rows::{Index, Indices};
use super::search::{AHEAD, Hit, find};
use super::{Delays, Dims, Ring, Rows, Spikes, Weight, length};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many synaptic events a call on, several threads are faster than one: some 20 µs of work. An
/// event takes 0.7 ns where the targets are in the cache, and 3 to 5 ns where they are not.
const PARALLEL: usize = 24_576;
const PARALLEL_FAR: usize = 6_144;

/// Bytes of targets that do not fit into a core's own cache.
const FAR: usize = 1 << 20;

/// Pieces whose synapses are on their way while one is worked on.
const PIECES_AHEAD: usize = 8;

/// Cache lines of their targets and of their weights that are fetched: nearly all that they have. Pieces lie far from
/// each other, so what the processor fetches by itself comes late.
const PIECE_LINES: usize = 16;

/// Spikes that need no memory of the heap, which takes as long as to deliver one of them.
const FEW: usize = 32;

/// Neighbouring targets that share a cache line are written by one thread.
pub(super) const ALIGN: usize = 16;

/// Rows whose delays are looked at to share the work out evenly.
const SAMPLE: usize = 8;

/// `target[b, indices[j]] += weight[j] * spikes[b, offset + i]` for all synapses j of all rows i; with a
/// ring, `target[slot, b, indices[j]]`, where the slot is the delay of j after the cursor.
///
/// The order of the additions to one target does not depend on the number of threads: a thread walks all
/// spiking rows, but delivers only to targets of its own, or to slots of its own.
///
/// # Errors
/// If a length does not fit, a spiking row holds an index beyond the targets or a delay beyond the
/// slots, or rows that are said to be sorted are not; some targets have then been added to.
pub fn scatter<T: Float>(
    dims: Dims,
    spikes: Spikes<'_, T>,
    weight: &[T],
    rows: &Rows<'_>,
    ring: &Ring<'_>,
    target: &mut [T],
) -> Result<()> {
    dims.check(&spikes, rows.n_pre())?;
    let of = |b: usize| spikes.part(b * dims.n_total + dims.offset, rows.n_pre());
    scatter_each(dims, |b| find(of(b), |row| rows.prefetch_ends(row)), weight, rows, ring, target)
}

/// As [`scatter`] of one batch row, in which these elements are the spikes, in order.
///
/// # Errors
/// As [`scatter`].
pub fn scatter_found<T: Float>(
    dims: Dims,
    spikes: &[u32],
    weight: &[T],
    rows: &Rows<'_>,
    ring: &Ring<'_>,
    target: &mut [T],
) -> Result<()> {
    length("spikes", dims.batch, 1)?;
    dims.check_rows(rows.n_pre())?;
    let own = dims.own(spikes, rows.n_pre());
    let hit = |&k: &u32| {
        let row = k as usize - dims.offset;
        rows.prefetch_ends(row);
        Hit { row, value: T::ONE }
    };
    if own.len() > FEW {
        return scatter_each(dims, |_| own.iter().map(hit).collect::<Vec<_>>(), weight, rows, ring, target);
    }
    let mut few = [Hit { row: 0, value: T::ONE }; FEW];
    for (to, k) in few.iter_mut().zip(own) {
        *to = hit(k);
    }
    scatter_each(dims, |_| &few[..own.len()], weight, rows, ring, target)
}

/// Delivers the spikes that `found` has for each batch row.
fn scatter_each<T: Float, H: Deref<Target = [Hit<T>]> + Sync>(
    dims: Dims,
    found: impl Fn(usize) -> H,
    weight: &[T],
    rows: &Rows<'_>,
    ring: &Ring<'_>,
    target: &mut [T],
) -> Result<()> {
    ring.check(dims, rows.nnz())?;
    length("target", target.len(), dims.batch * ring.slots * dims.n_post)?;
    let weight = Weight::of(weight, rows.nnz())?;
    let enough = enough(target);
    let target = &Shared::new(target);
    let call = Call { dims, weight, rows, ring, target };
    if threads::get() == 1 || dims.batch * rows.nnz() < enough {
        return (0..dims.batch).try_for_each(|b| match &found(b)[..] {
            [] => Ok(()),
            hits => call.deliver(b, Source::Found(hits), None),
        });
    }
    match dims.batch {
        1 => call.deliver_all(&[found(0)], enough),
        batch => call.deliver_all(&(0..batch).map(found).collect::<Vec<_>>(), enough),
    }
}

/// Synapses of a row, and the spike that they deliver.
#[derive(Debug, Clone)]
pub(super) struct Piece<T> {
    pub(super) part: Range<usize>,
    pub(super) value: T,
}

/// `target[indices[j]] += weight[j] * value` for all synapses j of all pieces, which lie in a part of the targets.
///
/// # Errors
/// If one does not; some targets have then been added to.
pub(super) fn scatter_pieces<T: Float>(
    dims: Dims,
    weight: Weight<'_, T>,
    rows: &Rows<'_>,
    pieces: &[Piece<T>],
    part: Range<usize>,
    target: &Shared<'_, T>,
) -> Result<()> {
    let call = Call { dims, weight, rows, ring: &Ring::NONE, target };
    call.deliver(0, Source::Pieces(pieces, &part), None)
}

/// Synaptic events from which on several threads are faster than one.
pub(super) fn enough<T>(target: &[T]) -> usize {
    if size_of_val(target) > FAR { PARALLEL_FAR } else { PARALLEL }
}

/// What all threads of a call share.
///
/// Measured and not kept: to deliver to one block of targets after the other (at 400,000 targets and
/// 900 spikes 16% slower with 2 blocks, 60% with 4), and to prefetch the targets of the next row (5% slower
/// there, 40 to 80% where targets are in the cache).
#[derive(Clone, Copy)]
struct Call<'a, T> {
    dims: Dims,
    weight: Weight<'a, T>,
    rows: &'a Rows<'a>,
    ring: &'a Ring<'a>,
    target: &'a Shared<'a, T>,
}

impl<T: Float> Call<'_, T> {
    /// Delivers the spikes of all batch rows, on several threads if there are `enough` events.
    fn deliver_all(&self, hits: &[impl Deref<Target = [Hit<T>]> + Sync], enough: usize) -> Result<()> {
        let rows = self.rows;
        let events: usize = hits
            .iter()
            .flat_map(|hits| hits.iter())
            .map(|hit| rows.row(hit.row).map_or(0, |r| r.len()))
            .sum();
        let all = |part: Option<Range<usize>>| {
            let mut each = hits.iter().enumerate();
            each.try_for_each(|(b, hits)| self.deliver(b, Source::Found(hits), part.clone()))
        };
        if events < enough {
            return all(None);
        }
        if hits.len() >= threads::get() {
            return threads::try_ranges(hits.len(), true, |mut range| {
                range.try_for_each(|b| self.deliver(b, Source::Found(&hits[b]), None))
            });
        }
        if !rows.is_sorted() {
            return all(None);
        }
        let parts = self.parts(threads::get(), hits);
        let delivered = threads::try_ranges(parts.len(), true, |range| {
            all(Some(parts[range.start].start..parts[range.end - 1].end))
        });
        delivered.map_err(|error| self.first_fault(hits).err().unwrap_or(error))
    }

    /// Delivers the spikes of batch row `b`; with a part, to nothing else.
    fn deliver(&self, b: usize, source: Source<'_, T>, part: Option<Range<usize>>) -> Result<()> {
        let bases = match self.ring.delays {
            Delays::None => vec![],
            _ => self.ring.bases(self.dims, b),
        };
        dispatch(Deliver { call: *self, b, source, part, bases: &bases })
    }

    /// The fault that one thread would meet first: several threads see parts of rows, in no order.
    #[cold]
    fn first_fault(&self, hits: &[impl Deref<Target = [Hit<T>]>]) -> Result<()> {
        let Self { dims, rows, ring, .. } = *self;
        hits.iter().flat_map(|hits| hits.iter()).try_for_each(|hit| {
            let row = rows.row(hit.row)?;
            ring.delays.check(row.clone(), ring.slots)?;
            rows.check_part(row, dims.n_post)
        })
    }

    /// Ranges of targets, or of delays if the synapses have some, with about the same work each. The last one has no
    /// end: whoever takes it finds what is out of range.
    fn parts(&self, threads: usize, hits: &[impl Deref<Target = [Hit<T>]>]) -> Vec<Range<usize>> {
        let bound = |k: usize| match self.ring.delays {
            Delays::None => (self.dims.n_post * k / threads).next_multiple_of(ALIGN).min(self.dims.n_post),
            Delays::U8(d) => self.quantile(d, k, threads, hits),
            Delays::U16(d) => self.quantile(d, k, threads, hits),
        };
        let ends = (1..threads).map(bound).chain([usize::MAX]);
        ends.scan(0, |start, end| Some(std::mem::replace(start, end)..end)).collect()
    }

    /// A delay below which lie about k of `of` equal shares of the events. Rows ascend by delay.
    fn quantile<D: Index>(
        &self,
        delays: &[D],
        k: usize,
        of: usize,
        hits: &[impl Deref<Target = [Hit<T>]>],
    ) -> usize {
        let (mut sum, mut count) = (0, 0);
        for hit in hits.iter().flat_map(|hits| hits.iter()).take(SAMPLE) {
            if let Ok(row) = self.rows.row(hit.row)
                && !row.is_empty()
            {
                sum += delays[row.start + row.len() * k / of].get();
                count += 1;
            }
        }
        sum.div_ceil(count.max(1)).min(self.ring.slots)
    }
}

/// The spikes of a batch row.
#[derive(Clone, Copy)]
enum Source<'a, T> {
    /// All that were found.
    Found(&'a [Hit<T>]),
    /// Pieces of rows, which all lie in a part of the targets.
    Pieces(&'a [Piece<T>], &'a Range<usize>),
}

/// The propagation of one batch row.
struct Deliver<'a, T> {
    call: Call<'a, T>,
    b: usize,
    source: Source<'a, T>,
    part: Option<Range<usize>>,
    bases: &'a [usize],
}

impl<T: Float> Job<T> for Deliver<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Result<()> {
        let (bases, now) = (self.bases, Now(self.b * self.call.dims.n_post));
        match self.call.ring.delays {
            Delays::None => self.by_index(now),
            Delays::U8(delays) => self.by_index(Later { delays, bases }),
            Delays::U16(delays) => self.by_index(Later { delays, bases }),
        }
    }
}

impl<T: Float> Deliver<'_, T> {
    #[inline(always)]
    fn by_index<P: Place>(self, place: P) -> Result<()> {
        match self.call.rows.indices() {
            Indices::U16(all) => self.each(all, place),
            Indices::U32(all) => self.each(all, place),
        }
    }

    /// Delivers all rows or pieces; the synapses of those some places ahead are fetched meanwhile.
    // Without closures, which would be compiled without the lanes of their caller.
    #[inline(always)]
    fn each<I: Index, P: Place>(&self, all: &[I], place: P) -> Result<()> {
        let (rows, weight) = (self.call.rows, self.call.weight);
        match self.source {
            Source::Found(hits) if self.part.is_none() && rows.are_single() => {
                self.singles(all, hits, place)?;
            }
            Source::Found(hits) => {
                for hit in hits.iter().take(AHEAD) {
                    rows.prefetch_row(hit.row, weight, place);
                }
                for (k, hit) in hits.iter().enumerate() {
                    if let Some(next) = hits.get(k + AHEAD) {
                        rows.prefetch_row(next.row, weight, place);
                    }
                    self.row(all, rows.row(hit.row)?, hit.value, place)?;
                }
            }
            Source::Pieces(pieces, part) => {
                for piece in pieces.iter().take(PIECES_AHEAD) {
                    rows.prefetch::<PIECE_LINES, T, P>(piece.part.clone(), weight, place);
                }
                for (k, piece) in pieces.iter().enumerate() {
                    if let Some(next) = pieces.get(k + PIECES_AHEAD) {
                        rows.prefetch::<PIECE_LINES, T, P>(next.part.clone(), weight, place);
                    }
                    self.piece(all, piece, part, place)?;
                }
            }
        }
        Ok(())
    }

    /// Delivers rows of one synapse each, as of one-to-one connections: to set up a row would take most of the time.
    #[inline(always)]
    fn singles<I: Index, P: Place>(&self, all: &[I], hits: &[Hit<T>], place: P) -> Result<()> {
        let Call { dims, weight, rows, target, .. } = self.call;
        for hit in hits {
            let (j, index) = (hit.row, all[hit.row].get());
            place.check(j..j + 1)?;
            if index >= dims.n_post {
                return rows.check(all, j..j + 1, dims.n_post);
            }
            let weight = match weight {
                Weight::Same(w) => w,
                Weight::Each(w) => w[j],
            };
            // SAFETY: index and delay are checked; without a part there are no other threads.
            unsafe { target.add(place.at(j, index), weight * hit.value) };
        }
        Ok(())
    }

    /// Delivers along a row.
    #[inline(always)]
    fn row<I: Index, P: Place>(&self, all: &[I], mut row: Range<usize>, spike: T, place: P) -> Result<()> {
        if let Some(part) = &self.part {
            row = place.cut(all, row, part)?;
        }
        place.check(row.clone())?;
        self.call.rows.check(all, row.clone(), self.call.dims.n_post)?;
        // SAFETY: indices and delays are checked; other threads have other parts.
        unsafe { add(all, row, self.call.weight, spike, place, self.call.target) };
        Ok(())
    }

    /// Delivers along a piece.
    #[inline(always)]
    fn piece<I: Index, P: Place>(
        &self,
        all: &[I],
        piece: &Piece<T>,
        part: &Range<usize>,
        place: P,
    ) -> Result<()> {
        I::check_within(&all[piece.part.clone()], part)?;
        // SAFETY: the indices are checked; other threads have other parts.
        unsafe { add(all, piece.part.clone(), self.call.weight, piece.value, place, self.call.target) };
        Ok(())
    }
}

/// # Safety
/// The places of these synapses lie in the target, and no other thread uses them.
#[inline(always)]
unsafe fn add<T: Float, I: Index, P: Place>(
    all: &[I],
    row: Range<usize>,
    weight: Weight<'_, T>,
    spike: T,
    place: P,
    target: &Shared<'_, T>,
) {
    let indices = all[row.clone()].iter().zip(row.clone());
    match weight {
        Weight::Same(w) => {
            let x = w * spike;
            for (&i, j) in indices {
                // SAFETY: promised to this function.
                unsafe { target.add(place.at(j, i.get()), x) };
            }
        }
        Weight::Each(w) => {
            for ((&i, j), &w) in indices.zip(&w[row]) {
                // SAFETY: promised to this function.
                unsafe { target.add(place.at(j, i.get()), w * spike) };
            }
        }
    }
}
