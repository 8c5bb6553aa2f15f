//! Partners drawn uniformly from a population.

use std::ops::Range;

use super::room::{extend, reserve};
use crate::error::{Error, Result};
use crate::random::{Blocks, LongStream, Stream};

/// From so many draws on, blocks of words are drawn together.
const MANY: usize = 12;

/// Which partner is the neuron itself, where synapses from a neuron to itself are left out.
#[derive(Debug, Clone, Copy)]
pub enum Own<'a> {
    /// No partner is left out.
    None,
    /// Neuron i is partner `first + i * step`, if there is one of this number.
    Line {
        /// The partner that neuron 0 is.
        first: i64,
        /// Partners between two neurons.
        step: i64,
    },
    /// Neuron i is the partner in place i; a number beyond the last partner stands for none.
    Each(&'a [u32]),
}

impl Own<'_> {
    /// Neurons and partners are counted alike.
    pub const SAME: Self = Self::Line { first: 0, step: 1 };

    /// Which of `size` partners neuron `i` is.
    pub(crate) fn of(&self, i: usize, size: u32) -> Option<u32> {
        let own = match *self {
            Self::None => None,
            Self::Line { first, step } => {
                let own = step.checked_mul(i as i64).and_then(|away| away.checked_add(first));
                own.and_then(|own| u32::try_from(own).ok())
            }
            Self::Each(own) => own.get(i).copied(),
        };
        own.filter(|&own| own < size)
    }

    /// How many of `n` neurons are among their `size` partners.
    pub(crate) fn count(&self, n: usize, size: u32) -> usize {
        if matches!(self, Self::None) {
            return 0;
        }
        (0..n).filter(|&i| self.of(i, size).is_some()).count()
    }
}

/// How the partners of a neuron are drawn: with or without repeats, with or without itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) seed: u64,
    pub(crate) purpose: u32,
    /// The population they are drawn from.
    pub(crate) size: u32,
    pub(crate) multapses: bool,
    pub(crate) own: Own<'a>,
}

impl Choice<'_> {
    /// The neuron itself, where it may not be drawn.
    pub(crate) fn own(&self, i: usize) -> Option<u32> {
        self.own.of(i, self.size)
    }

    /// The number of different partners that neuron `i` may have.
    pub(crate) fn available(&self, i: usize) -> u32 {
        self.size - u32::from(self.own(i).is_some())
    }

    /// Whether each of `n` neurons can have `k` partners.
    pub(crate) fn check(&self, n: usize, k: usize) -> Result<()> {
        let available = self.size as usize - usize::from(self.own.count(n, self.size) > 0);
        let enough = if self.multapses { available > 0 } else { k <= available };
        if n == 0 || k == 0 || enough { Ok(()) } else { Err(Error::Targets { given: k, available }) }
    }

    /// Appends `k` of the partners `within` for neuron `i`, by the stream of this number.
    pub(crate) fn list(
        &self,
        (i, stream): (usize, u64),
        k: usize,
        within: Range<u32>,
        seen: &mut Seen,
        partners: &mut Vec<u32>,
    ) -> Result<()> {
        let own = self.own(i).filter(|own| within.contains(own));
        let size = within.end - within.start - u32::from(own.is_some());
        let start = partners.len();
        if k < MANY {
            self.draw(Stream::new(self.seed, stream, self.purpose), k, size, seen, partners)?;
        } else {
            self.draw(LongStream::new(self.seed, stream, self.purpose), k, size, seen, partners)?;
        }
        // The numbers from the own one on are those of the next partners.
        let own = own.map_or(u32::MAX, |own| own - within.start);
        partners[start..].iter_mut().for_each(|x| *x += within.start + u32::from(*x >= own));
        Ok(())
    }

    /// Appends `k` numbers below `size`.
    #[inline]
    fn draw<const BLOCKS: usize>(
        &self,
        mut stream: Blocks<BLOCKS>,
        k: usize,
        size: u32,
        seen: &mut Seen,
        partners: &mut Vec<u32>,
    ) -> Result<()> {
        let start = partners.len();
        if self.multapses {
            extend(partners, (0..k).map(|_| stream.below(size)))?;
        } else {
            reserve(partners, k)?;
            // Floyd's choice of a subset: each draw among one more, a repeat gives that one.
            for last in size - k as u32..size {
                let draw = stream.below(last + 1);
                let new = if seen.insert(draw)? { draw } else { last };
                seen.insert(new)?;
                partners.push(new);
            }
            seen.clear(&partners[start..]);
        }
        Ok(())
    }
}

/// A set of neurons, cleared in time proportional to its members.
#[derive(Debug, Default)]
pub(crate) struct Seen(Vec<u64>);

impl Seen {
    /// Whether `x` is new.
    #[inline]
    pub(crate) fn insert(&mut self, x: u32) -> Result<bool> {
        let (word, bit) = (x as usize / 64, 1 << (x % 64));
        if word >= self.0.len() {
            self.grow(word)?;
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        Ok(new)
    }

    #[cold]
    fn grow(&mut self, word: usize) -> Result<()> {
        let more = (word + 1).next_power_of_two() - self.0.len();
        extend(&mut self.0, std::iter::repeat_n(0, more))
    }

    /// Takes `x` out.
    pub(crate) fn remove(&mut self, x: u32) {
        self.0[x as usize / 64] &= !(1 << (x % 64));
    }

    /// Takes all of these out, which are all there are.
    pub(crate) fn clear(&mut self, members: &[u32]) {
        for &x in members {
            self.0[x as usize / 64] = 0;
        }
    }
}
