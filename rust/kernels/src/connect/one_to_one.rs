//! Source i reaches target i.

use std::ops::Range;

use super::choice::Seen;
use super::room::push;
use super::rows::{Lengths, Partners};
use crate::error::{Error, Result};

pub(crate) struct OneToOne {
    n: usize,
    /// The targets that are wanted.
    targets: Range<u32>,
}

impl OneToOne {
    pub(crate) fn new(n_pre: usize, n_post: usize, targets: Range<u32>) -> Result<Self> {
        let fits = n_pre == n_post;
        if fits {
            Ok(Self { n: n_pre, targets })
        } else {
            Err(Error::Rule("one to one needs populations of one size"))
        }
    }
}

impl Partners for OneToOne {
    fn lengths(&self) -> Lengths<'_> {
        if self.targets.len() == self.n { Lengths::Equal(1) } else { Lengths::Drawn }
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        if self.targets.contains(&(i as u32)) { push(partners, i as u32) } else { Ok(()) }
    }
}
