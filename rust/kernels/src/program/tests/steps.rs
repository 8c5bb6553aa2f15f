//! Many steps in one call: the same as so many calls.

use std::ffi::c_void;

use super::case::entry;
use crate::program::{Call, Entry, Input, Layout, Level, Steps, Sum};
use crate::shape::Shape;
use crate::threads;

/// The state is scaled, driven and saved before and after the step; two of its operands may be timed.
const TEXT: &str = "\
program f64 inputs 4
0 = uin 0
1 = in 1
2 = in 2
3 = win 3
4 = draw 3 3 3 #1
5 = const 4010000000000000
6 = mul 4 5
7 = floor 6
8 = fma 0 1 2
9 = add 8 7
out 9 alias 1
out 1
out 9
sum 8
";

const COUNT: usize = 7;

fn elements(layout: Layout, Shape { batch, n }: Shape) -> usize {
    match layout {
        Layout::Uniform => 1,
        Layout::Row => batch,
        Layout::Neuron => n,
        Layout::Full => batch * n,
    }
}

/// Operands of all steps, where they are timed.
struct Case {
    shape: Shape,
    reverse: bool,
    layouts: [Layout; 4],
    timed: [bool; 4],
    scale: Vec<f64>,
    state: Vec<f64>,
    drive: Vec<f64>,
    key: Vec<u32>,
}

#[derive(Debug, PartialEq)]
struct Results {
    state: Vec<f64>,
    rows: [Vec<f64>; 2],
    sum: Vec<f64>,
}

impl Case {
    fn new(shape: Shape, reverse: bool, scale: (Layout, bool), drive: (Layout, bool), key: bool) -> Self {
        let layouts = [scale.0, Layout::Full, drive.0, Layout::Uniform];
        let timed = [scale.1, false, drive.1, key];
        let len = |k: usize| elements(layouts[k], shape) * if timed[k] { COUNT } else { 1 };
        // Sums of such numbers are exact.
        let numbers = |k: usize| (0..len(k)).map(|x| (x * x % 37) as f64 * 0.25 - 2.0).collect();
        Self {
            shape,
            reverse,
            layouts,
            timed,
            scale: (0..len(0)).map(|x| [0.5, 1.0, -1.0][x % 3]).collect(),
            state: numbers(1),
            drive: numbers(2),
            key: (0..len(3)).map(|x| (x as u32 % 4) << 30).collect(),
        }
    }

    /// The operands of a step; the state is what `state` points at.
    fn inputs(&self, state: *mut f64, step: usize) -> [Input; 4] {
        let at = |k: usize| if self.timed[k] { step * elements(self.layouts[k], self.shape) } else { 0 };
        let ptrs: [*const c_void; 4] = [
            self.scale[at(0)..].as_ptr().cast(),
            state.cast_const().cast(),
            self.drive[at(2)..].as_ptr().cast(),
            self.key[at(3)..].as_ptr().cast(),
        ];
        [0, 1, 2, 3].map(|k| Input { ptr: ptrs[k], layout: self.layouts[k] })
    }

    fn empty(&self) -> Results {
        let rows = vec![f64::NAN; COUNT * self.shape.len()];
        Results { state: self.state.clone(), rows: [rows.clone(), rows], sum: vec![f64::NAN] }
    }

    fn at_once(&self, entry: &Entry, level: Level) -> Results {
        let mut results = self.empty();
        let state = results.state.as_mut_ptr();
        let inputs = self.inputs(state, 0);
        let outs = [state.cast(), results.rows[0].as_mut_ptr().cast(), results.rows[1].as_mut_ptr().cast()];
        let sums = [Sum { ptr: results.sum.as_mut_ptr().cast(), per_row: false }];
        let call = Call { shape: self.shape, inputs: &inputs, outs: &outs, sums: &sums };
        let steps = Steps { call, count: COUNT, reverse: self.reverse, timed: &self.timed };
        // SAFETY: the operands and results are as the program and the steps say.
        unsafe { entry.run_steps(&steps, level) };
        results
    }

    fn one_by_one(&self, entry: &Entry) -> Results {
        let mut results = self.empty();
        let mut total = 0.0;
        for k in 0..COUNT {
            let step = if self.reverse { COUNT - 1 - k } else { k };
            let row = step * self.shape.len();
            let state = results.state.as_mut_ptr();
            let inputs = self.inputs(state, step);
            let [before, after] = &mut results.rows;
            let outs = [state.cast(), before[row..].as_mut_ptr().cast(), after[row..].as_mut_ptr().cast()];
            let sums = [Sum { ptr: results.sum.as_mut_ptr().cast(), per_row: false }];
            let call = Call { shape: self.shape, inputs: &inputs, outs: &outs, sums: &sums };
            // SAFETY: as above, for one step.
            unsafe { entry.run(&call, Level::Interpreter) };
            total += results.sum[0];
        }
        results.sum = vec![total];
        results
    }
}

#[test]
fn many_steps_in_one_call_are_so_many_calls() {
    let entry = entry(TEXT);
    let scales = [Layout::Uniform, Layout::Row];
    let drives = [Layout::Uniform, Layout::Row, Layout::Neuron, Layout::Full];
    for shape in [Shape { batch: 3, n: 37 }, Shape { batch: 1, n: 5000 }, Shape { batch: 2, n: 0 }] {
        for code in 0..64 {
            let scale = (scales[code % 2], code / 2 % 2 == 1);
            let drive = (drives[code / 4 % 4], code / 16 % 2 == 1);
            let case = Case::new(shape, code / 32 == 1, scale, drive, code % 3 == 0);
            let expected = case.one_by_one(entry);
            for level in [Level::Interpreter, Level::Avx2, Level::Avx512] {
                let given = case.at_once(entry, level);
                assert_eq!(given, expected, "{shape:?} {scale:?} {drive:?} {}", level.name());
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_threads() {
    // Thirds are rounded when they are added up.
    let text = "program f64 inputs 2\n0 = in 0\n1 = in 1\n2 = const 4008000000000000\n3 = div 1 2\n4 = add 0 3\n\
                out 4 alias 0\nsum 3\n";
    let (entry, shape) = (entry(text), Shape { batch: 1, n: 100_000 });
    let drive: Vec<f64> = (0..COUNT * shape.n).map(|k| (k % 1009) as f64).collect();
    let run = |count| {
        threads::set(count).expect("few");
        let (mut state, mut sum) = (vec![0.0; shape.n], [0.0]);
        let ptr = state.as_mut_ptr().cast::<c_void>();
        let inputs = [ptr.cast_const(), drive.as_ptr().cast()].map(|ptr| Input { ptr, layout: Layout::Full });
        let sums = [Sum { ptr: sum.as_mut_ptr().cast(), per_row: false }];
        let call = Call { shape, inputs: &inputs, outs: &[ptr], sums: &sums };
        // SAFETY: the operands and results are as the program and the steps say.
        unsafe {
            let steps = Steps { call, count: COUNT, reverse: false, timed: &[false, true] };
            entry.run_steps(&steps, Level::Interpreter);
        }
        (state, sum)
    };
    let expected = run(1);
    for count in [2, 3] {
        assert_eq!(run(count), expected, "{count} threads");
    }
    threads::set(0).expect("as many as cores");
}
