//! Rows whose targets are drawn block by block, so that those of some blocks are drawn without the others.
//!
//! How many synapses of a source lie in a block is drawn first, then which targets of the block they reach.

use std::ops::Range;

use super::choice::{Choice, Seen};
use super::counts::binomial;
use super::purpose;
use super::rows::{Lengths, Partners};
use super::tree::Tree;
use crate::error::Result;
use crate::random::Stream;

/// So many synapses of a source lie in a block of targets at least, on average.
const MEAN: f64 = 32.0;

/// How many synapses a source has.
pub(crate) enum Number {
    /// One for each target with this probability.
    Chance(f64),
    /// This many.
    Equal(usize),
    /// Its own number.
    Each(Vec<usize>),
}

pub(crate) struct BlockRows<'a> {
    choice: Choice<'a>,
    number: Number,
    /// The targets that are wanted.
    targets: Range<u32>,
    width: u32,
    tree: Tree,
}

/// How targets are cut into blocks.
pub(crate) struct TargetBlocks {
    /// Targets of a block, but for the last, which may have fewer.
    pub(crate) width: u32,
    /// The targets that are wanted.
    pub(crate) wanted: Range<u32>,
}

impl<'a> BlockRows<'a> {
    pub(crate) fn new(choice: Choice<'a>, number: Number, blocks: TargetBlocks) -> Self {
        let TargetBlocks { width, wanted: targets } = blocks;
        let Choice { seed, multapses: repeats, .. } = choice;
        let parts = choice.size.div_ceil(width);
        let tree = Tree { seed, purpose: purpose::SPLIT, repeats, parts };
        Self { choice, number, targets, width, tree }
    }

    /// The targets of a block.
    fn block(&self, block: u32) -> Range<u32> {
        let start = block.saturating_mul(self.width);
        start..self.choice.size.min(start.saturating_add(self.width))
    }

    /// Calls `visit(block, number)` for the wanted blocks that source `i` has synapses in, in their order.
    fn each_block(&self, i: usize, mut visit: impl FnMut(u32, u64) -> Result<()>) -> Result<()> {
        let Range { start, end } = self.targets;
        let wanted = start / self.width..if start < end { end.div_ceil(self.width) } else { 0 };
        let own = self.choice.own(i);
        let number = match &self.number {
            Number::Chance(prob) => {
                for block in wanted {
                    let targets = self.block(block);
                    let own = own.is_some_and(|own| targets.contains(&own));
                    let size = targets.end - targets.start - u32::from(own);
                    let mut stream =
                        Stream::new(self.choice.seed, u64::from(block) << 32 | i as u64, purpose::SPLIT);
                    let number = binomial(size.into(), *prob, 1.0 - prob, &mut stream);
                    if number > 0 {
                        visit(block, number)?;
                    }
                }
                return Ok(());
            }
            Number::Equal(number) => *number,
            Number::Each(numbers) => numbers[i],
        };
        let before = |block: u32| {
            let start = self.block(block).start.min(self.choice.size);
            u64::from(start) - u64::from(own.is_some_and(|own| own < start))
        };
        self.tree.each(i as u32, number as u64, &wanted, &before, &mut visit)
    }

    /// Appends the targets of source `i` in a block that are wanted, in ascending order if that is asked for.
    fn list_block(
        &self,
        i: usize,
        (block, number): (u32, u64),
        seen: &mut Seen,
        partners: &mut Vec<u32>,
        ascending: bool,
    ) -> Result<()> {
        let (start, targets) = (partners.len(), self.block(block));
        let stream = u64::from(block) << 32 | i as u64;
        self.choice.list((i, stream), number as usize, targets.clone(), seen, partners)?;
        let cut = targets.start < self.targets.start || self.targets.end < targets.end;
        if ascending || cut {
            partners[start..].sort_unstable();
        }
        if cut {
            let found = &partners[start..];
            let before = found.partition_point(|&j| j < self.targets.start);
            let after = found.partition_point(|&j| j < self.targets.end);
            partners.truncate(start + after);
            partners.drain(start..start + before);
        }
        Ok(())
    }

    fn is_whole(&self) -> bool {
        self.targets == (0..self.choice.size)
    }
}

impl Partners for BlockRows<'_> {
    fn lengths(&self) -> Lengths<'_> {
        match &self.number {
            Number::Equal(number) if self.is_whole() => Lengths::Equal(*number),
            Number::Each(numbers) if self.is_whole() => Lengths::Each(numbers),
            _ => Lengths::Drawn,
        }
    }

    fn count(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<usize> {
        let mut sum = 0;
        self.each_block(i, |block, number| {
            let targets = self.block(block);
            if self.targets.start <= targets.start && targets.end <= self.targets.end {
                sum += number as usize;
            } else {
                partners.clear();
                self.list_block(i, (block, number), seen, partners, true)?;
                sum += partners.len();
            }
            Ok(())
        })?;
        Ok(sum)
    }

    fn list(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.each_block(i, |block, number| self.list_block(i, (block, number), seen, partners, true))
    }

    fn list_unsorted(&self, i: usize, seen: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        self.each_block(i, |block, number| self.list_block(i, (block, number), seen, partners, false))
    }
}

/// The targets of a block, a power of two, for so many synapses of a pair of neurons on average.
pub(super) fn width(n_post: u32, mean: f64) -> u32 {
    let mut width = 1u32;
    while f64::from(width) * mean < MEAN && width < n_post {
        width = width.saturating_mul(2);
    }
    width
}
