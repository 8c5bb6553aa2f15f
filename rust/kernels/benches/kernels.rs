//! Time of propagation and of building connectivity, on one thread.
//!
//! `cargo bench -p spikeloop-kernels`; divide by the population's size, printed as throughput.

#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spikeloop_kernels::connect::{Draw, Family, Number, Own, Rule, Spec, build};
use spikeloop_kernels::event::{Delays, Dims, Indices, Indptr, Ring, Rows, Spikes, scatter};
use spikeloop_kernels::random::Stream;
use spikeloop_kernels::threads;

/// A projection, and spikes of several steps, so that rows are not in the cache from the step before.
struct Projection {
    n: usize,
    indices: Vec<u32>,
    narrow: Vec<u16>,
    spikes: Vec<Vec<f32>>,
    target: Vec<f32>,
}

impl Projection {
    const STEPS: usize = 50;

    fn new(n: usize, k: usize, spiking: usize) -> Self {
        let mut random = Stream::new(2, 0, 0);
        let mut indices: Vec<_> = (0..n * k).map(|_| random.below(n as u32)).collect();
        indices.chunks_mut(k).for_each(<[u32]>::sort_unstable);
        let narrow = if n > 1 << 16 { vec![] } else { indices.iter().map(|&i| i as u16).collect() };
        let step = |_| {
            let mut spikes = vec![0.0; n];
            (0..spiking).for_each(|_| spikes[random.below(n as u32) as usize] = 1.0);
            spikes
        };
        Self { n, indices, narrow, spikes: (0..Self::STEPS).map(step).collect(), target: vec![0.0; n] }
    }

    fn rows(&self) -> Rows<'_> {
        let wide = self.narrow.is_empty();
        let indices = if wide { Indices::U32(&self.indices) } else { Indices::U16(&self.narrow) };
        Rows::new(indices, Indptr::Fixed, self.n).expect("whole rows").sorted(true)
    }

    fn dims(&self) -> Dims {
        Dims { batch: 1, n_total: self.n, offset: 0, n_post: self.n }
    }
}

/// 4,000 to 400,000 neurons at the rate of the COBA network, and 10,000 with 1,000 synapses each.
fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("scatter_f32");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    for (n, k, spiking) in [(4_000, 80, 9), (40_000, 80, 90), (400_000, 80, 900), (10_000, 1_000, 30)] {
        let mut projection = Projection::new(n, k, spiking);
        let mut target = std::mem::take(&mut projection.target);
        let (rows, dims) = (projection.rows(), projection.dims());
        group.throughput(Throughput::Elements((spiking * k) as u64));
        for count in [1, 2] {
            threads::set(count).expect("few threads");
            let mut step = 0;
            group.bench_function(BenchmarkId::new(format!("{count}_threads"), format!("{n}x{k}")), |b| {
                b.iter(|| {
                    step = (step + 1) % Projection::STEPS;
                    let spikes = Spikes::Float(black_box(&projection.spikes[step]));
                    scatter(dims, spikes, &[0.1], &rows, &Ring::NONE, &mut target)
                });
            });
        }
    }
    threads::set(1).expect("few threads");
    group.finish();
}

/// A part of the cortical microcircuit: own weights and delays, delivered to a ring.
fn delays(c: &mut Criterion) {
    let mut group = c.benchmark_group("scatter_ring_f32");
    group.sample_size(20).measurement_time(Duration::from_secs(2));
    let (n, k, slots, spiking) = (20_000, 500, 64, 20);
    let mut projection = Projection::new(n, k, spiking);
    let mut random = Stream::new(3, 0, 0);
    // The sum of three draws has a shape like that of the circuit's normal delays.
    let mut draw = || (0..3).map(|_| random.below(10)).sum::<u32>() as u8 + 1;
    let mut delays: Vec<u8> = (0..n * k).map(|_| draw()).collect();
    for (row, indices) in delays.chunks_mut(k).zip(projection.narrow.chunks_mut(k)) {
        let mut keys: Vec<_> = row.iter().copied().zip(indices.iter().copied()).collect();
        keys.sort_unstable();
        for (at, key) in keys.into_iter().enumerate() {
            (row[at], indices[at]) = key;
        }
    }
    let weight: Vec<f32> = (0..n * k).map(|j| j as f32).collect();
    let mut ring = vec![0.0; slots * n];
    let (rows, dims) = (projection.rows(), projection.dims());
    group.throughput(Throughput::Elements((spiking * k) as u64));
    for count in [1, 2] {
        threads::set(count).expect("few threads");
        let mut step = 0;
        group.bench_function(BenchmarkId::new(format!("{count}_threads"), format!("{n}x{k}")), |b| {
            b.iter(|| {
                step += 1;
                let cursor = [(step % slots) as i32];
                let timing = Ring { delays: Delays::U8(&delays), slots, lanes: 1, cursor: &cursor };
                let spikes = Spikes::Float(black_box(&projection.spikes[step % Projection::STEPS]));
                scatter(dims, spikes, &weight, &rows, &timing, &mut ring)
            });
        });
    }
    threads::set(1).expect("few threads");
    group.finish();
}

fn connectivity(c: &mut Criterion) {
    threads::set(1).expect("few threads");
    let mut group = c.benchmark_group("connect");
    let number = |num| Number { num, multapses: true };
    let normal = |a, b| Draw { family: Family::Normal, a, b, part: [0.0, 1.0], bounds: [0.0, 1e3] };
    let n = 4_000;
    let plain = |rule| {
        let (own, weight, delay) = (Own::None, None, None);
        Spec { rule, own, seed: 1, n_pre: n, n_post: n, targets: 0..n as u32, weight, delay, wide: false }
    };
    let drawn =
        |rule| Spec { weight: Some(normal(88.0, 8.8)), delay: Some(normal(15.0, 7.5)), ..plain(rule) };
    let total = Rule::FixedTotalNumber(number(320_000));
    group.throughput(Throughput::Elements(320_000)).sample_size(20);
    for (name, spec) in [
        ("fixed_out_degree", plain(Rule::FixedOutDegree(number(80)))),
        ("fixed_in_degree", plain(Rule::FixedInDegree(number(80)))),
        ("fixed_prob", plain(Rule::FixedProb { prob: 0.02 })),
        ("fixed_total_number", plain(total)),
        ("fixed_total_number/weights_and_delays", drawn(total)),
    ] {
        group.bench_function(name, |b| b.iter(|| build(black_box(&spec)).expect("fits")));
    }
    group.finish();
}

criterion_group!(benches, events, delays, connectivity);
criterion_main!(benches);
