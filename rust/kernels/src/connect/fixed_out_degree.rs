//! Every source has the same number of synapses.

use std::ops::Range;

use super::block_rows::{BlockRows, Number};
use super::choice::Choice;
use crate::error::Result;

pub(crate) fn fixed_out_degree(
    choice: Choice<'_>,
    n_pre: usize,
    num: usize,
    targets: Range<u32>,
) -> Result<BlockRows<'_>> {
    choice.check(n_pre, num)?;
    let mean = num as f64 / f64::from(choice.size.max(1));
    Ok(BlockRows::new(choice, Number::Equal(num), mean, targets))
}
