//! Rules that build connectivity: compressed rows from a seed, the same for any number of threads and of
//! ranges of targets.
//!
//! A rule is one small file that lists the partners of one neuron ([`rows::Partners`]); counting, filling,
//! weights and delays are the same for all.

mod all_to_all;
mod array;
mod block_rows;
mod cells;
mod choice;
mod counts;
mod distance_dependent;
mod draw;
mod edges;
mod fixed_in_degree;
mod fixed_out_degree;
mod fixed_prob;
mod fixed_total_number;
mod functions;
mod one_to_one;
mod procedural;
mod room;
mod row;
mod rows;
mod small_world;
mod store;
#[cfg(test)]
mod tests;
mod tree;

pub use array::{Array, Column};
pub use choice::Own;
pub use distance_dependent::{Profile, Space};
pub use draw::{Draw, Family};
pub use edges::{Edges, order};
pub use procedural::Procedural;
pub use store::Synapses;

use std::ops::Range;

use crate::error::{Error, Result};
use block_rows::TargetBlocks;
use choice::Choice;
pub(crate) use procedural::Block;
use rows::{Partners, build as build_rows};

/// Numbers that keep the draws of different uses of one seed apart.
mod purpose {
    pub(super) const FIXED_OUT_DEGREE: u32 = 1;
    pub(super) const FIXED_IN_DEGREE: u32 = 2;
    pub(super) const FIXED_PROB: u32 = 3;
    pub(super) const FIXED_TOTAL_NUMBER: u32 = 4;
    pub(super) const SOURCES: u32 = 5;
    pub(super) const DISTANCE_DEPENDENT: u32 = 6;
    pub(super) const SMALL_WORLD: u32 = 7;
    pub(super) const SPLIT: u32 = 8;
    pub(super) const SYNAPSE: u32 = 9;
}

/// Which pairs are connected.
#[derive(Debug, Clone, Copy)]
pub enum Rule<'a> {
    /// Source i and target i.
    OneToOne,
    /// All.
    AllToAll,
    /// Each with this probability.
    FixedProb {
        /// The probability.
        prob: f64,
    },
    /// This many sources for each target.
    FixedInDegree(Number),
    /// This many targets for each source.
    FixedOutDegree(Number),
    /// This many in all.
    FixedTotalNumber(Number),
    /// Each with a probability that depends on distance.
    DistanceDependent {
        /// The probability at distance 0.
        prob: f64,
        /// Where neurons are.
        space: Space<'a>,
    },
    /// Neighbours on a ring, some of them rewired.
    SmallWorld {
        /// Neighbours.
        num: usize,
        /// Probability of rewiring.
        prob: f64,
    },
}

/// A number of synapses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// How many.
    pub num: usize,
    /// Whether a pair may be connected more than once.
    pub multapses: bool,
}

/// What to build.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// The rule.
    pub rule: Rule<'a>,
    /// The synapses from a neuron to itself that are left out: for each source which target it is, or, where a rule
    /// draws the sources of a target, for each target which source it is.
    pub own: Own<'a>,
    /// The seed of all draws.
    pub seed: u64,
    /// Sources.
    pub n_pre: usize,
    /// Targets.
    pub n_post: usize,
    /// Those of the targets whose synapses are wanted; they are stored as numbers from the first of them on.
    pub targets: Range<u32>,
    /// Weights to draw.
    pub weight: Option<Draw>,
    /// Delays in steps to draw.
    pub delay: Option<Draw>,
    /// Whether weights have 64 bits.
    pub wide: bool,
}

impl Spec<'_> {
    /// How many targets a block has of which the synapses are drawn together.
    #[must_use]
    pub fn block_width(&self) -> u32 {
        let pairs = (self.n_pre as f64 * self.n_post as f64).max(1.0);
        let mean = match self.rule {
            Rule::FixedProb { prob } => prob,
            Rule::FixedOutDegree(number) => number.num as f64 / (self.n_post as f64).max(1.0),
            Rule::FixedTotalNumber(number) => number.num as f64 / pairs,
            _ => 1.0,
        };
        block_rows::width(u32::try_from(self.n_post).unwrap_or(u32::MAX), mean)
    }
}

/// Builds the synapses of a rule.
///
/// # Errors
/// If the populations do not fit the rule, a delay is too long, or memory is short.
pub fn build(spec: &Spec) -> Result<Synapses> {
    build_rows(&*partners(spec)?, spec)
}

/// The rule that lists the partners of a neuron.
fn partners<'a>(spec: &Spec<'a>) -> Result<Box<dyn Partners + 'a>> {
    let &Spec { seed, n_pre, n_post, own, .. } = spec;
    let targets = spec.targets.clone();
    let size = |n| u32::try_from(n).map_err(|_| Error::Targets { given: n, available: u32::MAX as usize });
    let (pre, post) = (size(n_pre)?, size(n_post)?);
    if targets.start > targets.end || targets.end > post {
        return Err(Error::Rule("the targets that are wanted are some of those there are"));
    }
    let neurons = if matches!(spec.rule, Rule::FixedInDegree(_)) { n_post } else { n_pre };
    if let Own::Each(own) = own
        && own.len() != neurons
    {
        return Err(Error::Length { name: "own", given: own.len(), expected: neurons });
    }
    let blocks = TargetBlocks { width: spec.block_width(), wanted: targets.clone() };
    let from = |size, purpose, multapses| Choice { seed, purpose, size, multapses, own };
    Ok(match spec.rule {
        Rule::OneToOne => Box::new(one_to_one::OneToOne::new(n_pre, n_post, targets)?),
        Rule::AllToAll => Box::new(all_to_all::AllToAll { n_pre, n_post: post, own, targets }),
        Rule::FixedProb { prob } => {
            let choice = from(post, purpose::FIXED_PROB, false);
            Box::new(fixed_prob::fixed_prob(choice, prob, blocks)?)
        }
        Rule::FixedInDegree(Number { num, multapses }) => {
            let choice = from(pre, purpose::FIXED_IN_DEGREE, multapses);
            Box::new(fixed_in_degree::FixedInDegree::new(choice, n_post, num)?)
        }
        Rule::FixedOutDegree(Number { num, multapses }) => {
            let choice = from(post, purpose::FIXED_OUT_DEGREE, multapses);
            Box::new(fixed_out_degree::fixed_out_degree(choice, n_pre, num, blocks)?)
        }
        Rule::FixedTotalNumber(Number { num, multapses }) => {
            let choice = from(post, purpose::FIXED_TOTAL_NUMBER, multapses);
            Box::new(fixed_total_number::fixed_total_number(choice, pre, num, blocks)?)
        }
        Rule::DistanceDependent { prob, space } => {
            let choice = from(post, purpose::DISTANCE_DEPENDENT, false);
            Box::new(distance_dependent::DistanceDependent::new(choice, n_pre, prob, space, targets)?)
        }
        Rule::SmallWorld { num, prob } => {
            Box::new(small_world::SmallWorld::new(seed, (n_pre, post), num, prob, targets)?)
        }
    })
}
