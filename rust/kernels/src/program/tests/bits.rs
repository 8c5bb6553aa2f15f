//! Operands and results with a bit for each lane.

use std::ffi::c_void;
use std::fmt::Write;

use super::case::entry;
use crate::program::{Call, Input, Layout, Level};
use crate::shape::Shape;

const SIZES: [usize; 9] = [1, 7, 8, 9, 16, 31, 64, 1025, 2100];

/// A state that goes down by `others` + 1 where the last bit is 1; the new bit says whether it is above 3. The bits
/// come after `others` further operands, all 1.
fn text(others: usize) -> String {
    let mut text = format!("program f32 inputs {}\n", others + 2);
    for k in 0..=others {
        writeln!(text, "{k} = in {k}").expect("a string");
    }
    let bits = others + 1;
    writeln!(text, "{bits} = bin {bits}\n{} = const 3f800000\n{} = guard {bits} 0", bits + 1, bits + 2)
        .expect("a string");
    let (mut last, mut id) = (bits + 1, bits + 3);
    for k in 1..=others {
        writeln!(text, "{id} = add {last} {k}").expect("a string");
        (last, id) = (id, id + 1);
    }
    writeln!(text, "{id} = sub 0 {last}\n{} = endguard {} {bits} {id}", id + 1, bits + 2).expect("a string");
    writeln!(text, "{} = const 40400000\n{} = gt {} {}", id + 2, id + 3, id + 1, id + 2).expect("a string");
    writeln!(text, "out {} alias 0\nout {} alias {bits}", id + 1, id + 3).expect("a string");
    text
}

fn run(others: usize, n: usize, level: Level) -> (Vec<f32>, Vec<u64>) {
    let mut state: Vec<f32> = (0..n).map(|k| (k % 17) as f32).collect();
    // Few lanes have a bit, so that some vectors have none.
    let mut bits = vec![0_u64; n.div_ceil(64)];
    (0..n).filter(|k| k % 29 == 3).for_each(|k| bits[k / 64] |= 1 << (k % 64));
    let ones = vec![1.0_f32; n];
    let mut pointers: Vec<*const c_void> = vec![state.as_mut_ptr().cast_const().cast()];
    pointers.extend((0..others).map(|_| ones.as_ptr().cast::<c_void>()));
    pointers.push(bits.as_mut_ptr().cast_const().cast());
    let inputs: Vec<Input> = pointers.iter().map(|&ptr| Input { ptr, layout: Layout::Full }).collect();
    let outs = [pointers[0].cast_mut(), pointers[others + 1].cast_mut()];
    let call = Call { shape: Shape { batch: 1, n }, inputs: &inputs, outs: &outs, sums: &[] };
    // SAFETY: all operands have a value or a bit for each lane.
    unsafe { entry(&text(others)).run(&call, level) };
    (state, bits)
}

#[test]
fn bits_are_read_and_written_in_place() {
    for others in [0, 8] {
        for n in SIZES {
            let state: Vec<f32> = (0..n)
                .map(|k| (k % 17) as f32 - if k % 29 == 3 { 1.0 + others as f32 } else { 0.0 })
                .collect();
            let mut bits = vec![0_u64; n.div_ceil(64)];
            (0..n).filter(|&k| state[k] > 3.0).for_each(|k| bits[k / 64] |= 1 << (k % 64));
            for level in [Level::Interpreter, Level::Avx2, Level::Avx512] {
                assert_eq!(
                    run(others, n, level),
                    (state.clone(), bits.clone()),
                    "{others} {n} {}",
                    level.name()
                );
            }
        }
    }
}
