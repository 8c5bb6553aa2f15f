//! What the interpreter does in one pass or leaves out: polynomials, and regions that no lane of a block needs.

use super::case::{Case, Operand, entry};
use crate::program::Layout;

/// Several blocks, and a rest.
const N: usize = 5000;

fn numbers() -> Vec<f64> {
    (0..N).map(|k| (k * k % 1009) as f64 * 0.004 - 2.0).collect()
}

/// Runs a program on numbers, 3 and 0.5.
fn run(body: &str) -> Vec<Vec<f64>> {
    let text = format!("program f64 inputs 3\n0 = in 0\n1 = uin 1\n2 = uin 2\n{body}");
    let uniform = |x: f64| Operand::new(Layout::Uniform, &[x]);
    let operands = vec![Operand::new(Layout::Full, &numbers()), uniform(3.0), uniform(0.5)];
    Case::vector(N, operands).run::<f64>(entry(&text)).outs
}

fn mapped(f: impl Fn(f64) -> f64) -> Vec<f64> {
    numbers().into_iter().map(f).collect()
}

#[test]
fn polynomials_are_rounded_as_one_step_after_the_other() {
    let horner = |x: f64| 3.0_f64.mul_add(x, 0.5).mul_add(x, 3.0).mul_add(x, 3.0).mul_add(x, 0.5);
    let chain = "3 = fma 1 0 2\n4 = fma 3 0 1\n5 = fma 4 0 1\n6 = fma 5 0 2\n";
    assert_eq!(run(&format!("{chain}out 6\n")), [mapped(horner)]);
    assert_eq!(run(&format!("{chain}7 = sub 6 0\nout 7 alias 0\n")), [mapped(|x| horner(x) - x)]);
}

#[test]
fn a_part_of_a_polynomial_that_is_needed_elsewhere_is_computed() {
    let (first, second) =
        (|x: f64| 3.0_f64.mul_add(x, 0.5), |x: f64| 3.0_f64.mul_add(x, 0.5).mul_add(x, 3.0));
    let chain = "3 = fma 1 0 2\n4 = fma 3 0 1\n";
    assert_eq!(run(&format!("{chain}out 3\nout 4\n")), [mapped(first), mapped(second)]);
    assert_eq!(run(&format!("{chain}5 = mul 3 4\nout 5\n")), [mapped(|x| first(x) * second(x))]);
}

#[test]
fn the_variable_of_a_polynomial_lives_until_its_end() {
    // Slots that are free meanwhile are used again.
    let body = "3 = mul 0 0\n4 = fma 1 3 2\n5 = neg 0\n6 = mul 5 5\n7 = fma 4 3 1\n8 = sub 6 5\n9 = add 7 8\nout 9\n";
    let expected = mapped(|x| {
        let square = x * x;
        3.0_f64.mul_add(square, 0.5).mul_add(square, 3.0) + (square + x)
    });
    assert_eq!(run(body), [expected]);
}

#[test]
fn another_variable_or_a_varying_addend_begins_anew() {
    let body = "3 = mul 0 0\n4 = fma 1 0 2\n5 = fma 4 3 1\n6 = fma 5 3 0\n7 = fma 6 3 2\nout 7\n";
    let expected = mapped(|x| {
        let square = x * x;
        3.0_f64.mul_add(x, 0.5).mul_add(square, 3.0).mul_add(square, x).mul_add(square, 0.5)
    });
    assert_eq!(run(body), [expected]);
}

#[test]
fn regions_are_skipped_where_no_lane_of_a_block_needs_them() {
    let body = "3 = gt 0 LIMIT\n4 = neg 0\n5 = guard 3 4\n6 = guard 3 0\n7 = fma 1 0 2\n8 = fma 7 0 1\n\
                9 = endguard 5 3 8\n10 = endguard 6 3 7\n11 = mul 9 10\nout 11\n";
    for (place, limit) in [("1", 3.0), ("2", 0.5)] {
        let expected = mapped(|x| {
            let inner = 3.0_f64.mul_add(x, 0.5);
            if x > limit { inner.mul_add(x, 3.0) * inner } else { -x * x }
        });
        assert_eq!(run(&body.replace("LIMIT", place)), [expected]);
    }
}
