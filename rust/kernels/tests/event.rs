//! Propagation against sums over dense matrices.

use proptest::prelude::*;
use spikeloop_kernels::event::{Dims, Indices, Indptr, Rows, Spikes, gather, outer, scatter};
use spikeloop_kernels::{Error, random::Stream, threads};

/// A projection, its connectivity in every form it can be stored in.
#[derive(Debug, Clone)]
struct Case {
    dims: Dims,
    n_pre: usize,
    indices: Vec<u32>,
    indptr: Vec<i64>,
    weight: Vec<f64>,
    spikes: Vec<f64>,
    ct: Vec<f64>,
}

impl Case {
    fn new(seed: u64, batch: usize, n_pre: usize, n_post: usize, k: usize, fixed: bool, same: bool) -> Self {
        let mut random = Stream::new(seed, 0, 0);
        let mut indptr = vec![0];
        for _ in 0..n_pre {
            let length = if fixed { k } else { random.below(2 * k as u32 + 1) as usize };
            indptr.push(indptr[indptr.len() - 1] + length as i64);
        }
        let nnz = indptr[n_pre] as usize;
        let offset = random.below(5) as usize;
        let n_total = offset + n_pre + random.below(5) as usize;
        let mut unit = || f64::from(random.word()) / f64::from(u32::MAX);
        let weight = (0..if same { 1 } else { nnz }).map(|_| unit()).collect();
        let ct = (0..batch * n_post).map(|_| unit()).collect();
        let spikes = (0..batch * n_total).map(|_| if unit() < 0.3 { 0.5 + unit() } else { 0.0 }).collect();
        let indices = (0..nnz).map(|_| random.below(n_post as u32)).collect();
        if fixed {
            indptr.clear();
        }
        let dims = Dims { batch, n_total, offset, n_post };
        Self { dims, n_pre, indices, indptr, weight, spikes, ct }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::new(Indices::U32(&self.indices), Indptr::I64(&self.indptr), self.n_pre).expect("whole rows")
    }

    /// Batch row, source, synapse, target and weight of everything that is connected.
    fn synapses(&self) -> Vec<(usize, usize, usize, usize, f64)> {
        let k = self.indices.len().checked_div(self.n_pre).unwrap_or(0);
        let start = |i: usize| if self.indptr.is_empty() { i * k } else { self.indptr[i] as usize };
        let weight = |j: usize| if self.weight.len() == 1 { self.weight[0] } else { self.weight[j] };
        let all = (0..self.dims.batch).flat_map(|b| (0..self.n_pre).map(move |i| (b, i)));
        all.flat_map(|(b, i)| (start(i)..start(i + 1)).map(move |j| (b, i, j)))
            .map(|(b, i, j)| (b, i, j, self.indices[j] as usize, weight(j)))
            .collect()
    }

    fn spike(&self, b: usize, i: usize) -> f64 {
        self.spikes[b * self.dims.n_total + self.dims.offset + i]
    }

    fn scatter(&self, rows: &Rows<'_>, spikes: Spikes<'_, f64>) -> Vec<f64> {
        let mut target = self.ct.clone();
        scatter(self.dims, spikes, &self.weight, rows, &mut target).expect("fitting buffers");
        target
    }

    fn gather(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.dims.batch * self.n_pre];
        let Dims { batch, n_post, .. } = self.dims;
        gather(batch, n_post, &self.ct, &self.weight, &self.rows(), &mut out).expect("fitting buffers");
        out
    }

    fn outer(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.weight.len()];
        let spikes = Spikes::Float(&self.spikes);
        outer(self.dims, spikes, &self.ct, &self.rows(), &mut out).expect("fitting buffers");
        out
    }
}

fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(1.0))
}

fn case() -> impl Strategy<Value = Case> {
    let sizes = (1..4usize, 0..70usize, 1..50usize, 0..12usize);
    (any::<u64>(), sizes, any::<(bool, bool)>()).prop_map(
        |(seed, (batch, n_pre, n_post, k), (fixed, same))| {
            Case::new(seed, batch, n_pre, n_post, k, fixed, same)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scatter_is_the_dense_product(case in case()) {
        let mut expected = case.ct.clone();
        for (b, i, _, target, weight) in case.synapses() {
            expected[b * case.dims.n_post + target] += weight * case.spike(b, i);
        }
        let result = case.scatter(&case.rows(), Spikes::Float(&case.spikes));
        prop_assert!(near(&result, &expected));
    }

    #[test]
    fn forms_of_storage_agree(mut case in case()) {
        case.spikes.iter_mut().for_each(|s| *s = f64::from(u8::from(*s != 0.0)));
        let bytes: Vec<u8> = case.spikes.iter().map(|&s| u8::from(s != 0.0)).collect();
        let narrow: Vec<u16> = case.indices.iter().map(|&i| i as u16).collect();
        let short: Vec<i32> = case.indptr.iter().map(|&i| i as i32).collect();
        let rows = Rows::new(Indices::U16(&narrow), Indptr::I32(&short), case.n_pre).expect("whole rows");
        let expected = case.scatter(&case.rows(), Spikes::Float(&case.spikes));
        prop_assert_eq!(case.scatter(&rows, Spikes::Bool(&bytes)), expected);
    }

    #[test]
    fn gather_is_the_transpose(case in case()) {
        let mut expected = vec![0.0; case.dims.batch * case.n_pre];
        for (b, i, _, target, weight) in case.synapses() {
            expected[b * case.n_pre + i] += weight * case.ct[b * case.dims.n_post + target];
        }
        prop_assert!(near(&case.gather(), &expected));
    }

    #[test]
    fn outer_is_the_weights_derivative(case in case()) {
        let mut expected = vec![0.0; case.weight.len()];
        for (b, i, j, target, _) in case.synapses() {
            let j = if case.weight.len() == 1 { 0 } else { j };
            expected[j] += case.spike(b, i) * case.ct[b * case.dims.n_post + target];
        }
        prop_assert!(near(&case.outer(), &expected));
    }
}

#[test]
fn threads_do_not_matter() {
    for same in [false, true] {
        let case = Case::new(3, 4, 20_000, 500, 6, false, same);
        let results = [1, 2, 3].map(|n| {
            threads::set(n);
            (case.scatter(&case.rows(), Spikes::Float(&case.spikes)), case.gather(), case.outer())
        });
        threads::set(1);
        assert!(results[0] == results[1] && results[0] == results[2]);
    }
}

#[test]
fn nan_is_a_spike() {
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::Fixed, 2).expect("whole rows");
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 2 };
    let mut target = [0.0; 2];
    scatter(dims, Spikes::Float(&[f64::NAN, -0.0]), &[1.0], &rows, &mut target).expect("fitting buffers");
    assert!(target[0].is_nan() && target[1] == 0.0);
}

#[test]
fn malformed_rows_are_refused() {
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 3 };
    let spikes = Spikes::Float(&[1.0f32, 1.0]);
    let mut target = [0.0; 3];
    let mut run = |indices: &[u32], indptr: &[i64]| {
        let rows = Rows::new(Indices::U32(indices), Indptr::I64(indptr), 2)?;
        scatter(dims, spikes, &[1.0], &rows, &mut target)
    };
    assert_eq!(run(&[0, 12], &[]), Err(Error::Index { given: 12, size: 3 }));
    assert_eq!(
        run(&[0, 12], &[]).map_err(|e| e.to_string()),
        Err("index 12 out of range for 3 targets".into())
    );
    assert_eq!(run(&[0, 1], &[0, 3, 2]), Err(Error::Row { row: 0, size: 2 }));
    assert_eq!(run(&[0, 1], &[0, -1, 2]), Err(Error::Row { row: 0, size: 2 }));
    assert_eq!(run(&[0, 1], &[0, 2, 1]), Err(Error::Row { row: 1, size: 2 }));
    assert!(matches!(run(&[0, 1, 2], &[]), Err(Error::Length { name: "indices", .. })));
    assert!(matches!(run(&[0, 1], &[0, 2]), Err(Error::Length { name: "indptr", .. })));
    // Rows that share synapses: the derivative by these would have two values.
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::I64(&[1, 2, 2]), 2).expect("right lengths");
    let error = outer(dims, spikes, &[1.0; 3], &rows, &mut [0.0; 2]);
    assert_eq!(error, Err(Error::Row { row: 0, size: 2 }));
}
