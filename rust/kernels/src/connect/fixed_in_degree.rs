//! Every target has the same number of synapses: drawn target by target, stored by source.

use super::choice::{Choice, Seen};
use super::rows::{Lengths, Partners};
use crate::error::Result;

pub(crate) struct FixedInDegree<'a> {
    choice: Choice<'a>,
    num: usize,
}

impl<'a> FixedInDegree<'a> {
    pub(crate) fn new(choice: Choice<'a>, n_post: usize, num: usize) -> Result<Self> {
        choice.check(n_post, num)?;
        Ok(Self { choice, num })
    }
}

impl Partners for FixedInDegree<'_> {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Equal(self.num)
    }

    fn by_target(&self) -> bool {
        true
    }

    fn list(&self, j: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.choice.list((j, j as u64), self.num, 0..self.choice.size, seen, partners)
    }
}
