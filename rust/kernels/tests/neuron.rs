//! The pass of LIF against a scalar reference, and its derivatives against differences.

mod common;

use common::{Case, reference};
use proptest::prelude::*;
use spikeloop_kernels::neuron::{Lif, step};
use spikeloop_kernels::{Error, threads};

/// Any population, its sizes around those of lanes.
fn case() -> impl Strategy<Value = Case> {
    let sizes = prop_oneof![Just(0), Just(1), Just(17), 1..100usize];
    let flags = any::<(bool, bool, bool)>();
    let receptors = prop::collection::vec(0..6i32, 0..4);
    (sizes, 1..4usize, flags, receptors, any::<u64>()).prop_map(|(n, batch, flags, receptors, seed)| {
        let mut case = Case::new(batch, n, flags, &receptors, seed);
        // Half of the populations have scalars only, which take another way.
        if seed % 2 == 0 {
            case.mix_operands(seed);
        }
        case
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn step_is_the_reference(mut case in case()) {
        let expected = reference(&case);
        case.step_in_place();
        for (name, (result, expected)) in case.results().iter().zip(expected).enumerate() {
            for (x, y) in result.iter().zip(expected) {
                prop_assert!((x - y).abs() < 1e-12 * y.abs().max(60.0), "result {name}: {x} not {y}");
            }
        }
    }

    #[test]
    fn in_place_and_apart_agree(case in case()) {
        let mut aliased = case.clone();
        aliased.step_in_place();
        prop_assert_eq!(aliased.results(), case.step_apart());
    }

    #[test]
    fn f32_is_near_f64(case in case()) {
        for (wide, narrow) in case.step_apart().iter().zip(case.step_f32()) {
            for (wide, narrow) in wide.iter().zip(narrow) {
                prop_assert!((wide - f64::from(narrow)).abs() <= 2e-6 * wide.abs().max(60.0));
            }
        }
    }

    #[test]
    fn tangents_are_differences(mut case in case(), direction in any::<u64>()) {
        case.no_spike_tangent();
        let active = case.active();
        let tangents = case.directions(&active, direction);
        let jvp = case.jvp(&active, &tangents);
        let h = 1e-6;
        let (up, down) = (case.moved(&active, &tangents, h), case.moved(&active, &tangents, -h));
        let smooth = case.smooth_rets();
        for (k, ret) in smooth.into_iter().enumerate() {
            for (i, tangent) in jvp[k].iter().enumerate() {
                let difference = (up[ret][i] - down[ret][i]) / (2.0 * h);
                let error = (tangent - difference).abs();
                prop_assert!(error < 1e-5 * difference.abs().max(1.0), "ret {k}[{i}]: {tangent} not {difference}");
            }
        }
    }

    #[test]
    fn cotangents_are_the_transpose(case in case(), direction in any::<u64>()) {
        let active = case.active();
        let tangents = case.directions(&active, direction);
        let jvp = case.jvp(&active, &tangents);
        let weights = case.weights(direction);
        let vjp = case.vjp(&active, &weights);
        let forward: f64 = jvp.iter().zip(&weights).map(|(a, b)| common::dot(a, b)).sum();
        let tangents = tangents.iter().map(|t| case.broadcast(t));
        let backward: f64 = tangents.zip(&vjp).map(|(a, b)| common::dot(&a, b)).sum();
        prop_assert!((forward - backward).abs() <= 1e-9 * (1.0 + forward.abs()), "{forward} not {backward}");
    }
}

/// Without input and receptors the exponential Euler method is exact: V decays by exp(−dt/τ).
#[test]
fn closed_form() {
    let mut case = Case::new(1, 5, (false, false, false), &[], 1);
    case.set("current", &[3.0]);
    case.set("V", &[-70.0, -65.0, -60.0, -55.0, -51.0]);
    let v0 = case.get("V").to_vec();
    for _ in 0..100 {
        case.step_in_place();
    }
    let (rest, r, dt_tau) = (case.get("V_rest")[0], case.get("R")[0], case.get("dt_tau")[0]);
    let end = rest + 3.0 * r;
    for (v, v0) in case.get("V").iter().zip(v0) {
        let expected = end + (v0 - end) * (-100.0 * dt_tau).exp();
        assert!((v - expected).abs() < 1e-11, "{v} not {expected}");
    }
}

/// After a spike the potential is held for `n_ref` steps less the one of the spike's reset.
#[test]
fn refractory_period() {
    let mut case = Case::new(1, 1, (true, false, true), &[], 1);
    case.set("current", &[20.0]);
    case.set("dt_tau", &[0.2]);
    case.set("n_ref", &[5.0]);
    case.set("V", &[-60.0]);
    case.set("left", &[0.0]);
    let mut spikes = Vec::new();
    for t in 0..200 {
        case.step_in_place();
        if case.get("spike")[0] == 1.0 {
            spikes.push(t);
        }
    }
    let reset = case.get("V_reset")[0];
    let free = spikes[2] - spikes[1];
    assert!(spikes.len() > 3 && free > 5, "{spikes:?}");
    while case.get("spike")[0] == 0.0 {
        case.step_in_place();
    }
    for _ in 0..4 {
        case.step_in_place();
        assert_eq!(case.get("V")[0], reset);
    }
    case.step_in_place();
    assert!(case.get("V")[0] > reset);
}

/// Far above threshold, as after a soft reset of a strong input, a neuron fires once in a period.
#[test]
fn no_spike_within_the_period() {
    let mut case = Case::new(1, 1, (true, true, false), &[], 1);
    case.set("n_ref", &[5.0]);
    case.set("V", &[-60.0]);
    case.set("left", &[0.0]);
    case.set("spike", &[0.0]);
    let mut spikes = Vec::new();
    for t in 0..60 {
        case.set("delta", &[if t % 7 == 3 { 100.0 } else { 0.0 }]);
        case.step_in_place();
        if case.get("spike")[0] == 1.0 {
            spikes.push(t);
        }
    }
    assert!(spikes.len() > 5 && spikes.windows(2).all(|pair| pair[1] - pair[0] >= 5), "{spikes:?}");
}

/// A potential above threshold is reset where the last step has sent a spike; else it spikes.
#[test]
fn assigned_potential() {
    let mut case = Case::new(1, 2, (false, false, true), &[], 1);
    case.set("current", &[0.0]);
    case.set("dt_tau", &[0.005]);
    case.set("V", &[-20.0, -20.0]);
    case.set("spike", &[0.0, 1.0]);
    case.step_in_place();
    assert_eq!(case.get("spike"), [1.0, 0.0]);
    assert!(case.get("V")[0] > -25.0 && case.get("V")[1] < -50.0);
}

#[test]
fn threads_do_not_matter() {
    let case = Case::new(3, 50_001, (true, true, false), &[0, 1], 5);
    let results = [1, 2, 3].map(|n| {
        threads::set(n).expect("few threads");
        assert_eq!(threads::get(), n);
        let active = case.active();
        let weights = case.weights(3);
        (case.step_apart(), case.vjp(&active, &weights))
    });
    threads::set(1).expect("few threads");
    assert!(results[0] == results[1] && results[0] == results[2]);
}

#[test]
fn wrong_operands_are_named() {
    let mut case = Case::new(2, 10, (false, false, false), &[0], 1);
    case.set("V_th", &[0.0; 7]);
    let error = case.try_step().expect_err("7 fits nothing");
    assert_eq!(error.to_string(), "operand 'V_th' has 7 elements, expected 1, 10 or 20");
    let mut case = Case::new(2, 10, (false, false, false), &[0, 1], 1);
    case.set("receptor1.g", &[0.0; 3]);
    let error = case.try_step().expect_err("3 fits nothing");
    assert!(error.to_string().contains("'receptor1.g'"), "{error}");
    // SAFETY: refused before a buffer is touched.
    let error = unsafe { step::<Lif, f64>(&case.config(), &[], &[]) }.expect_err("no operands");
    assert!(matches!(error, Error::Count { given: 0, .. }));
}
