//! Handlers of random words.

use crate::error::Result;
use crate::frame::Frame;
use crate::operand::{operand, result};
use spikeloop_kernels::random;

/// `keys`, two words each, to their random words.
pub(crate) fn words(frame: Frame) -> Result<()> {
    frame.expect_counts(1, 1)?;
    let keys = operand::<u32>(&frame.arg(0), "keys")?;
    let purpose = frame.count("purpose")? as u32;
    Ok(random::words(keys, purpose, result::<u32>(frame)?)?)
}

/// `keys, bounds` to how many bounds lie at or below each random word.
pub(crate) fn counts(frame: Frame) -> Result<()> {
    frame.expect_counts(2, 1)?;
    let (keys, bounds) = (frame.arg(0), frame.arg(1));
    let (keys, bounds) = (operand::<u32>(&keys, "keys")?, operand::<u32>(&bounds, "bounds")?);
    let purpose = frame.count("purpose")? as u32;
    Ok(random::counts(keys, purpose, bounds, result::<i32>(frame)?)?)
}

#[cfg(test)]
mod tests {
    use crate::register::registrations;
    use crate::testing::Call;
    use spikeloop_kernels::random::philox;

    #[test]
    fn words_of_a_key() {
        let handler =
            registrations().iter().find(|(name, _)| *name == "spikeloop.random_words").expect("there").1;
        let mut call = Call::default().vector(&[1_u32, 2]).int("purpose", 5).ret(&[0_u32; 3], &[3]);
        assert_eq!(call.run(handler), Ok(()));
        assert_eq!(call.result::<u32>(0), philox([0, 5, 0, 0], [1, 2])[..3]);
        let mut call = Call::default().vector(&[1.0_f32, 2.0]).int("purpose", 5).ret(&[0_u32; 3], &[3]);
        assert_eq!(
            call.run(handler).unwrap_err().1,
            "random_words: operand 'keys' is float32, expected uint32"
        );
    }
}
