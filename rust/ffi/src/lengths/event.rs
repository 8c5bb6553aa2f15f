//! Calls of the kernels of events, random words and records.

use super::{Kernel, rows};
use crate::buffer::Byte;
use crate::testing::Call;

fn settings(call: Call) -> Call {
    call.int("n_pre", 3).int("offset", 0).flag("sorted", true)
}

fn ring(call: Call) -> Call {
    call.vector(&[0_u16, 2, 1]).vector(&[1_i32]).int("slots", 3).int("lanes", 1)
}

/// `count, sources, values` of two sources and three slots from the operand `first` on, in place.
fn waiting(call: Call, first: usize) -> Call {
    let call = call.vector(&[0_i32]).vector(&[1_i32, 0, 0]).alias(first + 1);
    let call = call.arg(&[1_u32, 0, 0, 0, 0, 0], &[3, 2]).alias(first + 2);
    call.arg(&[0.5_f32, 0.0, 0.0, 0.0, 0.0, 0.0], &[3, 2]).alias(first + 3)
}

fn rule(call: Call) -> Call {
    let call = call.int("rule", 1).int("n_pre", 3).int("num", 2).ints("prob", &[0, 0]);
    let call = call.flag("multapses", true).ints("own", &[]).flag("wide", false);
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

fn enqueue() -> Call {
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

/// What a length decides itself is free: the number of targets, or of results.
pub(super) const KERNELS: &[Kernel] = &[
    Kernel {
        name: "event_scatter",
        call: scatter,
        operands: &["spikes", "weight", "indices", "indptr", "target"],
        // Rows may belong to a part of the spikes; one weight is for all; without indptr rows have one length.
        free: &[("spikes", 0, &[4]), ("weight", 0, &[1]), ("indptr", 0, &[0]), ("target", 0, &[5])],
    },
    Kernel {
        name: "event_scatter",
        call: scatter_ring,
        operands: &["spikes", "weight", "indices", "indptr", "delay", "cursor", "target"],
        free: &[("spikes", 0, &[4]), ("weight", 0, &[1]), ("indptr", 0, &[0]), ("target", 1, &[5])],
    },
    Kernel {
        name: "event_gather",
        call: gather,
        operands: &["cotangent", "weight", "indices", "indptr", "result"],
        free: &[("cotangent", 0, &[5]), ("weight", 0, &[1]), ("indptr", 0, &[0])],
    },
    Kernel {
        name: "event_outer",
        call: outer,
        operands: &["spikes", "cotangent", "indices", "indptr", "result"],
        free: &[("spikes", 0, &[4]), ("cotangent", 0, &[5]), ("indptr", 0, &[0]), ("result", 0, &[1])],
    },
    Kernel {
        name: "dense_product",
        call: || {
            let call = Call::default().arg(&[1.0_f32; 6], &[2, 3]).arg(&[0.5_f32; 12], &[3, 4]);
            call.ret(&[0.0_f32; 8], &[2, 4]).flag("rounded", false)
        },
        operands: &["spikes", "weight", "result"],
        free: &[],
    },
    Kernel {
        name: "dense_outer",
        call: || {
            let call = Call::default().arg(&[1_u8; 6], &[2, 3]).arg(&[0.5_f32; 8], &[2, 4]);
            call.ret(&[0.0_f32; 12], &[3, 4]).flag("rounded", true)
        },
        operands: &["spikes", "cotangent", "result"],
        free: &[],
    },
    Kernel {
        name: "conv_product",
        call: || {
            let call = Call::default().arg(&[1.0_f32; 8], &[4, 2]).arg(&[0.5_f32; 18], &[3, 2, 3]);
            call.ret(&[0.0_f32; 12], &[4, 3]).ints("windows", &[4, 4, 3, 1, 1, 1, 1]).flag("rounded", false)
        },
        operands: &["spikes", "weight", "result"],
        free: &[],
    },
    Kernel {
        name: "conv_outer",
        call: || {
            let call = Call::default().arg(&[1_u8; 8], &[4, 2]).arg(&[0.5_f32; 12], &[4, 3]);
            call.ret(&[0.0_f32; 18], &[3, 2, 3])
                .ints("windows", &[4, 4, 3, 1, 1, 1, 1])
                .flag("rounded", false)
        },
        operands: &["spikes", "cotangent", "result"],
        free: &[],
    },
    Kernel {
        name: "event_relay",
        call: relay,
        operands: &["spikes", "weight", "indices", "indptr", "cursor", "ring", "target"],
        free: &[("spikes", 0, &[4]), ("weight", 0, &[1]), ("indptr", 0, &[0]), ("target", 0, &[5])],
    },
    Kernel {
        name: "event_collect",
        call: collect,
        operands: &["cursor", "full", "target", "ring"],
        free: &[],
    },
    Kernel {
        name: "event_enqueue",
        call: enqueue,
        operands: &["spikes", "cursor", "count", "sources", "values"],
        free: &[("spikes", 0, &[3])],
    },
    Kernel {
        name: "event_deliver",
        call: deliver,
        operands: &[
            "weight", "indices", "indptr", "starts", "cursor", "count", "sources", "values", "target",
        ],
        free: &[("weight", 0, &[1]), ("indptr", 0, &[0]), ("target", 0, &[4])],
    },
    Kernel {
        name: "event_starts",
        call: starts,
        operands: &["indices", "indptr", "delay", "starts"],
        free: &[("indptr", 0, &[0]), ("starts", 1, &[5])], // room for more delays
    },
    Kernel {
        name: "random_split",
        call: || Call::default().vector(&[1_u32, 2]).ret(&[0_u32; 2], &[2]).ret(&[0_u32; 2], &[2]),
        operands: &["keys", "result", "result"],
        free: &[],
    },
    Kernel {
        name: "random_words",
        call: || {
            let call = Call::default().vector(&[1_u32, 2]).vector(&[3_u32]);
            call.int("purpose", 5).ret(&[0_u32; 3], &[3])
        },
        operands: &["keys", "first", "result"],
        free: &[("result", 0, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "random_counts",
        call: || {
            let call = Call::default().vector(&[1_u32, 2]).vector(&[3_u32]).vector(&[7_u32, 9, 11]);
            call.int("purpose", 5).ret(&[0_i32; 3], &[3])
        },
        operands: &["keys", "first", "bounds", "result"],
        free: &[("bounds", 0, &[0, 1, 2, 4]), ("result", 0, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "random_add",
        call: || {
            let call = Call::default().vector(&[1_u32, 2]).vector(&[0_u32]).vector(&[7_u32, 9, 11]);
            let call = call.arg(&[1_i32, 1, 0, 3, 3, 2], &[2, 3]).vector(&[0.5_f32; 3]);
            call.int("purpose", 5).int("neurons", 3).vector(&[0.0_f32; 3]).alias(5)
        },
        operands: &["keys", "first", "bounds", "parts", "weight", "target"],
        free: &[("weight", 0, &[1])],
    },
    Kernel {
        name: "procedural_scatter",
        call: || rule(Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[0.5_f32; 3]).alias(1)),
        operands: &["values", "target"],
        free: &[("target", 0, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "procedural_scatter",
        call: || {
            let call = Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[0_i32]);
            rule(call.arg(&[0.5_f32; 6], &[2, 3]).alias(2)).int("slots", 2).int("lanes", 1)
        },
        operands: &["values", "cursor", "target"],
        free: &[("target", 1, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "procedural_gather",
        call: || rule(Call::default().vector(&[1.0_f32, 0.0, 2.0]).ret(&[0.0_f32; 3], &[3])),
        operands: &["cotangent", "result"],
        free: &[("cotangent", 0, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "record_pack",
        call: || Call::default().arg(&[1_u8; 18], &[2, 9]).ret(&[Byte(0); 4], &[2, 2]),
        operands: &["spikes", "bits"],
        free: &[("spikes", 1, &[10])], // as many bytes
    },
    Kernel {
        name: "record_pack_part",
        call: || Call::default().vector(&[1.0_f32; 12]).ret(&[Byte(0)], &[1]).ints("part", &[2, 9]),
        operands: &["spikes", "bits"],
        free: &[("spikes", 0, &[11, 13])],
    },
    Kernel {
        name: "record_count",
        call: || {
            let call = Call::default().arg(&[1_u8; 6], &[2, 3]).ret(&[0_i32; 4], &[2, 2]);
            call.ints("starts", &[0, 2]).ints("stops", &[2, 3])
        },
        operands: &["spikes", "counts"],
        free: &[("spikes", 1, &[4])],
    },
    Kernel {
        name: "record_raster",
        call: || Call::default().vector(&[1.0_f32; 3]).ret(&[0_u8; 3], &[3]),
        operands: &["spikes", "row"],
        free: &[],
    },
    Kernel {
        name: "record_sum",
        call: || Call::default().vector(&[1.0_f32; 3]).ret(&[0.0_f32; 1], &[1]),
        operands: &["spikes", "sum"],
        free: &[("spikes", 0, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "record_row",
        call: || Call::default().vector(&[1.0_f64; 3]).ret(&[0.0_f64; 3], &[3]),
        operands: &["value", "row"],
        free: &[],
    },
    Kernel {
        name: "record_rows",
        call: || Call::default().vector(&[1.0_f64; 3]).ret(&[0.0_f64; 6], &[2, 3]),
        operands: &["value", "rows"],
        free: &[("value", 0, &[0, 1, 2, 4]), ("rows", 0, &[0, 1, 3]), ("rows", 1, &[0, 1, 2, 4])],
    },
    Kernel {
        name: "record_append",
        call: || {
            let call = Call::default().vector(&[1_u8; 3]).vector(&[0_i32, 4]).alias(1);
            call.arg(&[0_i32; 4], &[2, 2]).alias(2)
        },
        operands: &["spikes", "clock", "events"],
        free: &[("spikes", 0, &[0, 1, 2, 4]), ("events", 0, &[0, 1, 3])], // room for more or fewer events
    },
];
