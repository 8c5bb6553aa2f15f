//! Calls: layouts of operands, rows, results in place, sums, threads.

use super::case::{Case, Operand, entry};
use crate::program::Layout;
use crate::shape::Shape;
use crate::threads;

/// Sizes around groups, chunks and blocks.
const SIZES: [usize; 10] = [0, 1, 2, 15, 16, 17, 100, 1024, 1025, 3000];

fn numbers(len: usize, from: f64) -> Vec<f64> {
    (0..len).map(|k| from + (k * k % 1009) as f64 * 0.125).collect()
}

fn elements(layout: Layout, Shape { batch, n }: Shape) -> usize {
    match layout {
        Layout::Uniform => 1,
        Layout::Row => batch,
        Layout::Neuron => n,
        Layout::Full => batch * n,
    }
}

fn at(layout: Layout, n: usize, row: usize, column: usize) -> usize {
    match layout {
        Layout::Uniform => 0,
        Layout::Row => row,
        Layout::Neuron => column,
        Layout::Full => row * n + column,
    }
}

#[test]
fn operands_of_all_layouts_meet_in_their_lanes() {
    let entry = entry(
        "program f64 inputs 3\n0 = in 0\n1 = in 1\n2 = in 2\n3 = fma 0 1 2\n4 = mul 3 0\nout 4\nsum 3\n",
    );
    let layouts = [Layout::Uniform, Layout::Row, Layout::Neuron, Layout::Full];
    for shape in [Shape { batch: 3, n: 37 }, Shape { batch: 40, n: 3 }, Shape { batch: 1, n: 20 }] {
        for code in 0..64 {
            let chosen = [layouts[code % 4], layouts[code / 4 % 4], layouts[code / 16]];
            let values: Vec<Vec<f64>> =
                (0..3).map(|k| numbers(elements(chosen[k], shape), 1.0 + k as f64)).collect();
            let operands: Vec<_> = (0..3).map(|k| Operand::new(chosen[k], &values[k])).collect();
            for per_row in [false, true] {
                let case = Case { shape, operands: operands.clone(), sums: vec![per_row] };
                let results = case.run::<f64>(entry);
                let mut sums = vec![0.0; if per_row { shape.batch } else { 1 }];
                for row in 0..shape.batch {
                    for column in 0..shape.n {
                        let [x, y, z] = [0, 1, 2].map(|k| values[k][at(chosen[k], shape.n, row, column)]);
                        let expected = x.mul_add(y, z);
                        assert_eq!(
                            results.outs[0][row * shape.n + column],
                            expected * x,
                            "{chosen:?} {shape:?}"
                        );
                        sums[if per_row { row } else { 0 }] += expected;
                    }
                }
                assert_eq!(results.sums[0], sums, "sums of such numbers are exact");
            }
        }
    }
}

#[test]
fn results_may_have_the_memory_of_their_aliases() {
    // The two results change places: each is written over the operand that the other one is made of.
    let text = "program f32 inputs 2\n0 = in 0\n1 = in 1\nout 1 alias 0\nout 0 alias 1\n";
    for n in SIZES {
        let (a, b): (Vec<f32>, Vec<f32>) = (0..n).map(|k| (k as f32, -1.0 - k as f32)).unzip();
        let case = Case::vector(n, vec![Operand::new(Layout::Full, &a), Operand::new(Layout::Full, &b)]);
        assert_eq!(case.run::<f32>(entry(text)).outs, [b, a]);
    }
}

#[test]
fn results_may_be_uniform() {
    let text = "program f32 inputs 2\n0 = uin 0\n1 = in 1\n2 = sqrt 0\nout 2\nout 0\nsum 2\n";
    for n in SIZES {
        let operands =
            vec![Operand::new(Layout::Uniform, &[9.0_f32]), Operand::new(Layout::Full, &vec![0.0_f32; n])];
        let mut case = Case::vector(n, operands);
        case.sums = vec![false];
        let results = case.run::<f32>(entry(text));
        assert_eq!(results.outs, [vec![3.0; n], vec![9.0; n]]);
        assert_eq!(results.sums, [[3.0 * n as f32]]);
    }
}

/// The sum as it is defined, for one row.
fn sum_in_order(x: &[f32]) -> f32 {
    let chunk = |lanes: &[f32]| {
        let mut partial = [0.0_f32; 16];
        lanes.iter().enumerate().for_each(|(k, x)| partial[k % 16] += x);
        for half in [8, 4, 2, 1] {
            for k in 0..half {
                partial[k] += partial[k + half];
            }
        }
        partial[0]
    };
    x.chunks(1024).map(chunk).reduce(|a, b| a + b).unwrap_or(0.0)
}

#[test]
fn sums_are_added_in_one_order_whatever_the_threads() {
    let text = "program f32 inputs 1\n0 = in 0\n1 = sqrt 0\nsum 1\nsum 0\n";
    for n in SIZES.into_iter().chain([100_000]) {
        let x: Vec<f32> = (0..n).map(|k| (k as f32 * 0.7).sin().abs() * 1e3).collect();
        let mut case = Case::vector(n, vec![Operand::new(Layout::Full, &x)]);
        case.sums = vec![false; 2];
        let roots: Vec<f32> = x.iter().map(|x| x.sqrt()).collect();
        let expected = [[sum_in_order(&roots)], [sum_in_order(&x)]];
        for count in [1, 2, 3] {
            threads::set(count).expect("few");
            assert_eq!(case.run::<f32>(entry(text)).sums, expected, "{n} lanes, {count} threads");
        }
        threads::set(0).expect("as many as cores");
    }
}

#[test]
fn lanes_are_counted_through_the_rows() {
    const FIRST: u32 = 77; // also the key
    let text = "program f64 inputs 2\n0 = in 0\n1 = win 1\n2 = draw 1 1 1 #0\nout 2\n";
    for layout in [Layout::Neuron, Layout::Full] {
        let shape = Shape { batch: 3, n: 1500 };
        let zeros = Operand::new(layout, &vec![0.0; elements(layout, shape)]);
        let operands = vec![zeros, Operand::new(Layout::Uniform, &[FIRST])];
        let results = Case { shape, operands, sums: vec![] }.run::<f64>(entry(text));
        let word = |k: u32| {
            let block = 32 * (k / 128) + k % 32;
            crate::random::philox([block, 0x5EED, 0, 0], [FIRST; 2])[k as usize % 128 / 32]
        };
        let expected: Vec<f64> = (0..4500).map(|k| f64::from(word(FIRST + k)) / 4_294_967_296.0).collect();
        assert_eq!(results.outs, [expected]);
    }
}
