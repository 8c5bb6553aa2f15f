//! Rings of delivery input and of past spikes.

use proptest::prelude::*;
use spikeloop_kernels::Error;
use spikeloop_kernels::event::{
    Delays, Dims, Indices, Indptr, Past, Ring, Rows, SpikeQueue, Spikes, Starts, collect, deliver, enqueue,
    enqueue_found, gather, outer, relay, scatter,
};

use crate::case::{case, near, timed};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delays_choose_the_slot((case, timed) in timed()) {
        let mut expected = timed.ring.clone();
        for (b, i, j, target, weight) in case.synapses() {
            expected[timed.at(case.dims, b, j, target)] += weight * case.spike(b, i);
        }
        let mut ring = timed.ring.clone();
        let spikes = Spikes::Float(&case.spikes);
        scatter(case.dims, spikes, &case.weight, &case.rows(), &timed.ring(), &mut ring).expect("it fits");
        prop_assert!(near(&ring, &expected));
        let short: Vec<u8> = timed.delays.iter().map(|&d| d as u8).collect();
        let bytes = Ring { delays: Delays::U8(&short), ..timed.ring() };
        let mut again = timed.ring.clone();
        scatter(case.dims, spikes, &case.weight, &case.rows(), &bytes, &mut again).expect("it fits");
        prop_assert_eq!(again, ring);
    }

    #[test]
    fn spikes_that_wait_deliver_what_a_ring_would((mut case, timed) in timed(), blocks in 1..4usize) {
        case.dims.batch = 1;
        let (dims, n, slots) = (case.dims, case.n_pre, timed.slots);
        let spikes = Spikes::Float(&case.spikes[..dims.n_total]);
        let mut ring = vec![0.0; slots * dims.n_post];
        let layout = Ring { lanes: 1, cursor: &timed.cursor[..1], ..timed.ring() };
        scatter(dims, spikes, &case.weight, &case.rows(), &layout, &mut ring).expect("it fits");
        let (mut count, mut sources) = (vec![0; slots], vec![0; slots * n]);
        let (mut values, starts) = (vec![0.0; slots * n], timed.starts(&case, blocks));
        for step in 0..slots {
            let cursor = [(timed.cursor[0] as usize + step) as i32 % slots as i32];
            let mut queue =
                SpikeQueue { cursor: &cursor, count: &mut count, sources: &mut sources, values: &mut values };
            if step == 0 {
                enqueue(dims, spikes, n, &mut queue).expect("it fits");
            }
            let (mut ours, mut wanted) = (vec![1.0; dims.n_post], vec![1.0; dims.n_post]);
            let starts = Starts { at: Indices::U32(&starts), blocks };
            deliver(dims, &case.weight, &case.rows(), starts, &mut queue, &mut ours).expect("it fits");
            collect(1, slots, &cursor, false, &mut wanted, &mut ring).expect("it fits");
            prop_assert!(near(&ours, &wanted));
        }
        prop_assert!(count.iter().all(|&n| n == 0));
    }

    #[test]
    fn spikes_that_were_found_are_queued_as_those_that_are_searched(
        fires in prop::collection::vec(any::<bool>(), 0..40), offset in 0..9usize, rest in 0..9usize,
    ) {
        let offset = offset.min(fires.len());
        let n = (fires.len() - offset).saturating_sub(rest);
        let dims = Dims { batch: 1, n_total: fires.len(), offset, n_post: 0 };
        let spikes: Vec<f32> = fires.iter().map(|&fires| f32::from(u8::from(fires))).collect();
        let found: Vec<u32> = (0..).zip(&fires).filter_map(|(k, &fires)| fires.then_some(k)).collect();
        let queued = |listed: bool| {
            let (mut count, mut sources, mut values) = (vec![0; 2], vec![77; 2 * n], vec![7.0; 2 * n]);
            let mut queue =
                SpikeQueue { cursor: &[1], count: &mut count, sources: &mut sources, values: &mut values };
            let done = if listed {
                enqueue_found(dims, &found, n, &mut queue)
            } else {
                enqueue(dims, Spikes::Float(&spikes), n, &mut queue)
            };
            (done, count, sources, values)
        };
        prop_assert_eq!(queued(true), queued(false));
    }

    #[test]
    fn both_transposes_read_the_slot((case, timed) in timed()) {
        let (dims, ring) = (case.dims, timed.ring());
        let mut by_source = vec![0.0; dims.batch * case.n_pre];
        let mut by_weight = vec![0.0; case.weight.len()];
        for (b, i, j, target, weight) in case.synapses() {
            let held = timed.ring[timed.at(dims, b, j, target)];
            by_source[b * case.n_pre + i] += weight * held;
            by_weight[if case.weight.len() == 1 { 0 } else { j }] += case.spike(b, i) * held;
        }
        let mut out = vec![f64::NAN; by_source.len()];
        gather(dims, &timed.ring, &case.weight, &case.rows(), &ring, &mut out).expect("it fits");
        prop_assert!(near(&out, &by_source));
        let mut out = vec![f64::NAN; by_weight.len()];
        let spikes = Spikes::Float(&case.spikes);
        outer(dims, spikes, &timed.ring, &case.rows(), &ring, &mut out).expect("it fits");
        prop_assert!(near(&out, &by_weight));
    }

    #[test]
    fn a_ring_of_spikes_delays_all_alike(case in case(), slots in 1..6usize, lanes: bool, start in 0..6i32) {
        let dims = case.dims;
        let lanes = if lanes { dims.batch } else { 1 };
        let mut ring = vec![0.0; dims.batch * slots * case.n_pre];
        let mut seen = vec![];
        for step in 0..2 * slots as i32 {
            // In the first step the spikes of the case, then none.
            let spikes: Vec<f64> = case.spikes.iter().map(|s| if step == 0 { *s } else { 0.0 }).collect();
            let cursor = [(start + step) % slots as i32];
            let past = Past { slots, lanes, cursor: &cursor };
            let mut target = vec![0.0; case.ct.len()];
            let spikes = Spikes::Float(&spikes);
            relay(dims, spikes, &case.weight, &case.rows(), &past, &mut ring, &mut target).expect("it fits");
            seen.push(target);
        }
        let mut direct = vec![0.0; case.ct.len()];
        let spikes = Spikes::Float(&case.spikes);
        scatter(dims, spikes, &case.weight, &case.rows(), &Ring::NONE, &mut direct).expect("it fits");
        for (step, target) in seen.iter().enumerate() {
            let expected = if step == slots - 1 { direct.clone() } else { vec![0.0; direct.len()] };
            prop_assert_eq!(target, &expected);
        }
    }

    #[test]
    fn collecting_empties_the_slot_at_the_cursor(lanes in 1..4usize, slots in 1..5usize, n in 0..40usize) {
        let size = lanes * slots * n;
        let mut ring: Vec<f64> = (0..size).map(|k| k as f64 + 1.0).collect();
        let before = ring.clone();
        let cursor: Vec<i32> = (0..lanes).map(|lane| (lane % slots) as i32).collect();
        let mut target = vec![0.5; lanes * n];
        collect(lanes, slots, &cursor, false, &mut target, &mut ring).expect("it fits");
        for lane in 0..lanes {
            for k in 0..slots * n {
                let (at, here) = (lane * slots * n + k, k / n.max(1) == lane % slots);
                prop_assert_eq!(ring[at], if here { 0.0 } else { before[at] });
                if here {
                    prop_assert_eq!(target[lane * n + k % n], before[at] + 0.5);
                }
            }
        }
    }
}

#[test]
fn malformed_rings_are_refused() {
    let rows = Rows::new(Indices::U32(&[0, 1]), Indptr::Fixed, 2).expect("whole rows");
    let dims = Dims { batch: 1, n_total: 2, offset: 0, n_post: 2 };
    let run = |delays: &[u8], slots: usize, cursor: &[i32]| {
        let ring = Ring { delays: Delays::U8(delays), slots, lanes: 1, cursor };
        scatter(dims, Spikes::Float(&[1.0f32, 1.0]), &[1.0], &rows, &ring, &mut vec![0.0; slots * 2])
    };
    assert_eq!(run(&[0, 2], 3, &[2]), Ok(()));
    let beyond = |name, place, given| Err(Error::Range { name, place, given, below: 3, of: "slots" });
    assert_eq!(run(&[0, 3], 3, &[2]), beyond("delay", 1, 3));
    assert_eq!(run(&[0, 1], 3, &[3]), beyond("cursor", 0, 3));
    assert_eq!(run(&[0, 1], 3, &[-1]), beyond("cursor", 0, -1));
    assert!(matches!(run(&[0], 3, &[0]), Err(Error::Length { name: "delay", .. })));
    assert!(matches!(run(&[0, 1], 3, &[0, 0]), Err(Error::Length { name: "cursor", .. })));
    let error = collect(1, 2, &[2], false, &mut [0.0f32; 3], &mut [0.0; 6]);
    let beyond = Error::Range { name: "cursor", place: 0, given: 2, below: 2, of: "slots" };
    assert_eq!(error, Err(beyond));
    let past = Past { slots: 2, lanes: 1, cursor: &[0] };
    let spikes = Spikes::Float(&[1.0f32, 1.0]);
    let error = relay(dims, spikes, &[1.0], &rows, &past, &mut [0.0; 5], &mut [0.0; 2]);
    assert!(matches!(error, Err(Error::Length { name: "ring", .. })));
}
