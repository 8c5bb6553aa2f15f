//! The spikes of a sample, and the sums of the windows over them.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::spikes::Spikes;
use super::windows::{NOWHERE, Windows};
use crate::lane::{Float, Lane};

/// Elements of the kernel whose sums are kept in registers, two lanes of each.
pub(super) const AT_ONCE: usize = 6;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Parts of `taps` elements of about the same size, none larger than [`AT_ONCE`].
pub(super) fn parts(taps: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let size = taps.len().div_ceil(taps.len().div_ceil(AT_ONCE).max(1)).max(1);
    taps.clone().step_by(size).map(move |start| start..taps.end.min(start + size))
}

/// Those of some inputs and channels, in order, that are under a window: with their place and their channel.
#[inline(always)]
pub(super) fn under_windows(
    found: &[u32],
    windows: &Windows,
    channels: usize,
) -> impl Iterator<Item = (usize, u32, usize)> {
    let (mut input, mut start) = (0, 0);
    let known = found.iter().map(move |&at| {
        // Faster than to divide, as most spikes are at the input of the one before or near it.
        while at as usize >= start + channels {
            (input, start) = (input + 1, start + channels);
        }
        (at as usize, windows.inputs[input], at as usize - start)
    });
    known.filter(|&(_, place, _)| place != NOWHERE)
}

/// The spikes of a sample by place: where the row of the kernel is for their channel, counted from the first one, and
/// their value.
#[derive(Debug, Default)]
pub(super) struct Events<T> {
    found: Vec<(usize, T)>,
    /// Places under a window that have spikes, and where these begin.
    places: Vec<(usize, usize)>,
}

impl<T: Float> Events<T> {
    /// Takes the spikes of a sample, which were found at `places`, for a kernel with rows of `width`.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        spikes: &Spikes<'_, T>,
        places: &[u32],
        windows: &Windows,
        channels: usize,
        width: usize,
    ) {
        self.found.clear();
        self.places.clear();
        let mut last = NOWHERE;
        for (at, place, channel) in under_windows(places, windows, channels) {
            if place != last {
                self.places.push((place as usize, self.found.len()));
                last = place;
            }
            self.found.push((channel * width, spikes.value(at)));
        }
    }

    /// Those of each place that has some.
    #[inline(always)]
    fn by_place(&self) -> impl Iterator<Item = (usize, &[(usize, T)])> {
        let ends = self.places.iter().skip(1).map(|&(_, start)| start).chain([self.found.len()]);
        self.places.iter().zip(ends).map(|(&(place, start), end)| (place, &self.found[start..end]))
    }
}

/// The rows of a kernel, filled up to whole lanes.
#[derive(Debug)]
pub(super) struct Kernel<T> {
    data: Vec<T>,
    /// Where the first row begins in `data`: no lane lies in two lines of the cache, of which each takes a load.
    start: usize,
    channels: usize,
    pub(super) width: usize,
}

impl<T: Float> Kernel<T> {
    /// Rows of `n`, one for each of its elements and channels of the input.
    #[inline(always)]
    pub(super) fn of<L: Lane<Elem = T>>(kernel: &[T], channels: usize, n: usize) -> Self {
        let width = n.next_multiple_of(L::WIDTH);
        let mut data = vec![T::ZERO; kernel.len() / n * width + LINE];
        let start = data.as_ptr().align_offset(LINE).min(LINE);
        for (to, from) in data[start..].chunks_exact_mut(width).zip(kernel.chunks_exact(n)) {
            to[..n].copy_from_slice(from);
        }
        Self { data, start, channels, width }
    }

    /// Adds the rows of all spikes to the sums of the windows over them, which are as wide.
    ///
    /// Elements of the kernel are taken in their order, and for some of them places in theirs: so a window has its
    /// summands in the order of rows, and the rows of these elements stay in the cache.
    #[inline(always)]
    pub(super) fn add<L: Lane<Elem = T>>(
        &self,
        events: &Events<T>,
        windows: &Windows,
        by_origin: &[u32],
        sums: &mut [T],
    ) {
        for taps in parts(0..windows.taps.len()) {
            let mut first = 0;
            while first < self.width {
                let part = Part { kernel: self, windows, by_origin, first };
                first += if self.width - first > L::WIDTH {
                    part.add::<L, 2>(events, taps.clone(), sums)
                } else {
                    part.add::<L, 1>(events, taps.clone(), sums)
                }
            }
        }
    }
}

/// The columns of a kernel from `first` on.
struct Part<'a, T> {
    kernel: &'a Kernel<T>,
    windows: &'a Windows,
    by_origin: &'a [u32],
    first: usize,
}

impl<T: Float> Part<'_, T> {
    /// Adds some lanes of the rows of some elements; gives how many columns these are.
    #[inline(always)]
    fn add<L: Lane<Elem = T>, const LANES: usize>(
        &self,
        events: &Events<T>,
        taps: Range<usize>,
        sums: &mut [T],
    ) -> usize {
        match taps.len() {
            1 => self.add_rows::<L, 1, LANES>(events, taps.start, sums),
            2 => self.add_rows::<L, 2, LANES>(events, taps.start, sums),
            3 => self.add_rows::<L, 3, LANES>(events, taps.start, sums),
            4 => self.add_rows::<L, 4, LANES>(events, taps.start, sums),
            5 => self.add_rows::<L, 5, LANES>(events, taps.start, sums),
            _ => self.add_rows::<L, AT_ONCE, LANES>(events, taps.start, sums),
        }
        LANES * L::WIDTH
    }

    #[inline(always)]
    fn add_rows<L: Lane<Elem = T>, const N: usize, const LANES: usize>(
        &self,
        events: &Events<T>,
        tap: usize,
        out: &mut [T],
    ) {
        let Kernel { channels, width, .. } = *self.kernel;
        let data = &self.kernel.data[self.kernel.start..];
        assert_eq!(out.len(), self.windows.origins.len() * width, "whole lanes");
        let (mut rows, mut back) = ([data.as_ptr(); N], [0; N]);
        for (k, (row, back)) in rows.iter_mut().zip(&mut back).enumerate() {
            *row = data[(tap + k) * channels * width + self.first..].as_ptr();
            *back = self.windows.back(tap + k);
        }
        // Elements without a window at this place add to these sums, which are never read.
        let mut nowhere = [L::splat(T::ZERO); LANES];
        let (nowhere, out) = (nowhere.as_mut_ptr().cast::<T>(), out[self.first..].as_mut_ptr());
        for (place, events) in events.by_place() {
            let (mut sums, mut to) = ([[L::splat(T::ZERO); LANES]; N], [nowhere; N]);
            for ((sums, to), back) in sums.iter_mut().zip(&mut to).zip(back) {
                // SAFETY: windows are known back to the last element from any place.
                let window = unsafe { *self.by_origin.get_unchecked(place + back) };
                let there = out.wrapping_add(window as usize * width);
                *to = select_unpredictable(window == NOWHERE, nowhere, there);
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: a window, or what stands for one, has these lanes.
                    *sum = unsafe { L::load(to.add(k * L::WIDTH)) };
                }
            }
            // SAFETY: an element of the kernel has a row for each channel, with these lanes.
            unsafe { add_events(events, rows, &mut sums) };
            for (sums, to) in sums.into_iter().zip(to) {
                for (k, sum) in sums.into_iter().enumerate() {
                    // SAFETY: as above.
                    unsafe { sum.store(to.add(k * L::WIDTH)) };
                }
            }
        }
    }
}

/// Adds the rows of some spikes of a place, counted from those in `rows`.
///
/// # Safety
/// So many lanes can be read there.
#[inline(always)]
unsafe fn add_events<L: Lane, const N: usize, const LANES: usize>(
    events: &[(usize, L::Elem)],
    rows: [*const L::Elem; N],
    sums: &mut [[L; LANES]; N],
) {
    for &(channel, spike) in events {
        let spike = L::splat(spike);
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (k, sum) in sums.iter_mut().enumerate() {
                // SAFETY: promised to this function.
                *sum = spike.mul_add(unsafe { L::load(row.add(channel + k * L::WIDTH)) }, *sum);
            }
        }
    }
}
