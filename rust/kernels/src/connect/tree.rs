//! Draws split over parts down a binary tree, so that those of some parts are known without the others.

use std::ops::Range;

use super::counts::{binomial, hypergeometric};
use crate::error::Result;
use crate::random::Stream;

/// How numbers of draws are split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    pub(crate) seed: u64,
    pub(crate) purpose: u32,
    /// Whether a place may be drawn more than once.
    pub(crate) repeats: bool,
    /// How many parts there are.
    pub(crate) parts: u32,
}

impl Tree {
    /// Calls `visit(part, number)` for those of `wanted` parts that get some of `number` draws, in their order.
    /// `before(part)` places lie before a part, and draws are uniform over all places. `stream` numbers the tree.
    ///
    /// # Errors
    /// Those of `visit`.
    pub(crate) fn each(
        &self,
        stream: u32,
        number: u64,
        wanted: &Range<u32>,
        before: &impl Fn(u32) -> u64,
        visit: &mut impl FnMut(u32, u64) -> Result<()>,
    ) -> Result<()> {
        self.node(stream, 0..self.parts, number, wanted, before, visit)
    }

    fn node(
        &self,
        stream: u32,
        parts: Range<u32>,
        number: u64,
        wanted: &Range<u32>,
        before: &impl Fn(u32) -> u64,
        visit: &mut impl FnMut(u32, u64) -> Result<()>,
    ) -> Result<()> {
        let Range { start, end } = parts;
        if number == 0 || end <= wanted.start || wanted.end <= start {
            return Ok(());
        }
        if end - start == 1 {
            return visit(start, number);
        }
        // No other node is cut here, so that the cut numbers the node.
        let cut = start + (end - start).next_power_of_two() / 2;
        let (left, right) = (before(cut) - before(start), before(end) - before(cut));
        let mut stream_of_cut =
            Stream::new(self.seed, u64::from(cut) << 32 | u64::from(stream), self.purpose);
        let on_left = if self.repeats {
            binomial(number, left as f64, right as f64, &mut stream_of_cut)
        } else {
            hypergeometric(number, left, right, &mut stream_of_cut)
        };
        self.node(stream, start..cut, on_left, wanted, before, visit)?;
        self.node(stream, cut..end, number - on_left, wanted, before, visit)
    }
}
