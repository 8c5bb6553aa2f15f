//! Products of dense matrices: sums in the order of the summed index, to the same bits as event by event.

use std::ops::Range;

use crate::lane::{Float, Lane};

/// Rows of a tile: with two lanes each, their sums fill the registers.
const ROWS: usize = 6;

/// Elements of the summed index that are worked on before the next tile: the panel stays in the cache.
const DEPTH: usize = 512;

/// Elements of the widest panel: two lanes of 16.
const WIDEST: usize = 32;

/// A matrix (depth, n) in panels of two lanes: (panel, depth, two lanes), the last one filled up with zeros.
pub(super) struct Panels<T> {
    data: Vec<T>,
    depth: usize,
    n: usize,
}

impl<T: Float> Panels<T> {
    /// The panels of a row-major matrix with rows of `n`.
    #[inline(always)]
    pub(super) fn of<L: Lane<Elem = T>>(matrix: &[T], n: usize) -> Self {
        let (width, depth) = (2 * L::WIDTH, matrix.len() / n);
        let mut data = vec![T::ZERO; n.div_ceil(width) * depth * width];
        for (panel, first) in data.chunks_exact_mut(depth * width).zip((0..n).step_by(width)) {
            for (to, from) in panel.chunks_exact_mut(width).zip(matrix.chunks_exact(n)) {
                let from = &from[first..n.min(first + width)];
                to[..from.len()].copy_from_slice(from);
            }
        }
        Self { data, depth, n }
    }
}

/// A row of the left factor, and where the same row of the result is.
#[derive(Clone, Copy)]
pub(super) struct Row<T> {
    pub(super) left: *const T,
    pub(super) out: *mut T,
}

/// Adds the product with the matrix in `panels` to the rows of the result.
///
/// # Safety
/// As many elements as the panels are deep can be read from each `left`, `step` apart, and as many as the matrix is
/// wide can be read and written at each `out`; no two of these overlap.
#[inline(always)]
pub(super) unsafe fn add_product<L: Lane>(rows: &[Row<L::Elem>], step: usize, panels: &Panels<L::Elem>) {
    // SAFETY: promised to this function.
    unsafe { add_part::<L>(rows, step, panels, 0..panels.depth) };
}

/// As [`add_product`], with the rows `depth` of the matrix alone.
///
/// # Safety
/// As for [`add_product`], where each `left` has an element for each of these rows.
#[inline(always)]
pub(super) unsafe fn add_part<L: Lane>(
    rows: &[Row<L::Elem>],
    step: usize,
    panels: &Panels<L::Elem>,
    depth: Range<usize>,
) {
    let width = 2 * L::WIDTH;
    for start in depth.clone().step_by(DEPTH) {
        let end = depth.end.min(start + DEPTH);
        let before = start - depth.start;
        for (k, panel) in panels.data.chunks_exact(panels.depth * width).enumerate() {
            let part = Part {
                panel: &panel[start * width..end * width],
                step,
                first: k * width,
                count: width.min(panels.n - k * width),
            };
            let whole = rows.chunks_exact(ROWS);
            let rest = whole.remainder();
            for tile in whole {
                let tile: [Row<L::Elem>; ROWS] = tile.try_into().expect("a whole tile");
                // SAFETY: promised to this function; the part lies in the depth and the width.
                unsafe { part.add::<L, ROWS>(tile, before) };
            }
            // SAFETY: as above. Of few rows all are one tile: row by row each sum would wait for the one before it.
            unsafe {
                match *rest {
                    [a] => part.add::<L, 1>([a], before),
                    [a, b] => part.add::<L, 2>([a, b], before),
                    [a, b, c] => part.add::<L, 3>([a, b, c], before),
                    [a, b, c, d] => part.add::<L, 4>([a, b, c, d], before),
                    [a, b, c, d, e] => part.add::<L, 5>([a, b, c, d, e], before),
                    _ => {}
                }
            }
        }
    }
}

/// A part of a panel, and the columns of the result that it makes.
struct Part<'a, T> {
    panel: &'a [T],
    step: usize,
    first: usize,
    count: usize,
}

impl<T: Float> Part<'_, T> {
    /// Adds to a tile, from the element `start` of the left rows on.
    ///
    /// # Safety
    /// As for [`add_product`].
    #[inline(always)]
    unsafe fn add<L: Lane<Elem = T>, const N: usize>(&self, rows: [Row<T>; N], start: usize) {
        // SAFETY: the part begins there.
        let left = rows.map(|row| unsafe { row.left.add(start * self.step) });
        // SAFETY: likewise.
        let out = rows.map(|row| unsafe { row.out.add(self.first) });
        if self.count == 2 * L::WIDTH {
            // SAFETY: promised to this function.
            return unsafe { self.add_whole::<L, N>(left, out) };
        }
        let mut edge = [[T::ZERO; WIDEST]; N];
        for (edge, out) in edge.iter_mut().zip(out) {
            // SAFETY: `count` elements are there.
            unsafe { std::ptr::copy_nonoverlapping(out, edge.as_mut_ptr(), self.count) };
        }
        // SAFETY: the edge holds two lanes of any width.
        unsafe { self.add_whole::<L, N>(left, edge.each_mut().map(|edge| edge.as_mut_ptr())) };
        for (edge, out) in edge.iter().zip(out) {
            // SAFETY: as above.
            unsafe { std::ptr::copy_nonoverlapping(edge.as_ptr(), out, self.count) };
        }
    }

    /// # Safety
    /// Two lanes can be read and written at each `out`; the rest as for [`add_product`].
    #[inline(always)]
    unsafe fn add_whole<L: Lane<Elem = T>, const N: usize>(&self, left: [*const T; N], out: [*mut T; N]) {
        // Loops in place of closures, which would not be compiled for the instructions of the lane.
        let mut sums = [[L::splat(T::ZERO); 2]; N];
        for (sums, out) in sums.iter_mut().zip(out) {
            // SAFETY: promised to this function.
            *sums = unsafe { [L::load(out), L::load(out.add(L::WIDTH))] };
        }
        for (k, columns) in self.panel.chunks_exact(2 * L::WIDTH).enumerate() {
            // SAFETY: two lanes follow.
            let columns = unsafe { [L::load(columns.as_ptr()), L::load(columns.as_ptr().add(L::WIDTH))] };
            for (sums, left) in sums.iter_mut().zip(left) {
                // SAFETY: promised to this function.
                let x = L::splat(unsafe { *left.add(k * self.step) });
                *sums = [x.mul_add(columns[0], sums[0]), x.mul_add(columns[1], sums[1])];
            }
        }
        for (sums, out) in sums.into_iter().zip(out) {
            // SAFETY: as above.
            unsafe {
                sums[0].store(out);
                sums[1].store(out.add(L::WIDTH));
            }
        }
    }
}
