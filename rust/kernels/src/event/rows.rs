//! Compressed rows of connectivity.

use std::ops::Range;

use super::ring::Place;
use super::{Weight, length};
use crate::error::{Error, Result};
use crate::lane::Float;

/// An unsigned integer that stores a target or a delay.
pub trait Index: Copy + Ord + Default + TryFrom<usize> + Send + Sync + 'static {
    /// The target.
    fn get(self) -> usize;

    /// Checks that the numbers in a part of an operand are below a bound. The greatest is found a lane at a
    /// time, which is cheaper than to compare each on its way.
    ///
    /// # Errors
    /// If one is not: the first.
    #[inline(always)]
    fn check(all: &[Self], part: Range<usize>, below: usize, bounded: Bounded) -> Result<()> {
        let mut greatest = Self::default();
        for &index in &all[part.clone()] {
            greatest = greatest.max(index);
        }
        if greatest.get() < below || part.is_empty() {
            return Ok(());
        }
        Err(bounded.first(all, part, below))
    }

    /// Checks that all of these lie in a part that a thread has for itself.
    ///
    /// # Errors
    /// If one does not: they were said to ascend.
    #[inline(always)]
    fn check_within(indices: &[Self], part: &Range<usize>) -> Result<()> {
        let Some(&first) = indices.first() else { return Ok(()) };
        // In the type of the indices, of which a lane holds many.
        let (mut least, mut greatest) = (first, first);
        for &index in indices {
            greatest = greatest.max(index);
        }
        if part.start > 0 {
            for &index in indices {
                least = least.min(index);
            }
        }
        if least.get() < part.start || greatest.get() >= part.end { Err(Error::Order) } else { Ok(()) }
    }

    /// How many of these are below a bound, if they ascend.
    #[inline(always)]
    fn below(indices: &[Self], bound: usize) -> usize {
        let Ok(bound) = Self::try_from(bound) else { return indices.len() };
        if indices.len() > COUNTED {
            return indices.partition_point(|&i| i < bound);
        }
        // Cheaper than a search for short rows: it takes no branch, and whole lanes.
        indices.iter().map(|&i| u32::from(i < bound)).sum::<u32>() as usize
    }
}

/// Rows up to this length are counted through to find a bound.
const COUNTED: usize = 256;

/// An operand whose numbers stand for places elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounded {
    /// The operand.
    pub name: &'static str,
    /// What its numbers stand for.
    pub of: &'static str,
}

impl Bounded {
    /// The first number in a part of the operand that is not below a bound, as an error.
    #[cold]
    fn first<I: Index>(self, all: &[I], part: Range<usize>, below: usize) -> Error {
        let place = part.clone().find(|&j| all[j].get() >= below).unwrap_or(part.start);
        self.error(place, all[place].get() as i64, below)
    }

    /// A number that is not below a bound, as an error.
    pub(crate) fn error(self, place: usize, given: i64, below: usize) -> Error {
        Error::Range { name: self.name, place, given, below, of: self.of }
    }
}

/// Delays of synapses.
pub(crate) const DELAYS: Bounded = Bounded { name: "delay", of: "slots" };

/// What the operands of compressed rows are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// Targets, or places.
    pub indices: Bounded,
    /// Where rows begin.
    pub indptr: &'static str,
}

impl Names {
    /// Of the targets of each source.
    pub const ROWS: Self = Self { indices: Bounded { name: "indices", of: "targets" }, indptr: "indptr" };
    /// Of the places among the weights of the synapses of each target.
    pub const COLUMNS: Self = Self { indices: Bounded { name: "places", of: "weights" }, indptr: "ends" };
    /// Of the neurons on the other side of the synapses of each neuron.
    pub const LINES: Self = Self { indices: Bounded { name: "others", of: "neurons" }, indptr: "ends" };
}

impl Index for u8 {
    #[inline(always)]
    fn get(self) -> usize {
        self.into()
    }
}

impl Index for u16 {
    #[inline(always)]
    fn get(self) -> usize {
        self.into()
    }
}

impl Index for u32 {
    #[inline(always)]
    fn get(self) -> usize {
        self as usize
    }
}

/// Targets of all synapses, row after row.
#[derive(Debug, Clone, Copy)]
pub enum Indices<'a> {
    /// For up to 65,536 targets.
    U16(&'a [u16]),
    /// For more.
    U32(&'a [u32]),
}

/// Where each row begins, and after the last one where it ends.
#[derive(Debug, Clone, Copy)]
pub enum Indptr<'a> {
    /// All rows have the same length.
    Fixed,
    /// 32 bits.
    I32(&'a [i32]),
    /// 64 bits.
    I64(&'a [i64]),
}

/// Connectivity: the targets of each source neuron.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    indices: Indices<'a>,
    indptr: Indptr<'a>,
    n_pre: usize,
    /// The length of each row if all are equally long: to divide for every spike takes as long as ten synapses.
    length: usize,
    sorted: bool,
    names: Names,
}

impl<'a> Rows<'a> {
    /// Connectivity of `n_pre` rows; an empty `indptr` says that they are of one length.
    ///
    /// # Errors
    /// If the lengths do not fit. What the arrays hold is checked as it is used.
    pub fn new(indices: Indices<'a>, indptr: Indptr<'a>, n_pre: usize) -> Result<Self> {
        Self::named(Names::ROWS, indices, indptr, n_pre)
    }

    /// As [`Rows::new`], with other names of the operands.
    ///
    /// # Errors
    /// As [`Rows::new`].
    pub fn named(names: Names, indices: Indices<'a>, indptr: Indptr<'a>, n_pre: usize) -> Result<Self> {
        let indptr = match indptr {
            Indptr::I32([]) | Indptr::I64([]) => Indptr::Fixed,
            given => given,
        };
        let mut rows = Self { indices, indptr, n_pre, length: 0, sorted: false, names };
        rows.length = rows.nnz().checked_div(n_pre).unwrap_or(0);
        let (name, given, expected) = match indptr {
            Indptr::Fixed => (names.indices.name, rows.nnz(), rows.length * n_pre),
            Indptr::I32(p) => (names.indptr, p.len(), n_pre + 1),
            Indptr::I64(p) => (names.indptr, p.len(), n_pre + 1),
        };
        length(name, given, expected)?;
        rows.check_ends()?;
        Ok(rows)
    }

    /// Says whether each row ascends, by delay if the synapses have some, and then by target. Threads share
    /// the work of rows that do; it is checked as they do.
    #[inline]
    #[must_use]
    pub fn sorted(self, sorted: bool) -> Self {
        Self { sorted, ..self }
    }

    pub(super) fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Number of synapses stored.
    #[inline]
    #[must_use]
    pub fn nnz(&self) -> usize {
        match self.indices {
            Indices::U16(i) => i.len(),
            Indices::U32(i) => i.len(),
        }
    }

    /// Number of rows.
    #[inline]
    #[must_use]
    pub fn n_pre(&self) -> usize {
        self.n_pre
    }

    /// Whether each row has one synapse, stored at its own number.
    pub(super) fn are_single(&self) -> bool {
        matches!(self.indptr, Indptr::Fixed) && self.nnz() == self.n_pre
    }

    pub(crate) fn indices(&self) -> Indices<'a> {
        self.indices
    }

    /// Checks that the first row begins with the first synapse, and the last one does not leave what is stored.
    /// There may be room behind it: devices that share a network hold arrays of one length.
    fn check_ends(&self) -> Result<()> {
        let Some(last) = self.n_pre.checked_sub(1) else {
            return length(self.names.indices.name, self.nnz(), 0);
        };
        match (self.ends(0), self.ends(last)) {
            ([0, _], [_, end]) if end <= self.nnz() as i64 => Ok(()),
            ([0, _], _) => Err(self.misfit(last)),
            _ => Err(self.misfit(0)),
        }
    }

    /// Checks that no row ends before it begins: then each follows the one before.
    pub(crate) fn check_order(&self) -> Result<()> {
        (0..self.n_pre).try_for_each(|k| self.row(k).map(drop))
    }

    /// The synapses of `count` rows from `first` on, if the rows are in order.
    pub(super) fn span(&self, first: usize, count: usize) -> Result<Range<usize>> {
        Ok(self.row(first)?.start..self.row(first + count - 1)?.end)
    }

    /// Fetches the synapses of a row into the cache, in part if they are many.
    #[inline(always)]
    pub(super) fn prefetch_row<T: Float, P: Place>(&self, row: usize, weight: Weight<'_, T>, place: P) {
        if let Ok(row) = self.row(row) {
            self.prefetch::<LINES, T, P>(row, weight, place);
        }
    }

    /// Fetches these synapses into the cache, as far as they lie in the first cache lines.
    #[inline(always)]
    pub(super) fn prefetch<const FIRST: usize, T: Float, P: Place>(
        &self,
        row: Range<usize>,
        weight: Weight<'_, T>,
        place: P,
    ) {
        match self.indices {
            Indices::U16(i) => prefetch_lines::<FIRST, _>(&i[row.clone()]),
            Indices::U32(i) => prefetch_lines::<FIRST, _>(&i[row.clone()]),
        }
        if let Weight::Each(w) = weight {
            prefetch_lines::<FIRST, _>(&w[row.clone()]);
        }
        place.prefetch(row);
    }

    /// Fetches where a row begins and ends.
    #[inline(always)]
    pub(super) fn prefetch_ends(&self, row: usize) {
        match self.indptr {
            Indptr::Fixed => {}
            Indptr::I32(p) => prefetch_one(&raw const p[row]),
            Indptr::I64(p) => prefetch_one(&raw const p[row]),
        }
    }

    /// The synapses of a row.
    #[inline(always)]
    pub(crate) fn row(&self, row: usize) -> Result<Range<usize>> {
        let [start, end] = self.ends(row);
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(start), Ok(end)) if start <= end && end <= self.nnz() => Ok(start..end),
            _ => Err(self.misfit(row)),
        }
    }

    /// Where a row begins and ends, as it is stored.
    #[inline(always)]
    fn ends(&self, row: usize) -> [i64; 2] {
        match self.indptr {
            Indptr::Fixed => [(row * self.length) as i64, ((row + 1) * self.length) as i64],
            Indptr::I32(p) => [p[row].into(), p[row + 1].into()],
            Indptr::I64(p) => [p[row], p[row + 1]],
        }
    }

    /// A row that does not fit, as an error.
    #[cold]
    pub(crate) fn misfit(&self, row: usize) -> Error {
        Error::Row { name: self.names.indptr, row, ends: self.ends(row), size: self.nnz() }
    }

    /// Checks that these synapses lead to targets that are there.
    ///
    /// # Errors
    /// If one does not: the first.
    #[inline(always)]
    pub(crate) fn check<I: Index>(&self, all: &[I], part: Range<usize>, n_post: usize) -> Result<()> {
        I::check(all, part, n_post, self.names.indices)
    }

    /// As [`Rows::check`], where the type of the indices is not known yet.
    #[inline(always)]
    pub(super) fn check_part(&self, part: Range<usize>, n_post: usize) -> Result<()> {
        match self.indices {
            Indices::U16(all) => self.check(all, part, n_post),
            Indices::U32(all) => self.check(all, part, n_post),
        }
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Cache lines of a slice that are fetched ahead.
const LINES: usize = 6;

/// Fetches the first lines of a slice into the cache; the processor does the rest by itself.
#[inline(always)]
pub(crate) fn prefetch<I>(slice: &[I]) {
    prefetch_lines::<LINES, I>(slice);
}

/// As [`prefetch`], so many lines.
#[inline(always)]
fn prefetch_lines<const FIRST: usize, I>(slice: &[I]) {
    let Range { start, end } = slice.as_ptr_range();
    let mut line = start.map_addr(|at| at / LINE * LINE);
    for _ in 0..FIRST {
        if line >= end {
            break;
        }
        prefetch_one(line);
        line = line.wrapping_byte_add(LINE);
    }
}

/// Fetches the cache line of an element.
#[inline(always)]
pub(crate) fn prefetch_one<I>(at: *const I) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch may be of any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}
