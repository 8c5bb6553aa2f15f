//! Every source reaches every target, itself excepted if so wanted.

use super::choice::Seen;
use super::room::push;
use super::rows::{Lengths, Partners};
use crate::error::Result;

pub(crate) struct AllToAll {
    pub(crate) n_pre: usize,
    pub(crate) n_post: u32,
    pub(crate) autapses: bool,
}

impl Partners for AllToAll {
    fn lengths(&self) -> Lengths<'_> {
        let n_post = self.n_post as usize;
        if self.autapses {
            Lengths::Equal(n_post)
        } else if self.n_pre <= n_post || n_post == 0 {
            Lengths::Equal(n_post.saturating_sub(1))
        } else {
            Lengths::Drawn
        }
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        let mut others = (0..self.n_post).filter(|&j| self.autapses || j as usize != i);
        others.try_for_each(|j| push(partners, j))
    }
}
