//! The list of everything that Python registers with XLA.

use crate::abi::{CallFrame, Handler, XlaError};
use crate::eligibility;
use crate::event;
use crate::handler::handle;
use crate::late;
use crate::neuron::{self, Mode};
use crate::plastic;
use crate::procedural;
use crate::program;
use crate::random;
use crate::record;
use crate::waiting;
use spikeloop_kernels::neuron::MODELS;
use std::sync::LazyLock;

/// A target's name and its handler.
pub type Registration = (&'static str, Handler);

static TARGETS: LazyLock<Vec<Registration>> = LazyLock::new(|| {
    let mut targets = OTHERS.to_vec();
    for (model, handlers) in MODELS.iter().zip(NEURONS) {
        for (suffix, handler) in ["", ".jvp", ".vjp"].iter().zip(handlers) {
            targets.push((format!("spikeloop.{}{suffix}", model.name).leak(), handler));
        }
    }
    targets
});

/// All CPU targets.
#[must_use]
pub fn registrations() -> &'static [Registration] {
    &TARGETS
}

/// A handler is a bare function pointer, so a model's place in `MODELS` has to be part of its type.
macro_rules! handlers_of_models {
    ($($k:literal)*) => {
        [$([neuron_step::<$k>, neuron_jvp::<$k>, neuron_vjp::<$k>]),*]
    };
}

/// Handlers for the models, with places to spare: a new model needs no line here.
const NEURONS: [[Handler; 3]; 32] = handlers_of_models!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
);
const _: () = assert!(MODELS.len() <= NEURONS.len(), "extend NEURONS");

unsafe extern "C" fn neuron_step<const K: usize>(frame: *mut CallFrame) -> *mut XlaError {
    // SAFETY: XLA calls the handler.
    unsafe { of_model::<K>(frame, Mode::Step) }
}

unsafe extern "C" fn neuron_jvp<const K: usize>(frame: *mut CallFrame) -> *mut XlaError {
    // SAFETY: XLA calls the handler.
    unsafe { of_model::<K>(frame, Mode::Jvp) }
}

unsafe extern "C" fn neuron_vjp<const K: usize>(frame: *mut CallFrame) -> *mut XlaError {
    // SAFETY: XLA calls the handler.
    unsafe { of_model::<K>(frame, Mode::Vjp) }
}

/// # Safety
/// As for [`handle`].
unsafe fn of_model<const K: usize>(frame: *mut CallFrame, mode: Mode) -> *mut XlaError {
    // Only handlers of models that exist are registered.
    let name = MODELS.get(K).map_or("no model", |model| model.name);
    // SAFETY: promised to this function.
    unsafe { handle(frame, name, |frame| neuron::call(&MODELS[K], mode, frame)) }
}

/// Handlers that are no neuron model's: a function, its name in XLA, and what it runs.
macro_rules! handlers {
    ($($function:ident, $name:literal: $body:expr;)*) => {
        $(unsafe extern "C" fn $function(frame: *mut CallFrame) -> *mut XlaError {
            // SAFETY: XLA calls the handler.
            unsafe { handle(frame, $name, $body) }
        })*

        const OTHERS: &[Registration] = &[$((concat!("spikeloop.", $name), $function)),*];
    };
}

handlers! {
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
