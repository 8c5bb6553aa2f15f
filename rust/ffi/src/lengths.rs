//! Every operand of every kernel with a length that does not fit: an error that names an operand, and nothing else.

use crate::abi::Handler;
use crate::buffer::Byte;
use crate::register::registrations;
use crate::testing::Call;
use spikeloop_kernels::neuron::MODELS;

/// A kernel, a call that works, the names of its operands, and for some the lengths that work as well.
struct Kernel {
    name: &'static str,
    call: fn() -> Call,
    operands: &'static [&'static str],
    free: &'static [(&'static str, &'static [usize])],
}

fn handler(name: &str) -> Handler {
    registrations().iter().find(|(given, _)| *given == name).expect("registered").1
}

/// Three sources, four targets: 0 → 1, 3; 1 → nothing; 2 → 0.
fn rows(call: Call) -> Call {
    call.vector(&[1_u32, 3, 0]).vector(&[0_i32, 2, 2, 3])
}

/// The same by target: places, ends, sources, and the indptr of the rows.
fn columns(call: Call) -> Call {
    let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]);
    call.vector(&[2_u16, 0, 0]).vector(&[0_i32, 2, 2, 3]).int("shift", 0)
}

fn settings(call: Call) -> Call {
    call.int("n_pre", 3).int("offset", 0).flag("sorted", true)
}

fn ring(call: Call) -> Call {
    call.vector(&[0_u16, 2, 1]).vector(&[1_i32]).int("slots", 3).int("lanes", 1)
}

fn law(call: Call) -> Call {
    call.vector(&[0.0_f32, 1.0, 0.0, 1.0, 1.0])
}

/// `count, sources, values` of two sources and three slots from the operand `first` on, in place.
fn waiting(call: Call, first: usize) -> Call {
    let call = call.vector(&[0_i32]).vector(&[1_i32, 0, 0]).alias(first + 1);
    let call = call.arg(&[1_u32, 0, 0, 0, 0, 0], &[3, 2]).alias(first + 2);
    call.arg(&[0.5_f32, 0.0, 0.0, 0.0, 0.0, 0.0], &[3, 2]).alias(first + 3)
}

fn rule(call: Call) -> Call {
    let call = call.int("rule", 1).int("n_pre", 3).int("num", 2).ints("prob", &[0, 0]);
    let call = call.flag("multapses", true).flag("autapses", true).flag("wide", false);
    call.ints("seed", &[5, 0]).ints("weight", &[]).ints("delay", &[])
}

fn scatter() -> Call {
    let call = Call::default().vector(&[1.0_f32, 1.0, 0.5]).vector(&[10.0_f32, 20.0, 30.0]);
    settings(rows(call)).vector(&[0.0_f32; 4]).alias(4)
}

fn scatter_ring() -> Call {
    let call = Call::default().vector(&[1_u8, 1, 1]).vector(&[10.0_f32, 20.0, 30.0]);
    ring(settings(rows(call))).arg(&[0.0_f32; 12], &[3, 4]).alias(6)
}

fn gather() -> Call {
    let call = Call::default().vector(&[1.0_f32; 4]).vector(&[10.0_f32, 20.0, 30.0]);
    settings(rows(call)).ret(&[0.0_f32; 3], &[3])
}

fn outer() -> Call {
    let call = Call::default().vector(&[1.0_f32; 3]).vector(&[1.0_f32; 4]);
    settings(rows(call)).ret(&[0.0_f32; 3], &[3])
}

fn relay() -> Call {
    let call = Call::default().vector(&[1.0_f32; 3]).vector(&[10.0_f32, 20.0, 30.0]);
    let call = settings(rows(call)).vector(&[1_i32]).int("slots", 2).int("lanes", 1);
    call.arg(&[1.0_f32; 6], &[2, 3]).alias(5).vector(&[0.0_f32; 4]).alias(6)
}

fn collect() -> Call {
    let call = Call::default().vector(&[1_i32]).vector(&[0_i32]).vector(&[1.0_f32; 4]).alias(2);
    call.arg(&[1.0_f32; 12], &[3, 4]).alias(3).int("slots", 3).int("lanes", 1)
}

fn remember() -> Call {
    waiting(Call::default().vector(&[1.0_f32, 0.0]), 1).int("offset", 0).int("n_pre", 2)
}

/// Source 0 → 0; source 1 → 2 at once, → 0 and 1 after two steps.
fn deliver() -> Call {
    let call = Call::default().vector(&[1.0_f32, 2.0, 3.0, 4.0]).vector(&[0_u16, 2, 0, 1]);
    let call = call.vector(&[0_i32, 1, 4]).arg(&[0_u16, 1, 1, 1, 0, 1, 1, 3], &[2, 4]);
    let call = waiting(call, 4).vector(&[10.0_f32; 3]).alias(8);
    call.int("n_pre", 2).flag("sorted", true).int("blocks", 1)
}

fn starts() -> Call {
    let call = Call::default().vector(&[0_u16, 2, 0, 1]).vector(&[0_i32, 1, 4]).vector(&[0_u16, 0, 2, 2]);
    let call = call.int("n_pre", 2).flag("sorted", true).int("n_post", 3).int("blocks", 1);
    call.ret(&[0_u16; 8], &[2, 4])
}

fn learn() -> Call {
    let call = law(Call::default().vector(&[0.0_f32, 1.0, 0.0, 0.0]).vector(&[0.5_f32; 3]));
    let call = law(call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[0.5_f32; 4])).vector(&[0.5_f32]);
    let call = rows(call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[0_i32]).vector(&[2.0_f32; 3]));
    let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]).vector(&[2_u16, 0, 0]);
    let call = call.vector(&[f32::INFINITY; 64]).alias(15).vector(&[1.0_f32; 3]).alias(16);
    let call = call.vector(&[0.0_f32; 4]).alias(17).vector(&[0.5_f32, 0.75, 0.25]).alias(18);
    let call = call.int("dependence_post", 0).int("dependence_pre", 0).int("shift", 0);
    call.flag("graded", false)
}

fn settle() -> Call {
    let call = Call::default().vector(&[1.0_f32; 3]).vector(&[0.5_f32; 3]).vector(&[0.25_f32; 3]);
    let call = call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[1.0_f32; 4]).vector(&[0.0_f32, 1.0]);
    rows(call).vector(&[0.5_f32; 3]).alias(8).vector(&[1.0_f32; 3]).alias(9)
}

fn credit() -> Call {
    let call = Call::default().vector(&[1.0_f32; 4]).vector(&[0.25_f32; 3]).vector(&[0.5_f32; 3]);
    columns(call).vector(&[0.5_f32; 3]).alias(7).vector(&[1.0_f32; 3]).alias(8)
}

/// What a length decides itself is free: the number of targets, or of results.
const KERNELS: &[Kernel] = &[
    Kernel {
        name: "event_scatter",
        call: scatter,
        operands: &["spikes", "weight", "indices", "indptr", "target"],
        // Rows may belong to a part of the spikes; one weight is for all; without indptr rows have one length.
        free: &[("spikes", &[4]), ("weight", &[1]), ("indptr", &[0]), ("target", &[5])],
    },
    Kernel {
        name: "event_scatter",
        call: scatter_ring,
        operands: &["spikes", "weight", "indices", "indptr", "delay", "cursor", "target"],
        free: &[("spikes", &[4]), ("weight", &[1]), ("indptr", &[0]), ("target", &[5])],
    },
    Kernel {
        name: "event_gather",
        call: gather,
        operands: &["cotangent", "weight", "indices", "indptr", "result"],
        free: &[("cotangent", &[5]), ("weight", &[1]), ("indptr", &[0])],
    },
    Kernel {
        name: "event_outer",
        call: outer,
        operands: &["spikes", "cotangent", "indices", "indptr", "result"],
        free: &[("spikes", &[4]), ("cotangent", &[5]), ("indptr", &[0]), ("result", &[1])],
    },
    Kernel {
        name: "event_relay",
        call: relay,
        operands: &["spikes", "weight", "indices", "indptr", "cursor", "ring", "target"],
        free: &[("spikes", &[4]), ("weight", &[1]), ("indptr", &[0]), ("target", &[5])],
    },
    Kernel {
        name: "event_collect",
        call: collect,
        operands: &["cursor", "full", "target", "ring"],
        free: &[],
    },
    Kernel {
        name: "event_remember",
        call: remember,
        operands: &["spikes", "cursor", "count", "sources", "values"],
        free: &[("spikes", &[3])],
    },
    Kernel {
        name: "event_deliver",
        call: deliver,
        operands: &[
            "weight", "indices", "indptr", "starts", "cursor", "count", "sources", "values", "target",
        ],
        free: &[("weight", &[1]), ("target", &[4])],
    },
    Kernel {
        name: "event_starts",
        call: starts,
        operands: &["indices", "indptr", "delay", "result"],
        free: &[("indptr", &[0]), ("result", &[5])], // room for more delays
    },
    Kernel {
        name: "random_words",
        call: || Call::default().vector(&[1_u32, 2]).int("purpose", 5).ret(&[0_u32; 3], &[3]),
        operands: &["keys", "result"],
        free: &[("result", &[0, 1, 2, 4])],
    },
    Kernel {
        name: "random_counts",
        call: || {
            let call = Call::default().vector(&[1_u32, 2]).vector(&[7_u32, 9, 11]);
            call.int("purpose", 5).ret(&[0_i32; 3], &[3])
        },
        operands: &["keys", "bounds", "result"],
        free: &[("bounds", &[0, 1, 2, 4]), ("result", &[0, 1, 2, 4])],
    },
    Kernel {
        name: "procedural_scatter",
        call: || rule(Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[0.5_f32; 3]).alias(1)),
        operands: &["values", "target"],
        free: &[("target", &[0, 1, 2, 4])],
    },
    Kernel {
        name: "procedural_scatter",
        call: || {
            let call = Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[0_i32]);
            rule(call.arg(&[0.5_f32; 6], &[2, 3]).alias(2)).int("slots", 2).int("lanes", 1)
        },
        operands: &["values", "cursor", "target"],
        free: &[("target", &[0, 1, 2, 4])],
    },
    Kernel {
        name: "procedural_gather",
        call: || rule(Call::default().vector(&[1.0_f32, 0.0, 2.0]).ret(&[0.0_f32; 3], &[3])),
        operands: &["cotangent", "result"],
        free: &[("cotangent", &[0, 1, 2, 4])],
    },
    Kernel {
        name: "record_pack",
        call: || Call::default().arg(&[1_u8; 18], &[2, 9]).ret(&[Byte(0); 4], &[2, 2]),
        operands: &["spikes", "bits"],
        free: &[("spikes", &[10])], // as many bytes
    },
    Kernel {
        name: "record_count",
        call: || {
            let call = Call::default().arg(&[1_u8; 6], &[2, 3]).ret(&[0_i32; 4], &[2, 2]);
            call.ints("starts", &[0, 2]).ints("stops", &[2, 3])
        },
        operands: &["spikes", "counts"],
        free: &[("spikes", &[4])],
    },
    Kernel {
        name: "record_append",
        call: || {
            let call = Call::default().vector(&[1_u8; 3]).vector(&[0_i32, 4]).alias(1);
            call.arg(&[0_i32; 4], &[2, 2]).alias(2)
        },
        operands: &["spikes", "clock", "events"],
        free: &[("spikes", &[0, 1, 2, 4]), ("events", &[0, 1, 3])], // room for more or fewer events
    },
    Kernel {
        name: "plastic_rows",
        call: || {
            let call = law(Call::default().vector(&[1.0_f32; 3]).vector(&[0.5_f32; 4]));
            rows(call).vector(&[0.5_f32; 3]).alias(5).int("dependence", 0)
        },
        operands: &["events", "coefficient", "law", "indices", "indptr", "weight"],
        free: &[("coefficient", &[5]), ("indptr", &[0])],
    },
    Kernel {
        name: "plastic_columns",
        call: || {
            let call = law(Call::default().vector(&[1.0_f32; 4]).vector(&[0.5_f32; 3]));
            columns(call).vector(&[0.5_f32; 3]).alias(7).int("dependence", 0)
        },
        operands: &["events", "coefficient", "law", "places", "ends", "sources", "indptr", "weight"],
        free: &[("indptr", &[0])],
    },
    Kernel {
        name: "plastic_learn",
        call: learn,
        operands: &[
            "post",
            "slopes",
            "law",
            "pre",
            "of_targets",
            "law",
            "clock",
            "walked",
            "renew",
            "spikes",
            "indices",
            "indptr",
            "places",
            "ends",
            "sources",
            "listed",
            "marks",
            "target",
            "weight",
        ],
        free: &[("indptr", &[0])],
    },
    Kernel {
        name: "plastic_settle",
        call: settle,
        operands: &[
            "events",
            "left",
            "gain",
            "spikes",
            "coefficient",
            "bounds",
            "indices",
            "indptr",
            "weight",
            "eligibility",
        ],
        free: &[("coefficient", &[5]), ("indptr", &[0])],
    },
    Kernel {
        name: "plastic_credit",
        call: credit,
        operands: &[
            "events",
            "coefficient",
            "gain",
            "places",
            "ends",
            "sources",
            "indptr",
            "weight",
            "eligibility",
        ],
        free: &[("indptr", &[0])],
    },
];

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
            let named = operands.iter().any(|operand| text.contains(&format!("'{operand}'")));
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
    for Kernel { name, call, operands, free } in KERNELS {
        assert_eq!(call().run(handler(&format!("spikeloop.{name}"))), Ok(()), "{name}");
        assert_eq!(call().operands(), operands.len(), "{name}");
        for k in 0..operands.len() {
            let dims = call().dims(k);
            for (axis, &n) in dims.iter().enumerate() {
                let last = axis + 1 == dims.len();
                for len in wrong(n as usize) {
                    let is =
                        |&&(operand, lens): &&(&str, &[usize])| operand == operands[k] && lens.contains(&len);
                    let free = last && free.iter().find(is).is_some();
                    faults.extend(judge(name, call(), k, axis, len, free, operands));
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
        let model = MODELS.iter().any(|model| name.split('.').next() == Some(model.name));
        assert!(model || name == "panic" || KERNELS.iter().any(|kernel| kernel.name == name), "{name}");
    }
}
