//! Products of dense matrices: sums in the order of the summed index, to the same bits as event by event.

use std::ops::Range;

use crate::lane::{Float, Lane};

/// Rows of a tile of two lanes: their sums fill the 16 registers of AVX2.
const ROWS: usize = 6;

/// Rows of a tile of one lane: so many sums hide how long a product takes.
const ROWS_OF_ONE: usize = 8;

/// Elements of the summed index that are worked on before the next tile: the panel stays in the cache.
const DEPTH: usize = 512;

/// Elements of the widest panel: two lanes of 16.
const WIDEST: usize = 32;

/// A matrix (depth, n) in panels of two lanes: (panel, depth, two lanes). The last one has one lane if no more is
/// needed, as with AVX-512 and 16 channels, and is filled up with zeros.
pub(super) struct Panels<T> {
    data: Vec<T>,
    depth: usize,
    n: usize,
}

impl<T: Float> Panels<T> {
    /// The panels of a row-major matrix with rows of `n`.
    #[inline(always)]
    pub(super) fn of<L: Lane<Elem = T>>(matrix: &[T], n: usize) -> Self {
        let depth = matrix.len() / n;
        let mut panels = Self { data: vec![T::ZERO; n.next_multiple_of(L::WIDTH) * depth], depth, n };
        for first in (0..n).step_by(2 * L::WIDTH) {
            let (at, width) = panels.at::<L>(first, 0..depth);
            for (to, from) in panels.data[at].chunks_exact_mut(width).zip(matrix.chunks_exact(n)) {
                let from = &from[first..n.min(first + width)];
                to[..from.len()].copy_from_slice(from);
            }
        }
        panels
    }

    /// Where rows of the panel that begins with the column `first` are, and its width.
    #[inline(always)]
    fn at<L: Lane<Elem = T>>(&self, first: usize, rows: Range<usize>) -> (Range<usize>, usize) {
        let width = if self.n - first > L::WIDTH { 2 * L::WIDTH } else { L::WIDTH };
        let start = first * self.depth;
        (start + rows.start * width..start + rows.end * width, width)
    }
}

/// A row of the left factor, and where the same row of the result is.
#[derive(Clone, Copy)]
pub(super) struct Row<T> {
    pub(super) left: *const T,
    pub(super) out: *mut T,
}

/// Where the elements of all left rows are, counted from their first one.
pub(super) trait Along: Copy {
    /// # Safety
    /// There is an element `k`.
    unsafe fn at(self, k: usize) -> usize;
}

/// Elements at the same distance.
#[derive(Clone, Copy)]
pub(super) struct Step(pub(super) usize);

impl Along for Step {
    #[inline(always)]
    unsafe fn at(self, k: usize) -> usize {
        k * self.0
    }
}

impl Along for &[usize] {
    #[inline(always)]
    unsafe fn at(self, k: usize) -> usize {
        // SAFETY: promised to this function.
        unsafe { *self.get_unchecked(k) }
    }
}

/// Adds the product with the matrix in `panels` to the rows of the result.
///
/// # Safety
/// `along` has as many elements as the panels are deep; those can be read from each `left`, and as many as the matrix
/// is wide can be read and written at each `out`; no two of these overlap.
#[inline(always)]
pub(super) unsafe fn add_product<L: Lane>(
    rows: &[Row<L::Elem>],
    along: impl Along,
    panels: &Panels<L::Elem>,
) {
    for start in (0..panels.depth).step_by(DEPTH) {
        let end = panels.depth.min(start + DEPTH);
        for first in (0..panels.n).step_by(2 * L::WIDTH) {
            let (at, width) = panels.at::<L>(first, start..end);
            let count = width.min(panels.n - first);
            let part = Part { panel: &panels.data[at], along, start, first, count };
            // SAFETY: promised to this function; the part lies in the depth and the width. Of few rows all are one
            // tile: row by row each sum would wait for the one before it.
            unsafe {
                if width == L::WIDTH {
                    let rest = part.tiles::<L, ROWS_OF_ONE, 1>(rows);
                    let rest = part.tiles::<L, 4, 1>(rest);
                    let rest = part.tiles::<L, 2, 1>(rest);
                    part.tiles::<L, 1, 1>(rest);
                    continue;
                }
                let rest = part.tiles::<L, ROWS, 2>(rows);
                match rest.len() {
                    1 => part.tiles::<L, 1, 2>(rest),
                    2 => part.tiles::<L, 2, 2>(rest),
                    3 => part.tiles::<L, 3, 2>(rest),
                    4 => part.tiles::<L, 4, 2>(rest),
                    _ => part.tiles::<L, 5, 2>(rest),
                };
            }
        }
    }
}

/// A part of a panel, from the row `start` of the matrix on, and the columns of the result that it makes.
struct Part<'a, T, A> {
    panel: &'a [T],
    along: A,
    start: usize,
    first: usize,
    count: usize,
}

impl<T: Float, A: Along> Part<'_, T, A> {
    /// Adds to as many rows as fill tiles of `N`; gives the others.
    ///
    /// # Safety
    /// As for [`add_product`]; the panel has `LANES` lanes.
    #[inline(always)]
    unsafe fn tiles<'a, L: Lane<Elem = T>, const N: usize, const LANES: usize>(
        &self,
        rows: &'a [Row<T>],
    ) -> &'a [Row<T>] {
        let whole = rows.chunks_exact(N);
        let rest = whole.remainder();
        for tile in whole {
            let tile: [Row<T>; N] = tile.try_into().expect("a whole tile");
            // SAFETY: promised to this function.
            unsafe { self.add::<L, N, LANES>(tile) };
        }
        rest
    }

    /// # Safety
    /// As for [`Self::tiles`].
    #[inline(always)]
    unsafe fn add<L: Lane<Elem = T>, const N: usize, const LANES: usize>(&self, rows: [Row<T>; N]) {
        let left = rows.map(|row| row.left);
        // SAFETY: the part begins there.
        let out = rows.map(|row| unsafe { row.out.add(self.first) });
        if self.count == LANES * L::WIDTH {
            // SAFETY: promised to this function.
            return unsafe { self.add_whole::<L, N, LANES>(left, out) };
        }
        let mut edge = [[T::ZERO; WIDEST]; N];
        for (edge, out) in edge.iter_mut().zip(out) {
            // SAFETY: `count` elements are there.
            unsafe { std::ptr::copy_nonoverlapping(out, edge.as_mut_ptr(), self.count) };
        }
        // SAFETY: the edge holds two lanes of any width.
        unsafe { self.add_whole::<L, N, LANES>(left, edge.each_mut().map(|edge| edge.as_mut_ptr())) };
        for (edge, out) in edge.iter().zip(out) {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(edge.as_ptr(), out, self.count) };
        }
    }

    /// # Safety
    /// All lanes can be read and written at each `out`; the rest as for [`Self::tiles`].
    #[inline(always)]
    unsafe fn add_whole<L: Lane<Elem = T>, const N: usize, const LANES: usize>(
        &self,
        left: [*const T; N],
        out: [*mut T; N],
    ) {
        // Loops in place of closures, which would not be compiled for the instructions of the lane.
        let mut sums = [[L::splat(T::ZERO); LANES]; N];
        for (sums, out) in sums.iter_mut().zip(out) {
            for (k, sum) in sums.iter_mut().enumerate() {
                // SAFETY: promised to this function.
                *sum = unsafe { L::load(out.add(k * L::WIDTH)) };
            }
        }
        for (k, from) in self.panel.chunks_exact(LANES * L::WIDTH).enumerate() {
            let mut columns = [L::splat(T::ZERO); LANES];
            for (k, column) in columns.iter_mut().enumerate() {
                // SAFETY: so many lanes follow.
                *column = unsafe { L::load(from.as_ptr().add(k * L::WIDTH)) };
            }
            // SAFETY: promised to this function.
            let at = unsafe { self.along.at(self.start + k) };
            for (sums, left) in sums.iter_mut().zip(left) {
                // SAFETY: promised to this function.
                let x = L::splat(unsafe { *left.add(at) });
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = x.mul_add(column, *sum);
                }
            }
        }
        for (sums, out) in sums.into_iter().zip(out) {
            for (k, sum) in sums.into_iter().enumerate() {
                // SAFETY: as above.
                unsafe { sum.store(out.add(k * L::WIDTH)) };
            }
        }
    }
}
