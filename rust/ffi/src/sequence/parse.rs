//! Sequences from their text.
//!
//! ```text
//! sequence operands 3 results 1
//! constant 11 dims - bits 3f800000
//! call event_scatter operands 0,4,1,2 results 3 n_pre=int:8 sorted=flag:1 starts=ints:0,4
//! ```
//!
//! Buffers are numbered: the operands, the results, then the constants, which have the runtime's number of their type
//! and one element at most. A hyphen is an empty list.

use super::{Constant, Sequence, Step};
use crate::attributes::{Attribute, Attributes};
use crate::cuda::cuda_registrations;
use crate::register::registrations;
use spikeloop_kernels::hash_of;

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
        constants: vec![],
        steps: vec![],
    };
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        match &words[..] {
            ["constant", dtype, "dims", dims, "bits", bits] if sequence.steps.is_empty() => {
                let bits = u64::from_str_radix(bits, 16).map_err(|_| format!("'{bits}' are no bits"))?;
                sequence.constants.push(Constant::new(number(dtype)?, list(dims)?, bits)?);
            }
            ["call", name, "operands", args, "results", rets, attributes @ ..] => {
                let step = step(name, list(args)?, list(rets)?, attributes)?;
                check(&sequence, &step).map_err(|why| format!("'{line}': {why}"))?;
                sequence.steps.push(step);
            }
            _ => return Err(format!("'{line}' is no constant before the calls, and no call")),
        }
    }
    Ok(sequence)
}

fn step(name: &str, args: Vec<usize>, rets: Vec<usize>, attributes: &[&str]) -> Result<Step, String> {
    let full = format!("spikeloop.{name}");
    let found = registrations().iter().chain(cuda_registrations()).find(|(given, _)| *given == full);
    let Some(&(_, handler)) = found.filter(|_| !name.ends_with("sequence")) else {
        return Err(format!("there is no call '{name}'"));
    };
    let attributes = attributes.iter().map(|word| attribute(word)).collect::<Result<_, _>>()?;
    Ok(Step { handler, args, rets, attributes: Attributes::new(attributes) })
}

/// A step reads and writes buffers of the sequence, and writes no constant.
fn check(sequence: &Sequence, step: &Step) -> Result<(), String> {
    let own = sequence.operands + sequence.results;
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

fn list<T: std::str::FromStr>(word: &str) -> Result<Vec<T>, String> {
    items(word).map(number).collect()
}

fn items(word: &str) -> impl Iterator<Item = &str> {
    word.split(',').filter(|item| *item != "-")
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is no number"))
}
