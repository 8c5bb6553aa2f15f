//! Rows that are not stored but made anew from the seed, each time they are needed.

use super::choice::Seen;
use super::room::{extend, push, reserve};
use super::row::Row;
use super::rows::Partners;
use super::store::{LONGEST, TOO_LONG};
use super::{Rule, Spec, partners};
use crate::error::{Error, Result};
use crate::lane::Float;

/// A rule whose rows are functions of the seed and of the row's number.
pub struct Procedural<'a> {
    spec: Spec<'a>,
    partners: Box<dyn Partners + 'a>,
}

impl<'a> Procedural<'a> {
    /// The rows of a rule.
    ///
    /// # Errors
    /// If the populations do not fit the rule, or it draws what a row needs to know from others.
    pub fn new(spec: Spec<'a>) -> Result<Self> {
        let partners = partners(&spec)?;
        if partners.by_target() {
            return Err(Error::Rule("the rows of this rule are not drawn one by one"));
        }
        if spec.delay.is_some_and(|draw| draw.most_steps() > LONGEST) {
            return Err(TOO_LONG);
        }
        Ok(Self { spec, partners })
    }

    /// What is drawn.
    #[must_use]
    pub fn spec(&self) -> &Spec<'a> {
        &self.spec
    }

    /// Number of rows.
    #[must_use]
    pub fn n_pre(&self) -> usize {
        self.spec.n_pre
    }

    /// Number of targets.
    #[must_use]
    pub fn n_post(&self) -> usize {
        self.spec.n_post
    }

    /// Checks that a ring has a slot for each delay that may be drawn.
    ///
    /// # Errors
    /// If it has not.
    pub fn check_delays(&self, slots: usize) -> Result<()> {
        match self.spec.delay.map(|draw| draw.most_steps()) {
            Some(most) if most >= slots as u64 => Err(Error::Length {
                name: "ring",
                given: slots,
                expected: usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1),
            }),
            _ => Ok(()),
        }
    }

    /// About as many synapses has a row, one at least.
    pub(crate) fn mean_length(&self) -> usize {
        let n_post = self.spec.n_post;
        let mean = match self.spec.rule {
            Rule::OneToOne => 1,
            Rule::FixedOutDegree(number) => number.num,
            Rule::SmallWorld { num, .. } => num,
            Rule::FixedProb { prob, .. } => (prob * n_post as f64) as usize,
            _ => n_post,
        };
        mean.max(1)
    }

    /// Whether a source may reach a target more than once.
    fn repeats(&self) -> bool {
        match self.spec.rule {
            Rule::OneToOne | Rule::AllToAll | Rule::FixedProb { .. } => false,
            Rule::FixedOutDegree(number) => number.multapses,
            _ => true,
        }
    }

    /// These rows, one after the other, ordered as stored ones if that is `needed` or delays are drawn.
    pub(crate) fn block<T: Float>(&self, rows: &[usize], needed: bool) -> Result<Block<T>> {
        let spec = &self.spec;
        let ordered = needed || spec.delay.is_some();
        let mut block = Block { ordered, ..Block::default() };
        let (mut seen, mut row) = (Seen::default(), Row::default());
        reserve(&mut block.indices, rows.len() * self.mean_length())?;
        push(&mut block.indptr, 0)?;
        for &i in rows {
            row.targets.clear();
            if ordered {
                self.partners.list(i, &mut seen, &mut row.targets)?;
                row.complete(spec, i)?;
            } else {
                self.partners.list_unsorted(i, &mut seen, &mut row.targets)?;
                if let Some(draw) = &spec.weight {
                    row.draw_weights(spec, draw, i, self.repeats())?;
                }
            }
            extend(&mut block.indices, row.targets.iter().copied())?;
            extend(&mut block.delay, row.delays.iter().map(|&delay| delay as u16))?;
            if spec.weight.is_some() {
                let stored = |&x: &f64| T::from_f64(if spec.wide { x } else { f64::from(x as f32) });
                extend(&mut block.weight, row.weights.iter().map(stored))?;
            }
            push(&mut block.indptr, block.indices.len() as i64)?;
        }
        if spec.weight.is_none() {
            push(&mut block.weight, T::ONE)?;
        }
        Ok(block)
    }
}

/// Some rows, as they would be stored.
#[derive(Debug, Default)]
pub(crate) struct Block<T> {
    pub(crate) indices: Vec<u32>,
    pub(crate) indptr: Vec<i64>,
    /// One for each synapse, or the number 1 for all.
    pub(crate) weight: Vec<T>,
    /// One for each synapse, or none.
    pub(crate) delay: Vec<u16>,
    pub(crate) ordered: bool,
}
