//! Propagation against sums over dense matrices.

use proptest::prelude::*;
use spikeloop_kernels::event::{
    Delays, Dims, Indices, Indptr, Past, Ring, Rows, Spikes, collect, gather, outer, relay, scatter,
};
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
        scatter(self.dims, spikes, &self.weight, rows, &Ring::NONE, &mut target).expect("fitting buffers");
        target
    }

    fn gather(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.dims.batch * self.n_pre];
        gather(self.dims, &self.ct, &self.weight, &self.rows(), &Ring::NONE, &mut out)
            .expect("fitting buffers");
        out
    }

    fn outer(&self) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.weight.len()];
        let spikes = Spikes::Float(&self.spikes);
        outer(self.dims, spikes, &self.ct, &self.rows(), &Ring::NONE, &mut out).expect("fitting buffers");
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

/// Numbers of threads: those of several tests at a time, since they are the process's.
static THREADS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Runs `body` with 1 to 4 threads; all results must have the same bits.
fn same_for_all_threads(body: impl Fn() -> Vec<f64>) -> bool {
    let _guard = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let results = [1, 2, 3, 4].map(|n| {
        threads::set(n);
        body()
    });
    threads::set(1);
    results.iter().all(|r| r.iter().zip(&results[0]).all(|(a, b)| a.to_bits() == b.to_bits()))
}

/// Delays, sorted rows, and a ring around the sizes of a case.
#[derive(Debug)]
struct Timed {
    delays: Vec<u16>,
    slots: usize,
    cursor: Vec<i32>,
    ring: Vec<f64>,
}

impl Timed {
    /// Sorts the rows of `case` by delay and target.
    fn of(case: &mut Case, slots: usize, lanes: usize) -> Self {
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

    fn ring(&self) -> Ring<'_> {
        let (slots, lanes) = (self.slots, self.cursor.len());
        Ring { delays: Delays::U16(&self.delays), slots, lanes, cursor: &self.cursor }
    }

    /// Where synapse `j` adds to in batch row `b`.
    fn at(&self, dims: Dims, b: usize, j: usize, target: usize) -> usize {
        let rows = dims.batch / self.cursor.len();
        let (lane, row) = (b / rows, b % rows);
        let slot = (self.cursor[lane] as usize + usize::from(self.delays[j])) % self.slots;
        ((lane * self.slots + slot) * rows + row) * dims.n_post + target
    }
}

/// A case with one lane, or one for each batch row.
fn timed() -> impl Strategy<Value = (Case, Timed)> {
    (case(), 1..9usize, any::<bool>()).prop_map(|(mut case, slots, lanes)| {
        let lanes = if lanes { case.dims.batch } else { 1 };
        let timed = Timed::of(&mut case, slots, lanes);
        (case, timed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delays_choose_the_slot((case, timed) in timed()) {
        let mut expected = timed.ring.clone();
        for (b, i, j, target, weight) in case.synapses() {
            expected[timed.at(case.dims, b, j, target)] += weight * case.spike(b, i);
        }
        let mut ring = timed.ring.clone();
        let spikes = Spikes::Float(&case.spikes);
        scatter(case.dims, spikes, &case.weight, &case.rows(), &timed.ring(), &mut ring).expect("it fits");
        prop_assert!(near(&ring, &expected));
        let short: Vec<u8> = timed.delays.iter().map(|&d| d as u8).collect();
        let bytes = Ring { delays: Delays::U8(&short), ..timed.ring() };
        let mut again = timed.ring.clone();
        scatter(case.dims, spikes, &case.weight, &case.rows(), &bytes, &mut again).expect("it fits");
        prop_assert_eq!(again, ring);
    }

    #[test]
    fn both_transposes_read_the_slot((case, timed) in timed()) {
        let (dims, ring) = (case.dims, timed.ring());
        let mut by_source = vec![0.0; dims.batch * case.n_pre];
        let mut by_weight = vec![0.0; case.weight.len()];
        for (b, i, j, target, weight) in case.synapses() {
            let held = timed.ring[timed.at(dims, b, j, target)];
            by_source[b * case.n_pre + i] += weight * held;
            by_weight[if case.weight.len() == 1 { 0 } else { j }] += case.spike(b, i) * held;
        }
        let mut out = vec![f64::NAN; by_source.len()];
        gather(dims, &timed.ring, &case.weight, &case.rows(), &ring, &mut out).expect("it fits");
        prop_assert!(near(&out, &by_source));
        let mut out = vec![f64::NAN; by_weight.len()];
        let spikes = Spikes::Float(&case.spikes);
        outer(dims, spikes, &timed.ring, &case.rows(), &ring, &mut out).expect("it fits");
        prop_assert!(near(&out, &by_weight));
    }

    #[test]
    fn a_ring_of_spikes_delays_all_alike(case in case(), slots in 1..6usize, lanes: bool, start in 0..6i32) {
        let dims = case.dims;
        let lanes = if lanes { dims.batch } else { 1 };
        let mut ring = vec![0.0; dims.batch * slots * case.n_pre];
        let mut seen = vec![];
        for step in 0..2 * slots as i32 {
            // In the first step the spikes of the case, then none.
            let spikes: Vec<f64> = case.spikes.iter().map(|s| if step == 0 { *s } else { 0.0 }).collect();
            let cursor = [(start + step) % slots as i32];
            let past = Past { slots, lanes, cursor: &cursor };
            let mut target = vec![0.0; case.ct.len()];
            let spikes = Spikes::Float(&spikes);
            relay(dims, spikes, &case.weight, &case.rows(), &past, &mut ring, &mut target).expect("it fits");
            seen.push(target);
        }
        let mut direct = vec![0.0; case.ct.len()];
        let spikes = Spikes::Float(&case.spikes);
        scatter(dims, spikes, &case.weight, &case.rows(), &Ring::NONE, &mut direct).expect("it fits");
        for (step, target) in seen.iter().enumerate() {
            let expected = if step == slots - 1 { direct.clone() } else { vec![0.0; direct.len()] };
            prop_assert_eq!(target, &expected);
        }
    }

    #[test]
    fn collecting_empties_the_slot_at_the_cursor(lanes in 1..4usize, slots in 1..5usize, n in 0..40usize) {
        let size = lanes * slots * n;
        let mut ring: Vec<f64> = (0..size).map(|k| k as f64 + 1.0).collect();
        let before = ring.clone();
        let cursor: Vec<i32> = (0..lanes).map(|lane| (lane % slots) as i32).collect();
        let mut target = vec![0.5; lanes * n];
        collect(lanes, slots, &cursor, &mut target, &mut ring).expect("it fits");
        for lane in 0..lanes {
            for k in 0..slots * n {
                let (at, here) = (lane * slots * n + k, k / n.max(1) == lane % slots);
                prop_assert_eq!(ring[at], if here { 0.0 } else { before[at] });
                if here {
                    prop_assert_eq!(target[lane * n + k % n], before[at] + 0.5);
                }
            }
        }
    }
}

#[test]
fn threads_share_one_batch_row_and_change_no_bit() {
    for (k, batch, n_post) in [(80, 1, 1000), (600, 1, 5000), (80, 3, 70), (40, 9, 900), (300, 2, 3)] {
        for same in [false, true] {
            let mut case = Case::new(5, batch, 3000, n_post, k, same, same);
            let timed = Timed::of(&mut case, 30, 1);
            let narrow: Vec<u16> = case.indices.iter().map(|&i| i as u16).collect();
            let indptr = Indptr::I64(&case.indptr);
            for indices in [Indices::U16(&narrow), Indices::U32(&case.indices)] {
                let rows = Rows::new(indices, indptr, case.n_pre).expect("whole rows").sorted(true);
                let spikes = Spikes::Float(&case.spikes);
                assert!(same_for_all_threads(|| {
                    let mut ring = timed.ring.clone();
                    scatter(case.dims, spikes, &case.weight, &rows, &timed.ring(), &mut ring)
                        .expect("it fits");
                    ring
                }));
                let mut plain = case.clone();
                for row in 0..case.n_pre {
                    let start = |i: usize| case.indptr.get(i).map_or(i * k, |&p| p as usize);
                    plain.indices[start(row)..start(row + 1)].sort_unstable();
                }
                let narrow: Vec<u16> = plain.indices.iter().map(|&i| i as u16).collect();
                let indices = match indices {
                    Indices::U16(_) => Indices::U16(&narrow),
                    Indices::U32(_) => Indices::U32(&plain.indices),
                };
                let rows = Rows::new(indices, indptr, case.n_pre).expect("whole rows").sorted(true);
                assert!(same_for_all_threads(|| plain.scatter(&rows, spikes)));
            }
        }
    }
}

#[test]
fn threads_find_out_that_rows_are_not_sorted() {
    let case = Case::new(3, 1, 6000, 500, 60, true, true); // enough for several threads
    let rows = case.rows().sorted(true);
    let _guard = THREADS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    threads::set(2);
    let mut target = case.ct.clone();
    let spikes = Spikes::Float(&case.spikes);
    let error = scatter(case.dims, spikes, &case.weight, &rows, &Ring::NONE, &mut target);
    threads::set(1);
    assert_eq!(error, Err(Error::Order));
}

#[test]
fn malformed_rings_are_refused() {
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::Fixed, 2).expect("whole rows");
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 2 };
    let run = |delays: &[u8], slots: usize, cursor: &[i32]| {
        let ring = Ring { delays: Delays::U8(delays), slots, lanes: 1, cursor };
        scatter(dims, Spikes::Float(&[1.0f32, 1.0]), &[1.0], &rows, &ring, &mut vec![0.0; slots * 2])
    };
    assert_eq!(run(&[0, 2], 3, &[2]), Ok(()));
    assert_eq!(run(&[0, 3], 3, &[2]), Err(Error::Delay { given: 3, slots: 3 }));
    assert_eq!(run(&[0, 1], 3, &[3]), Err(Error::Cursor { given: 3, slots: 3 }));
    assert_eq!(run(&[0, 1], 3, &[-1]), Err(Error::Cursor { given: -1, slots: 3 }));
    assert!(matches!(run(&[0], 3, &[0]), Err(Error::Length { name: "delay", .. })));
    assert!(matches!(run(&[0, 1], 3, &[0, 0]), Err(Error::Length { name: "cursor", .. })));
    let error = collect(1, 2, &[2], &mut [0.0f32; 3], &mut [0.0; 6]);
    assert_eq!(error, Err(Error::Cursor { given: 2, slots: 2 }));
    let past = Past { slots: 2, lanes: 1, cursor: &[0] };
    let spikes = Spikes::Float(&[1.0f32, 1.0]);
    let error = relay(dims, spikes, &[1.0], &rows, &past, &mut [0.0; 5], &mut [0.0; 2]);
    assert!(matches!(error, Err(Error::Length { name: "ring", .. })));
}

#[test]
fn threads_do_not_matter() {
    for same in [false, true] {
        let case = Case::new(3, 4, 20_000, 500, 6, false, same);
        assert!(same_for_all_threads(|| {
            let spikes = Spikes::Float(&case.spikes);
            [case.scatter(&case.rows(), spikes), case.gather(), case.outer()].concat()
        }));
    }
}

#[test]
fn nan_is_a_spike() {
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::Fixed, 2).expect("whole rows");
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 2 };
    let mut target = [0.0; 2];
    scatter(dims, Spikes::Float(&[f64::NAN, -0.0]), &[1.0], &rows, &Ring::NONE, &mut target)
        .expect("fitting buffers");
    assert!(target[0].is_nan() && target[1] == 0.0);
}

#[test]
fn malformed_rows_are_refused() {
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 3 };
    let spikes = Spikes::Float(&[1.0f32, 1.0]);
    let mut target = [0.0; 3];
    let mut run = |indices: &[u32], indptr: &[i64]| {
        let rows = Rows::new(Indices::U32(indices), Indptr::I64(indptr), 2)?;
        scatter(dims, spikes, &[1.0], &rows, &Ring::NONE, &mut target)
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
    let error = outer(dims, spikes, &[1.0; 3], &rows, &Ring::NONE, &mut [0.0; 2]);
    assert_eq!(error, Err(Error::Row { row: 0, size: 2 }));
}
