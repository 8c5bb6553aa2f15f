//! Time of a step, its derivatives, and propagation, on one thread.
//!
//! `cargo bench -p spikeloop-kernels`; divide by the population's size, printed as throughput.

#![allow(missing_docs)] // what criterion's macros make

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use spikeloop_kernels::connect::fixed_out_degree;
use spikeloop_kernels::event::{Dims, Indices, Indptr, Ring, Rows, Spikes, scatter};
use spikeloop_kernels::neuron::{Config, Lif, jvp, step, vjp};
use spikeloop_kernels::random::Stream;
use spikeloop_kernels::{Arg, Receptor, Ret, Shape, Surrogate, threads};

const RECEPTORS: &[Receptor] = &[Receptor::ALL[0]; 2];

/// A buffer on a cache line's boundary, as XLA's are.
struct Buffer(Vec<f32>, usize);

impl Buffer {
    fn new(values: impl ExactSizeIterator<Item = f32>) -> Self {
        let mut all = vec![0.0; values.len() + 16];
        let start = all.as_ptr().align_offset(64);
        for (x, value) in all[start..].iter_mut().zip(values) {
            *x = value;
        }
        all.truncate(all.len() - 16 + start);
        Self(all, start)
    }

    fn get(&self) -> &[f32] {
        &self.0[self.1..]
    }

    fn get_mut(&mut self) -> &mut [f32] {
        &mut self.0[self.1..]
    }
}

/// The COBA network's population: scalar parameters, a refractory period, two receptors.
struct Population {
    config: Config<'static>,
    constants: Vec<Vec<f32>>,
    state: Vec<Buffer>,
}

impl Population {
    fn new(n: usize) -> Self {
        let config = Config {
            shape: Shape { batch: 1, n },
            refractory: true,
            delta: false,
            hard: false,
            surrogate: Surrogate::ReluGrad,
            receptors: RECEPTORS,
        };
        let scalars = [
            -60.0, -50.0, -60.0, 1.0, 0.005, 50.0, // LIF and its refractory steps
            1.0, 0.6, 0.0, 1.0, 6.7, -80.0, // receptors; without decay nothing becomes subnormal
            0.3, 1.0, 0.0, 0.0, // surrogate
        ];
        let constants = scalars.iter().map(|&x| vec![x]).collect();
        let ramp =
            |low: f32, high: f32| Buffer::new((0..n).map(move |k| low + (high - low) * k as f32 / n as f32));
        let zero = || ramp(0.0, 0.0);
        let state =
            vec![ramp(-60.0, -50.5), zero(), ramp(0.0, 0.2), ramp(0.0, 0.3), zero(), ramp(20.0, 20.0)];
        Self { config, constants, state }
    }

    fn args(&self) -> Vec<Arg<f32>> {
        let constants = self.constants.iter().map(|x| Arg::from(&x[..]));
        constants.chain(self.state.iter().map(|x| Arg::from(x.get()))).collect()
    }

    fn rets(&mut self) -> Vec<Ret<f32>> {
        self.state[..5].iter_mut().map(|x| Ret::from(x.get_mut())).collect()
    }
}

fn neurons(c: &mut Criterion) {
    threads::set(1);
    let mut group = c.benchmark_group("lif_coba_f32");
    for n in [4_000, 40_000, 400_000] {
        group.throughput(Throughput::Elements(n as u64));
        let mut population = Population::new(n);
        let rets = population.rets();
        let args = population.args();
        group.bench_function(BenchmarkId::new("step", n), |b| {
            // SAFETY: the buffers belong to the population.
            b.iter(|| unsafe { step::<Lif, f32>(&population.config, black_box(&args), &rets) });
        });
    }
    derivatives(&mut group);
}

fn derivatives(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    let n = 4_000;
    group.throughput(Throughput::Elements(n as u64));
    let population = Population::new(n);
    let active = [16, 18, 19, 21]; // V, both conductances, current
    let ones = Buffer::new([1.0; 4_000].into_iter());
    let mut out = [(); 4].map(|()| Buffer::new([0.0; 4_000].into_iter()));
    let rets: Vec<_> = out.iter_mut().map(|x| Ret::from(x.get_mut())).collect();
    let args: Vec<_> = population.args().into_iter().chain([Arg::from(ones.get()); 4]).collect();
    group.bench_function(BenchmarkId::new("jvp", n), |b| {
        // SAFETY: the buffers belong to this function.
        b.iter(|| unsafe { jvp::<Lif, f32>(&population.config, &active, black_box(&args), &rets) });
    });
    group.bench_function(BenchmarkId::new("vjp", n), |b| {
        // SAFETY: the buffers belong to this function.
        b.iter(|| unsafe { vjp::<Lif, f32>(&population.config, &active, black_box(&args), &rets) });
    });
}

fn events(c: &mut Criterion) {
    threads::set(1);
    let mut group = c.benchmark_group("scatter_f32");
    for (n, spiking) in [(4_000, 0), (4_000, 9), (400_000, 900)] {
        let k = 80;
        let mut stream = Stream::new(1, 0, 0);
        let indices: Vec<_> = (0..n * k).map(|_| stream.below(n as u32)).collect();
        let rows = Rows::new(Indices::U32(&indices), Indptr::Fixed, n).expect("whole rows");
        let mut spikes = vec![0.0f32; n];
        for s in 0..spiking {
            spikes[s * n / spiking + s % 7] = 1.0;
        }
        let mut target = vec![0.0f32; n];
        let dims = Dims { batch: 1, n_total: n, offset: 0, n_post: n };
        group.throughput(Throughput::Elements((spiking * k) as u64));
        group.bench_function(BenchmarkId::new("events", format!("{}_of_{n}", spiking * k)), |b| {
            b.iter(|| {
                scatter(dims, Spikes::Float(black_box(&spikes)), &[0.1], &rows, &Ring::NONE, &mut target)
            });
        });
    }
    group.finish();
}

fn connectivity(c: &mut Criterion) {
    threads::set(1);
    let mut group = c.benchmark_group("connect");
    let number = |num| Number { num, multapses: true, autapses: true };
    let normal = |a, b| Draw { family: Family::Normal, a, b, part: [0.0, 1.0], bounds: [0.0, 1e3] };
    let n = 4_000;
    let plain = |rule| Spec { rule, seed: 1, n_pre: n, n_post: n, weight: None, delay: None, wide: false };
    let drawn =
        |rule| Spec { weight: Some(normal(88.0, 8.8)), delay: Some(normal(15.0, 7.5)), ..plain(rule) };
    let total = Rule::FixedTotalNumber(number(320_000));
    group.throughput(Throughput::Elements(320_000)).sample_size(20);
    for (name, spec) in [
        ("fixed_out_degree", plain(Rule::FixedOutDegree(number(80)))),
        ("fixed_in_degree", plain(Rule::FixedInDegree(number(80)))),
        ("fixed_prob", plain(Rule::FixedProb { prob: 0.02, autapses: true })),
        ("fixed_total_number", plain(total)),
        ("fixed_total_number/weights_and_delays", drawn(total)),
    ] {
        group.bench_function(name, |b| b.iter(|| build(black_box(&spec)).expect("fits")));
    }
    group.finish();
}

criterion_group!(benches, neurons, events, connectivity);
criterion_main!(benches);
