//! The list of everything that Python registers with XLA.

use crate::abi::Handler;
use crate::eligibility;
use crate::event;
use crate::handler::handlers;
use crate::late;
use crate::plastic;
use crate::procedural;
use crate::program;
use crate::random;
use crate::record;
use crate::waiting;

/// A target's name and its handler.
pub type Registration = (&'static str, Handler);

/// All CPU targets.
#[must_use]
pub fn registrations() -> &'static [Registration] {
    TARGETS
}

handlers! {
    TARGETS, "spikeloop.", 0;
    scatter, "event_scatter": event::scatter;
    gather, "event_gather": event::gather;
    outer, "event_outer": event::outer;
    relay, "event_relay": event::relay;
    collect, "event_collect": event::collect;
    remember, "event_remember": waiting::remember;
    deliver, "event_deliver": waiting::deliver;
    starts, "event_starts": waiting::starts;
    words, "random_words": random::words;
    counts, "random_counts": random::counts;
    procedural_scatter, "procedural_scatter": procedural::scatter;
    procedural_gather, "procedural_gather": procedural::gather;
    program, "program": program::call;
    pack, "record_pack": record::pack;
    count, "record_count": record::count;
    append, "record_append": record::append;
    plastic_rows, "plastic_rows": plastic::rows;
    plastic_columns, "plastic_columns": plastic::columns;
    plastic_learn, "plastic_learn": plastic::learn;
    plastic_settle, "plastic_settle": eligibility::settle;
    plastic_credit, "plastic_credit": eligibility::credit;
    history_record, "history_record": late::record;
    history_deliver, "history_deliver": late::deliver;
    plastic_arriving, "plastic_arriving": late::arriving;
    plastic_delayed, "plastic_delayed": late::delayed;
    credit_arriving, "plastic_credit_arriving": late::credit_where_events_arrive;
    credit_delayed, "plastic_credit_delayed": late::credit_by_delayed_coefficients;
    // Panics, so that tests can see that a panic becomes an exception.
    panic, "panic": |_| panic!("the kernel that always panics was called");
}
