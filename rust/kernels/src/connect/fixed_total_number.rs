//! A total number of synapses, each between a pair drawn uniformly.
//!
//! First only the sources are drawn and counted. Then every row is filled on its own.

use std::sync::Mutex;
use std::sync::PoisonError;

use super::choice::{Choice, Seen};
use super::purpose;
use super::room::filled;
use super::rows::{Lengths, PARALLEL, Partners};
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::threads;

/// Pairs drawn from one stream.
const BLOCK: usize = 1 << 16;

pub(crate) struct FixedTotalNumber<'a> {
    choice: Choice<'a>,
    counts: Vec<usize>,
}

impl<'a> FixedTotalNumber<'a> {
    pub(crate) fn new(choice: Choice<'a>, n_pre: usize, num: usize) -> Result<Self> {
        let size = u32::try_from(n_pre)
            .map_err(|_| Error::Targets { given: n_pre, available: u32::MAX as usize })?;
        let pairs = n_pre * choice.size as usize - choice.own.count(n_pre, choice.size);
        if num > 0 && (pairs == 0 || (!choice.multapses && num > pairs)) {
            return Err(Error::Targets { given: num, available: pairs });
        }
        let sources = Sources { choice, size };
        let counts = if choice.multapses {
            sources.independent(num)?
        } else if num > pairs / 2 {
            // What is left out is the smaller choice, and as uniform.
            let mut counts = sources.distinct(pairs - num)?;
            for (i, k) in counts.iter_mut().enumerate() {
                *k = choice.available(i) as usize - *k;
            }
            counts
        } else {
            sources.distinct(num)?
        };
        Ok(Self { choice, counts })
    }
}

impl Partners for FixedTotalNumber<'_> {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Each(&self.counts)
    }

    fn list(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.choice.list(i, self.counts[i], seen, partners)
    }
}

/// The sources of pairs drawn uniformly.
struct Sources<'a> {
    choice: Choice<'a>,
    size: u32,
}

impl Sources<'_> {
    /// One source more. A pair counts as met before if its target is among the first `taken(source)`.
    #[inline]
    fn draw(&self, stream: &mut Stream, taken: impl Fn(u32) -> u32) -> u32 {
        loop {
            let source = stream.below(self.size);
            let taken = taken(source);
            if taken == 0 || stream.below(self.choice.size) >= taken {
                return source;
            }
        }
    }

    fn own(&self, source: u32) -> u32 {
        self.choice.own(source as usize).is_some().into()
    }

    /// How many of `num` pairs each source has.
    fn independent(&self, num: usize) -> Result<Vec<usize>> {
        let total = Mutex::new(filled(self.size as usize, || 0)?);
        threads::try_ranges(num.div_ceil(BLOCK), num >= PARALLEL, |blocks| {
            let mut counts = filled(self.size as usize, || 0usize)?;
            for block in blocks {
                let mut stream = Stream::new(self.choice.seed, block as u64, purpose::SOURCES);
                for _ in 0..BLOCK.min(num - block * BLOCK) {
                    counts[self.draw(&mut stream, |source| self.own(source)) as usize] += 1;
                }
            }
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            Ok(())
        })?;
        Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many of `num` different pairs each source has: a pair met before is drawn again, so that
    /// each draw depends on those before it.
    fn distinct(&self, num: usize) -> Result<Vec<usize>> {
        let mut counts = filled(self.size as usize, || 0usize)?;
        let mut stream = Stream::new(self.choice.seed, 0, purpose::SOURCES);
        for _ in 0..num {
            let taken = |source| self.own(source) + counts[source as usize] as u32;
            let source = self.draw(&mut stream, taken);
            counts[source as usize] += 1;
        }
        Ok(counts)
    }
}
