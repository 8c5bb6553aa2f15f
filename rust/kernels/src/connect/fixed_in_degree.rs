//! Every target has the same number of synapses: drawn target by target, stored by source.

use super::choice::{Choice, Seen};
use super::rows::{Lengths, Partners};
use crate::error::Result;

pub(crate) struct FixedInDegree {
    choice: Choice,
    num: usize,
}

impl FixedInDegree {
    pub(crate) fn new(choice: Choice, n_post: usize, num: usize) -> Result<Self> {
        choice.check(n_post, num)?;
        Ok(Self { choice, num })
    }
}

impl Partners for FixedInDegree {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Equal(self.num)
    }

    fn by_target(&self) -> bool {
        true
    }

    fn list(&self, j: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.choice.list(j, self.num, seen, partners)
    }
}
