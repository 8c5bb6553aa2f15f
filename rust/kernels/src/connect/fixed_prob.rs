//! Every pair is connected with the same probability, independently.

use super::block_rows::{BlockRows, Number, TargetBlocks};
use super::choice::Choice;
use crate::error::{Error, Result};

pub(crate) fn fixed_prob(choice: Choice<'_>, prob: f64, blocks: TargetBlocks) -> Result<BlockRows<'_>> {
    if !(0.0..=1.0).contains(&prob) {
        return Err(Error::Rule("a probability lies between 0 and 1"));
    }
    Ok(BlockRows::new(choice, Number::Chance(prob), blocks))
}
