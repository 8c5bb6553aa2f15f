//! The list of everything that Python registers with XLA.

use crate::abi::Handler;
use crate::conv;
use crate::delayed;
use crate::dense;
use crate::eligibility;
use crate::event;
use crate::fire;
use crate::handler::{Body, handlers};
use crate::plastic;
use crate::prepared;
use crate::procedural;
use crate::program;
use crate::program_steps;
use crate::random;
use crate::record;
use crate::sequence;
use crate::spike_queue;

/// A target's name and its handler.
pub type Registration = (&'static str, Handler);

/// All CPU targets.
#[must_use]
pub fn registrations() -> &'static [Registration] {
    TARGETS
}

/// What the CPU targets run.
pub(crate) fn bodies() -> &'static [(&'static str, Body)] {
    BODIES
}

handlers! {
    TARGETS, BODIES, "spikeloop.", 0;
    scatter, "event_scatter": prepared::call::<event::Scatter>;
    gather, "event_gather": event::gather;
    outer, "event_outer": event::outer;
    dense_product, "dense_product": dense::product;
    dense_outer, "dense_outer": dense::outer;
    conv_product, "conv_product": conv::product;
    conv_outer, "conv_outer": conv::outer;
    relay, "event_relay": event::relay;
    collect, "event_collect": event::collect;
    enqueue, "event_enqueue": prepared::call::<spike_queue::Enqueue>;
    deliver, "event_deliver": prepared::call::<spike_queue::Deliver>;
    starts, "event_starts": spike_queue::starts;
    split, "random_split": random::split;
    words, "random_words": random::words;
    counts, "random_counts": random::counts;
    add, "random_add": random::add;
    procedural_scatter, "procedural_scatter": procedural::scatter;
    procedural_gather, "procedural_gather": procedural::gather;
    program, "program": program::call;
    fire, "fire": fire::call;
    fire_kept, "fire_kept": fire::call_kept;
    spikes_known, "spikes_known": fire::known;
    program_steps, "program_steps": program_steps::call;
    recurrent_steps, "recurrent_steps": program_steps::recurrent;
    sequence, "sequence": sequence::call;
    pack, "record_pack": record::pack;
    pack_part, "record_pack_part": record::pack_part;
    count, "record_count": record::count;
    append, "record_append": record::append;
    raster, "record_raster": record::raster;
    sum, "record_sum": record::sum;
    row, "record_row": record::row;
    rows, "record_rows": record::rows;
    plastic_rows, "plastic_rows": plastic::rows;
    plastic_columns, "plastic_columns": plastic::columns;
    plastic_learn, "plastic_learn": plastic::learn;
    plastic_reinforce, "plastic_reinforce": eligibility::reinforce;
    plastic_flush, "plastic_flush": eligibility::flush;
    plastic_credit, "plastic_credit": eligibility::credit;
    history_record, "history_record": delayed::record;
    history_deliver, "history_deliver": delayed::deliver;
    plastic_at_arrival, "plastic_at_arrival": delayed::at_arrival;
    plastic_delayed, "plastic_delayed": delayed::delayed;
    credit_at_arrival, "plastic_credit_at_arrival": delayed::credit_where_events_arrive;
    credit_delayed, "plastic_credit_delayed": delayed::credit_by_delayed_coefficients;
    // Panics, so that tests can see that a panic becomes an exception.
    panic, "panic": |_| panic!("the kernel that always panics was called");
}
