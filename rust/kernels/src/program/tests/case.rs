//! Programs on operands that a test makes up.

use std::ffi::c_void;

use crate::program::element::Element;
use crate::program::{Call, Entry, Input, Layout, Level, Program, Sum, parse, table};
use crate::shape::Shape;

/// An operand: its bytes and its layout.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) layout: Layout,
    bytes: Vec<u8>,
}

/// Memory that begins on no line of the cache, as a test should not depend on it.
fn bytes_of<T: Copy>(values: &[T]) -> Vec<u8> {
    // SAFETY: plain numbers.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }.to_vec()
}

fn values_of<T: Copy>(bytes: &[u8]) -> Vec<T> {
    bytes
        .chunks_exact(size_of::<T>())
        // SAFETY: the bytes were written as plain numbers.
        .map(|chunk| unsafe { chunk.as_ptr().cast::<T>().read_unaligned() })
        .collect()
}

impl Operand {
    pub(super) fn new<T: Copy>(layout: Layout, values: &[T]) -> Self {
        Self { layout, bytes: bytes_of(values) }
    }
}

/// A program and what it is run on.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) shape: Shape,
    pub(super) operands: Vec<Operand>,
    /// For each sum, whether it has an element for each row.
    pub(super) sums: Vec<bool>,
}

/// What a program computed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Results<T> {
    pub(super) outs: Vec<Vec<T>>,
    pub(super) sums: Vec<Vec<T>>,
}

impl<T: Element> Results<T> {
    /// All bits; those of NaN are not promised.
    pub(super) fn bits(&self) -> Vec<Vec<Option<T::Bits>>> {
        let bits = |x: &T| (!x.to_f64().is_nan()).then(|| x.to_bits());
        self.outs.iter().chain(&self.sums).map(|values| values.iter().map(bits).collect()).collect()
    }
}

impl Case {
    /// A call with one row.
    pub(super) fn vector(n: usize, operands: Vec<Operand>) -> Self {
        Self { shape: Shape { batch: 1, n }, operands, sums: Vec::new() }
    }

    /// Runs a program by all means: all give the same.
    pub(super) fn run<T: Element>(&self, entry: &Entry) -> Results<T> {
        let expected = self.run_at::<T>(entry, Level::Interpreter);
        for level in [Level::Avx2, Level::Avx512] {
            let given = self.run_at::<T>(entry, level);
            assert_eq!(
                given.bits(),
                expected.bits(),
                "{} and interpreter\n{}",
                level.name(),
                entry.program()
            );
        }
        expected
    }

    /// Runs a program; results with an alias are computed in place.
    pub(super) fn run_at<T: Element>(&self, entry: &Entry, level: Level) -> Results<T> {
        // SAFETY: the call has the operands that the program takes.
        self.run_by(entry.program(), |call| unsafe { entry.run(call, level) })
    }

    /// The results after `run` of a call; those with an alias are computed in place.
    pub(super) fn run_by<T: Element>(&self, program: &Program, run: impl FnOnce(&Call<'_>)) -> Results<T> {
        assert_eq!((program.double(), self.operands.len()), (size_of::<T>() == 8, program.readers().len()));
        let mut operands: Vec<Vec<u128>> =
            self.operands.iter().map(|operand| aligned(&operand.bytes)).collect();
        let len = self.shape.len();
        let mut own: Vec<Vec<u128>> =
            program.outs().iter().map(|_| aligned(&vec![0xa5; len * size_of::<T>()])).collect();
        let inputs: Vec<Input> = operands
            .iter_mut()
            .zip(&self.operands)
            .map(|(words, operand)| Input {
                ptr: words.as_mut_ptr().cast_const().cast(),
                layout: operand.layout,
            })
            .collect();
        let outs: Vec<*mut c_void> = program
            .outs()
            .iter()
            .zip(&mut own)
            .map(|(out, own)| match out.alias {
                Some(k) if inputs[k].layout == Layout::Full => inputs[k].ptr.cast_mut(),
                _ => own.as_mut_ptr().cast(),
            })
            .collect();
        let per_sum = |&per_row: &bool| vec![T::ONE; if per_row { self.shape.batch } else { 1 }];
        let mut totals: Vec<Vec<T>> = self.sums.iter().map(per_sum).collect();
        let sums: Vec<Sum> = totals
            .iter_mut()
            .zip(&self.sums)
            .map(|(total, &per_row)| Sum { ptr: total.as_mut_ptr().cast(), per_row })
            .collect();
        let call = Call { shape: self.shape, inputs: &inputs, outs: &outs, sums: &sums };
        run(&call);
        let read = |&out: &*mut c_void| {
            // SAFETY: it has so many elements, all of them written.
            values_of(unsafe { std::slice::from_raw_parts(out.cast(), len * size_of::<T>()) })
        };
        Results { outs: outs.iter().map(read).collect(), sums: totals }
    }
}

fn aligned(bytes: &[u8]) -> Vec<u128> {
    let mut words = vec![0_u128; bytes.len() / 16 + 1];
    // SAFETY: there is room.
    unsafe { words.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    words
}

/// Registers a text.
pub(super) fn entry(text: &str) -> &'static Entry {
    let program = parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    table::insert(&program).expect("no two programs have one hash")
}
