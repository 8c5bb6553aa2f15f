//! Random programs give the same bits in the interpreter and as machine code of each kind.
//!
//! Code that this machine cannot run is emulated.
//!
//! `SPIKELOOP_FUZZ=1000000 cargo test --release -p spikeloop-kernels fuzz -- --nocapture` runs so many, and prints what
//! they were made of; `SPIKELOOP_FUZZ_SEED` continues elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;

use super::case::{Case, Results};
use super::random::{Random, case, program};
use crate::program::element::Element;
use crate::program::jit::EMULATED;
use crate::program::{Entry, Level, Op, table};
use crate::threads;

/// Programs of a usual test.
const USUAL: u64 = 2000;

/// What a run was made of: it must not become useless without anybody noticing.
#[derive(Default)]
struct Statistics {
    programs: usize,
    with_spills: usize,
    with_jumps: usize,
    in_place: usize,
    ops: BTreeMap<&'static str, usize>,
    results: usize,
    nan: usize,
    zero: usize,
}

impl Statistics {
    fn add<T: Element>(&mut self, entry: &Entry, results: &Results<T>) {
        self.programs += 1;
        let spills = Level::available().iter().map(|&level| entry.stats(level).spills).max();
        self.with_spills += usize::from(spills > Some(0));
        let counts = entry.program().counts();
        self.with_jumps += usize::from(counts.iter().any(|&(name, _)| name == "guard"));
        self.in_place += usize::from(entry.program().outs().iter().any(|out| out.alias.is_some()));
        for (name, count) in counts {
            *self.ops.entry(name).or_default() += count;
        }
        for &x in results.outs.iter().flatten() {
            self.results += 1;
            self.nan += usize::from(x.to_f64().is_nan());
            self.zero += usize::from(x.to_f64() == 0.0);
        }
    }

    fn share(&self, part: usize) -> f64 {
        part as f64 / self.results as f64
    }

    fn check(&self) {
        // Bits have a test of their own.
        for op in Op::ALL.iter().filter(|op| **op != Op::BitIn) {
            let count = self.ops.get(op.signature().name).copied().unwrap_or(0);
            assert!(count * 10 > self.programs, "{op:?} is in few programs: {count} times");
        }
        for (what, count) in
            [("spills", self.with_spills), ("jumps", self.with_jumps), ("aliases", self.in_place)]
        {
            // Without machine code there are no spills.
            let possible = what != "spills" || Level::available().len() > 1;
            assert!(!possible || count * 20 > self.programs, "few programs have {what}: {count}");
        }
        assert!(self.share(self.nan) < 0.5 && self.share(self.zero) < 0.5, "most results are NaN or 0");
    }

    fn print(&self) {
        println!(
            "{} programs, {} with spills, {} with jumps",
            self.programs, self.with_spills, self.with_jumps
        );
        println!(
            "{} results, {:.3} NaN, {:.3} zero",
            self.results,
            self.share(self.nan),
            self.share(self.zero)
        );
        println!("{:?}", self.ops);
    }
}

fn compare<T: Element>(entry: &Entry, case: &Case, seed: u64) -> Results<T> {
    let expected = case.run_at::<T>(entry, Level::Interpreter);
    // To emulate code takes long.
    let emulated = EMULATED.get() || seed.is_multiple_of(10);
    let levels = [Level::Avx2, Level::Avx512];
    for level in levels.into_iter().filter(|level| emulated || Level::available().contains(level)) {
        let given = case.run_at::<T>(entry, level);
        if given.bits() != expected.bits() {
            let (shape, level, program) = (case.shape, level.name(), entry.program());
            panic!(
                "seed {seed}, {shape:?}: {level} gives\n{given:?}\ninterpreter\n{expected:?}\nof\n{program}"
            );
        }
    }
    expected
}

/// Runs the programs of some seeds.
fn fuzz(seeds: Range<u64>) -> Statistics {
    let mut statistics = Statistics::default();
    for seed in seeds {
        let mut random = Random(seed);
        let double = random.one_in(2);
        let most = if random.one_in(4) { 300 } else { 60 };
        let len = 10 + random.below(most);
        let entry = table::unlisted(program(&mut random, double, len));
        let run = |random: &mut Random, statistics: &mut Statistics| {
            let case = case(random, entry.program());
            if double {
                statistics.add(&entry, &compare::<f64>(&entry, &case, seed));
            } else {
                statistics.add(&entry, &compare::<f32>(&entry, &case, seed));
            }
        };
        // XLA's threads flush subnormals.
        if random.one_in(2) {
            threads::flushing(|| run(&mut random, &mut statistics));
        } else {
            run(&mut random, &mut statistics);
        }
    }
    statistics
}

#[test]
fn machine_code_and_interpreter_agree() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (count, first) =
        (number("SPIKELOOP_FUZZ").unwrap_or(USUAL), number("SPIKELOOP_FUZZ_SEED").unwrap_or(0));
    let statistics = fuzz(first..first + count);
    if count > USUAL {
        statistics.print();
    }
    statistics.check();
}

/// What stands in for a machine with other instructions is right about those of this one.
#[test]
fn emulated_code_agrees_too() {
    EMULATED.set(true);
    fuzz(0..200);
    EMULATED.set(false);
}
