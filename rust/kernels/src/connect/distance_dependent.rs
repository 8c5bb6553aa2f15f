//! The probability of a synapse depends on the distance between the neurons.

use std::ops::Range;

use super::cells::Cells;
use super::choice::{Choice, Seen};
use super::functions::exp;
use super::room::push;
use super::rows::{Lengths, Partners};
use crate::error::{Error, Result};
use crate::random::Stream;

/// Axes of space.
pub(crate) const AXES: usize = 3;

/// How the probability falls with the distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// exp(−d²/2 scale²).
    Gaussian,
    /// exp(−d/scale).
    Exponential,
    /// 1 up to the scale.
    Box,
}

/// Where neurons are, and how distance decides.
#[derive(Debug, Clone, Copy)]
pub struct Space<'a> {
    /// Positions of the sources, axis after axis for each.
    pub source: &'a [f64],
    /// Positions of the targets.
    pub target: &'a [f64],
    /// Axes of a position, 1 to 3.
    pub axes: usize,
    /// After which distance each axis repeats; 0 where it does not.
    pub period: [f64; AXES],
    /// The profile.
    pub profile: Profile,
    /// Its length.
    pub scale: f64,
    /// The distance beyond which there are no synapses.
    pub cutoff: f64,
}

pub(crate) struct DistanceDependent<'a> {
    choice: Choice<'a>,
    prob: f64,
    space: Space<'a>,
    /// Those of the targets that are wanted, from this one on.
    cells: Cells,
    first: u32,
}

impl<'a> DistanceDependent<'a> {
    pub(crate) fn new(
        choice: Choice<'a>,
        n_pre: usize,
        prob: f64,
        space: Space<'a>,
        targets: Range<u32>,
    ) -> Result<Self> {
        let lengths = [space.source.len(), space.target.len()];
        if !(1..=AXES).contains(&space.axes)
            || lengths != [n_pre, choice.size as usize].map(|n| n * space.axes)
        {
            return Err(Error::Rule("positions have one to three axes and one row for each neuron"));
        }
        if !(0.0..=1.0).contains(&prob) {
            return Err(Error::Rule("a probability lies between 0 and 1"));
        }
        let finite = |x: &f64| x.is_finite();
        if !(space.source.iter().all(finite) && space.target.iter().all(finite)) {
            return Err(Error::Rule("positions are finite"));
        }
        if !(space.scale > 0.0 && space.cutoff >= 0.0 && space.period.iter().all(|p| *p >= 0.0)) {
            return Err(Error::Rule("scale, cutoff and period are lengths, the scale not 0"));
        }
        let wanted = &space.target[targets.start as usize * space.axes..targets.end as usize * space.axes];
        let cells = Cells::new(wanted, space.axes, space.cutoff, space.period)?;
        Ok(Self { choice, prob, space, cells, first: targets.start })
    }

    fn square_of_distance(&self, i: usize, j: usize) -> f64 {
        let axes = self.space.axes;
        let (a, b) = (&self.space.source[i * axes..][..axes], &self.space.target[j * axes..][..axes]);
        let mut sum = 0.0;
        for ((a, b), period) in a.iter().zip(b).zip(self.space.period) {
            let mut d = b - a;
            if period > 0.0 {
                d -= period * (d / period + 0.5).floor();
            }
            sum += d * d;
        }
        sum
    }

    fn probability(&self, square: f64) -> f64 {
        let scale = self.space.scale;
        self.prob
            * match self.space.profile {
                Profile::Gaussian => exp(-0.5 * (square / (scale * scale))),
                Profile::Exponential => exp(-(square.sqrt() / scale)),
                Profile::Box => f64::from(square <= scale * scale),
            }
    }
}

impl Partners for DistanceDependent<'_> {
    fn lengths(&self) -> Lengths<'_> {
        Lengths::Drawn
    }

    fn list(&self, i: usize, _: &mut Seen, partners: &mut Vec<u32>) -> Result<()> {
        let stream = Stream::new(self.choice.seed, i as u64, self.choice.purpose);
        let own = self.choice.own(i);
        let reach = self.space.cutoff * self.space.cutoff;
        let place = &self.space.source[i * self.space.axes..][..self.space.axes];
        self.cells.near(place, |k| {
            let j = self.first + k;
            let square = self.square_of_distance(i, j as usize);
            // The draw belongs to the pair, so that it does not matter in which order pairs are met.
            if square <= reach && Some(j) != own && stream.unit_at(j) < self.probability(square) {
                push(partners, j)?;
            }
            Ok(())
        })
    }
}
