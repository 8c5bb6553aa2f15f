//! Every pair is connected with the same probability, independently.

use std::ops::Range;

use super::block_rows::{BlockRows, Number};
use super::choice::Choice;
use crate::error::{Error, Result};

pub(crate) fn fixed_prob(choice: Choice<'_>, prob: f64, targets: Range<u32>) -> Result<BlockRows<'_>> {
    if !(0.0..=1.0).contains(&prob) {
        return Err(Error::Rule("a probability lies between 0 and 1"));
    }
    Ok(BlockRows::new(choice, Number::Chance(prob), prob, targets))
}
