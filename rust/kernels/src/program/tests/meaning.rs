//! What the operations do to chosen values.

use super::case::{Case, Operand, entry};
use crate::program::Layout;
use crate::program::element::Element;

/// Operations from floats to floats, on operands in order.
fn floats<T: Element>(body: &str, operands: &[&[T]]) -> Vec<T> {
    let (float, n) = (if size_of::<T>() == 8 { "f64" } else { "f32" }, operands[0].len());
    let reads: Vec<String> = (0..operands.len()).map(|k| format!("{k} = in {k}\n")).collect();
    let last = operands.len() + body.lines().count() - 1;
    let text = format!("program {float} inputs {}\n{}{body}\nout {last}\n", operands.len(), reads.concat());
    let operands = operands.iter().map(|values| Operand::new(Layout::Full, values)).collect();
    Case::vector(n, operands).run(entry(&text)).outs.remove(0)
}

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// Compares bits, NaN being equal to NaN.
fn assert_same(given: &[f32], expected: &[f32]) {
    let key = |x: &f32| if x.is_nan() { u32::MAX } else { x.to_bits() };
    assert!(given.iter().map(key).eq(expected.iter().map(key)), "{given:?}, expected {expected:?}");
}

#[test]
fn arithmetic_is_that_of_the_floats() {
    let (a, b, c) = ([1.5_f32, -0.0, INF, 1e30, NAN], [0.1_f32, 0.0, -INF, 1e30, 1.0], [3.0_f32; 5]);
    let two = |op: &str| floats(&format!("2 = {op} 0 1"), &[&a, &b]);
    assert_same(&two("add"), &[1.6, 0.0, NAN, 2e30, NAN]);
    assert_same(&two("sub"), &[1.4, -0.0, INF, 0.0, NAN]);
    assert_same(&two("mul"), &[1.5 * 0.1, -0.0, -INF, INF, NAN]);
    assert_same(&two("div"), &[1.5 / 0.1, NAN, NAN, 1.0, NAN]);
    let three = |op: &str| floats(&format!("3 = {op} 0 1 2"), &[&a, &b, &c]);
    assert_same(&three("fma"), &[1.5_f32.mul_add(0.1, 3.0), 3.0, -INF, INF, NAN]);
    assert_same(&three("fms"), &[1.5_f32.mul_add(0.1, -3.0), -3.0, -INF, INF, NAN]);
    assert_same(&three("fnma"), &[(-1.5_f32).mul_add(0.1, 3.0), 3.0, INF, -INF, NAN]);
    assert_eq!(floats::<f64>("3 = fma 0 1 2", &[&[1.5], &[0.1], &[3.0]]), [1.5_f64.mul_add(0.1, 3.0)]);
}

#[test]
fn min_and_max_give_the_second_operand_for_nan_and_for_zeros() {
    let (a, b) = ([1.0_f32, NAN, 1.0, 0.0, -0.0], [2.0_f32, 1.0, NAN, -0.0, 0.0]);
    assert_same(&floats("2 = min 0 1", &[&a, &b]), &[1.0, 1.0, NAN, -0.0, 0.0]);
    assert_same(&floats("2 = max 0 1", &[&a, &b]), &[2.0, 1.0, NAN, -0.0, 0.0]);
}

#[test]
fn rounding() {
    let x = [0.5_f32, 1.5, -2.5, -0.5, 1e9, -1.7, NAN];
    assert_same(&floats("1 = round 0", &[&x]), &[0.0, 2.0, -2.0, -0.0, 1e9, -2.0, NAN]);
    assert_same(&floats("1 = trunc 0", &[&x]), &[0.0, 1.0, -2.0, -0.0, 1e9, -1.0, NAN]);
    assert_same(&floats("1 = floor 0", &[&x]), &[0.0, 1.0, -3.0, -1.0, 1e9, -2.0, NAN]);
    assert_same(&floats("1 = sqrt 0", &[&[4.0, -0.0, -1.0, INF]]), &[2.0, -0.0, NAN, INF]);
    assert_same(&floats("1 = neg 0", &[&[1.0, 0.0, -INF]]), &[-1.0, -0.0, INF]);
    assert_same(&floats("1 = abs 0", &[&[-1.0, -0.0, NAN]]), &[1.0, 0.0, NAN]);
}

#[test]
fn predicates() {
    let (a, b) = ([1.0_f32, 2.0, 1.0, NAN, 0.0], [2.0_f32, 1.0, 1.0, NAN, -0.0]);
    let holds = |body: &str| {
        let last = 1 + body.lines().count();
        let one = format!("{body}\n{} = const 3f800000\n", last + 1);
        let zero = format!("{} = const 0\n{} = sel {last} {} {}", last + 2, last + 3, last + 1, last + 2);
        floats(&format!("{one}{zero}"), &[&a, &b])
    };
    assert_same(&holds("2 = gt 0 1"), &[0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_same(&holds("2 = ge 0 1"), &[0.0, 1.0, 1.0, 0.0, 1.0]);
    assert_same(&holds("2 = eq 0 1"), &[0.0, 0.0, 1.0, 0.0, 1.0]);
    assert_same(&holds("2 = ne 0 1"), &[1.0, 1.0, 0.0, 1.0, 0.0]);
    let both = "2 = ge 0 1\n3 = eq 0 1\n";
    assert_same(&holds(&format!("{both}4 = band 2 3")), &[0.0, 0.0, 1.0, 0.0, 1.0]);
    assert_same(&holds(&format!("{both}4 = bor 2 3")), &[0.0, 1.0, 1.0, 0.0, 1.0]);
    assert_same(&holds(&format!("{both}4 = bxor 2 3")), &[0.0, 1.0, 0.0, 0.0, 0.0]);
    assert_same(&holds(&format!("{both}4 = bnot 2")), &[1.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_guard_and_its_end_are_a_selection() {
    let x = [-4.0_f32, 4.0, 9.0];
    let body = "1 = const 0\n2 = gt 0 1\n3 = guard 2 0\n4 = sqrt 3\n5 = endguard 3 2 4";
    assert_same(&floats(body, &[&x]), &[-4.0, 2.0, 3.0]);
}

#[test]
fn scaling_is_one_product() {
    let (a, b) = ([3.0_f32, 3.0, 1.0, 1.0, -1.5], [2.0_f32, -126.0, 127.0, 128.0, -127.0]);
    assert_same(
        &floats("2 = scalb 0 1", &[&a, &b]),
        &[12.0, 3.0 * f32::MIN_POSITIVE, 2.0_f32.powi(127), INF, -0.0],
    );
    let (a, b) = ([3.0_f64, 1.0, 1.0], [-1022.0_f64, 1023.0, 1024.0]);
    let expected = [3.0 * f64::MIN_POSITIVE, 2.0_f64.powi(1023), f64::INFINITY];
    assert_eq!(floats("2 = scalb 0 1", &[&a, &b]), expected);
}

#[test]
fn integers() {
    let x = [1.0_f32, -2.0, 6.0, -1e6, NAN, 3e9, -0.7];
    let whole = |body: &str| floats(&format!("1 = ftoi 0\n{body}"), &[&x]);
    let least = -2_147_483_648.0;
    assert_same(&whole("2 = itof 1"), &[1.0, -2.0, 6.0, -1e6, least, least, 0.0]);
    assert_same(&whole("2 = shl 1 #3\n3 = itof 2"), &[8.0, -16.0, 48.0, -8e6, 0.0, 0.0, 0.0]);
    assert_same(&whole("2 = shr 1 #1\n3 = itof 2"), &[0.0, -1.0, 3.0, -5e5, least / 2.0, least / 2.0, 0.0]);
    assert_same(&whole("2 = ushr 1 #31\n3 = itof 2"), &[0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
    let six = "2 = iconst 6\n";
    assert_same(&whole(&format!("{six}3 = iadd 1 2\n4 = itof 3"))[..3], &[7.0, 4.0, 12.0]);
    assert_same(&whole(&format!("{six}3 = isub 1 2\n4 = itof 3"))[..3], &[-5.0, -8.0, 0.0]);
    assert_same(&whole(&format!("{six}3 = iand 1 2\n4 = itof 3"))[..3], &[0.0, 6.0, 6.0]);
    assert_same(&whole(&format!("{six}3 = ior 1 2\n4 = itof 3"))[..3], &[7.0, -2.0, 6.0]);
    assert_same(&whole(&format!("{six}3 = ixor 1 2\n4 = itof 3"))[..3], &[7.0, -8.0, 0.0]);
    assert_same(
        &floats("1 = bits 0\n2 = iconst 80000000\n3 = ior 1 2\n4 = float 3", &[&[2.0, -3.0]]),
        &[-2.0, -3.0],
    );
    let wide = [1.0_f64, -2.0, 1e15, 3e15, f64::NAN, -2_251_799_813_685_247.5];
    let least = -9_223_372_036_854_775_808.0;
    let expected = [1.0, -2.0, 1e15, least, least, -2_251_799_813_685_247.0];
    assert_eq!(floats("1 = ftoi 0\n2 = itof 1", &[&wide]), expected);
    let large = [f64::from_bits(i64::MAX as u64), f64::from_bits(0x8000_0000_0000_0401)];
    let expected = [9_223_372_036_854_775_807_i64 as f64, (i64::MIN + 0x401) as f64];
    assert_eq!(floats("1 = bits 0\n2 = itof 1", &[&large]), expected);
}

#[test]
fn draws_are_words_of_tiles() {
    const N: usize = 2000;
    let words = [11_u32, 0xdead_beef, 0xffff_fc00];
    let word = |lane: u32, number: u32| {
        let element = words[2].wrapping_add(lane);
        let block = 32 * (element / 128) + element % 32;
        crate::random::philox([block, 0x5EED, number, 0], [words[0], words[1]])[element as usize % 128 / 32]
    };
    let text = |float: &str| {
        let draws = "4 = draw 0 1 2 #0\n5 = draw 0 1 2 #3\n6 = add 4 3\n";
        format!("program {float} inputs 4\n0 = win 0\n1 = win 1\n2 = win 2\n3 = in 3\n{draws}out 6\nout 5\n")
    };
    let operands = |zeros| {
        let words = words.map(|word| Operand::new(Layout::Uniform, &[word]));
        words.into_iter().chain([zeros]).collect()
    };
    let case = Case::vector(N, operands(Operand::new(Layout::Full, &[0.0_f32; N])));
    let results = case.run::<f32>(entry(&text("f32")));
    let case = Case::vector(N, operands(Operand::new(Layout::Full, &[0.0_f64; N])));
    let wide = case.run::<f64>(entry(&text("f64")));
    for lane in 0..N {
        for (k, number) in [0, 3].into_iter().enumerate() {
            let word = word(lane as u32, number);
            assert_eq!(results.outs[k][lane], (word >> 8) as f32 / 16_777_216.0);
            assert_eq!(wide.outs[k][lane], f64::from(word) / 4_294_967_296.0);
        }
    }
}
