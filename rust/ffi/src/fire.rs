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
use crate::operand::in_place;
use crate::prepared::Prepared;
use crate::program::Ready;
use spikeloop_kernels::event::ones_of_bits;
use std::ptr;

const WORD: usize = u64::BITS as usize;

/// A step that is ready to run.
#[derive(Debug)]
struct Fire {
    /// The places of the spikes among operands and results.
    spikes: usize,
    new: usize,
    /// What the program of bits reads and makes.
    inputs: Vec<usize>,
    outs: Vec<usize>,
    /// Operands and results that spikes are added to.
    counts: Vec<[usize; 2]>,
    bits: Ready,
    plain: Ready,
}

/// A step that is ready to run, with the attributes of a frame.
pub(crate) fn prepare(frame: Frame) -> Result<Box<dyn Prepared>> {
    Ok(Box::new(Fire::new(frame)?))
}

/// Runs the step.
pub(crate) fn call(frame: Frame) -> Result<()> {
    // SAFETY: it is made ready for this frame.
    unsafe { Fire::new(frame)?.run(frame) }
}

impl Fire {
    fn new(frame: Frame) -> Result<Self> {
        let (args, rets) = (frame.arg_count(), frame.ret_count());
        let &[spikes, new] = frame.ints("spikes")? else {
            return Err(Error::invalid("'spikes' are two places"));
        };
        let (spikes, new) = (place(spikes, args)?, place(new, rets)?);
        let pairs = frame.ints("counts")?.chunks_exact(2);
        let counts = pairs.map(|pair| Ok([place(pair[0], args)?, place(pair[1], rets)?]));
        let counts = counts.collect::<Result<Vec<_>>>()?;
        let len = frame.arg(spikes).len();
        if let Some(given) = counts.iter().map(|count| frame.arg(count[0]).len()).find(|&given| given != len)
        {
            return Err(Error::invalid(format!("a count has {given} elements, expected {len}")));
        }
        let [inputs, outs] = [("inputs", args), ("outs", rets)].map(|(name, count)| {
            frame.ints(name)?.iter().map(|&k| place(k, count)).collect::<Result<Vec<_>>>()
        });
        let (inputs, outs) = (inputs?, outs?);
        let bits = ready_for_bits(frame, (&inputs, spikes), (&outs, new))?;
        let plain = Ready::new(frame, frame.int("program")?)?;
        Ok(Self { spikes, new, inputs, outs, counts, bits, plain })
    }

    /// Runs the program of bits; the neurons that spike.
    ///
    /// # Safety
    /// As of `Prepared::run`.
    unsafe fn step(&self, frame: Frame, old: &[u32], bits: &mut [u64]) -> Result<Vec<u32>> {
        for &k in old {
            bits[k as usize / WORD] |= 1 << (k as usize % WORD);
        }
        let (own, [spikes, new]) = (bits.as_mut_ptr().cast(), [self.spikes, self.new]);
        let arg = |k: usize| if self.inputs[k] == spikes { own } else { frame.arg(self.inputs[k]).address() };
        let ret = |k: usize| if self.outs[k] == new { own } else { frame.ret(self.outs[k]).address() };
        // SAFETY: promised to this function; the bits are as many as there are neurons.
        unsafe { self.bits.run(arg, ret)? };
        // SAFETY: the operands and results are the runtime's, and this one is not borrowed.
        let values = unsafe { in_place::<f32>(&frame.arg(spikes), "spikes", &frame.ret(new))? };
        let fired = ones_of_bits(bits);
        for &k in old {
            values[k as usize] = 0.0;
        }
        for &k in &fired {
            values[k as usize] = 1.0;
        }
        for &[from, to] in &self.counts {
            // SAFETY: as above.
            let counts = unsafe { in_place::<f32>(&frame.arg(from), "count", &frame.ret(to))? };
            for &k in &fired {
                counts[k as usize] += 1.0;
            }
        }
        Ok(fired)
    }
}

impl Prepared for Fire {
    unsafe fn run(&self, frame: Frame) -> Result<()> {
        let buffer = frame.arg(self.spikes);
        let fired = found::with_ones(frame, &buffer, |ones| {
            let (Some(old), Some(found)) = (ones, frame.found()) else { return Ok(None) };
            // SAFETY: promised to this function.
            found.with_words(buffer.len().div_ceil(WORD), |bits| unsafe {
                self.step(frame, old, bits).map(Some)
            })
        })?;
        match (fired, frame.found()) {
            (Some(rows), Some(found)) => {
                found.replace(&frame.ret(self.new), rows);
                Ok(())
            }
            // SAFETY: promised to this function.
            _ => unsafe { Prepared::run(&self.plain, frame) },
        }
    }
}

/// A place among so many.
fn place(k: i32, count: usize) -> Result<usize> {
    let place = usize::try_from(k).ok().filter(|&k| k < count);
    place.ok_or_else(|| Error::invalid(format!("there is no operand {k}")))
}

/// The program of bits, for these places among the operands and results, one of which are the spikes.
fn ready_for_bits(frame: Frame, args: (&[usize], usize), rets: (&[usize], usize)) -> Result<Ready> {
    let words = frame.arg(args.1).len().div_ceil(WORD);
    let mut dims = [(words * size_of::<u64>()) as i64];
    let mut buffer = RawBuffer {
        struct_size: size_of::<RawBuffer>(),
        extension_start: ptr::null_mut(),
        dtype: dtype::U8,
        data: ptr::without_provenance_mut(align_of::<u64>()),
        rank: 1,
        dims: dims.as_mut_ptr(),
    };
    let (bits, raw) = (&raw mut buffer, frame.raw());
    let (mut inputs, mut outs) = (chosen(&raw.args, args, bits), chosen(&raw.rets, rets, bits));
    let operands = |all: &Operands, some: &mut Vec<*mut RawBuffer>| Operands {
        size: some.len() as i64,
        types: ptr::null_mut(),
        buffers: some.as_mut_ptr(),
        ..*all
    };
    let (args, rets) = (operands(&raw.args, &mut inputs), operands(&raw.rets, &mut outs));
    let inner = CallFrame { args, rets, future: ptr::null_mut(), ..*raw };
    // SAFETY: the frame is complete, and lives until the program is ready.
    Ready::new(unsafe { Frame::new(&inner) }, frame.int("bits")?)
}

/// Some of the operands, of which that at one place is another buffer.
fn chosen(
    all: &Operands,
    (places, replaced): (&[usize], usize),
    buffer: *mut RawBuffer,
) -> Vec<*mut RawBuffer> {
    // SAFETY: the runtime's array has an entry for each place.
    let one = |&k: &usize| if k == replaced { buffer } else { unsafe { *all.buffers.add(k) } };
    places.iter().map(one).collect()
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
        let buffer = |k: usize| format!("buffer 11 dims {}\n", call.dims(k % 3)[0]);
        let buffers: String = (0..6).map(buffer).collect();
        let text = format!(
            "sequence operands 3 results 3\n{buffers}\
             call fire operands 0,1,2 results 3,4,5 {step}\n\
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
