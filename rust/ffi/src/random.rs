//! Handlers of random words.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, one, operand, result};
use spikeloop_kernels::Float;
use spikeloop_kernels::random::{self, Neurons, Part};

/// `keys, first` to the random words of the keys, two words each, from the first element on.
pub(crate) fn words(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    let (keys, first) = (frame.arg(0), frame.arg(1));
    let (keys, first) = (operand::<u32>(&keys, "keys")?, operand::<u32>(&first, "first")?);
    let purpose = frame.count("purpose")? as u32;
    Ok(random::words(keys, first, purpose, result::<u32>(frame)?)?)
}

/// `keys, first, bounds` to how many bounds lie at or below each random word.
pub(crate) fn counts(frame: Frame) -> Result<()> {
    frame.expect_counts(3, 1)?;
    let [keys, first, bounds] = [0, 1, 2].map(|k| frame.arg(k));
    let (keys, first) = (operand::<u32>(&keys, "keys")?, operand::<u32>(&first, "first")?);
    let bounds = operand::<u32>(&bounds, "bounds")?;
    let purpose = frame.count("purpose")? as u32;
    Ok(random::counts(keys, first, purpose, bounds, result::<i32>(frame)?)?)
}

/// `keys`, two words each, to two new keys for each.
pub(crate) fn split(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 2)?;
    let keys = operand::<u32>(&frame.arg(0), "keys")?;
    let [first, second] = [frame.ret(0), frame.ret(1)];
    for result in [&first, &second] {
        result.expect(Dtype::U32, "result")?;
    }
    // SAFETY: they are memory of their own, and asked for once a call.
    let (first, second) = unsafe { (first.slice_mut(), second.slice_mut()) };
    Ok(random::split(keys, first, second)?)
}

/// `keys, first, bounds, parts, weight, target` to the target plus the weight times random whole numbers.
pub(crate) fn add(frame: Frame) -> Result<()> {
    frame.expect_counts(6, 1)?;
    by_float!(frame.arg(5), "target", add_as(frame))
}

fn add_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let [keys, first, bounds, parts, weight, target] = [0, 1, 2, 3, 4, 5].map(|k| frame.arg(k));
    let first = one::<u32>(&first, "first")? as usize;
    let neurons = Neurons { first, own: target.population().n, all: frame.count("neurons")? };
    let (keys, bounds) = (operand::<u32>(&keys, "keys")?, operand::<u32>(&bounds, "bounds")?);
    let (parts, weight) = (parts_of(&parts)?, operand::<T>(&weight, "weight")?);
    // SAFETY: nothing has borrowed them.
    let target = unsafe { in_place::<T>(&target, "target", &frame.ret(0))? };
    let purpose = frame.count("purpose")? as u32;
    Ok(random::add(keys, purpose, (&parts, neurons), bounds, weight, target)?)
}

/// Rows of where its neurons end, where its bounds end, and the least number.
fn parts_of(buffer: &Buffer) -> Result<Vec<Part>> {
    let numbers = operand::<i32>(buffer, "parts")?;
    if numbers.len() % 3 != 0 {
        return Err(Error::invalid(format!("'parts' has {} numbers, expected 3 for each", numbers.len())));
    }
    let place = |x: i32| usize::try_from(x).map_err(|_| Error::invalid(format!("'parts' holds {x}")));
    let part = |row: &[i32]| Ok(Part { end: place(row[0])?, bounds: place(row[1])?, least: row[2] });
    numbers.chunks_exact(3).map(part).collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};
    use spikeloop_kernels::random::philox;

    #[test]
    fn words_of_a_key() {
        let handler = handler("spikeloop.random_words");
        let of_key = || Call::default().vector(&[1_u32, 2]).int("purpose", 5);
        let mut call = of_key().vector(&[31_u32]).ret(&[0_u32; 2], &[2]);
        assert_eq!(call.run(handler), Ok(()));
        let [last, ..] = philox([31, 5, 0, 0], [1, 2]);
        let [_, second, ..] = philox([0, 5, 0, 0], [1, 2]);
        assert_eq!(call.result::<u32>(0), [last, second]);
        let call = Call::default().vector(&[1.0_f32, 2.0]).int("purpose", 5).vector(&[0_u32]);
        let mut call = call.ret(&[0_u32; 3], &[3]);
        assert_eq!(
            call.run(handler).unwrap_err().1,
            "random_words: operand 'keys' is float32, expected uint32"
        );
    }
}
