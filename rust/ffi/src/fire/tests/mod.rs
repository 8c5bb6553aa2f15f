//! Steps as parts of sequences.

mod kept;

use crate::sequence::register_sequence;
use crate::testing::{Call, handler, program};

/// A state less the last spike; a spike where it is 2 or more; the count of spikes.
const PLAIN: &str = "\
program f32 inputs 3
0 = in 0
1 = in 1
2 = in 2
3 = sub 0 1
4 = const 40000000
5 = ge 3 4
6 = const 3f800000
7 = const 00000000
8 = sel 5 6 7
9 = add 2 8
out 3 alias 0
out 8 alias 1
out 9 alias 2
";
const BITS: &str = "\
program f32 inputs 2
0 = in 0
1 = bin 1
2 = const 3f800000
3 = const 00000000
4 = sel 1 2 3
5 = sub 0 4
6 = const 40000000
7 = ge 5 6
out 5 alias 0
out 7 alias 1
";

/// Two steps as one sequence, in which the second one reads what the first one made.
fn run(call: Call) -> Result<[Vec<f32>; 3], String> {
    let step = format!(
        "program=int:{} bits=int:{} inputs=ints:0,1 outs=ints:0,1 spikes=ints:1,1 counts=ints:2,2",
        program(PLAIN),
        program(BITS)
    );
    let buffer = |k: usize| format!("buffer 11 dims {}\n", call.dims(k % 3)[0]);
    let buffers: String = (0..6).map(buffer).collect();
    let text = format!(
        "sequence operands 3 results 3\n{buffers}\
             call fire operands 0,1,2 results 3,4,5 {step}\n\
             call fire operands 3,4,5 results 3,4,5 {step}\n"
    );
    let sequence = register_sequence(&text).expect("a sequence") as i64;
    let mut call = call.int("sequence", sequence);
    call.run(handler("spikeloop.sequence")).map_err(|(_, message)| message)?;
    Ok([0, 1, 2].map(|k| call.result(k)))
}

/// What two steps make of a state, spikes and counts.
fn expected(state: &[f32], spikes: &[f32], count: f32) -> [Vec<f32>; 3] {
    let mut all = [state.to_vec(), spikes.to_vec(), vec![count; state.len()]];
    for _ in 0..2 {
        let [state, spikes, counts] = &mut all;
        for ((v, spike), count) in state.iter_mut().zip(spikes).zip(counts) {
            *v -= *spike;
            *spike = if *v >= 2.0 { 1.0 } else { 0.0 };
            *count += *spike;
        }
    }
    all
}

#[test]
fn arrays_of_spikes_and_counts_are_those_of_the_plain_program() {
    let n = 131;
    let state: Vec<f32> = (0..n).map(|k| (k % 5) as f32).collect();
    for graded in [false, true] {
        let spikes: Vec<f32> = (0..n).map(|k| if k % 7 == 2 { 1.0 } else { 0.0 }).collect();
        let spikes: Vec<f32> = spikes.iter().map(|x| if graded { x * 0.5 } else { *x }).collect();
        let call = || Call::default().vector(&state).vector(&spikes).vector(&vec![7.0_f32; n]);
        let dims = [n as i64];
        let fresh = vec![f32::NAN; n];
        let copied = call().ret(&fresh, &dims).ret(&fresh, &dims).ret(&fresh, &dims);
        for call in [call().alias(0).alias(1).alias(2), copied] {
            assert_eq!(run(call).expect("runs"), expected(&state, &spikes, 7.0), "{graded}");
        }
    }
}

#[test]
fn a_count_of_another_length_is_refused() {
    let call = Call::default().vector(&[0.0_f32; 3]).vector(&[0.0_f32; 3]).vector(&[0.0_f32; 2]);
    let error = run(call.alias(0).alias(1).alias(2)).unwrap_err();
    assert_eq!(error, "fire: a count has 2 elements, expected 3");
}
