//! Sequences from their text.
//!
//! ```text
//! sequence operands 3 results 1
//! buffer 11 dims 8
//! buffer 7 dims 20
//! buffer 4 dims 9
//! buffer 11 dims 4
//! constant 11 dims - bits 3f800000
//! call event_scatter operands 0,4,1,2 results 3 n_pre=int:8 sorted=flag:1 starts=ints:0,4
//! ```
//!
//! Buffers are numbered: the operands, the results, rows, then the constants, which have one element at most. A buffer has
//! the runtime's number of its type. A hyphen is an empty list. Rows of arrays that a loop of 50 steps carries as operand 2
//! and result 4, with the steps done in word 3 of operand 1 and result 3, are
//!
//! ```text
//! rows 50 reverse 0 counter 1,3 word 3
//! row 11 dims 8 of 2,4
//! ```

use super::rows::{Place, Rows};
use super::{Constant, Kinds, Sequence, Step};
use crate::abi::{CallFrame, RawBuffer, STAGE_EXECUTE};
use crate::attributes::{Attribute, Attributes};
use crate::cuda::cuda_bodies;
use crate::prepared::{Prepared, prepare_of};
use crate::register::bodies;
use spikeloop_kernels::hash_of;
use std::ffi::c_int;
use std::ptr;

/// Reads and checks a sequence.
///
/// # Errors
/// The first line that is wrong.
pub(super) fn parse(text: &str) -> Result<Sequence, String> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let ["sequence", "operands", operands, "results", results] = head[..] else {
        return Err("expected 'sequence operands N results N'".into());
    };
    let (operands, results) = (number(operands)?, number(results)?);
    let mut sequence = Sequence {
        hash: hash_of(text),
        text: text.into(),
        operands,
        results,
        kinds: Kinds::default(),
        rows: None,
        constants: vec![],
        steps: vec![],
    };
    for line in lines {
        read(&mut sequence, line)?;
    }
    let (given, expected) = (sequence.kinds.len(), operands + results);
    if given != expected {
        return Err(format!("{given} buffers are described, expected {expected}"));
    }
    if let Some(rows) = &sequence.rows {
        rows.check(&sequence.kinds, operands)?;
    }
    prepare(&mut sequence);
    Ok(sequence)
}

/// Reads one line after the first.
fn read(sequence: &mut Sequence, line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let describes = sequence.constants.is_empty() && sequence.steps.is_empty();
    match &words[..] {
        ["buffer", dtype, "dims", dims] if describes => {
            sequence.kinds.push(number(dtype)?, &list(dims)?);
        }
        ["rows", length, "reverse", reverse, "counter", counter, "word", word] if describes => {
            let reverse = number::<u8>(reverse)? != 0;
            sequence.rows = Some(Rows::new(place(counter)?, number(word)?, number(length)?, reverse));
        }
        ["row", dtype, "dims", dims, "of", of] if describes => {
            let rows = sequence.rows.as_mut().ok_or("a row stands before 'rows'")?;
            rows.push(number(dtype)?, list(dims)?, place(of)?)?;
        }
        ["constant", dtype, "dims", dims, "bits", bits] if sequence.steps.is_empty() => {
            let bits = u64::from_str_radix(bits, 16).map_err(|_| format!("'{bits}' are no bits"))?;
            sequence.constants.push(Constant::new(number(dtype)?, list(dims)?, bits)?);
        }
        ["call", name, "operands", args, "results", rets, attributes @ ..] => {
            let step = step(name, list(args)?, list(rets)?, attributes)?;
            check(sequence, &step).map_err(|why| format!("'{line}': {why}"))?;
            sequence.steps.push(step);
        }
        _ => return Err(format!("'{line}' is no buffer or constant before the calls, and no call")),
    }
    Ok(())
}

/// Prepares the calls that can be.
fn prepare(sequence: &mut Sequence) {
    let rows = sequence.rows.iter().flat_map(Rows::kinds);
    let mut buffers: Vec<RawBuffer> =
        sequence.kinds.each().chain(rows).enumerate().map(without_memory).collect();
    let constants = sequence.constants.iter().map(|constant| constant.0);
    let all: Vec<_> = buffers.iter_mut().map(ptr::from_mut).chain(constants).collect();
    // SAFETY: all-zero is an empty frame.
    let frame = CallFrame { stage: STAGE_EXECUTE, ..unsafe { std::mem::zeroed() } };
    for step in &mut sequence.steps {
        step.prepared = prepared(step, &frame, &all);
    }
}

/// A call that is prepared; none if it cannot be, which it says each time that it is called.
fn prepared(step: &Step, frame: &CallFrame, buffers: &[*mut RawBuffer]) -> Option<Box<dyn Prepared>> {
    let prepare = prepare_of(&step.name)?;
    step.with_frame(frame, buffers, prepare).ok()
}

/// A buffer that shares no memory with others; nobody reads or writes it.
fn without_memory((k, (dtype, dims)): (usize, (c_int, &[i64]))) -> RawBuffer {
    RawBuffer {
        dtype,
        data: ptr::without_provenance_mut((k + 1) * 64),
        rank: dims.len() as i64,
        dims: dims.as_ptr().cast_mut(),
        ..RawBuffer::NONE
    }
}

/// A call that is not prepared yet.
fn step(name: &str, args: Vec<usize>, rets: Vec<usize>, attributes: &[&str]) -> Result<Step, String> {
    let full = format!("spikeloop.{name}");
    let found = bodies().iter().chain(cuda_bodies()).find(|(given, _)| *given == full);
    let Some(&(_, body)) = found.filter(|_| !name.ends_with("sequence")) else {
        return Err(format!("there is no call '{name}'"));
    };
    let attributes = attributes.iter().map(|word| attribute(word)).collect::<Result<_, _>>()?;
    let attributes = Attributes::new(attributes);
    Ok(Step { name: name.into(), body, prepared: None, args, rets, attributes })
}

/// A step reads and writes buffers of the sequence, and writes no constant.
fn check(sequence: &Sequence, step: &Step) -> Result<(), String> {
    let own = sequence.first_constant();
    let read = own + sequence.constants.len();
    if let Some(k) = step.args.iter().find(|&&k| k >= read) {
        return Err(format!("there is no buffer {k}"));
    }
    match step.rets.iter().find(|&&k| k < sequence.operands || k >= own) {
        Some(k) => Err(format!("buffer {k} is no result")),
        None => Ok(()),
    }
}

fn attribute(word: &str) -> Result<(String, Attribute), String> {
    let parts = word.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    let Some((name, (kind, value))) = parts else { return Err(format!("'{word}' is no attribute")) };
    let integer = |value: &str| value.parse::<i64>().map_err(|_| format!("'{value}' is no integer"));
    let value = match kind {
        "flag" => Attribute::Flag(integer(value)? != 0),
        "int" => Attribute::Int(integer(value)?),
        "ints" => {
            let narrow = |x: &str| integer(x)?.try_into().map_err(|_| format!("'{x}' has more than 32 bits"));
            Attribute::Ints(items(value).map(narrow).collect::<Result<_, String>>()?)
        }
        _ => return Err(format!("'{kind}' is no kind of attribute")),
    };
    Ok((name.into(), value))
}

fn place(word: &str) -> Result<Place, String> {
    list(word)?.try_into().map_err(|_| format!("'{word}' are not two places"))
}

fn list<T: std::str::FromStr>(word: &str) -> Result<Vec<T>, String> {
    items(word).map(number).collect()
}

fn items(word: &str) -> impl Iterator<Item = &str> {
    word.split(',').filter(|item| *item != "-")
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is no number"))
}
