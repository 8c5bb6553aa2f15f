//! Every operand and result of every neuron kernel with a length that does not fit.

use crate::abi::Handler;
use crate::register::registrations;
use crate::testing::Call;
use spikeloop_kernels::neuron::{Config, Layout, MODELS, Model};
use spikeloop_kernels::{Receptor, Shape, Surrogate};

const N: usize = 4;

fn config(receptors: &[Receptor]) -> Config<'_> {
    let surrogate = Surrogate::from_code(0).expect("there is one");
    Config {
        shape: Shape { batch: 1, n: N },
        refractory: true,
        delta: true,
        hard: false,
        surrogate,
        receptors,
    }
}

/// A call whose parameters are one number each, and whose states and results are one for each neuron.
fn call(layout: &Layout<'_>, suffix: &str) -> Call {
    let mut call = Call::default();
    for arg in 0..layout.args() {
        let len = if arg < layout.state() { 1 } else { N };
        call = call.vector(&vec![0.5_f32; len]);
    }
    let state = layout.state();
    let (more, rets) = match suffix {
        "" => (0, 0),
        ".jvp" => (1, layout.smooth_rets()),
        _ => (layout.smooth_rets(), 1),
    };
    for _ in 0..more {
        call = call.vector(&[1.0_f32; N]);
    }
    if suffix.is_empty() {
        call = layout.updated().fold(call, Call::alias);
    } else {
        call = call.ints("active", &[state as i32]);
    }
    for _ in 0..rets {
        call = call.ret(&[0.0_f32; N], &[N as i64]);
    }
    let call = call.flag("refractory", true).flag("delta", true).flag("hard", false);
    call.int("surrogate", 0).ints("receptors", &[0])
}

/// Whether operand or result `k` may be one number for all: operands may that a step does not update.
fn may_be_one(layout: &Layout<'_>, k: usize, suffix: &str) -> bool {
    let (more, updated) = match suffix {
        "" => (0, layout.updated().contains(&k)),
        ".jvp" => (1, false),
        _ => (layout.smooth_rets(), false),
    };
    k < layout.args() + more && !updated && k != layout.state()
}

fn faults(model: &Model, suffix: &str, handler: Handler) -> Vec<String> {
    let receptors = [Receptor::from_code(0).expect("there is one")];
    let layout = model.layout(&config(&receptors));
    assert_eq!(call(&layout, suffix).run(handler), Ok(()), "{}{suffix}", model.name);
    let mut faults = vec![];
    for k in 0..call(&layout, suffix).operands() {
        for len in [0, 1, N - 1, N, N + 1] {
            let given = call(&layout, suffix).resized(k, 0, len).run(handler);
            let named = |text: &str| text.contains('\'') || text.contains("result");
            match given {
                Ok(()) if len == N || len == 1 && may_be_one(&layout, k, suffix) => {}
                Err((_, text)) if named(&text) && !text.contains("panic") => {}
                other => faults.push(format!("{}{suffix}: {k} with {len}: {other:?}", model.name)),
            }
        }
    }
    faults
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let mut found = vec![];
    for model in MODELS {
        for suffix in ["", ".jvp", ".vjp"] {
            let name = format!("spikeloop.{}{suffix}", model.name);
            let (_, handler) = registrations().iter().find(|(given, _)| *given == name).expect("registered");
            found.extend(faults(model, suffix, *handler));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
