//! The cotangent of the kernel of a convolution: numbers or spikes times what the windows over them hold, by events or
//! by tiles as in [`super::conv`].

use std::hint::select_unpredictable;
use std::ops::Range;

use super::conv::{ForChannels, place};
use super::conv_events::{AT_ONCE, parts, under_windows};
use super::dense::{PARALLEL, SAMPLES};
use super::places::find_places;
use super::spikes::Spikes;
use super::tile::{Panels, Row, add_product};
use super::windows::{Conv, NOWHERE, Windows};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Samples are dense where more than one input of so many spikes. With AVX-512 and 14 × 14 × 16 inputs, 25 taps to 32
/// channels take half the time of tiles where 18 % spike, and as much at 44 %; with AVX2 0.65, and as much at 35 %.
const SPARSE: usize = 3;

/// Spikes of a channel that are waited for, so that a row of the result is not read and written for few of them.
const WAIT: usize = 32;

/// `out[q, c, k]` = sum over samples b and windows p of `spikes[b, input(p, q), c] * ct[b, p, k]`, in this order.
///
/// # Errors
/// If a length does not fit.
pub fn conv_outer<T: Float>(conv: &Conv, spikes: Spikes<'_, T>, ct: &[T], out: &mut [T]) -> Result<()> {
    conv.check(spikes.len(), ("cotangent", ct.len()), ("result", out.len()))?;
    let windows = Windows::of(conv);
    let by_origin = windows.by_origin();
    let shared = Shared::new(out);
    threads::ranges(conv.rows(), ct.len() >= PARALLEL, |rows| {
        // SAFETY: every row is in one range only.
        let out = unsafe { shared.part(rows.start * conv.n_out, rows.len() * conv.n_out) };
        let job = Outer { conv, windows: &windows, by_origin: &by_origin, rows, spikes, ct, out };
        dispatch(ForChannels { channels: conv.n_out, job });
    });
    Ok(())
}

struct Outer<'a, T> {
    conv: &'a Conv,
    windows: &'a Windows,
    by_origin: &'a [u32],
    rows: Range<usize>,
    spikes: Spikes<'a, T>,
    ct: &'a [T],
    out: &'a mut [T],
}

/// A spike.
#[derive(Debug, Clone, Copy, Default)]
struct Event<T> {
    place: usize,
    /// The first window of its sample.
    start: usize,
    spike: T,
}

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) {
        let out = std::mem::take(&mut self.out);
        out.fill(T::ZERO);
        if out.is_empty() || self.ct.is_empty() {
            return;
        }
        let (n, outputs) = (self.conv.inputs() * self.conv.n_in, self.conv.outputs());
        let (mut places, mut found, mut by_channel) = (vec![], vec![], ByChannel::default());
        let mut numbers = vec![];
        for b in 0..self.conv.batch {
            let spikes = self.spikes.part(b * n, n);
            places.clear();
            let dense = find_places::<L>(&spikes, &mut places) * SPARSE > n;
            if !dense {
                let under = under_windows(&places, self.windows, self.conv.n_in);
                found.extend(under.map(|(at, place, channel)| {
                    (channel, Event { place: place as usize, start: b * outputs, spike: spikes.value(at) })
                }));
            }
            if dense || found.len() >= WAIT * self.conv.n_in || b + 1 == self.conv.batch {
                by_channel.sort(&mut found, self.conv.n_in);
                self.by_events::<L>(&by_channel, out);
            }
            if dense {
                place(&spikes, self.windows, self.conv.n_in, &mut numbers);
                self.by_tiles::<L>(b, &numbers, out);
            }
        }
    }
}

impl<T: Float> Outer<'_, T> {
    /// Adds what windows hold to the rows of the spikes under them.
    #[inline(always)]
    fn by_events<L: Lane<Elem = T>>(&self, events: &ByChannel<T>, out: &mut [T]) {
        let (n_in, n_out) = (self.conv.n_in, self.conv.n_out);
        let missing = vec![T::ZERO; 2 * L::WIDTH];
        for channel in 0..n_in {
            let events = events.of(channel);
            // The elements of the kernel whose row of this channel is one of this part.
            let before = |row: usize| (row + n_in - 1 - channel) / n_in;
            let taps = before(self.rows.start)..before(self.rows.end);
            let finite = events.iter().all(|event| event.spike * T::ZERO == T::ZERO);
            for few in parts(taps).filter(|_| !events.is_empty()) {
                let mut first = 0;
                while first < n_out {
                    let lanes = (n_out - first) / L::WIDTH;
                    let part = Part { outer: self, events, missing: &missing, channel, first };
                    first += match lanes {
                        _ if !finite => part.add_rest::<L>(few.clone(), out),
                        0 if n_out - first >= L::Eight::WIDTH => {
                            part.add_lanes::<L::Eight, 1>(few.clone(), out)
                        }
                        2.. => part.add_lanes::<L, 2>(few.clone(), out),
                        1 => part.add_lanes::<L, 1>(few.clone(), out),
                        0 => part.add_rest::<L>(few.clone(), out),
                    };
                }
            }
        }
    }

    /// Adds a sample, all inputs alike.
    #[inline(always)]
    fn by_tiles<L: Lane<Elem = T>>(&self, b: usize, numbers: &[T], out: &mut [T]) {
        let Conv { n_in, n_out, .. } = *self.conv;
        let outputs = self.conv.outputs();
        let ct = &self.ct[b * outputs * n_out..][..outputs * n_out];
        let left = |row: usize| numbers[self.windows.taps[row / n_in] * n_in + row % n_in..].as_ptr();
        let to = out.chunks_exact_mut(n_out).map(<[T]>::as_mut_ptr);
        let rows: Vec<_> = self.rows.clone().zip(to).map(|(row, out)| Row { left: left(row), out }).collect();
        for (origins, ct) in self.windows.origins.chunks(SAMPLES).zip(ct.chunks(SAMPLES * n_out)) {
            let under: Vec<_> = origins.iter().map(|origin| origin * n_in).collect();
            // SAFETY: each element of the kernel has a number under each window, and rows do not overlap.
            unsafe { add_product::<L>(&rows, &under[..], &Panels::of::<L>(ct, n_out)) };
        }
    }
}

/// Spikes of a channel, and the columns of the result from `first` on.
struct Part<'a, T> {
    outer: &'a Outer<'a, T>,
    events: &'a [Event<T>],
    /// Zeros that stand for the cotangent of a window that does not exist; times a spike, which is finite, they are 0.
    missing: &'a [T],
    channel: usize,
    first: usize,
}

impl<T: Float> Part<'_, T> {
    /// Where the row of an element of the kernel begins in the result.
    #[inline(always)]
    fn row(&self, tap: usize) -> usize {
        let Conv { n_in, n_out, .. } = *self.outer.conv;
        (tap * n_in + self.channel - self.outer.rows.start) * n_out + self.first
    }

    /// Adds some lanes to the rows of at most [`AT_ONCE`] elements of the kernel; gives how many columns these are.
    #[inline(always)]
    fn add_lanes<L: Lane<Elem = T>, const LANES: usize>(&self, taps: Range<usize>, out: &mut [T]) -> usize {
        match taps.len() {
            1 => self.add::<L, 1, LANES>(taps.start, out),
            2 => self.add::<L, 2, LANES>(taps.start, out),
            3 => self.add::<L, 3, LANES>(taps.start, out),
            4 => self.add::<L, 4, LANES>(taps.start, out),
            5 => self.add::<L, 5, LANES>(taps.start, out),
            _ => self.add::<L, AT_ONCE, LANES>(taps.start, out),
        }
        LANES * L::WIDTH
    }

    #[inline(always)]
    fn add<L: Lane<Elem = T>, const N: usize, const LANES: usize>(&self, tap: usize, out: &mut [T]) {
        let (windows, by_origin) = (self.outer.windows, self.outer.by_origin);
        let (mut sums, mut back) = ([[L::splat(T::ZERO); LANES]; N], [0; N]);
        for (k, (sums, back)) in sums.iter_mut().zip(&mut back).enumerate() {
            *back = windows.back(tap + k);
            let from = &out[self.row(tap + k)..][..LANES * L::WIDTH];
            for (k, sum) in sums.iter_mut().enumerate() {
                // SAFETY: so many lanes.
                *sum = unsafe { L::load(from.as_ptr().add(k * L::WIDTH)) };
            }
        }
        for &Event { place, start, spike } in self.events {
            let spike = L::splat(spike);
            let ct = self.outer.ct[start * self.outer.conv.n_out + self.first..].as_ptr();
            for (sums, back) in sums.iter_mut().zip(back) {
                // SAFETY: windows are known back to the last element from any place.
                let window = unsafe { *by_origin.get_unchecked(place + back) };
                let row = ct.wrapping_add(window as usize * self.outer.conv.n_out);
                let row = select_unpredictable(window == NOWHERE, self.missing.as_ptr(), row);
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: a window of the sample, or what stands for one, has these lanes.
                    *sum = spike.mul_add(unsafe { L::load(row.add(k * L::WIDTH)) }, *sum);
                }
            }
        }
        for (k, sums) in sums.into_iter().enumerate() {
            let to = &mut out[self.row(tap + k)..][..LANES * L::WIDTH];
            for (k, sum) in sums.into_iter().enumerate() {
                // SAFETY: so many lanes.
                unsafe { sum.store(to.as_mut_ptr().add(k * L::WIDTH)) };
            }
        }
    }

    /// As [`Self::add_lanes`], for the columns that fill no lane, and for spikes that are not finite.
    #[inline(always)]
    fn add_rest<L: Lane<Elem = T>>(&self, taps: Range<usize>, out: &mut [T]) -> usize {
        let Outer { conv, windows, by_origin, ct, .. } = self.outer;
        let count = conv.n_out - self.first;
        for tap in taps {
            let (out, back) = (&mut out[self.row(tap)..][..count], windows.back(tap));
            for &Event { place, start, spike } in self.events {
                let window = by_origin[place + back];
                if window == NOWHERE {
                    continue;
                }
                let ct = &ct[(start + window as usize) * conv.n_out + self.first..];
                for (y, &x) in out.iter_mut().zip(ct) {
                    *y = L::mul_add_one(spike, x, *y);
                }
            }
        }
        count
    }
}

/// Spikes by their channel.
#[derive(Debug, Default)]
struct ByChannel<T> {
    sorted: Vec<Event<T>>,
    ends: Vec<usize>,
}

impl<T: Float> ByChannel<T> {
    /// Takes the spikes that were found, each with its channel.
    fn sort(&mut self, found: &mut Vec<(usize, Event<T>)>, channels: usize) {
        let Self { sorted, ends } = self;
        ends.clear();
        ends.resize(channels + 1, 0);
        for &(channel, _) in &*found {
            ends[channel + 1] += 1;
        }
        for c in 0..channels {
            ends[c + 1] += ends[c];
        }
        sorted.resize(found.len(), Event::default());
        for (channel, event) in found.drain(..) {
            sorted[ends[channel]] = event; // `ends[c]` is where the channel's next event goes
            ends[channel] += 1;
        }
    }

    /// Those of a channel.
    fn of(&self, channel: usize) -> &[Event<T>] {
        &self.sorted[if channel == 0 { 0 } else { self.ends[channel - 1] }..self.ends[channel]]
    }
}
