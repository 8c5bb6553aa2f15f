//! The handlers of NVIDIA GPUs: operands are checked as on the CPU, by their types and shapes alone, and a kernel is
//! launched on XLA's stream.
//!
//! No handler allocates, waits, or reads what a buffer holds, so that XLA can record all of them in a CUDA graph.
//! Scratch memory comes as results after those of the CPU. What the CPU refuses when it reads it, such as an index
//! beyond the targets, is left out by the kernels.

mod connect;
mod device;
mod driver;
mod event;
mod history;
mod joined;
mod kernels;
mod keys;
mod operands;
mod plastic;
mod plastic_lines;
mod procedural;
mod products;
mod program;
mod queue;
mod random;
mod record;
mod sums;

use crate::abi::TRAIT_CAPTURABLE;
use crate::handler::{Body, handlers};
use crate::register::Registration;

pub use kernels::cuda_targets;

/// All CUDA targets.
#[must_use]
pub fn cuda_registrations() -> &'static [Registration] {
    TARGETS
}

/// What the CUDA targets run.
pub(crate) fn cuda_bodies() -> &'static [(&'static str, Body)] {
    BODIES
}

handlers! {
    TARGETS, BODIES, "spikeloop.cuda.", TRAIT_CAPTURABLE;
    scatter, "event_scatter": event::scatter;
    relay, "event_relay": event::relay;
    collect, "event_collect": event::collect;
    gather, "event_gather": products::gather;
    outer, "event_outer": products::outer;
    enqueue, "event_enqueue": queue::enqueue;
    deliver, "event_deliver": queue::deliver;
    starts, "event_starts": queue::starts;
    pack, "record_pack": record::pack;
    count, "record_count": record::count;
    append, "record_append": record::append;
    history_record, "history_record": history::record;
    history_deliver, "history_deliver": history::deliver;
    procedural_scatter, "procedural_scatter": procedural::scatter;
    procedural_gather, "procedural_gather": procedural::gather;
    rows, "plastic_rows": plastic::rows;
    columns, "plastic_columns": plastic::columns;
    flush, "plastic_flush": plastic::flush;
    credit, "plastic_credit": plastic::credit;
    at_arrival, "plastic_at_arrival": plastic::at_arrival;
    delayed, "plastic_delayed": plastic::delayed;
    credit_at_arrival, "plastic_credit_at_arrival": plastic::credit_at_arrival;
    credit_delayed, "plastic_credit_delayed": plastic::credit_delayed;
    program, "program": program::call;
    sequence, "sequence": joined::call;
    split, "random_split": keys::split;
    words, "random_words": random::words;
    counts, "random_counts": random::counts;
    add, "random_add": random::add;
    connect_count, "connect_count": connect::count;
    connect_fill, "connect_fill": connect::fill;
}
