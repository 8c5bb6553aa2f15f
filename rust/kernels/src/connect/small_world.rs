//! A ring of neurons with local synapses, some of them rewired.
//!
//! Watts DJ, Strogatz SH (1998) Collective dynamics of 'small-world' networks. Nature 393, 440–442;
//! here with directed synapses, each source rewiring its own.

use std::ops::Range;

use super::choice::Seen;
use super::purpose;
use super::room::reserve;
use super::rows::{Lengths, Partners};
use crate::error::{Error, Result};
use crate::random::Stream;

pub(crate) struct SmallWorld {
    seed: u64,
    size: u32,
    num: u32,
    prob: f64,
    /// The targets that are wanted.
    targets: Range<u32>,
}

impl SmallWorld {
    pub(crate) fn new(
        seed: u64,
        (n_pre, size): (usize, u32),
        num: usize,
        prob: f64,
        targets: Range<u32>,
    ) -> Result<Self> {
        if n_pre != size as usize {
            return Err(Error::Rule("a small world connects a population with itself"));
        }
        if num % 2 == 1 || (num > 0 && num >= n_pre) {
            return Err(Error::Rule("a small world has an even number of neighbours, fewer than neurons"));
        }
        if !(0.0..=1.0).contains(&prob) {
            return Err(Error::Rule("a probability lies between 0 and 1"));
        }
        Ok(Self { seed, size, num: num as u32, prob, targets })
    }
}

impl Partners for SmallWorld {
    fn lengths(&self) -> Lengths<'_> {
        let whole = self.targets == (0..self.size);
        if whole { Lengths::Equal(self.num as usize) } else { Lengths::Drawn }
    }

    /// Draws the whole row, as each new target depends on the others.
    fn list(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        let start = partners.len();
        self.list_all(i, seen, partners)?;
        let mut kept = start;
        for k in start..partners.len() {
            if self.targets.contains(&partners[k]) {
                partners[kept] = partners[k];
                kept += 1;
            }
        }
        partners.truncate(kept);
        Ok(())
    }
}

impl SmallWorld {
    fn list_all(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        reserve(partners, self.num as usize)?;
        let (start, own, size) = (partners.len(), i as u32, self.size);
        for k in 1..=self.num / 2 {
            partners.extend([(own + k) % size, (own + size - k) % size]);
        }
        if self.num + 1 >= size {
            return Ok(()); // nowhere to rewire to
        }
        let mut stream = Stream::new(self.seed, i as u64, purpose::SMALL_WORLD);
        for &x in [own].iter().chain(&partners[start..]) {
            seen.insert(x)?;
        }
        for x in &mut partners[start..] {
            if stream.unit() < self.prob {
                let mut new = stream.below(size);
                while !seen.insert(new)? {
                    new = stream.below(size);
                }
                seen.remove(*x);
                *x = new;
            }
        }
        seen.clear(&partners[start..]);
        seen.remove(own);
        Ok(())
    }
}
