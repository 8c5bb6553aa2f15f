use crate::sequence::register_sequence;
use crate::testing::{Call, handler, program};
use spikeloop_kernels::random::{PURPOSE, philox};

const TEXT: &str = "\
program f32 inputs 4
0 = uin 0
1 = in 1
2 = in 2
3 = win 3
4 = draw 3 3 3 #0
5 = fma 0 1 2
6 = add 5 4
out 6 alias 1
sum 1
";

/// Both words of the key, and the number of the first neuron.
const WORD: u32 = 7;

/// The values with what each neuron draws.
fn plus_drawn(values: [f32; 6]) -> [f32; 6] {
    std::array::from_fn(|neuron| {
        let words = philox([neuron as u32 + WORD, PURPOSE, 0, 0], [WORD; 2]);
        values[neuron] + (words[0] >> 8) as f32 / 16_777_216.0
    })
}

fn run(call: Call) -> Result<Call, String> {
    let mut call = call;
    call.run(handler("spikeloop.program")).map_err(|(_, message)| message)?;
    Ok(call)
}

fn call(scale: &[f32], per_neuron: &[f32], sums: &[f32]) -> Call {
    let state = [1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let call = Call::default().arg(scale, &[scale.len() as i64, 1]).arg(&state, &[2, 3]);
    let call = call.vector(per_neuron).arg(&[WORD], &[]).alias(1);
    call.ret(sums, &[sums.len() as i64]).int("program", program(TEXT))
}

#[test]
fn runs_in_place_with_operands_of_each_layout() {
    let done = run(call(&[10.0], &[0.0, 0.25, 0.5], &[0.0])).expect("runs");
    assert_eq!(done.result::<f32>(0), plus_drawn([10.0, 20.25, 30.5, 40.0, 50.25, 60.5]));
    assert_eq!(done.result::<f32>(1), [21.0]);
    let done = run(call(&[10.0, 100.0], &[1.0], &[0.0, 0.0])).expect("runs");
    assert_eq!(done.result::<f32>(0), plus_drawn([11.0, 21.0, 31.0, 401.0, 501.0, 601.0]));
    assert_eq!(done.result::<f32>(1), [6.0, 15.0]);
}

#[test]
fn errors_name_the_operand() {
    let message = |call: Call| run(call).map(|_| ()).unwrap_err();
    assert_eq!(
        message(call(&[1.0; 3], &[0.0; 3], &[0.0])),
        "program: operand 0 [3, 1] has 3 elements, expected 1, 2 (one per row, [2, 1])"
    );
    assert_eq!(
        message(call(&[1.0], &[0.0; 4], &[0.0])),
        "program: operand 2 [4] has 4 elements, expected 1, 2 (one per row, [2, 1]), 3 (one per neuron), 6"
    );
    assert_eq!(
        message(call(&[1.0], &[0.0; 3], &[0.0; 3])),
        "program: result 1, a sum, has 3 elements, expected 1 or 2 (one per row)"
    );
    let call = Call::default().int("program", 5);
    assert_eq!(message(call), "program: no program with the hash 5 is registered in this process");
    let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = add 0 1\nout 2\n";
    let two = || Call::default().int("program", program(text)).vector(&[1.0]);
    assert_eq!(
        message(two().vector(&[1.0_f32]).ret(&[0.0], &[1])),
        "program: operand 1 is float32, expected float64"
    );
    assert_eq!(
        message(two().vector(&[1.0]).alias(0)),
        "program: result 0 shares memory with operand 0, but the program does not say 'alias 0'"
    );
    assert_eq!(message(two().ret(&[0.0], &[1])), "program: got 1 operands and 1 results, expected 2 and 1");
}

#[test]
fn a_program_of_sums_alone_has_the_shape_of_its_largest_operand() {
    let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = mul 0 1\nsum 2\n";
    let call = Call::default().int("program", program(text)).vector(&[2.0]).vector(&[1.0, 2.0, 3.0]);
    assert_eq!(run(call.ret(&[0.0], &[])).expect("runs").result::<f64>(0), [12.0]);
}

/// Two steps: the state takes the drive of each, and is kept after each.
fn two_steps(state: &[f64], drive: &[f64], dims: &[i64], count: i64) -> Result<Call, String> {
    let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = add 0 1\nout 2 alias 0\nout 2\nsum 1\n";
    let call =
        Call::default().vector(state).arg(drive, dims).ret(&vec![0.0; state.len()], &[state.len() as i64]);
    let call =
        call.ret(&[0.0; 6], &[2, 3]).ret(&[0.0], &[]).int("program", program(text)).int("steps", count);
    let mut call = call.flag("reverse", true).ints("timed", &[0, 1]);
    call.run(handler("spikeloop.program_steps")).map_err(|(_, message)| message)?;
    Ok(call)
}

#[test]
fn many_steps_go_from_a_copy_of_the_state() {
    let state = [100.0, 200.0, 300.0];
    let done = two_steps(&state, &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], &[2, 3], 2).expect("runs");
    assert_eq!(done.result::<f64>(0), [111.0, 222.0, 333.0]);
    assert_eq!(done.result::<f64>(1), [111.0, 222.0, 333.0, 110.0, 220.0, 330.0]);
    assert_eq!(done.result::<f64>(2), [66.0]);
    let done = two_steps(&state, &[1.0, 10.0], &[2], 2).expect("runs");
    assert_eq!(done.result::<f64>(0), [111.0, 211.0, 311.0]);
    assert_eq!(
        two_steps(&state, &[0.0; 9], &[3, 3], 2).map(|_| ()).unwrap_err(),
        "program_steps: operand 1 [3, 3] has no first axis of 2 steps"
    );
    assert_eq!(
        two_steps(&state, &[0.0; 9], &[3, 3], 3).map(|_| ()).unwrap_err(),
        "program_steps: result 1 [2, 3] has no first axis of 3 steps"
    );
}

/// As part of a sequence, where it was checked before there was memory.
#[test]
fn a_prepared_program_looks_at_what_shares_memory() {
    let text = "program f32 inputs 2\n0 = in 0\n1 = in 1\n2 = sub 0 1\nout 2 alias 0\n";
    let text = format!(
        "sequence operands 2 results 1\n{}call program operands 0,1 results 2 program=int:{}\n",
        "buffer 11 dims 3\n".repeat(3),
        program(text)
    );
    let sequence = register_sequence(&text).expect("a sequence") as i64;
    let operands = || Call::default().vector(&[5.0_f32, 6.0, 7.0]).vector(&[1.0_f32, 2.0, 3.0]);
    for call in [operands().alias(0), operands().ret(&[f32::NAN; 3], &[3])] {
        let mut call = call.int("sequence", sequence);
        assert_eq!(call.run(handler("spikeloop.sequence")), Ok(()));
        assert_eq!(call.result::<f32>(0), [4.0, 4.0, 4.0]);
    }
    let error =
        operands().alias(1).int("sequence", sequence).run(handler("spikeloop.sequence")).unwrap_err().1;
    let expected = "program: result 0 shares memory with operand 1, but the program does not say 'alias 1'";
    assert_eq!(error, expected);
}
