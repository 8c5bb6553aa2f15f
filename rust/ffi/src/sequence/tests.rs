use super::register_sequence;
use crate::buffer::Byte;
use crate::testing::{Call, handler};

/// Two projections of three neurons to themselves, one after the other: weights 10, then 0.5.
const TEXT: &str = "\
sequence operands 3 results 1
buffer 11 dims 3
buffer 11 dims 1
buffer 7 dims 3
buffer 11 dims 3
constant 11 dims 1 bits 3f000000
constant 4 dims 0 bits 0
call event_scatter operands 0,1,2,5,3 results 3 n_pre=int:3 offset=int:0 sorted=flag:1
call event_scatter operands 0,4,2,5,3 results 3 n_pre=int:3 offset=int:0 sorted=flag:1
";

fn call(text: &str, indices: &[u16]) -> Call {
    let hash = register_sequence(text).expect("a sequence") as i64;
    let call = Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[10.0_f32]).vector(indices);
    call.ret(&[1.0_f32; 3], &[3]).int("sequence", hash)
}

#[test]
fn runs_its_calls_in_order_with_constants_and_attributes() {
    let mut done = call(TEXT, &[1, 2, 0]);
    assert_eq!(done.run(handler("spikeloop.sequence")), Ok(()));
    assert_eq!(done.result::<f32>(0), [22.0, 11.5, 1.0]);
}

#[test]
fn the_error_of_a_call_is_that_of_the_sequence() {
    let error = call(TEXT, &[1, 3, 7]).run(handler("spikeloop.sequence")).unwrap_err().1;
    assert_eq!(error, "event_scatter: 'indices' holds 7 at place 2, which is out of range for 3 targets");
    let error = Call::default().int("sequence", 5).run(handler("spikeloop.sequence")).unwrap_err().1;
    assert_eq!(error, "sequence: no sequence with the hash 5 is registered in this process");
    let hash = register_sequence(TEXT).expect("a sequence") as i64;
    let error = Call::default().int("sequence", hash).run(handler("spikeloop.sequence")).unwrap_err().1;
    assert_eq!(error, "sequence: got 0 operands and 0 results, expected 3 and 1");
}

/// The buffers of the runtime are those that calls were prepared for.
#[test]
fn other_buffers_than_those_described_are_refused() {
    let hash = register_sequence(TEXT).expect("a sequence") as i64;
    let (spikes, weight) = (Call::default().vector(&[1.0_f32, 0.0, 2.0]), [10.0_f32]);
    let run = |call: Call, targets: usize| {
        let mut call = call.ret(&vec![1.0_f32; targets], &[targets as i64]).int("sequence", hash);
        call.run(handler("spikeloop.sequence")).map_err(|(_, message)| message)
    };
    let error = run(spikes.vector(&weight).vector(&[1_u16, 2, 0]), 2).unwrap_err();
    assert_eq!(error, "sequence: buffer 3 is float32 [2], expected float32 [3]");
    let spikes = Call::default().vector(&[1.0_f32, 0.0, 2.0]);
    let error = run(spikes.vector(&weight).vector(&[1_u32, 2, 0]), 3).unwrap_err();
    assert_eq!(error, "sequence: buffer 2 is uint32 [3], expected uint16 [3]");
}

#[test]
fn calls_are_prepared_if_they_can_be() {
    let prepared = |text: &str| -> Vec<bool> {
        let steps = &super::parse::parse(text).expect("a sequence").steps;
        steps.iter().map(|step| step.prepared.is_some()).collect()
    };
    assert_eq!(prepared(TEXT), [true, true]);
    assert_eq!(prepared(&TEXT.replacen("n_pre=int:3", "n_pre=flag:1", 1)), [false, true]);
    let mut other = call(&TEXT.replacen("n_pre=int:3", "n_pre=flag:1", 1), &[1, 2, 0]);
    let error = other.run(handler("spikeloop.sequence")).unwrap_err().1;
    assert_eq!(error, "event_scatter: attribute 'n_pre' is bool, expected an integer");
}

#[test]
fn what_is_no_sequence_is_refused() {
    let refused =
        |lines: &str| register_sequence(&format!("sequence operands 2 results 1\n{lines}")).unwrap_err();
    assert_eq!(register_sequence("").unwrap_err(), "expected 'sequence operands N results N'");
    assert_eq!(refused("call nothing operands - results -"), "there is no call 'nothing'");
    assert_eq!(refused("call sequence operands - results -"), "there is no call 'sequence'");
    assert_eq!(
        refused("call record_pack operands 3 results 2"),
        "'call record_pack operands 3 results 2': there is no buffer 3"
    );
    assert_eq!(
        refused("call record_pack operands 0 results 1"),
        "'call record_pack operands 0 results 1': buffer 1 is no result"
    );
    assert_eq!(refused("call record_pack operands x results 2"), "'x' is no number");
    assert_eq!(refused("call record_pack operands 0 results 2 a=float:1"), "'float' is no kind of attribute");
    assert_eq!(refused("call record_pack operands 0 results 2 a"), "'a' is no attribute");
    assert_eq!(refused("constant 11 dims 2 bits 0"), "a constant has at most one element; given [2]");
    assert_eq!(refused("buffer 11 dims 3"), "1 buffers are described, expected 3");
    assert_eq!(refused("something"), "'something' is no buffer or constant before the calls, and no call");
}

/// Bits of spikes in the rows of two arrays, the second of which is a count.
const ROWS: &str = "\
sequence operands 4 results 3
buffer 11 dims 9
buffer 8 dims 3
buffer 6 dims 2,2
buffer 4 dims 2,1
buffer 8 dims 3
buffer 6 dims 2,2
buffer 4 dims 2,1
rows 2 reverse 0 counter 1,4 word 2
row 6 dims 2 of 2,5
row 4 dims 1 of 3,6
call record_pack operands 0 results 7
call record_count operands 0 results 8 starts=ints:1 stops=ints:9
";

/// A step of a loop, with what the sequence carries: (steps done, bits, counts).
fn with_rows(text: &str, spikes: &[f32], carried: &mut (Vec<u32>, Vec<Byte>, Vec<i32>), in_place: bool) {
    let hash = register_sequence(text).expect("a sequence") as i64;
    let call = Call::default().vector(spikes).vector(&carried.0).arg(&carried.1, &[2, 2]);
    let call = call.arg(&carried.2, &[2, 1]).int("sequence", hash);
    let mut call = if in_place {
        call.alias(1).alias(2).alias(3)
    } else {
        call.alias(1).ret(&[Byte(7); 4], &[2, 2]).ret(&[7; 2], &[2, 1])
    };
    assert_eq!(call.run(handler("spikeloop.sequence")), Ok(()));
    *carried = (call.result(0), call.result(1), call.result(2));
}

#[test]
fn calls_write_rows_of_arrays_one_for_each_step() {
    let spikes = [[1.0_f32, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], [0.0; 9]];
    let first = [Byte(5), Byte(1)];
    for (text, places) in [(ROWS.to_owned(), [0, 1]), (ROWS.replace("reverse 0", "reverse 1"), [1, 0])] {
        for in_place in [true, false] {
            let mut carried = (vec![4, 5, 0], vec![Byte(9); 4], vec![9; 2]);
            with_rows(&text, &spikes[0], &mut carried, in_place);
            assert_eq!(carried.0, [4, 5, 1]);
            assert_eq!(carried.1[2 * places[0]..][..2], first);
            assert_eq!(carried.1[2 * places[1]..][..2], [Byte(9); 2]);
            assert_eq!((carried.2[places[0]], carried.2[places[1]]), (2, 9));
            with_rows(&text, &spikes[1], &mut carried, in_place);
            assert_eq!(carried.0, [4, 5, 2]);
            assert_eq!(carried.1[2 * places[0]..][..2], first);
            assert_eq!(carried.1[2 * places[1]..][..2], [Byte(0); 2]);
            assert_eq!((carried.2[places[0]], carried.2[places[1]]), (2, 0));
        }
    }
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let hash = register_sequence(ROWS).expect("a sequence") as i64;
    let call = Call::default().vector(&[0.0_f32; 9]).vector(&[0_u32, 0, 2]).alias(1);
    let call = call.arg(&[Byte(0); 4], &[2, 2]).alias(2).arg(&[0_i32; 2], &[2, 1]).alias(3);
    let error = call.int("sequence", hash).run(handler("spikeloop.sequence")).unwrap_err().1;
    assert_eq!(error, "sequence: there are rows for 2 steps, not more");
    let refused = |from: &str, to: &str| register_sequence(&ROWS.replace(from, to)).unwrap_err();
    assert_eq!(refused("word 2", "word 3"), "1 has no word 3");
    assert_eq!(refused("counter 1,4", "counter 0,4"), "0 and 4 are no operand and result of one kind");
    assert_eq!(refused("of 2,5", "of 5,2"), "5 and 2 are no operand and result of one kind");
    assert_eq!(refused("row 6 dims 2", "row 6 dims 3"), "2 has no 2 rows [3]");
    assert_eq!(refused("rows 2", "rows 3"), "2 has no 3 rows [2]");
    assert_eq!(refused("of 3,6", "of 3"), "'3' are not two places");
    assert_eq!(refused("rows 2 reverse 0 counter 1,4 word 2\n", ""), "a row stands before 'rows'");
    assert_eq!(refused("row 4 dims 1", "row 16 dims 1"), "a buffer is another type (code 16 in XLA)");
    assert_eq!(
        refused("operands 0 results 8", "operands 0 results 9"),
        "'call record_count operands 0 results 9 starts=ints:1 stops=ints:9': buffer 9 is no result"
    );
}
