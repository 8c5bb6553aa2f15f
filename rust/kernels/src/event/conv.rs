//! Numbers or spikes, convolved with a kernel.
//!
//! Where few inputs of a sample spike, only their rows of the kernel are touched; else each window is a row of a dense
//! product. Both add in the order of the kernel's rows, to the same bits.

use super::dense::{PARALLEL, SAMPLES};
use super::search::each_spike;
use super::spikes::{Spikes, count};
use super::tile::{Panels, Row, add_product};
use super::windows::{Conv, NOWHERE, Windows};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Lanes of sums that are kept in registers.
pub(super) const LANES: usize = 4;

/// Samples are dense where more than one input of so many spikes. Sums of windows stay in registers, so that events pay
/// up to more of them than in [`super::dense`]: with AVX2, 14 × 14 × 16 inputs and 25 taps to 32 channels take 0.45 of
/// the time of tiles where 6 % spike, 0.7 at 18 % and as much at 32 %; the cotangent of the kernel 0.4, 0.7 and as much.
pub(super) const SPARSE: usize = 3;

/// Elements of the widest such group, of lanes of 16.
const WIDEST: usize = 16 * LANES;

/// `out[b, p, k]` = sum over taps q and channels c of `spikes[b, input(p, q), c] * weight[q, c, k]`, in this order.
///
/// # Errors
/// If a length does not fit.
pub fn conv_product<T: Float>(conv: &Conv, spikes: Spikes<'_, T>, weight: &[T], out: &mut [T]) -> Result<()> {
    conv.check(spikes.len(), ("result", out.len()), ("weight", weight.len()))?;
    if out.is_empty() {
        return Ok(());
    }
    let (windows, parallel) = (Windows::of(conv), out.len() >= PARALLEL);
    let sample = out.len() / conv.batch;
    let shared = Shared::new(out);
    threads::try_ranges(conv.batch, parallel, |range| {
        // SAFETY: every sample is in one range only.
        let out = unsafe { shared.part(range.start * sample, range.len() * sample) };
        dispatch(Product { conv, windows: &windows, first: range.start, spikes, weight, out })
    })
}

struct Product<'a, T> {
    conv: &'a Conv,
    windows: &'a Windows,
    first: usize,
    spikes: Spikes<'a, T>,
    weight: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Product<'_, T> {
    type Out = Result<()>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        let (n, sample) = (self.conv.inputs() * self.conv.n_in, self.conv.outputs() * self.conv.n_out);
        let (mut by_rows, mut tiles, mut events) = (None, None, Events::default());
        for (k, out) in out.chunks_exact_mut(sample).enumerate() {
            let spikes = self.spikes.part((self.first + k) * n, n);
            if count::<L>(&spikes) * SPARSE > n {
                let tiles = tiles.get_or_insert_with(|| Tiles::of::<L>(self.weight, self.conv, self.windows));
                place(&spikes, self.windows, self.conv.n_in, &mut tiles.numbers);
                self.by_tiles::<L>(tiles, out);
            } else {
                let kernel = by_rows.get_or_insert_with(|| WholeLanes::of::<L>(self.weight, self.conv.n_out));
                events.find::<L>(&spikes, self.windows, self.conv.n_in)?;
                self.by_events::<L>(&events, kernel, out);
            }
        }
        Ok(())
    }
}

impl<T: Float> Product<'_, T> {
    /// Adds the rows of the inputs that spike under each window.
    #[inline(always)]
    fn by_events<L: Lane<Elem = T>>(&self, events: &Events<T>, kernel: &WholeLanes<T>, out: &mut [T]) {
        for (&origin, out) in self.windows.origins.iter().zip(out.chunks_exact_mut(self.conv.n_out)) {
            let mut first = 0;
            while first < out.len() {
                first += match (out.len() - first).div_ceil(L::WIDTH) {
                    LANES.. => self.sum::<L, LANES>(events, kernel, origin, &mut out[first..], first),
                    2.. => self.sum::<L, 2>(events, kernel, origin, &mut out[first..], first),
                    _ => self.sum::<L, 1>(events, kernel, origin, &mut out[first..], first),
                };
            }
        }
    }

    /// Writes the sums under one window for some lanes of channels, from `first` on; gives how many channels that are.
    #[inline(always)]
    fn sum<L: Lane<Elem = T>, const N: usize>(
        &self,
        events: &Events<T>,
        kernel: &WholeLanes<T>,
        origin: usize,
        out: &mut [T],
        first: usize,
    ) -> usize {
        let mut sums = [L::splat(T::ZERO); N];
        for run in &self.windows.runs {
            let start = origin + self.windows.taps[run.tap];
            // Kernel and places have the same channels, and a run is as long in both.
            let row = |at: usize| at + run.tap * self.conv.n_in - start * self.conv.n_in;
            for &(at, spike) in &events.found[events.starts[start]..events.starts[start + run.len]] {
                let row = &kernel.data[row(at) * kernel.width + first..][..N * L::WIDTH];
                let spike = L::splat(spike);
                for (k, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: the row has `N` lanes.
                    *sum = spike.mul_add(unsafe { L::load(row.as_ptr().add(k * L::WIDTH)) }, *sum);
                }
            }
        }
        let mut edge = [T::ZERO; WIDEST];
        let is_edge = out.len() < N * L::WIDTH;
        let to = if is_edge { edge.as_mut_ptr() } else { out.as_mut_ptr() };
        for (k, sum) in sums.into_iter().enumerate() {
            // SAFETY: there is room for `N` lanes.
            unsafe { sum.store(to.add(k * L::WIDTH)) };
        }
        if is_edge {
            out.copy_from_slice(&edge[..out.len()]);
        }
        out.len().min(N * L::WIDTH)
    }

    /// Multiplies all that is under the windows with the kernel.
    #[inline(always)]
    fn by_tiles<L: Lane<Elem = T>>(&self, tiles: &mut Tiles<T>, out: &mut [T]) {
        let Conv { n_in, n_out, .. } = *self.conv;
        let Tiles { panels, under, numbers, rows } = tiles;
        out.fill(T::ZERO);
        for (origins, out) in self.windows.origins.chunks(SAMPLES).zip(out.chunks_mut(SAMPLES * n_out)) {
            rows.clear();
            for (&origin, out) in origins.iter().zip(out.chunks_exact_mut(n_out)) {
                rows.push(Row { left: numbers[origin * n_in..].as_ptr(), out: out.as_mut_ptr() });
            }
            // SAFETY: numbers lie under all of a window, and rows of the result do not overlap.
            unsafe { add_product::<L>(rows, &under[..], panels) };
        }
    }
}

/// What dense samples are computed with.
struct Tiles<T> {
    panels: Panels<T>,
    /// Where each row of the kernel has its number, counted from the origin of the window.
    under: Vec<usize>,
    numbers: Vec<T>,
    rows: Vec<Row<T>>,
}

impl<T: Float> Tiles<T> {
    #[inline(always)]
    fn of<L: Lane<Elem = T>>(weight: &[T], conv: &Conv, windows: &Windows) -> Self {
        let channels = |&tap: &usize| tap * conv.n_in..(tap + 1) * conv.n_in;
        Self {
            panels: Panels::of::<L>(weight, conv.n_out),
            under: windows.taps.iter().flat_map(channels).collect(),
            numbers: vec![],
            rows: vec![],
        }
    }
}

/// The spikes of a sample, and where those of each place begin.
#[derive(Debug, Default)]
struct Events<T> {
    found: Vec<(usize, T)>,
    starts: Vec<usize>,
}

impl<T: Float> Events<T> {
    #[inline(always)]
    fn find<L: Lane<Elem = T>>(
        &mut self,
        spikes: &Spikes<'_, T>,
        windows: &Windows,
        channels: usize,
    ) -> Result<()> {
        let Self { found, starts } = self;
        found.clear();
        starts.clear();
        let mut input = 0;
        let note = |at: usize, spike| {
            while at >= (input + 1) * channels {
                input += 1;
            }
            let place = windows.inputs[input];
            if place != NOWHERE {
                let place = place as usize;
                starts.resize(starts.len().max(place + 1), found.len());
                found.push((place * channels + at - input * channels, spike));
            }
            Ok(())
        };
        each_spike::<L>(spikes, |_| (), note)?;
        starts.resize(windows.places + 1, found.len());
        Ok(())
    }
}

/// The rows of a kernel, filled up to whole lanes.
#[derive(Debug)]
struct WholeLanes<T> {
    data: Vec<T>,
    width: usize,
}

impl<T: Float> WholeLanes<T> {
    #[inline(always)]
    fn of<L: Lane<Elem = T>>(kernel: &[T], n: usize) -> Self {
        let width = n.next_multiple_of(L::WIDTH);
        let mut data = vec![T::ZERO; kernel.len() / n * width];
        for (to, from) in data.chunks_exact_mut(width).zip(kernel.chunks_exact(n)) {
            to[..n].copy_from_slice(from);
        }
        Self { data, width }
    }
}

/// Writes the inputs of a sample as numbers to their places; what lies around them stays 0.
pub(super) fn place<T: Float>(
    spikes: &Spikes<'_, T>,
    windows: &Windows,
    channels: usize,
    numbers: &mut Vec<T>,
) {
    numbers.resize(windows.places * channels, T::ZERO);
    for (k, &place) in windows.inputs.iter().enumerate().filter(|(_, place)| **place != NOWHERE) {
        let to = &mut numbers[place as usize * channels..][..channels];
        spikes.part(k * channels, channels).write_to(to);
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv_outer;
    use super::super::windows::Axis;
    use super::*;

    /// An axis whose windows end within the last input and its zeros.
    fn axis(n_in: usize, window: usize, [stride, spacing, dilation]: [usize; 3], padding: [i64; 2]) -> Axis {
        let places = ((n_in - 1) * spacing + 1) as i64 + padding[0] + padding[1];
        let n_out = (places as usize - (window - 1) * dilation - 1) / stride + 1;
        Axis { n_in, n_out, window, stride, before: padding[0], spacing, dilation }
    }

    fn cases() -> Vec<Conv> {
        let plain = [1; 3];
        vec![
            Conv { batch: 3, axes: vec![axis(9, 3, plain, [1, 1])], n_in: 2, n_out: 5 },
            Conv { batch: 2, axes: vec![axis(8, 3, [2, 1, 2], [3, 0])], n_in: 3, n_out: 33 },
            Conv { batch: 2, axes: vec![axis(4, 2, [1, 3, 1], [-1, 2])], n_in: 1, n_out: 8 },
            Conv {
                batch: 40,
                axes: vec![axis(5, 3, plain, [1, 1]), axis(6, 2, [2, 1, 1], [0, 1])],
                n_in: 4,
                n_out: 19,
            },
            Conv {
                batch: 2,
                axes: vec![
                    axis(3, 2, plain, [0, 0]),
                    axis(4, 3, [1, 2, 1], [2, 2]),
                    axis(4, 1, [2, 1, 1], [0, 0]),
                ],
                n_in: 2,
                n_out: 64,
            },
            Conv {
                batch: 2,
                axes: vec![axis(20, 5, plain, [2, 2]), axis(20, 5, plain, [2, 2])],
                n_in: 2,
                n_out: 9,
            },
        ]
    }

    /// All products that a convolution sums: (batch, input, row of the kernel, output), each without its channels.
    fn pairs(conv: &Conv) -> Vec<(usize, usize, usize, usize)> {
        let mut found: Vec<_> = (0..conv.batch).map(|b| (b, 0, 0, 0)).collect();
        for axis in &conv.axes {
            let mut next = vec![];
            for (b, input, tap, out) in found {
                for o in 0..axis.n_out {
                    for t in 0..axis.window {
                        for i in 0..axis.n_in {
                            let place = axis.before + (i * axis.spacing) as i64;
                            if place == (o * axis.stride + t * axis.dilation) as i64 {
                                let (input, tap) = (input * axis.n_in + i, tap * axis.window + t);
                                next.push((b, input, tap, out * axis.n_out + o));
                            }
                        }
                    }
                }
            }
            found = next;
        }
        found
    }

    fn whole_numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|k| ((k * 37 + seed) % 19) as f64 - 9.0).collect()
    }

    /// Each `sparse`-th input spikes in the first samples, all in the last one.
    fn spikes(conv: &Conv, sparse: usize) -> Vec<f64> {
        let n = conv.inputs() * conv.n_in;
        let is_spike = |k: usize| k.is_multiple_of(sparse) || k / n + 1 == conv.batch;
        (0..conv.batch * n).map(|k| if is_spike(k) { (k % 5 + 1) as f64 } else { 0.0 }).collect()
    }

    #[test]
    fn products_are_the_sums_of_all_pairs() {
        for conv in cases() {
            let (n_in, n_out) = (conv.n_in, conv.n_out);
            let s = spikes(&conv, 7);
            let weight = whole_numbers(conv.rows() * n_out, 11);
            let ct = whole_numbers(conv.batch * conv.outputs() * n_out, 3);
            let (mut y, mut dw) = (vec![0.0; ct.len()], vec![0.0; weight.len()]);
            for (b, input, tap, out) in pairs(&conv) {
                for c in 0..n_in {
                    let x = s[(b * conv.inputs() + input) * n_in + c];
                    for k in 0..n_out {
                        let (row, place) =
                            ((tap * n_in + c) * n_out + k, (b * conv.outputs() + out) * n_out + k);
                        y[place] += x * weight[row];
                        dw[row] += x * ct[place];
                    }
                }
            }
            let mut found = (vec![f64::NAN; y.len()], vec![f64::NAN; dw.len()]);
            conv_product(&conv, Spikes::Float(&s), &weight, &mut found.0).expect("fits");
            conv_outer(&conv, Spikes::Float(&s), &ct, &mut found.1).expect("fits");
            assert_eq!(found, (y, dw), "{conv:?}");
        }
    }

    #[test]
    fn bytes_are_ones_and_samples_do_not_know_of_each_other() {
        for conv in cases() {
            let bytes: Vec<u8> = spikes(&conv, 4).iter().map(|&x| u8::from(x != 0.0)).collect();
            let ones: Vec<f32> = bytes.iter().map(|&x| f32::from(x)).collect();
            let number = |k: usize| ((k * 7919 + 13) % 1009) as f32 / 97.0 - 5.2;
            let weight: Vec<f32> = (0..conv.rows() * conv.n_out).map(number).collect();
            let sample = conv.outputs() * conv.n_out;
            let mut y = vec![f32::NAN; conv.batch * sample];
            conv_product(&conv, Spikes::Bool(&bytes), &weight, &mut y).expect("fits");
            let one = Conv { batch: 1, ..conv.clone() };
            for (s, y) in ones.chunks_exact(ones.len() / conv.batch).zip(y.chunks_exact(sample)) {
                let mut alone = vec![f32::NAN; sample];
                conv_product(&one, Spikes::Float(s), &weight, &mut alone).expect("fits");
                assert_eq!(alone, y);
            }
        }
    }

    #[test]
    fn few_and_many_spikes_give_the_same_bits() {
        // An input that is all but 0 turns the choice, and changes no sum: the kernel is 0 where it stands.
        let conv = Conv { batch: 1, axes: vec![axis(30, 3, [1; 3], [1, 1])], n_in: 4, n_out: 21 };
        let number = |k: usize| ((k * 7919 + 13) % 1009) as f32 / 97.0 - 5.2;
        let weight: Vec<f32> =
            (0..conv.rows() * 21).map(|k| if k / 21 % 4 == 3 { 0.0 } else { number(k) }).collect();
        let ct: Vec<f32> = (0..30 * 21).map(|k| number(k + 7)).collect();
        let few: Vec<f32> =
            (0..120).map(|k| if k % 7 == 0 && k % 4 != 3 { number(k) } else { 0.0 }).collect();
        let many: Vec<f32> = (0..120).map(|k| if k % 4 == 3 { 1.0 } else { few[k] }).collect();
        let mut found = vec![];
        for s in [few, many] {
            let (mut y, mut dw) = (vec![0.0; ct.len()], vec![0.0; weight.len()]);
            conv_product(&conv, Spikes::Float(&s), &weight, &mut y).expect("fits");
            conv_outer(&conv, Spikes::Float(&s), &ct, &mut dw).expect("fits");
            for row in dw.chunks_exact_mut(21).skip(3).step_by(4) {
                row.fill(0.0);
            }
            found.push((y, dw));
        }
        assert_eq!(found[0], found[1]);
    }
}
