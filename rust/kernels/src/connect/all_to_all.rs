//! Every source reaches every target, itself excepted if so wanted.

use std::ops::Range;

use super::choice::{Own, Seen};
use super::room::push;
use super::rows::{Lengths, Partners};
use crate::error::Result;

pub(crate) struct AllToAll<'a> {
    pub(crate) n_pre: usize,
    pub(crate) n_post: u32,
    pub(crate) own: Own<'a>,
    /// The targets that are wanted.
    pub(crate) targets: Range<u32>,
}

impl Partners for AllToAll<'_> {
    fn lengths(&self) -> Lengths<'_> {
        if self.targets != (0..self.n_post) {
            return Lengths::Drawn;
        }
        let n_post = self.n_post as usize;
        match self.own.count(self.n_pre, self.n_post) {
            0 => Lengths::Equal(n_post),
            left_out if left_out == self.n_pre => Lengths::Equal(n_post - 1),
            _ => Lengths::Drawn,
        }
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        let own = self.own.of(i, self.n_post);
        let mut others = self.targets.clone().filter(|&j| Some(j) != own);
        others.try_for_each(|j| push(partners, j))
    }
}
