//! Calls of the kernels of plasticity.

use super::{Kernel, rows};
use crate::testing::Call;

/// The same by target: places, ends, sources, and the indptr of the rows.
fn columns(call: Call) -> Call {
    let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]);
    call.vector(&[2_u16, 0, 0]).vector(&[0_i32, 2, 2, 3]).int("shift", 0)
}

fn law(call: Call) -> Call {
    call.vector(&[0.0_f32, 1.0, 0.0, 1.0, 1.0])
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

fn reinforce() -> Call {
    let call = Call::default().vector(&[0.0_f32, 1.0, 0.0, 0.0]).vector(&[0.5_f32; 3]);
    let call = law(call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[0.5_f32; 4])).vector(&[0.5_f32; 3]);
    let call = rows(call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[0_i32]).vector(&[2.0_f32; 3]));
    let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]).vector(&[2_u16, 0, 0]);
    let call = call.vector(&[f32::INFINITY; 96]).alias(14).vector(&[1.0_f32; 6]).alias(15);
    let call = call.vector(&[0.0_f32; 4]).alias(16).vector(&[0.5_f32, 0.75, 0.25]).alias(17);
    call.vector(&[0.5_f32; 3]).alias(18).int("shift", 0)
}

/// `ring, count, neurons, cursor` of `n` neurons and two slots; the first of them has a value.
fn history(n: usize) -> Call {
    let mut ring = vec![0.0_f32; 2 * n];
    ring[0] = 1.0;
    let call = Call::default().arg(&ring, &[2, n as i64]).vector(&[1_i32, 0]);
    call.arg(&vec![0_u32; 2 * n], &[2, n as i64]).vector(&[0_i32])
}

/// `places, others, ends, delay`, by source or by target.
fn lines(call: Call, by_source: bool) -> Call {
    if by_source {
        let call = call.vector::<u32>(&[]).vector(&[1_u16, 3, 0]).vector(&[0_i32, 2, 2, 3]);
        return call.vector(&[0_u16, 1, 1]);
    }
    let call = call.vector(&[2_u32, 0, 1]).vector(&[2_u16, 0, 0]).vector(&[0_i32, 1, 2, 2, 3]);
    call.vector(&[1_u16, 0, 1])
}

fn flush() -> Call {
    let call = Call::default().vector(&[1.0_f32; 3]).vector(&[0.5_f32; 3]).vector(&[0.25_f32; 3]);
    let call = call.vector(&[1.0_f32, 0.0, 0.0]).vector(&[1.0_f32; 4]).vector(&[0.0_f32, 1.0]);
    rows(call).vector(&[0.5_f32; 3]).alias(8).vector(&[1.0_f32; 3]).alias(9)
}

fn credit() -> Call {
    let call = Call::default().vector(&[1.0_f32; 4]).vector(&[0.25_f32; 3]).vector(&[0.5_f32; 3]);
    columns(call).vector(&[0.5_f32; 3]).alias(7).vector(&[1.0_f32; 3]).alias(8)
}

/// What a length decides itself is free: the number of neurons on the other side.
pub(super) const KERNELS: &[Kernel] = &[
    Kernel {
        name: "plastic_rows",
        call: || {
            let call = law(Call::default().vector(&[1.0_f32; 3]).vector(&[0.5_f32; 4]));
            rows(call).vector(&[0.5_f32; 3]).alias(5).int("dependence", 0)
        },
        operands: &["events", "coefficient", "law", "indices", "indptr", "weight"],
        free: &[("coefficient", 0, &[5]), ("indptr", 0, &[0])],
    },
    Kernel {
        name: "plastic_columns",
        call: || {
            let call = law(Call::default().vector(&[1.0_f32; 4]).vector(&[0.5_f32; 3]));
            columns(call).vector(&[0.5_f32; 3]).alias(7).int("dependence", 0)
        },
        operands: &["events", "coefficient", "law", "places", "ends", "sources", "indptr", "weight"],
        free: &[("indptr", 0, &[0])],
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
        free: &[("indptr", 0, &[0])],
    },
    Kernel {
        name: "plastic_reinforce",
        call: reinforce,
        operands: &[
            "post",
            "slopes",
            "pre",
            "of_targets",
            "law",
            "moment",
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
            "eligibility",
        ],
        free: &[("indptr", 0, &[0])],
    },
    Kernel {
        name: "plastic_flush",
        call: flush,
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
        free: &[("coefficient", 0, &[5]), ("indptr", 0, &[0])],
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
        free: &[("indptr", 0, &[0])],
    },
    Kernel {
        name: "history_record",
        call: || {
            let call = Call::default().vector(&[0.5_f32, 0.0, 0.25]).vector(&[1_i32]);
            let call = call.arg(&[0.0_f32; 6], &[2, 3]).alias(2).vector(&[0_i32; 2]).alias(3);
            call.arg(&[0_u32; 6], &[2, 3]).alias(4)
        },
        operands: &["values", "cursor", "ring", "count", "neurons"],
        free: &[],
    },
    Kernel {
        name: "history_deliver",
        call: || {
            let call = rows(history(3).vector(&[10.0_f32, 20.0, 30.0])).vector(&[0_u16, 1, 1]);
            call.vector(&[0.0_f32; 4]).alias(8)
        },
        operands: &["ring", "count", "neurons", "cursor", "weight", "indices", "indptr", "delay", "target"],
        free: &[("weight", 0, &[1]), ("indptr", 0, &[0]), ("target", 0, &[3, 5])], // what is reached is there
    },
    Kernel {
        name: "plastic_at_arrival",
        call: || {
            let call = lines(law(history(3).vector(&[0.5_f32; 4])), true);
            call.vector(&[0.5_f32; 3]).alias(10).int("dependence", 0)
        },
        operands: &[
            "ring",
            "count",
            "neurons",
            "cursor",
            "coefficient",
            "law",
            "places",
            "others",
            "ends",
            "delay",
            "weight",
        ],
        free: &[("coefficient", 0, &[3, 5]), ("ends", 0, &[0])],
    },
    Kernel {
        name: "plastic_delayed",
        call: || {
            let call = Call::default().vector(&[1.0_f32; 4]).arg(&[0.5_f32; 6], &[2, 3]).vector(&[0_i32]);
            let call = lines(law(call), false).vector(&[0.5_f32; 3]).alias(8);
            call.int("dependence", 0)
        },
        operands: &["events", "ring", "cursor", "law", "places", "others", "ends", "delay", "weight"],
        free: &[("ring", 0, &[3]), ("ring", 1, &[4]), ("places", 0, &[0])],
    },
    Kernel {
        name: "plastic_credit_at_arrival",
        call: || {
            let call = history(4).vector(&[0.5_f32; 3]).vector(&[0.5_f32; 3]).vector(&[0.25_f32; 3]);
            let call = lines(call, false).vector(&[0.5_f32; 3]).alias(11).vector(&[1.0_f32; 3]).alias(12);
            call.flag("lines_are_sources", false)
        },
        operands: &[
            "ring",
            "count",
            "neurons",
            "cursor",
            "coefficient",
            "left",
            "gain",
            "places",
            "others",
            "ends",
            "delay",
            "weight",
            "eligibility",
        ],
        free: &[("places", 0, &[0])],
    },
    Kernel {
        name: "plastic_credit_delayed",
        call: || {
            let call = Call::default().vector(&[1.0_f32; 3]).arg(&[0.5_f32; 8], &[2, 4]).vector(&[0_i32]);
            let call = lines(call.vector(&[0.5_f32; 3]).vector(&[0.25_f32; 3]), true);
            let call = call.vector(&[0.5_f32; 3]).alias(9).vector(&[1.0_f32; 3]).alias(10);
            call.flag("lines_are_sources", true)
        },
        operands: &[
            "events",
            "ring",
            "cursor",
            "left",
            "gain",
            "places",
            "others",
            "ends",
            "delay",
            "weight",
            "eligibility",
        ],
        free: &[("ring", 0, &[3]), ("ring", 1, &[5]), ("ends", 0, &[0])],
    },
];
