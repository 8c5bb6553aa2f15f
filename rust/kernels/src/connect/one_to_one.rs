//! Source i reaches target i.

use super::choice::Seen;
use super::room::push;
use super::rows::{Lengths, Partners};
use crate::error::{Error, Result};

pub(crate) struct OneToOne;

impl OneToOne {
    pub(crate) fn new(n_pre: usize, n_post: usize) -> Result<Self> {
        let fits = n_pre == n_post;
        if fits { Ok(Self) } else { Err(Error::Rule("one to one needs populations of one size")) }
    }
}

impl Partners for OneToOne {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Equal(1)
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        push(partners, i as u32)
    }
}
