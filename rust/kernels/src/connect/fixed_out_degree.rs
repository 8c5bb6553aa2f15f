//! Every source has the same number of synapses.

use super::choice::{Choice, Seen};
use super::rows::{Lengths, Partners};
use crate::error::Result;

pub(crate) struct FixedOutDegree<'a> {
    choice: Choice<'a>,
    num: usize,
}

impl<'a> FixedOutDegree<'a> {
    pub(crate) fn new(choice: Choice<'a>, n_pre: usize, num: usize) -> Result<Self> {
        choice.check(n_pre, num)?;
        Ok(Self { choice, num })
    }
}

impl Partners for FixedOutDegree<'_> {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Equal(self.num)
    }

    fn list(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.choice.list(i, self.num, seen, partners)
    }
}
