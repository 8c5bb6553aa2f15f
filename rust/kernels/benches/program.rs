//! Time of step programs on every level of this machine, in ns per neuron and step, on one thread.
//!
//! `cargo bench -p spikeloop-kernels --bench program -- 4096`; the texts are forward steps of three models. All ways take
//! turns, and the best of many rounds counts, as other work on the machine only makes them slower.

use std::ffi::c_void;
use std::time::Instant;

use spikeloop_kernels::program::{Call, Entry, Input, Layout, Level, Op, parse, table};
use spikeloop_kernels::{Shape, threads};

const ROUNDS: usize = 100;

/// A buffer on a cache line's boundary, as XLA's are.
struct Buffer(Vec<f32>, usize);

impl Buffer {
    fn new(len: usize, value: impl Fn(usize) -> f32) -> Self {
        let mut all = vec![0.0; len + 16];
        let start = all.as_ptr().align_offset(64);
        all[start..].iter_mut().take(len).enumerate().for_each(|(k, x)| *x = value(k));
        Self(all, start)
    }

    fn get(&self, len: usize) -> &[f32] {
        &self.0[self.1..][..len]
    }

    fn get_mut(&mut self, len: usize) -> &mut [f32] {
        &mut self.0[self.1..][..len]
    }
}

/// A model: its program, and operands in the order of both.
struct Model {
    entry: &'static Entry,
    n: usize,
    operands: Vec<Buffer>,
}

impl Model {
    fn new(text: &str, values: &[f32], n: usize) -> Self {
        let entry = table::insert(&parse(text).expect("a program")).expect("no other has its hash");
        let last = values.len() - 1;
        let operand = |(k, &value): (usize, &f32)| {
            // The input current differs between neurons.
            Buffer::new(
                n,
                move |neuron| if k == last { value * (1.0 + (neuron % 37) as f32 * 0.01) } else { value },
            )
        };
        Self { entry, n, operands: values.iter().enumerate().map(operand).collect() }
    }

    fn varies(&self, k: usize) -> bool {
        let program = self.entry.program();
        program.readers()[k].is_some_and(|id| program.values()[id].op == Op::In)
    }

    /// The step as a program.
    fn as_program(&self, level: Level, results: &mut [Buffer]) {
        let input = |(k, x): (usize, &Buffer)| {
            let layout = if self.varies(k) { Layout::Full } else { Layout::Uniform };
            Input { ptr: x.get(1).as_ptr().cast(), layout }
        };
        let inputs: Vec<Input> = self.operands.iter().enumerate().map(input).collect();
        let outs: Vec<*mut c_void> = results.iter_mut().map(|x| x.get_mut(1).as_mut_ptr().cast()).collect();
        let shape = Shape { batch: 1, n: self.n };
        // SAFETY: the buffers have a value for each neuron, and the level is this machine's.
        unsafe { self.entry.run(&Call { shape, inputs: &inputs, outs: &outs, sums: &[] }, level) };
    }

    /// Times all levels in turn.
    fn time(&self, name: &str) {
        let mut results: Vec<Buffer> =
            (0..self.entry.program().outs().len()).map(|_| Buffer::new(self.n, |_| 0.0)).collect();
        let levels = Level::available();
        let mut best = vec![f64::INFINITY; levels.len()];
        let repeats = (50_000 / self.n).max(1);
        for _ in 0..ROUNDS {
            for (&level, best) in levels.iter().zip(&mut best) {
                let start = Instant::now();
                for _ in 0..repeats {
                    self.as_program(level, &mut results);
                }
                *best = best.min(start.elapsed().as_secs_f64() / (repeats * self.n) as f64 * 1e9);
            }
        }
        let times: Vec<String> =
            levels.iter().zip(&best).map(|(level, time)| format!("{} {time:.3}", level.name())).collect();
        println!("{name} at {}: {}", self.n, times.join(", "));
        println!("    {:?}", self.entry.stats(levels[levels.len() - 1]));
    }
}

fn main() {
    // Cargo passes `--bench` too.
    let n = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(4096);
    threads::set(1).expect("few threads");
    let surrogate = [0.3, 1.0, 0.0, 0.0];
    let model = |text: &str, params: &[f32], state: &[f32]| {
        Model::new(text, &[params, &surrogate, state].concat(), n)
    };
    let lif =
        model(include_str!("programs/lif.txt"), &[0.0, 1.0, 0.0, 1.0, 0.02, 50.0], &[0.0, 0.0, 0.0, 2.0]);
    lif.time("LIF");
    let params = [-65.0, -55.0, -68.0, -59.9, 3.48, 1.0, 0.01, 1.0, 1.0, 0.996_672_2, 17.0];
    let adex = model(include_str!("programs/adex.txt"), &params, &[-65.0, 0.0, 0.0, 0.0, 20.0]);
    adex.time("AdEx");
    let params = [50.0, 120.0, -77.0, 36.0, -54.387, 0.03, 20.0, 0.1, 0.1, 0.0];
    let hh = model(include_str!("programs/hh.txt"), &params, &[-63.17, 0.0655, 0.531, 0.346, 0.0, 0.0, 10.0]);
    hh.time("Hodgkin–Huxley");
}
