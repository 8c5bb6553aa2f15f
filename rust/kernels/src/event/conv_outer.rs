//! The cotangent of the kernel of a convolution: numbers or spikes times what the windows over them hold, by events or
//! by tiles as in [`super::conv`].

use std::ops::Range;

use super::conv::{LANES, SPARSE, place};
use super::dense::{PARALLEL, SAMPLES};
use super::search::each_spike;
use super::spikes::{Spikes, count};
use super::tile::{Panels, Row, add_product};
use super::windows::{Conv, NOWHERE, Windows};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

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
    threads::try_ranges(conv.rows(), ct.len() >= PARALLEL, |rows| {
        // SAFETY: every row is in one range only.
        let out = unsafe { shared.part(rows.start * conv.n_out, rows.len() * conv.n_out) };
        dispatch(Outer { conv, windows: &windows, by_origin: &by_origin, rows, spikes, ct, out })
    })
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

/// A spike: its place, the first window of its sample, its value.
type Event<T> = (usize, usize, T);

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        out.fill(T::ZERO);
        if out.is_empty() {
            return Ok(());
        }
        let n = self.conv.inputs() * self.conv.n_in;
        let (mut found, mut by_channel) = (vec![], ByChannel::default());
        let mut numbers = vec![];
        for b in 0..self.conv.batch {
            let spikes = self.spikes.part(b * n, n);
            let dense = count::<L>(&spikes) * SPARSE > n;
            if !dense {
                let note = |at, spike| {
                    found.push((at, b * self.conv.outputs(), spike));
                    Ok(())
                };
                each_spike::<L>(&spikes, |_| (), note)?;
            }
            if dense || found.len() >= WAIT * self.conv.n_in || b + 1 == self.conv.batch {
                by_channel.sort(&mut found, self.windows, self.conv.n_in);
                self.by_events::<L>(&by_channel, out);
            }
            if dense {
                place(&spikes, self.windows, self.conv.n_in, &mut numbers);
                self.by_tiles::<L>(b, &numbers, out);
            }
        }
        Ok(())
    }
}

impl<T: Float> Outer<'_, T> {
    /// Adds what windows hold to the rows of the spikes under them.
    #[inline(always)]
    fn by_events<L: Lane<Elem = T>>(&self, events: &ByChannel<T>, out: &mut [T]) {
        let Conv { n_in, n_out, .. } = *self.conv;
        for (row, out) in self.rows.clone().zip(out.chunks_exact_mut(n_out)) {
            let (events, tap) = (events.of(row % n_in), self.windows.taps[row / n_in]);
            let mut first = 0;
            while first < n_out {
                first += match (n_out - first) / L::WIDTH {
                    LANES.. => self.add::<L, LANES>(events, tap, first, out),
                    2.. => self.add::<L, 2>(events, tap, first, out),
                    1 => self.add::<L, 1>(events, tap, first, out),
                    0 => self.add_rest::<L>(events, tap, first, out),
                };
            }
        }
    }

    /// The window whose element at `tap` lies over a place.
    #[inline(always)]
    fn window(&self, place: usize, tap: usize) -> Option<usize> {
        let window = *self.by_origin.get(place.wrapping_sub(tap))?;
        (window != NOWHERE).then_some(window as usize)
    }

    /// Adds some lanes of channels to a row of the result; gives how many channels that are.
    #[inline(always)]
    fn add<L: Lane<Elem = T>, const N: usize>(
        &self,
        events: &[Event<T>],
        tap: usize,
        first: usize,
        out: &mut [T],
    ) -> usize {
        let out = &mut out[first..][..N * L::WIDTH];
        let mut sums = [L::splat(T::ZERO); N];
        for (k, sum) in sums.iter_mut().enumerate() {
            // SAFETY: `N` lanes are there.
            *sum = unsafe { L::load(out.as_ptr().add(k * L::WIDTH)) };
        }
        for &(place, start, spike) in events {
            let Some(window) = self.window(place, tap) else { continue };
            let ct = &self.ct[(start + window) * self.conv.n_out + first..][..N * L::WIDTH];
            let spike = L::splat(spike);
            for (k, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                *sum = spike.mul_add(unsafe { L::load(ct.as_ptr().add(k * L::WIDTH)) }, *sum);
            }
        }
        for (k, sum) in sums.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { sum.store(out.as_mut_ptr().add(k * L::WIDTH)) };
        }
        N * L::WIDTH
    }

    /// As [`Self::add`], for the channels that fill no lane.
    #[inline(always)]
    fn add_rest<L: Lane<Elem = T>>(
        &self,
        events: &[Event<T>],
        tap: usize,
        first: usize,
        out: &mut [T],
    ) -> usize {
        let out = &mut out[first..];
        for &(place, start, spike) in events {
            let Some(window) = self.window(place, tap) else { continue };
            let ct = &self.ct[(start + window) * self.conv.n_out + first..];
            for (y, &x) in out.iter_mut().zip(ct) {
                *y = L::mul_add_one(spike, x, *y);
            }
        }
        out.len()
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

/// Spikes by their channel.
#[derive(Debug, Default)]
struct ByChannel<T> {
    sorted: Vec<Event<T>>,
    ends: Vec<usize>,
}

impl<T: Float> ByChannel<T> {
    /// Takes the spikes that were found, which still have their number in place of their place.
    fn sort(&mut self, found: &mut Vec<Event<T>>, windows: &Windows, channels: usize) {
        let Self { sorted, ends } = self;
        ends.clear();
        ends.resize(channels + 1, 0);
        found.retain(|&(at, ..)| windows.inputs[at / channels] != NOWHERE);
        for &(at, ..) in &*found {
            ends[at % channels + 1] += 1;
        }
        for c in 0..channels {
            ends[c + 1] += ends[c];
        }
        sorted.resize(found.len(), (0, 0, T::ZERO));
        for (at, start, spike) in found.drain(..) {
            let (place, channel) = (windows.inputs[at / channels] as usize, at % channels);
            sorted[ends[channel]] = (place, start, spike); // `ends[c]` is where the channel's next event goes
            ends[channel] += 1;
        }
    }

    /// Those of a channel.
    fn of(&self, channel: usize) -> &[Event<T>] {
        &self.sorted[if channel == 0 { 0 } else { self.ends[channel - 1] }..self.ends[channel]]
    }
}
