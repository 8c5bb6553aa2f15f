//! The cotangent of a dense matrix: numbers or spikes times what their targets hold, by events or by tiles as in
//! [`super::dense`].

use std::ops::Range;

use super::dense::{AT_ONCE, Dense, FEWEST, PARALLEL, SAMPLES, SPARSE, add_rows};
use super::length;
use super::places::find_places;
use super::spikes::Spikes;
use super::tile::{Panels, Row, Step, add_product};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// `out[i, j]` = sum over b of `spikes[b, i] * ct[b, j]`, in the order of b.
///
/// # Errors
/// If a length does not fit.
pub fn dense_outer<T: Float>(size: Dense, spikes: Spikes<'_, T>, ct: &[T], out: &mut [T]) -> Result<()> {
    length("spikes", spikes.len(), size.batch * size.n_in)?;
    length("cotangent", ct.len(), size.batch * size.n_out)?;
    length("result", out.len(), size.n_in * size.n_out)?;
    let shared = Shared::new(out);
    threads::ranges(size.n_in, ct.len() >= PARALLEL, |range| {
        // SAFETY: every input is in one range only.
        let out = unsafe { shared.part(range.start * size.n_out, range.len() * size.n_out) };
        dispatch(Outer { size, first: range.start, count: range.len(), spikes, ct, out });
    });
    Ok(())
}

struct Outer<'a, T> {
    size: Dense,
    first: usize,
    count: usize,
    spikes: Spikes<'a, T>,
    ct: &'a [T],
    out: &'a mut [T],
}

/// What a part of an outer product keeps from block to block.
#[derive(Default)]
struct Scratch<T> {
    /// The inputs that spike in each sample of the block, and where those of a sample end.
    found: Vec<u32>,
    samples: Vec<usize>,
    sorted: Vec<(usize, T)>,
    ends: Vec<usize>,
    numbers: Vec<T>,
}

impl<T: Float> Job<T> for Outer<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) {
        let out = std::mem::take(&mut self.out);
        out.fill(T::ZERO);
        if out.is_empty() {
            return;
        }
        let mut scratch = Scratch::default();
        for start in (0..self.size.batch).step_by(SAMPLES) {
            let samples = start..self.size.batch.min(start + SAMPLES);
            scratch.found.clear();
            scratch.samples.clear();
            for b in samples.clone() {
                find_places::<L>(&self.sample(b), &mut scratch.found);
                scratch.samples.push(scratch.found.len());
            }
            if scratch.found.len() * SPARSE > samples.len() * self.count && samples.len() >= FEWEST {
                self.by_tiles::<L>(samples, &mut scratch, out);
            } else {
                self.by_events::<L>(samples, &mut scratch, out);
            }
        }
    }
}

impl<T: Float> Outer<'_, T> {
    /// The inputs of a sample that belong to this part.
    fn sample(&self, b: usize) -> Spikes<'_, T> {
        self.spikes.part(b * self.size.n_in + self.first, self.count)
    }

    /// Adds the samples of a block, all inputs alike.
    #[inline(always)]
    fn by_tiles<L: Lane<Elem = T>>(&self, samples: Range<usize>, scratch: &mut Scratch<T>, out: &mut [T]) {
        let n_out = self.size.n_out;
        scratch.numbers.resize(samples.len() * self.count, T::ZERO);
        for (b, numbers) in samples.clone().zip(scratch.numbers.chunks_exact_mut(self.count)) {
            self.sample(b).write_to(numbers);
        }
        let (left, to) = (scratch.numbers.as_ptr(), out.as_mut_ptr());
        // SAFETY: each input has a column of the numbers and a row of the result.
        let row = |i| unsafe { Row { left: left.add(i), out: to.add(i * n_out) } };
        let rows: Vec<_> = (0..self.count).map(row).collect();
        let panels = Panels::of::<L>(&self.ct[samples.start * n_out..samples.end * n_out], n_out);
        // SAFETY: a column has an element for each sample, `count` apart.
        unsafe { add_product::<L>(&rows, Step(self.count), &panels) };
    }

    /// Adds the samples of a block, whose spikes are sorted by input, so that a row of the result is read and written
    /// once for several of them.
    #[inline(always)]
    fn by_events<L: Lane<Elem = T>>(&self, samples: Range<usize>, scratch: &mut Scratch<T>, out: &mut [T]) {
        let n_out = self.size.n_out;
        let Scratch { found, samples: ends_of_samples, sorted, ends, .. } = scratch;
        ends.clear();
        ends.resize(self.count + 1, 0);
        for &i in &*found {
            ends[i as usize + 1] += 1;
        }
        for i in 0..self.count {
            ends[i + 1] += ends[i];
        }
        sorted.resize(found.len(), (0, T::ZERO));
        let mut start = 0;
        for (b, &end) in samples.zip(&*ends_of_samples) {
            let spikes = self.sample(b);
            for i in found[start..end].iter().map(|&i| i as usize) {
                sorted[ends[i]] = (b, spikes.value(i)); // `ends[i]` is where the input's next event goes
                ends[i] += 1;
            }
            start = end;
        }
        let row = |(b, spike): (usize, T)| (&self.ct[b * n_out..][..n_out], spike);
        for (i, out) in out.chunks_exact_mut(n_out).enumerate() {
            let start = if i == 0 { 0 } else { ends[i - 1] };
            let events = sorted[start..ends[i]].chunks_exact(AT_ONCE);
            let rest = events.remainder();
            for few in events {
                let few: [(usize, T); AT_ONCE] = few.try_into().expect("a whole chunk");
                add_rows::<L, AT_ONCE>(out, few.map(row));
            }
            for &event in rest {
                add_rows::<L, 1>(out, [row(event)]);
            }
        }
    }
}
