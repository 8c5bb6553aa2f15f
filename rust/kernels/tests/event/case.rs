//! Projections of any size, with and without delays.

use proptest::prelude::*;
use spikeloop_kernels::event::{
    Delays, Dims, Indices, Indptr, Ring, Rows, Spikes, gather, outer, scatter, starts,
};
use spikeloop_kernels::random::Stream;

/// A projection, its connectivity in every form it can be stored in.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) dims: Dims,
    pub(crate) n_pre: usize,
    pub(crate) indices: Vec<u32>,
    pub(crate) indptr: Vec<i64>,
    pub(crate) weight: Vec<f64>,
    pub(crate) spikes: Vec<f64>,
    pub(crate) ct: Vec<f64>,
}

impl Case {
    pub(crate) fn new(
        seed: u64,
        batch: usize,
        n_pre: usize,
        n_post: usize,
        k: usize,
        fixed: bool,
        same: bool,
    ) -> Self {
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

    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(Indices::U32(&self.indices), Indptr::I64(&self.indptr), self.n_pre).expect("whole rows")
    }

    /// Batch row, source, synapse, target and weight of everything that is connected.
    pub(crate) fn synapses(&self) -> Vec<(usize, usize, usize, usize, f64)> {
        let k = self.indices.len().checked_div(self.n_pre).unwrap_or(0);
        let start = |i: usize| if self.indptr.is_empty() { i * k } else { self.indptr[i] as usize };
        let weight = |j: usize| if self.weight.len() == 1 { self.weight[0] } else { self.weight[j] };
        let all = (0..self.dims.batch).flat_map(|b| (0..self.n_pre).map(move |i| (b, i)));
        all.flat_map(|(b, i)| (start(i)..start(i + 1)).map(move |j| (b, i, j)))
            .map(|(b, i, j)| (b, i, j, self.indices[j] as usize, weight(j)))
            .collect()
    }

    pub(crate) fn spike(&self, b: usize, i: usize) -> f64 {
        self.spikes[b * self.dims.n_total + self.dims.offset + i]
    }

    pub(crate) fn scatter(&self, rows: &Rows<'_>, spikes: Spikes<'_, f64>) -> Vec<f64> {
        let mut target = self.ct.clone();
        scatter(self.dims, spikes, &self.weight, rows, &Ring::NONE, &mut target).expect("fitting buffers");
        target
    }

    pub(crate) fn gather(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.dims.batch * self.n_pre];
        gather(self.dims, &self.ct, &self.weight, &self.rows(), &Ring::NONE, &mut out)
            .expect("fitting buffers");
        out
    }

    pub(crate) fn outer(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.weight.len()];
        let spikes = Spikes::Float(&self.spikes);
        outer(self.dims, spikes, &self.ct, &self.rows(), &Ring::NONE, &mut out).expect("fitting buffers");
        out
    }
}

pub(crate) fn near(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(1.0))
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let sizes = (1..4usize, 0..70usize, 1..50usize, 0..12usize);
    (any::<u64>(), sizes, any::<(bool, bool)>()).prop_map(
        |(seed, (batch, n_pre, n_post, k), (fixed, same))| {
            Case::new(seed, batch, n_pre, n_post, k, fixed, same)
        },
    )
}

/// Delays, sorted rows, and a ring around the sizes of a case.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) delays: Vec<u16>,
    pub(crate) slots: usize,
    pub(crate) cursor: Vec<i32>,
    pub(crate) ring: Vec<f64>,
}

impl Timed {
    /// Sorts the rows of `case` by delay and target.
    pub(crate) fn of(case: &mut Case, slots: usize, lanes: usize) -> Self {
        let mut random = Stream::new(slots as u64, 7, 0);
        let nnz = case.indices.len();
        let mut delays: Vec<_> = (0..nnz).map(|_| random.below(slots as u32) as u16).collect();
        let n_row = nnz.checked_div(case.n_pre).unwrap_or(0);
        for i in 0..case.n_pre {
            let row = match case.indptr.get(i + 1) {
                Some(&end) => case.indptr[i] as usize..end as usize,
                None => i * n_row..(i + 1) * n_row,
            };
            let keys = row.clone().map(|j| (delays[j], case.indices[j]));
            let mut keys: Vec<_> = keys.collect();
            keys.sort_unstable();
            for (j, (delay, index)) in row.zip(keys) {
                (delays[j], case.indices[j]) = (delay, index);
            }
        }
        let cursor = (0..lanes).map(|_| random.below(slots as u32) as i32).collect();
        let size = case.dims.batch * slots * case.dims.n_post;
        let ring = (0..size).map(|_| f64::from(random.word()) / f64::from(u32::MAX)).collect();
        Self { delays, slots, cursor, ring }
    }

    /// Where in each row the synapses of each delay and block of targets begin.
    pub(crate) fn starts(&self, case: &Case, blocks: usize) -> Vec<u32> {
        let mut places = vec![0; case.n_pre * (self.slots * blocks + 1)];
        let delays = Delays::U16(&self.delays);
        starts(&case.rows(), delays, case.dims.n_post, blocks, &mut places).expect("sorted rows");
        places
    }

    pub(crate) fn ring(&self) -> Ring<'_> {
        let (slots, lanes) = (self.slots, self.cursor.len());
        Ring { delays: Delays::U16(&self.delays), slots, lanes, cursor: &self.cursor }
    }

    /// Where synapse `j` adds to in batch row `b`.
    pub(crate) fn at(&self, dims: Dims, b: usize, j: usize, target: usize) -> usize {
        let rows = dims.batch / self.cursor.len();
        let (lane, row) = (b / rows, b % rows);
        let slot = (self.cursor[lane] as usize + usize::from(self.delays[j])) % self.slots;
        ((lane * self.slots + slot) * rows + row) * dims.n_post + target
    }
}

/// A case with one lane, or one for each batch row.
pub(crate) fn timed() -> impl Strategy<Value = (Case, Timed)> {
    (case(), 1..9usize, any::<bool>()).prop_map(|(mut case, slots, lanes)| {
        let lanes = if lanes { case.dims.batch } else { 1 };
        let timed = Timed::of(&mut case, slots, lanes);
        (case, timed)
    })
}
