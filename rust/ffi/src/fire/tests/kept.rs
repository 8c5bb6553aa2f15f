//! Steps of a loop that carries what they keep.

use crate::sequence::register_sequence;
use crate::testing::{Call, handler, program};

/// A potential that grows by its input, loses 2 by a spike, and holds while the neuron waits; the spikes; the steps left.
const PLAIN: &str = "\
program f32 inputs 4
0 = in 0
1 = in 1
2 = in 2
3 = in 3
4 = const 00000000
5 = const 3f800000
6 = const 40000000
7 = const 40400000
8 = sub 2 5
9 = max 4 8
10 = gt 9 4
11 = mul 1 6
12 = sub 0 11
13 = add 12 3
14 = sel 10 12 13
15 = ge 14 6
16 = bnot 10
17 = band 15 16
18 = sel 17 5 4
19 = sel 17 7 9
out 14 alias 0
out 18 alias 1
out 19 alias 2
";
/// The same with spikes as bits, and a bit of each neuron that waits.
const WAITING: &str = "\
program f32 inputs 4
0 = in 0
1 = bin 1
2 = bin 2
3 = in 3
4 = const 00000000
5 = const 40000000
6 = sel 1 5 4
7 = sub 0 6
8 = add 7 3
9 = sel 2 7 8
10 = ge 9 5
11 = bnot 2
12 = band 10 11
out 9 alias 0
out 12 alias 1
";

/// The same with spikes as bits.
fn with_bits() -> String {
    PLAIN.replace("1 = in 1", "1 = bin 1").replace("mul 1 6", "sel 1 6 4").replace("out 18", "out 17")
}

const PERIOD: f32 = 3.0;
const HEADER: usize = 16;

/// The State of a population and what a loop keeps of it.
#[derive(Debug, Clone, PartialEq)]
struct Population {
    potential: Vec<f32>,
    spikes: Vec<f32>,
    left: Vec<f32>,
    kept: Vec<u32>,
}

impl Population {
    fn new(n: usize) -> Self {
        let kept = vec![0; HEADER + 2 * (2 * n.div_ceil(64)) + 3 * n + 1024];
        let potential = (0..n).map(|k| (k % 8) as f32 / 4.0).collect();
        let spikes = (0..n).map(|k| if k % 7 == 2 { 1.0 } else { 0.0 }).collect();
        let left = (0..n).map(|k| if k % 5 == 1 { (k % 4) as f32 } else { 0.0 }).collect();
        Self { potential, spikes, left, kept }
    }

    /// A step of the sequence of one call.
    fn step(&self, input: &[f32]) -> Result<Self, String> {
        let mut call = Call::default().vector(&self.potential).vector(&self.spikes).vector(&self.left);
        call = call.vector(input).vector(&self.kept).alias(0).alias(1).alias(2).alias(4);
        let buffer = |k: usize| {
            let place = [0, 1, 2, 3, 4, 0, 1, 2, 4][k];
            format!("buffer {} dims {}\n", if place == 4 { 8 } else { 11 }, call.dims(place)[0])
        };
        let buffers: String = (0..9).map(buffer).collect();
        let attributes = format!(
            "program=int:{} bits=int:{} inputs=ints:0,1,2,3 outs=ints:0,1,2 spikes=ints:1,1 counts=ints:- \
             waiting=int:{} waiting_inputs=ints:0,1,2,3 waiting_outs=ints:0,1 calendar=ints:2,2,-1,3",
            program(PLAIN),
            program(&with_bits()),
            program(WAITING)
        );
        let step = "call fire_kept operands 0,1,2,3,4 results 5,6,7,8";
        let text = format!("sequence operands 5 results 4\n{buffers}{step} {attributes}\n");
        let mut call = call.int("sequence", register_sequence(&text).expect("a sequence") as i64);
        call.run(handler("spikeloop.sequence")).map_err(|(_, message)| message)?;
        let [potential, spikes, left] = [0, 1, 2].map(|k| call.result(k));
        Ok(Self { potential, spikes, left, kept: call.result(3) })
    }

    /// The same step, counted for each neuron.
    fn count_step(&mut self, input: &[f32]) {
        for (k, x) in input.iter().enumerate() {
            let fewer = (self.left[k] - 1.0).max(0.0);
            let held = self.potential[k] - 2.0 * self.spikes[k];
            self.potential[k] = if fewer > 0.0 { held } else { held + x };
            let fires = self.potential[k] >= 2.0 && fewer <= 0.0;
            self.spikes[k] = f32::from(u8::from(fires));
            self.left[k] = if fires { PERIOD } else { fewer };
        }
    }

    /// The steps left as the calendar has them.
    fn left_in_calendar(&self) -> Vec<f32> {
        let n = self.left.len();
        let due = &self.kept[HEADER + 4 * n.div_ceil(64)..][..n];
        due.iter().map(|due| due.saturating_sub(self.kept[3]) as f32).collect()
    }
}

fn input(n: usize, step: usize) -> Vec<f32> {
    (0..n).map(|k| ((k * 5 + step * 3) % 11) as f32 / 8.0).collect()
}

#[test]
fn a_loop_of_steps_is_that_of_counting() {
    let n = 131;
    let mut expected = Population::new(n);
    let mut given = expected.clone();
    for step in 0..40 {
        given = given.step(&input(n, step)).expect("runs");
        expected.count_step(&input(n, step));
        assert_eq!((&given.potential, &given.spikes), (&expected.potential, &expected.spikes), "{step}");
        assert_eq!(given.left_in_calendar(), expected.left, "{step}");
    }
    assert!(expected.spikes.contains(&1.0) && expected.left.contains(&PERIOD));
}

#[test]
fn steps_left_that_are_no_whole_numbers_are_counted() {
    let n = 70;
    let mut expected = Population::new(n);
    expected.left[3] = 2.5;
    let mut given = expected.clone();
    for step in 0..20 {
        given = given.step(&input(n, step)).expect("runs");
        expected.count_step(&input(n, step));
        let all = |x: &Population| (x.potential.clone(), x.spikes.clone(), x.left.clone());
        assert_eq!(all(&given), all(&expected), "{step}");
    }
}

#[test]
fn a_graded_spike_takes_the_ordinary_program_until_it_is_over() {
    let n = 70;
    let mut expected = Population::new(n);
    expected.spikes[9] = 0.5;
    let given = expected.step(&input(n, 0)).expect("runs");
    expected.count_step(&input(n, 0));
    assert_eq!(given, expected, "what is kept stays empty");
    let given = given.step(&input(n, 1)).expect("runs");
    expected.count_step(&input(n, 1));
    assert_eq!((&given.potential, &given.spikes), (&expected.potential, &expected.spikes));
    assert_eq!(given.left_in_calendar(), expected.left);
}

#[test]
fn memory_of_another_size_is_refused() {
    let mut given = Population::new(5);
    given.kept.pop();
    let message = given.step(&input(5, 0)).unwrap_err();
    assert!(message.ends_with("what is kept has 1058 words, expected 1059"), "{message}");
}

#[test]
fn spikes_of_another_population_are_refused() {
    let known = |n: usize| {
        let mut call = Call::default().vector(&vec![0.0_f32; n]).vector(&[1_u32, 3, 0, 0]);
        call.run(handler("spikeloop.spikes_known")).map_err(|(_, message)| message)
    };
    assert_eq!(known(3), Ok(()));
    assert_eq!(known(5).unwrap_err(), "spikes_known: what is kept is not of 5 neurons");
    assert_eq!(known(2).unwrap_err(), "spikes_known: what is kept is not of 2 neurons");
}
