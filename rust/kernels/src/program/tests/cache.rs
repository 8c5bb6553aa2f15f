//! Machine code that is given back while programs run.

use std::sync::atomic::{AtomicBool, Ordering};

use super::case::{Case, Operand, entry};
use crate::program::{Layout, Level};

#[test]
fn code_can_be_given_back_at_any_time() {
    let text = "program f32 inputs 2\n0 = in 0\n1 = in 1\n2 = fma 0 1 0\nout 2\n";
    let entry = entry(text);
    let (x, y): (Vec<f32>, Vec<f32>) = (0..500).map(|k| (k as f32, 0.5 * k as f32)).unzip();
    let case = Case::vector(500, vec![Operand::new(Layout::Full, &x), Operand::new(Layout::Full, &y)]);
    let expected: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x.mul_add(*y, *x)).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..300 {
                    assert_eq!(case.run_at::<f32>(entry, Level::best()).outs, [&expected[..]]);
                }
                done.store(true, Ordering::Relaxed);
            });
        }
        while !done.load(Ordering::Relaxed) {
            entry.give_code_back();
            std::thread::yield_now();
        }
    });
}
