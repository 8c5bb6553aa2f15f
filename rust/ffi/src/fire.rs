//! The step of a population whose spikes are bits inside the call.
//!
//! Operands and results are those of the step program, attribute `program`. The program `bits` does the same with the
//! bits of the spikes; what it reads and makes is told by `inputs` and `outs`, as places among the operands and results.
//! `spikes` are the places of the spikes, and `counts` those of arrays that they are added to, as pairs. Of these arrays
//! only the elements of neurons that spike are touched (a count of −0 stays −0). Spikes other than 0 and 1 take the
//! ordinary program.

use crate::abi::{CallFrame, Operands, RawBuffer, dtype};
use crate::error::{Error, Result};
use crate::found;
use crate::frame::Frame;
use crate::list::List;
use crate::operand::in_place;
use crate::program;
use spikeloop_kernels::event::ones_of_bits;
use std::cell::Cell;
use std::ptr;

/// Operands or results without the heap.
const BUFFERS: usize = 32;
const WORD: usize = u64::BITS as usize;

thread_local! {
    /// The bits of the last call's memory: to ask the system for some takes as long as a short call.
    static BITS: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    let &[spikes, new] = frame.ints("spikes")? else {
        return Err(Error::invalid("'spikes' are two places"));
    };
    let buffer = frame.arg(spikes as usize);
    let fired = found::with_ones(&buffer, |rows| match rows {
        Some(rows) => step(frame, rows, spikes as usize, new as usize).map(Some),
        None => Ok(None),
    })?;
    match fired {
        Some(rows) => {
            found::replace(&frame.ret(new as usize), rows);
            Ok(())
        }
        None => program::call(frame),
    }
}

/// Runs the program of bits; the neurons that spike.
fn step(frame: Frame, old: &[u32], spikes: usize, new: usize) -> Result<Vec<u32>> {
    let len = frame.arg(spikes).len();
    let mut bits = BITS.take();
    bits.clear();
    bits.resize(len.div_ceil(WORD), 0);
    for &k in old {
        bits[k as usize / WORD] |= 1 << (k as usize % WORD);
    }
    let program = Program { hash: frame.int("bits")?, inputs: frame.ints("inputs")?, outs: frame.ints("outs")? };
    program.run(frame, [Bits { words: &mut bits, operand: spikes, result: Some(new) }])?;
    let fired = ones_of_bits(&bits);
    BITS.set(bits);
    show(frame, old, &fired, spikes, new)?;
    Ok(fired)
}

/// Shows in the arrays of the spikes and of counts which neurons spike, after `old` did.
pub(crate) fn show(frame: Frame, old: &[u32], fired: &[u32], spikes: usize, new: usize) -> Result<()> {
    // SAFETY: the operands and results are the runtime's, and this one is not borrowed.
    let values = unsafe { in_place::<f32>(&frame.arg(spikes), "spikes", &frame.ret(new))? };
    for &k in old {
        values[k as usize] = 0.0;
    }
    for &k in fired {
        values[k as usize] = 1.0;
    }
    for pair in frame.ints("counts")?.chunks_exact(2) {
        let [from, to] = [frame.arg(pair[0] as usize), frame.ret(pair[1] as usize)];
        // SAFETY: as above.
        let counts = unsafe { in_place::<f32>(&from, "count", &to)? };
        if counts.len() != values.len() {
            let (given, expected) = (counts.len(), values.len());
            return Err(Error::invalid(format!("a count has {given} elements, expected {expected}")));
        }
        for &k in fired {
            counts[k as usize] += 1.0;
        }
    }
    Ok(())
}

/// A program of bits, and its operands and results among those of the call.
pub(crate) struct Program<'a> {
    pub(crate) hash: i64,
    pub(crate) inputs: &'a [i32],
    pub(crate) outs: &'a [i32],
}

/// Bits that stand for an operand and the result that replaces it, if the program has it.
pub(crate) struct Bits<'a> {
    pub(crate) words: &'a mut [u64],
    pub(crate) operand: usize,
    pub(crate) result: Option<usize>,
}

impl Program<'_> {
    /// Runs the program on its own operands and results.
    pub(crate) fn run<const N: usize>(&self, frame: Frame, bits: [Bits; N]) -> Result<()> {
        let mut dims = [0_i64; N];
        let mut buffers: [RawBuffer; N] = std::array::from_fn(|k| {
            dims[k] = size_of_val(&*bits[k].words) as i64;
            RawBuffer {
                struct_size: size_of::<RawBuffer>(),
                extension_start: ptr::null_mut(),
                dtype: dtype::U8,
                data: bits[k].words.as_ptr().cast_mut().cast(),
                rank: 1,
                dims: (&raw mut dims[k]),
            }
        });
        let buffers = buffers.each_mut().map(ptr::from_mut);
        let operands: [_; N] = std::array::from_fn(|k| (Some(bits[k].operand), buffers[k]));
        let results: [_; N] = std::array::from_fn(|k| (bits[k].result, buffers[k]));
        let (mut args, mut rets) = (List::new(ptr::null_mut()), List::new(ptr::null_mut()));
        let raw = frame.raw();
        let args = chosen(&raw.args, self.inputs, &operands, &mut args)?;
        let rets = chosen(&raw.rets, self.outs, &results, &mut rets)?;
        let inner = CallFrame { args, rets, future: ptr::null_mut(), ..*raw };
        // SAFETY: the frame is complete, and lives until the program has run.
        program::run(unsafe { Frame::new(&inner) }, self.hash)
    }
}

/// Some of the operands, of which those at some places are other buffers.
fn chosen(
    all: &Operands,
    places: &[i32],
    replaced: &[(Option<usize>, *mut RawBuffer)],
    to: &mut List<*mut RawBuffer, BUFFERS>,
) -> Result<Operands> {
    to.fill(places.len(), |k, to| {
        let k = places[k] as usize;
        if k >= all.size as usize {
            return Err(Error::invalid(format!("there is no operand {k}")));
        }
        let other = replaced.iter().find(|(place, _)| *place == Some(k));
        // SAFETY: the runtime's array has so many entries.
        *to = other.map_or_else(|| unsafe { *all.buffers.add(k) }, |(_, buffer)| *buffer);
        Ok(())
    })?;
    Ok(Operands { size: places.len() as i64, types: ptr::null_mut(), buffers: to.as_mut_ptr(), ..*all })
}

#[cfg(test)]
mod tests {
    use crate::register::registrations;
    use crate::sequence::register_sequence;
    use crate::testing::Call;
    use spikeloop_kernels::program::{parse, table};

    /// A state less the last spike; a spike where it is 2 or more; the count of spikes.
    const PLAIN: &str = "\
program f32 inputs 3
0 = in 0
1 = in 1
2 = in 2
3 = sub 0 1
4 = const 40000000
5 = ge 3 4
6 = const 3f800000
7 = const 00000000
8 = sel 5 6 7
9 = add 2 8
out 3 alias 0
out 8 alias 1
out 9 alias 2
";
    const BITS: &str = "\
program f32 inputs 2
0 = in 0
1 = bin 1
2 = const 3f800000
3 = const 00000000
4 = sel 1 2 3
5 = sub 0 4
6 = const 40000000
7 = ge 5 6
out 5 alias 0
out 7 alias 1
";

    fn hash(text: &str) -> i64 {
        table::insert(&parse(text).expect("valid")).expect("no other has its hash").hash() as i64
    }

    /// Two steps as one sequence, in which the second one reads what the first one made.
    fn run(call: Call) -> Result<[Vec<f32>; 3], String> {
        let step = format!(
            "program=int:{} bits=int:{} inputs=ints:0,1 outs=ints:0,1 spikes=ints:1,1 counts=ints:2,2",
            hash(PLAIN),
            hash(BITS)
        );
        let text = format!(
            "sequence operands 3 results 3\ncall fire operands 0,1,2 results 3,4,5 {step}\n\
             call fire operands 3,4,5 results 3,4,5 {step}\n"
        );
        let sequence = register_sequence(&text).expect("a sequence") as i64;
        let mut call = call.int("sequence", sequence);
        let handler =
            registrations().iter().find(|(name, _)| *name == "spikeloop.sequence").expect("there").1;
        call.run(handler).map_err(|(_, message)| message)?;
        Ok([0, 1, 2].map(|k| call.result(k)))
    }

    /// What two steps make of a state, spikes and counts.
    fn expected(state: &[f32], spikes: &[f32], count: f32) -> [Vec<f32>; 3] {
        let mut all = [state.to_vec(), spikes.to_vec(), vec![count; state.len()]];
        for _ in 0..2 {
            let [state, spikes, counts] = &mut all;
            for ((v, spike), count) in state.iter_mut().zip(spikes).zip(counts) {
                *v -= *spike;
                *spike = if *v >= 2.0 { 1.0 } else { 0.0 };
                *count += *spike;
            }
        }
        all
    }

    #[test]
    fn arrays_of_spikes_and_counts_are_those_of_the_plain_program() {
        let n = 131;
        let state: Vec<f32> = (0..n).map(|k| (k % 5) as f32).collect();
        for graded in [false, true] {
            let spikes: Vec<f32> = (0..n).map(|k| if k % 7 == 2 { 1.0 } else { 0.0 }).collect();
            let spikes: Vec<f32> = spikes.iter().map(|x| if graded { x * 0.5 } else { *x }).collect();
            let call = || Call::default().vector(&state).vector(&spikes).vector(&vec![7.0_f32; n]);
            let dims = [n as i64];
            let fresh = vec![f32::NAN; n];
            let copied = call().ret(&fresh, &dims).ret(&fresh, &dims).ret(&fresh, &dims);
            for call in [call().alias(0).alias(1).alias(2), copied] {
                assert_eq!(run(call).expect("runs"), expected(&state, &spikes, 7.0), "{graded}");
            }
        }
    }

    #[test]
    fn a_count_of_another_length_is_refused() {
        let call = Call::default().vector(&[0.0_f32; 3]).vector(&[0.0_f32; 3]).vector(&[0.0_f32; 2]);
        let error = run(call.alias(0).alias(1).alias(2)).unwrap_err();
        assert_eq!(error, "fire: a count has 2 elements, expected 3");
    }
}
