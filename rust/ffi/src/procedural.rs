//! Handlers of propagation along synapses that are made anew from a seed.
//!
//! The attributes are the rule and what it draws. Numbers of 64 bits come as halves of 32 bits, which JAX
//! hands over as they are.

use crate::buffer::Element;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, operand, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::connect::{Draw, Family, Number, Own, Procedural, Rule, Spec};
use spikeloop_kernels::event::{self, Delays, Dims, Ring};

/// `values, [cursor,] target` to `target`, in place.
pub(crate) fn scatter(frame: Frame) -> Result<()> {
    let last = frame.arg_count().clamp(2, 3) - 1;
    frame.expect_counts(last + 1, 1)?;
    by_float!(frame.arg(last), "target", scatter_as(frame, last))
}

fn scatter_as<T: Float + Element>(frame: Frame, last: usize) -> Result<()> {
    let (values, target) = (frame.arg(0), frame.arg(last));
    let (rule, ring) = (rule(frame, target.population().n)?, ring(frame, last > 1)?);
    let dims = dims(values.population().batch, &rule);
    let values = operand::<T>(&values, "values")?;
    // SAFETY: the other operands borrow other buffers, and the target's own is not borrowed.
    let result = unsafe { in_place::<T>(&target, "target", &frame.ret(0))? };
    Ok(event::procedural_scatter(dims, values, &rule, &ring, result)?)
}

/// `cotangent, [cursor]` to what the targets of each row sum up to.
pub(crate) fn gather(frame: Frame) -> Result<()> {
    frame.expect_counts(frame.arg_count().clamp(1, 2), 1)?;
    by_float!(frame.arg(0), "cotangent", gather_as(frame))
}

fn gather_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let cotangent = frame.arg(0);
    let (rule, ring) = (rule(frame, cotangent.population().n)?, ring(frame, frame.arg_count() > 1)?);
    let dims = dims(frame.ret(0).population().batch, &rule);
    let cotangent = operand::<T>(&cotangent, "cotangent")?;
    Ok(event::procedural_gather(dims, cotangent, &rule, &ring, result::<T>(frame)?)?)
}

fn dims(batch: usize, rule: &Procedural) -> Dims {
    Dims { batch, n_total: rule.n_pre(), offset: 0, n_post: rule.n_post() }
}

fn ring(frame: Frame<'_>, timed: bool) -> Result<Ring<'_>> {
    if !timed {
        return Ok(Ring::NONE);
    }
    let cursor = operand::<i32>(&frame.arg(1), "cursor")?;
    let slots = frame.count("slots")?;
    if slots == 0 {
        return Err(Error::invalid("attribute 'slots' is 0, expected at least 1"));
    }
    Ok(Ring { delays: Delays::None, slots, lanes: frame.count("lanes")?, cursor })
}

/// The rule of a call.
pub(crate) fn rule(frame: Frame<'_>, n_post: usize) -> Result<Procedural<'_>> {
    let number = Number { num: frame.count("num")?, multapses: frame.flag("multapses")? };
    let rule = match frame.int("rule")? {
        0 => Rule::OneToOne,
        1 => Rule::AllToAll,
        2 => Rule::FixedProb { prob: f64::from_bits(word(frame.ints("prob")?)?) },
        3 => Rule::FixedOutDegree(number),
        given => return Err(Error::invalid(format!("attribute 'rule' is {given}, expected 0 to 3"))),
    };
    Ok(Procedural::new(Spec {
        rule,
        own: own(frame.ints("own")?)?,
        seed: word(frame.ints("seed")?)?,
        n_pre: frame.count("n_pre")?,
        n_post,
        targets: 0..u32::try_from(n_post).unwrap_or(u32::MAX),
        weight: draw(frame.ints("weight")?)?,
        delay: draw(frame.ints("delay")?)?,
        wide: frame.flag("wide")?,
    })?)
}

/// Which target each source is: halves of the first and of the step; empty if none is left out.
fn own(halves: &[i32]) -> Result<Own<'static>> {
    match *halves {
        [] => Ok(Own::None),
        [a, b, c, d] => Ok(Own::Line { first: word(&[a, b])? as i64, step: word(&[c, d])? as i64 }),
        _ => Err(Error::invalid(format!("{} halves in 'own', expected 0 or 4", halves.len()))),
    }
}

/// The 64 bits of two halves, the lower one first.
fn word(halves: &[i32]) -> Result<u64> {
    match *halves {
        [low, high] => Ok(u64::from(high as u32) << 32 | u64::from(low as u32)),
        _ => Err(Error::invalid(format!("{} halves of a number, expected 2", halves.len()))),
    }
}

/// A distribution: its family, and halves of a, b, the part and the bounds; empty for none.
fn draw(words: &[i32]) -> Result<Option<Draw>> {
    let Some((family, halves)) = words.split_first() else { return Ok(None) };
    let family = match family {
        1 => Family::Uniform,
        2 => Family::Normal,
        3 => Family::LogNormal,
        4 => Family::Exponential,
        given => return Err(Error::invalid(format!("no family of distributions has the code {given}"))),
    };
    let numbers: Vec<f64> =
        halves.chunks(2).map(|half| word(half).map(f64::from_bits)).collect::<Result<_>>()?;
    match numbers[..] {
        [a, b, from, to, low, high] => Ok(Some(Draw { family, a, b, part: [from, to], bounds: [low, high] })),
        _ => Err(Error::invalid(format!("{} numbers of a distribution, expected 6", numbers.len()))),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};

    fn rule(call: Call, code: i64, n_pre: i64) -> Call {
        let call = call.int("rule", code).int("n_pre", n_pre).int("num", 2).ints("prob", &[0, 0]);
        let call = call.flag("multapses", true).ints("own", &[-1, -1, 1, 0]).flag("wide", false);
        call.ints("seed", &[5, 0]).ints("weight", &[]).ints("delay", &[])
    }

    #[test]
    fn all_to_all_without_autapses() {
        // Source i is target i - 1, and source 0 none.
        let call = Call::default().vector(&[1.0_f32, 0.0, 2.0]).vector(&[0.5_f32; 3]).alias(1);
        let mut call = rule(call, 1, 3);
        assert_eq!(call.run(handler("spikeloop.procedural_scatter")), Ok(()));
        assert_eq!(call.result::<f32>(0), [3.5, 1.5, 3.5]);
        let call = Call::default().vector(&[1.0_f64, 2.0, 4.0]).ret(&[9.0_f64; 3], &[3]);
        let mut call = rule(call, 1, 3);
        assert_eq!(call.run(handler("spikeloop.procedural_gather")), Ok(()));
        assert_eq!(call.result::<f64>(0), [7.0, 6.0, 5.0]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let message = |code, n_pre| {
            let call = Call::default().vector(&[1.0_f32; 3]).vector(&[0.0_f32; 3]).alias(1);
            rule(call, code, n_pre).run(handler("spikeloop.procedural_scatter")).unwrap_err().1
        };
        assert_eq!(message(7, 3), "procedural_scatter: attribute 'rule' is 7, expected 0 to 3");
        assert_eq!(message(1, 4), "procedural_scatter: 'values' has 3 elements, expected 4");
    }
}
