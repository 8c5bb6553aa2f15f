//! A population of LIF neurons as plain vectors, and one step of it in scalar code.

use spikeloop_kernels::neuron::{Config, Layout, Lif, MODELS, jvp, step, vjp};
use spikeloop_kernels::random::Stream;
use spikeloop_kernels::{Arg, Dynamics, Float, Output, Receptor, Result, Ret, Shape, Surrogate};

/// A population: its operands by position.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) shape: Shape,
    pub(crate) flags: (bool, bool, bool),
    pub(crate) receptors: Vec<Receptor>,
    pub(crate) args: Vec<Vec<f64>>,
}

impl Case {
    /// Scalars where there are parameters, values per neuron elsewhere; some neurons spike.
    pub(crate) fn new(
        batch: usize,
        n: usize,
        flags: (bool, bool, bool),
        receptors: &[i32],
        seed: u64,
    ) -> Self {
        let receptors = receptors.iter().map(|&code| Receptor::from_code(code).expect("a code")).collect();
        let mut case = Self { shape: Shape { batch, n }, flags, receptors, args: Vec::new() };
        let names = case.names();
        let mut random = Stream::new(seed, 0, 0);
        for name in &names {
            let (low, high) = range(name);
            let scalar = case.layout().state() > case.args.len();
            let count = if scalar { 1 } else { case.shape.len() };
            let whole = ["left", "n_ref", "spike"].contains(&name.as_str());
            let value = |_| low + (high - low) * f64::from(random.word()) / f64::from(u32::MAX);
            case.args.push((0..count).map(value).map(|x| if whole { x.floor() } else { x }).collect());
        }
        case
    }

    pub(crate) fn config(&self) -> Config<'_> {
        Config {
            shape: self.shape,
            refractory: self.flags.0,
            delta: self.flags.1,
            hard: self.flags.2,
            surrogate: Surrogate::ReluGrad,
            receptors: &self.receptors,
        }
    }

    pub(crate) fn layout(&self) -> Layout<'_> {
        MODELS[0].layout(&self.config())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        (0..self.layout().args()).map(|k| self.layout().arg_name(k)).collect()
    }

    fn position(&self, name: &str) -> usize {
        self.names().iter().position(|n| n == name).expect("an operand")
    }

    pub(crate) fn get(&self, name: &str) -> &[f64] {
        &self.args[self.position(name)]
    }

    pub(crate) fn set(&mut self, name: &str, values: &[f64]) {
        let k = self.position(name);
        self.args[k] = values.to_vec();
    }

    /// Gives operands that are not updated any number of values.
    pub(crate) fn mix_operands(&mut self, seed: u64) {
        let mut random = Stream::new(seed, 1, 0);
        let updated = self.layout().updated();
        for k in (0..self.args.len()).filter(|k| !updated.contains(k)) {
            let count = [1, 1, self.shape.n, self.shape.len()][random.below(4) as usize];
            let first = self.args[k].first().copied().unwrap_or(-50.0);
            self.args[k] = (0..count).map(|i| first * (1.0 + 0.001 * (i % 13) as f64)).collect();
        }
    }

    /// What makes a tangent a true derivative: a surrogate of 0, as the spikes' step has, and no
    /// hard reset, whose tangent leaves out that it forgets the potential.
    pub(crate) fn no_spike_tangent(&mut self) {
        self.set("surrogate.0", &[0.0]);
        if self.flags.2 {
            let below = self.get("V").iter().map(|v| v.min(-53.0)).collect::<Vec<_>>();
            self.set("V", &below);
        }
    }

    fn buffers<T: Float>(&self) -> Vec<Vec<T>> {
        self.args.iter().map(|arg| arg.iter().map(|&x| T::from_f64(x)).collect()).collect()
    }

    fn step_to<T: Float>(&self) -> Vec<Vec<T>> {
        let buffers = self.buffers::<T>();
        let args: Vec<_> = buffers.iter().map(|x| Arg::from(&x[..])).collect();
        let mut out = vec![vec![T::ZERO; self.shape.len()]; self.layout().rets()];
        let rets: Vec<_> = out.iter_mut().map(|x| Ret::from(&mut x[..])).collect();
        // SAFETY: the buffers are this function's own.
        unsafe { step::<Lif, T>(&self.config(), &args, &rets) }.expect("fitting operands");
        out
    }

    pub(crate) fn step_apart(&self) -> Vec<Vec<f64>> {
        self.step_to()
    }

    pub(crate) fn step_f32(&self) -> Vec<Vec<f32>> {
        self.step_to()
    }

    pub(crate) fn step_in_place(&mut self) {
        self.try_step().expect("fitting operands");
    }

    pub(crate) fn try_step(&mut self) -> Result<()> {
        let updated = self.layout().updated();
        let pointers: Vec<_> = self.args.iter_mut().map(|x| Ret::from(&mut x[..])).collect();
        let args: Vec<_> = pointers.iter().map(|r| Arg { ptr: r.ptr.cast_const(), len: r.len }).collect();
        // SAFETY: results are the arguments that they replace.
        unsafe { step::<Lif, f64>(&self.config(), &args, &pointers[updated]) }
    }

    pub(crate) fn results(&self) -> Vec<Vec<f64>> {
        self.args[self.layout().updated()].to_vec()
    }

    /// All arguments that have derivatives.
    pub(crate) fn active(&self) -> Vec<usize> {
        (0..self.args.len()).filter(|&k| self.layout().is_smooth(k)).collect()
    }

    /// Random tangents of the active arguments, with as many values as these have.
    pub(crate) fn directions(&self, active: &[usize], seed: u64) -> Vec<Vec<f64>> {
        let mut random = Stream::new(seed, 2, 0);
        let scale = |name: &str| range(name).1.abs().max(range(name).0.abs()) * 0.1;
        let names = self.names();
        let vector = |&k: &usize| {
            let unit = |random: &mut Stream| f64::from(random.word()) / f64::from(u32::MAX) - 0.5;
            self.args[k].iter().map(|_| scale(&names[k]) * unit(&mut random)).collect()
        };
        active.iter().map(vector).collect()
    }

    /// Random cotangents of the differentiable results.
    pub(crate) fn weights(&self, seed: u64) -> Vec<Vec<f64>> {
        let mut random = Stream::new(seed, 3, 0);
        let mut vector = || (0..self.shape.len()).map(|_| f64::from(random.word()) / 4e9 - 0.5).collect();
        (0..self.layout().smooth_rets()).map(|_| vector()).collect()
    }

    /// The positions of the differentiable results among all.
    pub(crate) fn smooth_rets(&self) -> Vec<usize> {
        let layout = self.layout();
        (0..layout.smooth_rets()).map(|k| layout.smooth_arg(k) - layout.state()).collect()
    }

    /// The results for arguments moved by `h` times the tangents.
    pub(crate) fn moved(&self, active: &[usize], tangents: &[Vec<f64>], h: f64) -> Vec<Vec<f64>> {
        let mut case = self.clone();
        for (&k, tangent) in active.iter().zip(tangents) {
            case.args[k].iter_mut().zip(tangent).for_each(|(x, t)| *x += h * t);
        }
        case.step_apart()
    }

    pub(crate) fn jvp(&self, active: &[usize], tangents: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let args: Vec<_> = self.args.iter().chain(tangents).map(|x| Arg::from(&x[..])).collect();
        let mut out = vec![vec![0.0; self.shape.len()]; self.layout().smooth_rets()];
        let rets: Vec<_> = out.iter_mut().map(|x| Ret::from(&mut x[..])).collect();
        // SAFETY: the buffers are this function's own.
        unsafe { jvp::<Lif, f64>(&self.config(), active, &args, &rets) }.expect("fitting operands");
        out
    }

    pub(crate) fn vjp(&self, active: &[usize], weights: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let args: Vec<_> = self.args.iter().chain(weights).map(|x| Arg::from(&x[..])).collect();
        let mut out = vec![vec![0.0; self.shape.len()]; active.len()];
        let rets: Vec<_> = out.iter_mut().map(|x| Ret::from(&mut x[..])).collect();
        // SAFETY: the buffers are this function's own.
        unsafe { vjp::<Lif, f64>(&self.config(), active, &args, &rets) }.expect("fitting operands");
        out
    }

    /// The values of an operand for every neuron and row.
    pub(crate) fn broadcast(&self, operand: &[f64]) -> Vec<f64> {
        (0..self.shape.len()).map(|i| at(operand, self.shape, i)).collect()
    }
}

fn at(operand: &[f64], shape: Shape, i: usize) -> f64 {
    match operand.len() {
        len if len == shape.len() => operand[i],
        1 => operand[0],
        _ => operand[i % shape.n],
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Between which values an operand is drawn.
fn range(name: &str) -> (f64, f64) {
    match name.split('.').next_back().unwrap_or(name) {
        "V_rest" => (-60.5, -59.5),
        "V_th" => (-50.5, -49.5),
        "V_reset" => (-62.0, -61.0),
        "R" => (0.9, 1.1),
        "dt_tau" => (0.004, 0.4),
        "n_ref" => (1.0, 60.0),
        "decay" | "decay_h" => (0.9, 0.99),
        "feed" => (0.01, 0.2),
        "alpha" => (0.05, 0.07),
        "c" => (0.2, 0.4),
        "scale" => (0.5, 7.0),
        "E" => (-80.0, 0.0),
        "V" => (-65.0, -48.0),
        "left" => (0.0, 3.0),
        "spike" => (0.0, 2.0),
        "g" | "h" => (0.0, 0.5),
        "delta" => (-1.0, 1.0),
        "current" => (0.0, 30.0),
        _ => (0.3, 1.0),
    }
}

/// One step in the order of the contract, element by element.
pub(crate) fn reference(case: &Case) -> Vec<Vec<f64>> {
    let names = case.names();
    let mut results = case.results();
    for i in 0..case.shape.len() {
        let get = |name: &str| {
            let Some(k) = names.iter().position(|n| n == name) else {
                panic!("no operand '{name}' among {names:?}");
            };
            at(&case.args[k], case.shape, i)
        };
        for (result, x) in results.iter_mut().zip(neuron(case, &get)) {
            result[i] = x;
        }
    }
    results
}

fn neuron(case: &Case, get: &dyn Fn(&str) -> f64) -> Vec<f64> {
    let (refractory, delta, hard) = case.flags;
    let (rest, th, reset) = (get("V_rest"), get("V_th"), get("V_reset"));
    let mut v = get("V");
    if v >= th && get("spike") > 0.5 {
        v = if hard { reset } else { v + (reset - th) };
    }
    let held = v;
    let (mut volt, mut slope, mut states) = (0.0, 0.0f64, Vec::new());
    for (k, receptor) in case.receptors.iter().enumerate() {
        let of = |name: &str| get(&format!("receptor{k}.{name}"));
        let scaled = of("scale") * of("g");
        match receptor.output {
            Output::Coba => {
                volt += scaled * (of("E") - v);
                slope -= scaled;
            }
            Output::Cuba => volt += scaled,
            Output::Mg => {
                let blocked = 1.0 + of("c") * (-of("alpha") * v).exp();
                let bend = of("alpha") * (blocked - 1.0) / (blocked * blocked);
                volt += scaled * (of("E") - v) / blocked;
                slope += scaled * (bend * (of("E") - v) - 1.0 / blocked);
            }
        }
        match receptor.dynamics {
            Dynamics::Expon => states.push(of("g") * of("decay")),
            Dynamics::Cascade => {
                states.push(of("h") * of("decay_h"));
                states.push(of("g") * of("decay") + of("feed") * of("h"));
            }
        }
    }
    let f = rest - v + get("R") * get("current") + volt;
    let x = get("dt_tau") * (slope - 1.0);
    v += get("dt_tau") * x.exp_m1() / x * f;
    if delta {
        v += get("delta");
    }
    let mut left = 0.0;
    if refractory {
        left = (get("left") - 1.0).max(0.0);
        v = if left > 0.0 { held } else { v };
    }
    let spike = v >= th && left == 0.0;
    let mut out = vec![v];
    if refractory {
        out.push(if spike { get("n_ref") } else { left });
    }
    out.extend(states);
    if delta {
        out.push(0.0);
    }
    out.push(if spike { 1.0 } else { 0.0 });
    out
}
