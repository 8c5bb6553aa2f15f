//! Every source has the same number of synapses.

use super::block_rows::{BlockRows, Number, TargetBlocks};
use super::choice::Choice;
use crate::error::Result;

pub(crate) fn fixed_out_degree(
    choice: Choice<'_>,
    n_pre: usize,
    num: usize,
    blocks: TargetBlocks,
) -> Result<BlockRows<'_>> {
    choice.check(n_pre, num)?;
    Ok(BlockRows::new(choice, Number::Equal(num), blocks))
}
