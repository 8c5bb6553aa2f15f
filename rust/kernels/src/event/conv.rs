//! Numbers or spikes, convolved with a kernel.
//!
//! Where few inputs of a sample spike, only their rows of the kernel are touched; else each window is a row of a dense
//! product. Both add in the order of the kernel's rows, to the same bits.

use super::conv_events::{Events, Kernel};
use super::dense::{PARALLEL, SAMPLES};
use super::places::find_places;
use super::spikes::Spikes;
use super::tile::{Panels, Row, add_product};
use super::windows::{Conv, NOWHERE, Windows};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Whether so many spikes of a sample are too many to take its product by events. A spike takes somewhat longer than an
/// input of a tile, and for each input with spikes the sums of its windows are loaded and stored. With AVX-512, 25 taps
/// over 14 × 14 × 16 inputs to 32 channels take half the time of tiles where 18 % spike, and as much at 57 %; over
/// 28 × 28 × 1 inputs to 16 channels two thirds where 10 % spike, and as much at 20 %. With AVX2 both take as much at
/// lower shares: at 40 % and at 20 %.
fn is_dense(count: usize, conv: &Conv) -> bool {
    2 * count + 3 * count.min(conv.inputs()) > conv.inputs() * conv.n_in
}

/// `out[b, p, k]` = sum over taps q and channels c of `spikes[b, input(p, q), c] * weight[q, c, k]`, in this order.
///
/// # Errors
/// If a length does not fit.
pub fn conv_product<T: Float>(conv: &Conv, spikes: Spikes<'_, T>, weight: &[T], out: &mut [T]) -> Result<()> {
    conv.check(spikes.len(), ("result", out.len()), ("weight", weight.len()))?;
    if out.is_empty() || weight.is_empty() {
        out.fill(T::ZERO);
        return Ok(());
    }
    let (windows, parallel) = (Windows::of(conv), out.len() >= PARALLEL);
    let sample = out.len() / conv.batch;
    let shared = Shared::new(out);
    threads::ranges(conv.batch, parallel, |range| {
        // SAFETY: every sample is in one range only.
        let out = unsafe { shared.part(range.start * sample, range.len() * sample) };
        let job = Product { conv, windows: &windows, first: range.start, spikes, weight, out };
        dispatch(ForChannels { channels: conv.n_out, job });
    });
    Ok(())
}

/// A job on the channels of the output, in lanes that they fill.
pub(super) struct ForChannels<J> {
    pub(super) channels: usize,
    pub(super) job: J,
}

impl<T: Float, J: Job<T>> Job<T> for ForChannels<J> {
    type Out = J::Out;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> J::Out {
        // Of wider lanes half would be zeros, and of narrow ones two are computed at once.
        if self.channels <= L::Eight::WIDTH && L::Eight::WIDTH < L::WIDTH {
            self.job.run::<L::Eight>()
        } else {
            self.job.run::<L>()
        }
    }
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
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(mut self) {
        let out = std::mem::take(&mut self.out);
        let (n, sample) = (self.conv.inputs() * self.conv.n_in, self.conv.outputs() * self.conv.n_out);
        let (mut sparse, mut tiles, mut places) = (None, None, vec![]);
        for (k, out) in out.chunks_exact_mut(sample).enumerate() {
            let spikes = self.spikes.part((self.first + k) * n, n);
            places.clear();
            if is_dense(find_places::<L>(&spikes, &mut places), self.conv) {
                let tiles = tiles.get_or_insert_with(|| Tiles::of::<L>(self.weight, self.conv, self.windows));
                place(&spikes, self.windows, self.conv.n_in, &mut tiles.numbers);
                self.by_tiles::<L>(tiles, out);
            } else {
                let sparse =
                    sparse.get_or_insert_with(|| Sparse::of::<L>(self.weight, self.conv, self.windows));
                let Sparse { kernel, events, .. } = sparse;
                events.take(&spikes, &places, self.windows, self.conv.n_in, kernel.width);
                self.by_events::<L>(sparse, out);
            }
        }
    }
}

impl<T: Float> Product<'_, T> {
    /// Adds the rows of the inputs that spike to the windows over them.
    #[inline(always)]
    fn by_events<L: Lane<Elem = T>>(&self, sparse: &mut Sparse<T>, out: &mut [T]) {
        let Sparse { kernel, by_origin, events, sums } = sparse;
        let n_out = self.conv.n_out;
        if kernel.width == n_out {
            out.fill(T::ZERO);
            return kernel.add::<L>(events, self.windows, by_origin, out);
        }
        sums.clear();
        sums.resize(out.len() / n_out * kernel.width, T::ZERO);
        kernel.add::<L>(events, self.windows, by_origin, sums);
        for (out, sums) in out.chunks_exact_mut(n_out).zip(sums.chunks_exact(kernel.width)) {
            out.copy_from_slice(&sums[..n_out]);
        }
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

/// What samples with few spikes are computed with.
struct Sparse<T> {
    kernel: Kernel<T>,
    by_origin: Vec<u32>,
    events: Events<T>,
    /// The result in whole lanes, if it is not that itself.
    sums: Vec<T>,
}

impl<T: Float> Sparse<T> {
    #[inline(always)]
    fn of<L: Lane<Elem = T>>(weight: &[T], conv: &Conv, windows: &Windows) -> Self {
        Self {
            kernel: Kernel::of::<L>(weight, conv.n_in, conv.n_out),
            by_origin: windows.by_origin(),
            events: Events::default(),
            sums: vec![],
        }
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
        // 28 channels are a lane of 16, one of 8 and single ones. An input that is all but 0 turns the choice, and
        // changes no sum: the kernel is 0 where it stands.
        let conv = Conv { batch: 1, axes: vec![axis(30, 3, [1; 3], [1, 1])], n_in: 4, n_out: 28 };
        let number = |k: usize| ((k * 7919 + 13) % 1009) as f32 / 97.0 - 5.2;
        let weight: Vec<f32> =
            (0..conv.rows() * 28).map(|k| if k / 28 % 4 == 3 { 0.0 } else { number(k) }).collect();
        let ct: Vec<f32> = (0..30 * 28).map(|k| number(k + 7)).collect();
        let few: Vec<f32> =
            (0..120).map(|k| if k % 7 == 0 && k % 4 != 3 { number(k) } else { 0.0 }).collect();
        let many: Vec<f32> = (0..120).map(|k| if k % 4 == 3 { 1.0 } else { few[k] }).collect();
        let mut found = vec![];
        for s in [few, many] {
            let (mut y, mut dw) = (vec![0.0; ct.len()], vec![0.0; weight.len()]);
            conv_product(&conv, Spikes::Float(&s), &weight, &mut y).expect("fits");
            conv_outer(&conv, Spikes::Float(&s), &ct, &mut dw).expect("fits");
            for row in dw.chunks_exact_mut(28).skip(3).step_by(4) {
                row.fill(0.0);
            }
            found.push((y, dw));
        }
        assert_eq!(found[0], found[1]);
    }

    #[test]
    fn a_part_of_the_rows_has_the_same_bits() {
        let same = axis(14, 5, [1; 3], [2, 2]);
        let conv = Conv { batch: 6, axes: vec![same, same], n_in: 5, n_out: 18 };
        let s: Vec<f32> = (0..6 * 196 * 5).map(|k| if k % 11 == 0 { 1.0 } else { 0.0 }).collect();
        let ct: Vec<f32> = (0..6 * 196 * 18).map(|k| ((k * 7919 + 13) % 1009) as f32 / 97.0).collect();
        assert!(ct.len() >= PARALLEL, "several threads");
        let mut found = vec![];
        for count in [1, 3] {
            threads::set(count).expect("few threads");
            let mut dw = vec![f32::NAN; conv.rows() * 18];
            conv_outer(&conv, Spikes::Float(&s), &ct, &mut dw).expect("fits");
            found.push(dw);
        }
        assert_eq!(found[0], found[1]);
    }

    #[test]
    fn numbers_that_are_not_finite_reach_the_elements_over_them_alone() {
        for n_out in [3, 16, 28] {
            let conv = Conv { batch: 1, axes: vec![axis(9, 3, [1; 3], [1, 1])], n_in: 1, n_out };
            for (spike, all) in [(f32::INFINITY, 0.0), (f32::NAN, 0.0), (f32::INFINITY, 1.0)] {
                let mut s = vec![all; 9];
                s[0] = spike;
                let mut dw = vec![0.0; 3 * n_out];
                conv_outer(&conv, Spikes::Float(&s), &vec![1.0; 9 * n_out], &mut dw).expect("fits");
                let (over, after) = dw.split_at(2 * n_out);
                assert!(over.iter().all(|x| !x.is_finite()), "{n_out} {dw:?}");
                assert!(after.iter().all(|&x| x == 8.0 * all), "{n_out} {dw:?}");
            }
        }
    }

    #[test]
    fn without_channels_sums_are_0() {
        let conv = Conv { batch: 1, axes: vec![axis(9, 3, [1; 3], [1, 1])], n_in: 0, n_out: 80 };
        let mut y = vec![f32::NAN; 9 * 80];
        conv_product(&conv, Spikes::Float(&[]), &[], &mut y).expect("fits");
        assert!(y.iter().all(|&x| x == 0.0));
    }

    #[test]
    fn a_kernel_that_is_nowhere_has_no_cotangent() {
        let none = Axis { n_in: 2, n_out: 0, window: 3, stride: 1, before: 0, spacing: 1, dilation: 1 };
        let conv = Conv { batch: 1, axes: vec![none], n_in: 2, n_out: 3 };
        let mut dw = vec![f32::NAN; conv.rows() * 3];
        conv_outer(&conv, Spikes::Float(&[1.0; 4]), &[], &mut dw).expect("fits");
        assert!(dw.iter().all(|&x| x == 0.0));
    }
}
