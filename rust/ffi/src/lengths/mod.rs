//! Every operand of every kernel with a length that does not fit: an error that names an operand, and nothing else.

use crate::cuda::cuda_registrations;
use crate::register::registrations;
use crate::testing::{Call, handler};

mod event;
mod plastic;

/// A kernel, a call that works, the names of its operands, and for some the lengths along an axis that work as well.
struct Kernel {
    name: &'static str,
    call: fn() -> Call,
    operands: &'static [&'static str],
    free: &'static [(&'static str, usize, &'static [usize])],
}

/// Three sources, four targets: 0 → 1, 3; 1 → nothing; 2 → 0.
fn rows(call: Call) -> Call {
    call.vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3])
}

/// Attributes that say which lengths fit.
const ATTRIBUTES: &[&str] = &["starts", "stops", "neurons", "part"];

/// Runs a call with operand or result `k` resized along one axis; says what is wrong with the answer.
fn judge(
    name: &str,
    made: Call,
    k: usize,
    axis: usize,
    len: usize,
    free: bool,
    operands: &[&str],
) -> Option<String> {
    let mut call = made.resized(k, axis, len);
    let what = format!("{name}: '{}' with {len} along axis {axis}", operands[k]);
    match call.run(handler(&format!("spikeloop.{name}"))) {
        Ok(()) if free => None,
        Ok(()) => Some(format!("{what} was taken")),
        Err((_, text)) if free => Some(format!("{what} was refused: {text}")),
        Err((_, text)) => {
            let mut names = operands.iter().chain(ATTRIBUTES);
            let named = names.any(|name| text.contains(&format!("'{name}'")));
            (!named || text.contains("panic")).then(|| format!("{what}: {text}"))
        }
    }
}

/// Lengths beside the right one.
fn wrong(n: usize) -> impl Iterator<Item = usize> {
    [0, 1, n.saturating_sub(1), n + 1].into_iter().filter(move |&len| len != n)
}

#[test]
fn lengths_of_operands_that_do_not_fit_are_refused_by_name() {
    let mut faults = vec![];
    for Kernel { name, call, operands, free } in event::KERNELS.iter().chain(plastic::KERNELS) {
        assert_eq!(call().run(handler(&format!("spikeloop.{name}"))), Ok(()), "{name}");
        assert_eq!(call().operands(), operands.len(), "{name}");
        for k in 0..operands.len() {
            let dims = call().dims(k);
            for (axis, &n) in dims.iter().enumerate() {
                for len in wrong(n as usize) {
                    let is = |&(operand, along, lens): &(&str, usize, &[usize])| {
                        operand == operands[k] && along == axis && lens.contains(&len)
                    };
                    let free = free.iter().any(is);
                    faults.extend(judge(name, call(), k, axis, len, free, operands));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The same call with the scratch memory that CUDA handlers take.
fn with_scratch(name: &str, call: Call) -> Call {
    match name {
        "event_outer" => call.ret::<f32>(&[], &[0]),
        "procedural_scatter" | "procedural_gather" => call.ret(&[0_u32; 64], &[1, 64]),
        "history_record" => call.ret(&[0_u32; 1], &[1]),
        "record_append" => call.ret(&[0_u32; 3], &[3]),
        _ => call,
    }
}

/// Operands whose length the CPU finds wrong by an index that it reads.
const READ: &[&str] = &["target", "cotangent", "starts", "coefficient", "ring", "bounds", "parts"];

/// By shapes alone: no test here has a driver, whose absence would be another error.
#[test]
fn cuda_handlers_refuse_the_same_lengths() {
    let mut faults = vec![];
    for Kernel { name, call, operands, free } in event::KERNELS.iter().chain(plastic::KERNELS) {
        let full = format!("spikeloop.cuda.{name}");
        let Some((_, handler)) = cuda_registrations().iter().find(|(given, _)| *given == full) else {
            continue;
        };
        for k in (0..operands.len()).filter(|&k| !READ.contains(&operands[k])) {
            for (axis, &n) in call().dims(k).iter().enumerate() {
                for len in wrong(n as usize) {
                    if free.iter().any(|(operand, along, lens)| {
                        (*operand, *along) == (operands[k], axis) && lens.contains(&len)
                    }) {
                        continue;
                    }
                    let mut call = with_scratch(name, call().resized(k, axis, len));
                    let error = call.run(*handler).expect_err("nothing runs without a GPU").1;
                    if !operands.iter().chain(ATTRIBUTES).any(|name| error.contains(&format!("'{name}'"))) {
                        faults
                            .push(format!("{name}: '{}' with {len} along axis {axis}: {error}", operands[k]));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn all_kernels_are_tried() {
    for (name, _) in registrations() {
        let name = name.strip_prefix("spikeloop.").expect("the prefix of all");
        let mut kernels = event::KERNELS.iter().chain(plastic::KERNELS);
        // Programs, also those of bits, and sequences say themselves what they take; their files have the tests.
        let others = [
            "panic",
            "program",
            "program_steps",
            "recurrent_steps",
            "sequence",
            "fire",
            "fire_kept",
            "spikes_known",
        ];
        assert!(others.contains(&name) || kernels.any(|kernel| kernel.name == name), "{name}");
    }
}
