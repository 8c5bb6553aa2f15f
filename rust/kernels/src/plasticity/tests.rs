//! Events that wait change weights as events at once do.

use proptest::prelude::*;

use super::*;
use crate::event::{Dims, Indices, Indptr, Ring, scatter};

const N_PRE: usize = 4;
const N_POST: usize = 11; // eight synapses together, and a rest
const DECAY: f64 = 0.7;

/// All-to-all synapses, by source and by target.
struct All {
    indices: Vec<u16>,
    places: Vec<u32>,
    sources: Vec<u16>,
}

impl All {
    fn new() -> Self {
        let by_target = || (0..N_POST).flat_map(|j| (0..N_PRE).map(move |i| (i, j)));
        let small = |x: usize| u16::try_from(x).expect("small");
        Self {
            indices: (0..N_PRE * N_POST).map(|k| small(k % N_POST)).collect(),
            places: by_target().map(|(i, j)| u32::from(small(i * N_POST + j))).collect(),
            sources: by_target().map(|(i, _)| small(i)).collect(),
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::new(Indices::U16(&self.indices), Indptr::Fixed, N_PRE).expect("fits")
    }

    fn columns(&self) -> Rows<'_> {
        Rows::new(Indices::U32(&self.places), Indptr::Fixed, N_POST).expect("fits")
    }
}

/// What a step brings: events of targets and of sources.
type Step = ([f64; N_POST], [f64; N_PRE]);

fn law(dependence: u8) -> Law<f64> {
    let form = Dependence::of(dependence.into()).expect("a form");
    Law::new(&[0.0, 1.0, 1.0, -1.0, 0.5], form).expect("five numbers")
}

fn side<'a>(events: &'a [f64], coefficient: &'a [f64], dependence: u8) -> Side<'a, f64> {
    Side { events, coefficient, law: law(dependence) }
}

/// (what targets received, weights) if every event acts at once.
fn at_once(steps: &[Step], dependence: u8) -> (Vec<f64>, Vec<f64>) {
    let (all, stored) = (All::new(), All::new().sources);
    let (rows, of_targets, sources) = (all.rows(), all.columns(), Sources::Stored(&stored));
    let columns = Columns::new(&of_targets, &sources, N_PRE).expect("fits");
    let (mut b, mut weight, mut target) = ([0.1; N_PRE], [0.5; N_PRE * N_POST], [0.0; N_POST]);
    for (post, pre) in steps {
        b = b.map(|b| b * DECAY);
        update_columns(Spikes::Float(post), &b, &law(dependence), &columns, &mut weight).expect("fits");
        update_rows(Spikes::Float(pre), &[-0.05; N_POST], &law(0), &rows, &mut weight).expect("fits");
        let dims = Dims { batch: 1, n_total: N_PRE, offset: 0, n_post: N_POST };
        scatter(dims, Spikes::Float(pre), &weight, &rows, &Ring::NONE, &mut target).expect("fits");
        for (b, s) in b.iter_mut().zip(pre) {
            *b += 0.1 * s;
        }
    }
    (target.to_vec(), weight.to_vec())
}

/// The same if events of targets wait; all meet at the end.
fn waiting(steps: &[Step], dependence: u8) -> (Vec<f64>, Vec<f64>) {
    let (all, stored) = (All::new(), All::new().sources);
    let (rows, of_targets, sources) = (all.rows(), all.columns(), Sources::Stored(&stored));
    let columns = &Columns::new(&of_targets, &sources, N_PRE).expect("fits");
    let synapses = Synapses { rows: &rows, columns };
    let (mut b, mut weight, mut target) = ([0.1; N_PRE], [0.5; N_PRE * N_POST], [0.0; N_POST]);
    let (mut listed, mut marks) = ([f64::INFINITY; 2 * N_POST * SLOTS], [1.0; N_PRE]);
    let mut clock = 1.0;
    for (k, (post, pre)) in steps.iter().enumerate() {
        b = b.map(|b| b * DECAY);
        clock *= DECAY;
        let slopes = b.map(|b| b / clock);
        let mut pending = Pending::new(&mut listed, &mut marks, N_POST, true).expect("fits");
        let sides = (&side(post, &slopes, dependence), &side(pre, &[-0.05; N_POST], 0));
        let walked = Walked { sources: Spikes::Float(pre), all: k + 1 == steps.len() };
        let delivery = Delivery { spikes: pre, target: &mut target };
        learn(clock, walked, sides, &synapses, &mut pending, delivery, &mut weight).expect("fits");
        for (b, s) in b.iter_mut().zip(pre) {
            *b += 0.1 * s;
        }
    }
    (target.to_vec(), weight.to_vec())
}

/// The part of the eligibility that is left after a step, and the third factor in steps.
const LEFT: f64 = 0.9;

fn factor(step: usize) -> f64 {
    [0.0, 0.5, -0.25, 0.0, 0.125][step % 5]
}

/// (what targets received, weights, eligibilities) if every event adds to the eligibility at once.
fn credited_at_once(steps: &[Step]) -> [Vec<f64>; 3] {
    let (all, stored) = (All::new(), All::new().sources);
    let (rows, of_targets, sources) = (all.rows(), all.columns(), Sources::Stored(&stored));
    let columns = Columns::new(&of_targets, &sources, N_PRE).expect("fits");
    let (mut b, mut weight, mut target) = ([0.1; N_PRE], [0.5; N_PRE * N_POST], [0.0; N_POST]);
    let (mut eligibility, mut left, mut gain) = ([0.0; N_PRE * N_POST], [1.0; N_PRE], [0.0; N_PRE]);
    for (k, (post, pre)) in steps.iter().enumerate() {
        b = b.map(|b| b * DECAY);
        for i in 0..N_PRE {
            gain[i] += left[i] * factor(k);
            left[i] *= LEFT;
        }
        let added: Vec<f64> = b.iter().zip(&left).map(|(b, left)| b / left).collect();
        credit_columns(Spikes::Float(post), &added, &gain, &columns, [&mut weight, &mut eligibility])
            .expect("fits");
        let walked = if k + 1 == steps.len() { [1.0; N_PRE] } else { *pre };
        let elapsed = Elapsed { left: &left, gain: &gain, spikes: pre };
        let synapses = [&mut weight[..], &mut eligibility[..]];
        flush_rows(Spikes::Float(&walked), &elapsed, &[-0.05; N_POST], &[0.4, 0.6], &rows, synapses)
            .expect("fits");
        let dims = Dims { batch: 1, n_total: N_PRE, offset: 0, n_post: N_POST };
        scatter(dims, Spikes::Float(pre), &weight, &rows, &Ring::NONE, &mut target).expect("fits");
        for i in 0..N_PRE {
            b[i] += 0.1 * pre[i];
            if walked[i] != 0.0 {
                (left[i], gain[i]) = (1.0, 0.0);
            }
        }
    }
    [target.to_vec(), weight.to_vec(), eligibility.to_vec()]
}

/// The same if events of targets wait; all meet at the end.
fn credited_late(steps: &[Step]) -> [Vec<f64>; 3] {
    let (all, stored) = (All::new(), All::new().sources);
    let (rows, of_targets, sources) = (all.rows(), all.columns(), Sources::Stored(&stored));
    let columns = &Columns::new(&of_targets, &sources, N_PRE).expect("fits");
    let synapses = Synapses { rows: &rows, columns };
    let (mut b, mut weight, mut target) = ([0.1; N_PRE], [0.5; N_PRE * N_POST], [0.0; N_POST]);
    let (mut eligibility, mut listed) = ([0.0; N_PRE * N_POST], [f64::INFINITY; 3 * N_POST * SLOTS]);
    let (mut marks, mut now) = ([0.0; 2 * N_PRE], Moment { clock: 1.0, left: 1.0, gain: 0.0 });
    marks[..N_PRE].fill(1.0);
    let law = Law::new(&[0.4, 0.6, 0.0, 1.0, 0.0], Dependence::None).expect("five numbers");
    for (k, (post, pre)) in steps.iter().enumerate() {
        b = b.map(|b| b * DECAY);
        now.gain += now.left * factor(k);
        now = Moment { clock: now.clock * DECAY, left: now.left * LEFT, ..now };
        let slopes = b.map(|b| b / now.clock);
        let mut pending = Pending::new(&mut listed, &mut marks, N_POST, true).expect("fits");
        let post = Side { events: post, coefficient: &slopes, law };
        let side = Side { events: pre, coefficient: &[-0.05; N_POST], law };
        let walked = Walked { sources: Spikes::Float(pre), all: k + 1 == steps.len() };
        let delivery = Delivery { spikes: pre, target: &mut target };
        let both = [&mut weight[..], &mut eligibility[..]];
        reinforce(now, walked, (&post, &side), &synapses, &mut pending, delivery, both).expect("fits");
        for (b, s) in b.iter_mut().zip(pre) {
            *b += 0.1 * s;
        }
    }
    [target.to_vec(), weight.to_vec(), eligibility.to_vec()]
}

/// Seldom an event; those of targets of either sign.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let post = prop_oneof![2 => Just(0.0), 3 => 0.1..1.0_f64, 1 => -1.0..-0.1_f64];
    let pre = prop_oneof![6 => Just(0.0), 1 => Just(1.0)];
    prop::collection::vec((prop::array::uniform11(post), prop::array::uniform4(pre)), 1..60)
}

proptest! {
    #[test]
    fn events_that_wait_are_events_at_once(steps in steps(), dependence in 0..3_u8) {
        let (now, later) = (at_once(&steps, dependence), waiting(&steps, dependence));
        for (x, y) in now.0.iter().chain(&now.1).zip(later.0.iter().chain(&later.1)) {
            prop_assert!((x - y).abs() < 1e-12, "{now:?} {later:?}");
        }
    }
}

proptest! {
    #[test]
    fn eligibility_that_waits_is_eligibility_at_once(steps in steps()) {
        let (now, later) = (credited_at_once(&steps), credited_late(&steps));
        for (x, y) in now.iter().flatten().zip(later.iter().flatten()) {
            prop_assert!((x - y).abs() < 1e-10, "{now:?} {later:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut listed = [0.0; 2 * N_POST * SLOTS - 1];
    assert!(Pending::<f64, 1>::new(&mut listed, &mut [1.0; N_PRE], N_POST, false).is_err());
    assert!(Pending::<f64, 2>::new(&mut [0.0; 3 * SLOTS], &mut [1.0; 3], 1, true).is_err());
    let all = All::new();
    let (places, sources) = (all.columns(), Sources::Stored(&all.sources[1..]));
    assert!(Columns::new(&places, &sources, N_PRE).is_err());
    assert!(Columns::new(&all.rows(), &sources, N_PRE).is_err(), "places of 16 bits");
}
