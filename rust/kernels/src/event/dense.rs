//! Numbers or spikes times a dense matrix.
//!
//! Where few inputs spike, only their rows are touched; else the product is dense. Both add in the same order, to the
//! same bits, so that each sample can take the faster way.

use super::length;
use super::places::find_places;
use super::rows::prefetch;
use super::spikes::Spikes;
use super::tile::{Panels, Row, Step, add_product};
use crate::error::Result;
use crate::lane::{Float, Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// From so many numbers of the result a call on, several threads are faster than one.
pub(super) const PARALLEL: usize = 16_384;

/// Rows that are added to a result at once.
pub(super) const AT_ONCE: usize = 4;

/// Samples that are worked on together.
pub(super) const SAMPLES: usize = 256;

/// Products are dense where more than one input of so many spikes.
pub(super) const SPARSE: usize = 6;

/// With fewer dense samples, it does not pay to arrange the matrix for them.
pub(super) const FEWEST: usize = 12;

/// The sizes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// Samples, and steps.
    pub batch: usize,
    /// Inputs.
    pub n_in: usize,
    /// Outputs.
    pub n_out: usize,
}

/// `out[b, j]` = sum over i of `spikes[b, i] * weight[i, j]`, in the order of i.
///
/// # Errors
/// If a length does not fit.
pub fn dense_product<T: Float>(
    size: Dense,
    spikes: Spikes<'_, T>,
    weight: &[T],
    out: &mut [T],
) -> Result<()> {
    length("spikes", spikes.len(), size.batch * size.n_in)?;
    length("weight", weight.len(), size.n_in * size.n_out)?;
    length("result", out.len(), size.batch * size.n_out)?;
    let parallel = out.len() >= PARALLEL;
    let shared = Shared::new(out);
    threads::ranges(size.batch, parallel, |range| {
        // SAFETY: every sample is in one range only.
        let out = unsafe { shared.part(range.start * size.n_out, range.len() * size.n_out) };
        let spikes = spikes.part(range.start * size.n_in, range.len() * size.n_in);
        Factor::new(weight, size.n_in, size.n_out).product(spikes, out);
    });
    Ok(())
}

struct Product<'a, 'b, T> {
    factor: &'a mut Factor<'b, T>,
    spikes: Spikes<'a, T>,
    out: &'a mut [T],
}

impl<T: Float> Job<T> for Product<'_, '_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        self.factor.times::<L>(self.spikes, self.out);
    }
}

/// The matrix of products, and what they keep: from block to block, and from one product to the next.
pub(crate) struct Factor<'a, T> {
    weight: &'a [T],
    n_in: usize,
    n_out: usize,
    /// The matrix for samples of many spikes, once there are such.
    panels: Option<Panels<T>>,
    dense: Vec<usize>,
    rows: Vec<Row<T>>,
    numbers: Vec<T>,
    found: Vec<u32>,
}

impl<'a, T: Float> Factor<'a, T> {
    /// A row-major matrix: a row for each input, a column for each output.
    pub(crate) fn new(weight: &'a [T], n_in: usize, n_out: usize) -> Self {
        assert_eq!(weight.len(), n_in * n_out, "the elements of the matrix");
        Self {
            weight,
            n_in,
            n_out,
            panels: None,
            dense: vec![],
            rows: vec![],
            numbers: vec![],
            found: vec![],
        }
    }

    /// The product of samples and the matrix.
    pub(crate) fn product(&mut self, spikes: Spikes<'_, T>, out: &mut [T]) {
        dispatch(Product { factor: self, spikes, out });
    }

    #[inline(always)]
    fn times<L: Lane<Elem = T>>(&mut self, spikes: Spikes<'_, T>, out: &mut [T]) {
        out.fill(T::ZERO);
        if self.n_in == 0 || self.n_out == 0 {
            return;
        }
        for (block, out) in out.chunks_mut(SAMPLES * self.n_out).enumerate() {
            let (first, count) = (block * SAMPLES, out.len() / self.n_out);
            self.block::<L>(spikes.part(first * self.n_in, count * self.n_in), out);
        }
    }

    /// Adds the products of some samples: of those with few spikes at once, then of the others together.
    #[inline(always)]
    fn block<L: Lane<Elem = T>>(&mut self, spikes: Spikes<'_, T>, out: &mut [T]) {
        let Self { weight, n_in, n_out, .. } = *self;
        let sample = |k: usize| spikes.part(k * n_in, n_in);
        self.dense.clear();
        for (k, out) in out.chunks_exact_mut(n_out).enumerate() {
            self.found.clear();
            if find_places::<L>(&sample(k), &mut self.found) * SPARSE > n_in {
                self.dense.push(k);
            } else {
                by_events::<L>(weight, sample(k), &self.found, out);
            }
        }
        if self.dense.len() < FEWEST {
            for &k in &self.dense {
                self.found.clear();
                find_places::<L>(&sample(k), &mut self.found);
                by_events::<L>(weight, sample(k), &self.found, &mut out[k * n_out..][..n_out]);
            }
            return;
        }
        self.numbers.resize(SAMPLES * n_in, T::ZERO);
        self.rows.clear();
        for (&k, numbers) in self.dense.iter().zip(self.numbers.chunks_exact_mut(n_in)) {
            let left = match sample(k) {
                Spikes::Float(x) => x.as_ptr(),
                spikes => {
                    spikes.write_to(numbers);
                    numbers.as_ptr()
                }
            };
            self.rows.push(Row { left, out: out.as_mut_ptr().wrapping_add(k * n_out) });
        }
        let panels = self.panels.get_or_insert_with(|| Panels::of::<L>(weight, n_out));
        // SAFETY: a sample has n_in inputs, and a row of the result of its own.
        unsafe { add_product::<L>(&self.rows, Step(1), panels) };
    }
}

/// Adds the rows of the inputs that spike, whose places were found, to the result of one sample.
#[inline(always)]
fn by_events<L: Lane>(weight: &[L::Elem], spikes: Spikes<'_, L::Elem>, found: &[u32], out: &mut [L::Elem]) {
    let n_out = out.len();
    let row = |i: u32| (&weight[i as usize * n_out..][..n_out], spikes.value(i as usize));
    for (k, few) in found.chunks(AT_ONCE).enumerate() {
        for &next in found.iter().skip((k + 1) * AT_ONCE).take(AT_ONCE) {
            prefetch(row(next).0);
        }
        if let Ok(few) = <[u32; AT_ONCE]>::try_from(few) {
            add_rows::<L, AT_ONCE>(out, few.map(row));
            continue;
        }
        for &event in few {
            add_rows::<L, 1>(out, [row(event)]);
        }
    }
}

/// `out += spike * row` for some rows, one after the other.
#[inline(always)]
pub(super) fn add_rows<L: Lane, const N: usize>(out: &mut [L::Elem], rows: [(&[L::Elem], L::Elem); N]) {
    let n = out.len();
    let rows = rows.map(|(row, spike)| (&row[..n], spike));
    let whole = n - n % L::WIDTH;
    for j in (0..whole).step_by(L::WIDTH) {
        // SAFETY: a whole lane follows in each slice of n elements.
        unsafe {
            let mut sum = L::load(out.as_ptr().add(j));
            for (row, spike) in rows {
                sum = L::splat(spike).mul_add(L::load(row.as_ptr().add(j)), sum);
            }
            sum.store(out.as_mut_ptr().add(j));
        }
    }
    for (j, y) in out.iter_mut().enumerate().skip(whole) {
        for (row, spike) in rows {
            *y = L::mul_add_one(spike, row[j], *y);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense_outer;
    use super::*;

    const SIZE: Dense = Dense { batch: 3, n_in: 7, n_out: 5 };

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|k| ((k * 37 + 11) % 19) as f64 - 9.0).collect()
    }

    fn spikes() -> Vec<f64> {
        (0..SIZE.batch * SIZE.n_in).map(|k| if k % 3 == 0 { (k % 5) as f64 } else { 0.0 }).collect()
    }

    #[test]
    fn the_product_is_that_of_matrices() {
        let (s, w) = (spikes(), numbers(SIZE.n_in * SIZE.n_out));
        let mut out = vec![f64::NAN; SIZE.batch * SIZE.n_out];
        dense_product(SIZE, Spikes::Float(&s), &w, &mut out).expect("fits");
        for (k, &y) in out.iter().enumerate() {
            let (b, j) = (k / SIZE.n_out, k % SIZE.n_out);
            let expected: f64 = (0..SIZE.n_in).map(|i| s[b * SIZE.n_in + i] * w[i * SIZE.n_out + j]).sum();
            assert_eq!(y, expected);
        }
    }

    #[test]
    fn the_outer_product_is_summed_over_the_batch() {
        let (s, ct) = (spikes(), numbers(SIZE.batch * SIZE.n_out));
        let mut out = vec![f64::NAN; SIZE.n_in * SIZE.n_out];
        dense_outer(SIZE, Spikes::Float(&s), &ct, &mut out).expect("fits");
        for (k, &y) in out.iter().enumerate() {
            let (i, j) = (k / SIZE.n_out, k % SIZE.n_out);
            let expected: f64 = (0..SIZE.batch).map(|b| s[b * SIZE.n_in + i] * ct[b * SIZE.n_out + j]).sum();
            assert_eq!(y, expected);
        }
    }

    /// As [`dense_product`] and [`dense_outer`], sample by sample: few samples are taken by events.
    fn by_sample(size: Dense, s: &[f32], w: &[f32], ct: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut y, mut dw) = (vec![0.0; size.batch * size.n_out], vec![0.0; size.n_in * size.n_out]);
        let one = Dense { batch: 1, ..size };
        for b in 0..size.batch {
            let s = &s[b * size.n_in..][..size.n_in];
            let y = &mut y[b * size.n_out..][..size.n_out];
            dense_product(one, Spikes::Float(s), w, y).expect("fits");
            for (i, dw) in dw.chunks_exact_mut(size.n_out).enumerate() {
                dispatch(AddRow { out: dw, row: &ct[b * size.n_out..][..size.n_out], spike: s[i] });
            }
        }
        (y, dw)
    }

    struct AddRow<'a> {
        out: &'a mut [f32],
        row: &'a [f32],
        spike: f32,
    }

    impl Job<f32> for AddRow<'_> {
        type Out = ();
        #[inline(always)]
        fn run<L: Lane<Elem = f32>>(self) {
            add_rows::<L, 1>(self.out, [(self.row, self.spike)]);
        }
    }

    #[test]
    fn many_and_few_spikes_give_the_same_bits() {
        for (batch, n_in, n_out) in [(300, 70, 45), (13, 301, 32), (270, 9, 1), (40, 600, 17)] {
            let size = Dense { batch, n_in, n_out };
            let number = |k: usize| ((k * 7919 + 13) % 1009) as f32 / 97.0 - 5.2;
            let w: Vec<f32> = (0..n_in * n_out).map(number).collect();
            let ct: Vec<f32> = (0..batch * n_out).map(|k| number(k + 7)).collect();
            // The first samples spike most, the last ones least.
            let is_spike = |k: usize| (k * 31 + k / 7) % batch >= k / n_in;
            let s: Vec<f32> =
                (0..batch * n_in).map(|k| if is_spike(k) { number(k + 3) } else { 0.0 }).collect();
            let bytes: Vec<u8> = s.iter().map(|&x| u8::from(x != 0.0)).collect();
            let ones: Vec<f32> = bytes.iter().map(|&x| f32::from(x)).collect();
            for (spikes, numbers) in [(Spikes::Float(&s[..]), &s), (Spikes::Bool(&bytes), &ones)] {
                let (mut y, mut dw) = (vec![f32::NAN; batch * n_out], vec![f32::NAN; n_in * n_out]);
                dense_product(size, spikes, &w, &mut y).expect("fits");
                dense_outer(size, spikes, &ct, &mut dw).expect("fits");
                assert_eq!((y, dw), by_sample(size, numbers, &w, &ct));
            }
        }
    }

    #[test]
    fn lengths_are_checked() {
        let mut out = vec![0.0; SIZE.batch * SIZE.n_out];
        let (s, w) = (spikes(), numbers(SIZE.n_in * SIZE.n_out));
        assert!(dense_product(SIZE, Spikes::Float(&s[1..]), &w, &mut out).is_err());
        assert!(dense_product(SIZE, Spikes::Float(&s), &w[1..], &mut out).is_err());
        assert!(dense_outer(SIZE, Spikes::Float(&s), &out, &mut [0.0; 3]).is_err());
    }
}
