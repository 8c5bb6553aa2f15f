//! One row as it is stored: in the order of delays and targets, with what is drawn for each synapse.
//!
//! The draws belong to the source, the target, and to which of several synapses between them it is, so that they do
//! not depend on what else the row holds.

use super::room::{extend, reserve};
use super::{Draw, Spec, purpose};
use crate::error::Result;
use crate::lane::{Job, Lane, dispatch};
use crate::random::{open_unit, philox};

/// Synapses that are drawn together, in as many lanes as the machine has.
const TOGETHER: usize = 32;

/// From so many synapses on, counting delays is faster than comparing them.
const COUNTED: usize = 64;

/// Digits that delays are sorted by.
const DIGITS: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) targets: Vec<u32>,
    /// In steps, if they are drawn.
    pub(crate) delays: Vec<u64>,
    /// Without meaning if they are not drawn.
    pub(crate) weights: Vec<f64>,
    occurrences: Vec<u32>,
    found: Vec<u32>, // synapses to each target so far
    units: Vec<f64>,
    keys: Vec<u64>,
    spare: Vec<u64>,
}

impl Row {
    /// Draws weights and delays of the synapses of source `i` to the targets, which may be in any order, and brings
    /// all into the order of a stored row.
    ///
    /// # Errors
    /// If memory is short.
    pub(crate) fn complete(&mut self, spec: &Spec, i: usize) -> Result<()> {
        self.targets.sort_unstable();
        self.weights.clear();
        self.delays.clear();
        if spec.weight.is_none() && spec.delay.is_none() {
            return Ok(());
        }
        self.count_repeats()?;
        self.draw_units(spec.seed, i)?;
        if let Some(draw) = &spec.weight {
            draw.values(&mut self.weights);
        }
        match &spec.delay {
            Some(draw) => self.order_by_delay(draw, spec.weight.is_some()),
            None => Ok(()),
        }
    }

    /// Draws the weights of the synapses of source `i` to the targets in their order, whichever that is; `repeats` tells
    /// whether a target can be there more than once. Those of one target follow each other as in a stored row.
    ///
    /// # Errors
    /// If memory is short.
    pub(crate) fn draw_weights(&mut self, spec: &Spec, draw: &Draw, i: usize, repeats: bool) -> Result<()> {
        self.weights.clear();
        self.occurrences.clear();
        if repeats {
            self.count_unsorted_repeats(spec.n_post)?;
        } else {
            extend(&mut self.occurrences, std::iter::repeat_n(0, self.targets.len()))?;
        }
        self.draw_units(spec.seed, i)?;
        draw.values(&mut self.weights);
        Ok(())
    }

    /// How many synapses to its target stand before each, in any order of the targets.
    fn count_unsorted_repeats(&mut self, n_post: usize) -> Result<()> {
        reserve(&mut self.occurrences, self.targets.len())?;
        if self.found.len() < n_post {
            let more = n_post - self.found.len();
            extend(&mut self.found, std::iter::repeat_n(0, more))?;
        }
        for &target in &self.targets {
            let found = &mut self.found[target as usize];
            self.occurrences.push(*found);
            *found += 1;
        }
        self.targets.iter().for_each(|&target| self.found[target as usize] = 0);
        Ok(())
    }

    /// How many synapses to its target stand before each; targets ascend.
    fn count_repeats(&mut self) -> Result<()> {
        self.occurrences.clear();
        reserve(&mut self.occurrences, self.targets.len())?;
        let (mut last, mut occurrence) = (None, 0);
        for &target in &self.targets {
            occurrence = if last == Some(target) { occurrence + 1 } else { 0 };
            last = Some(target);
            self.occurrences.push(occurrence);
        }
        Ok(())
    }

    /// A number between 0 and 1 for the weight of each synapse, and one for its delay.
    fn draw_units(&mut self, seed: u64, i: usize) -> Result<()> {
        let n = self.targets.len();
        self.units.clear();
        extend(&mut self.weights, std::iter::repeat_n(0.0, n))?;
        extend(&mut self.units, std::iter::repeat_n(0.0, n))?;
        dispatch(Units {
            key: [seed as u32, (seed >> 32) as u32],
            source: i as u32,
            targets: &self.targets,
            occurrences: &self.occurrences,
            of_weights: &mut self.weights,
            of_delays: &mut self.units,
        });
        Ok(())
    }

    fn order_by_delay(&mut self, draw: &Draw, weighted: bool) -> Result<()> {
        let n = self.targets.len();
        draw.values(&mut self.units);
        self.keys.clear();
        // Synapses of one delay keep their order by the number that follows it.
        let key = |(k, &x): (usize, &f64)| Draw::whole(x).min(u64::from(u32::MAX)) << 32 | k as u64;
        extend(&mut self.keys, self.units.iter().enumerate().map(key))?;
        if n < COUNTED {
            self.keys.sort_unstable();
        } else {
            self.count_by_digits()?;
        }
        self.spare.clear();
        extend(&mut self.spare, self.targets.iter().map(|&j| j.into()))?;
        for (target, key) in self.targets.iter_mut().zip(&self.keys) {
            *target = self.spare[*key as u32 as usize] as u32;
        }
        if weighted {
            std::mem::swap(&mut self.units, &mut self.weights);
            for (weight, key) in self.weights.iter_mut().zip(&self.keys) {
                *weight = self.units[*key as u32 as usize];
            }
        }
        extend(&mut self.delays, self.keys.iter().map(|key| key >> 32))
    }

    /// Sorts the keys, which ascend in their lower half, by the digits of the delay.
    fn count_by_digits(&mut self) -> Result<()> {
        let all = self.keys.iter().fold(0, |all, key| all | key >> 32);
        self.spare.clear();
        extend(&mut self.spare, std::iter::repeat_n(0, self.keys.len()))?;
        for shift in (32..64).step_by(8).take_while(|shift| all >> (shift - 32) != 0) {
            let digit = |key: u64| (key >> shift) as usize % DIGITS;
            let mut places = [0usize; DIGITS];
            self.keys.iter().for_each(|&key| places[digit(key)] += 1);
            let mut sum = 0;
            for place in &mut places {
                sum += std::mem::replace(place, sum);
            }
            for &key in &self.keys {
                let place = &mut places[digit(key)];
                self.spare[*place] = key;
                *place += 1;
            }
            std::mem::swap(&mut self.keys, &mut self.spare);
        }
        Ok(())
    }
}

struct Units<'a> {
    key: [u32; 2],
    source: u32,
    targets: &'a [u32],
    occurrences: &'a [u32],
    of_weights: &'a mut [f64],
    of_delays: &'a mut [f64],
}

impl Job<f64> for Units<'_> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = f64>>(self) {
        let Self { key, source, .. } = self;
        let given = self.targets.chunks(TOGETHER).zip(self.occurrences.chunks(TOGETHER));
        let units = self.of_weights.chunks_mut(TOGETHER).zip(self.of_delays.chunks_mut(TOGETHER));
        for ((targets, occurrences), (of_weights, of_delays)) in given.zip(units) {
            let (mut target, mut occurrence) = ([0; TOGETHER], [0; TOGETHER]);
            target[..targets.len()].copy_from_slice(targets);
            occurrence[..targets.len()].copy_from_slice(occurrences);
            let (mut weight, mut delay) = ([0.0; TOGETHER], [0.0; TOGETHER]);
            for k in 0..TOGETHER {
                let counter = [target[k], purpose::SYNAPSE, source, occurrence[k]];
                let [a, b, c, d] = philox(counter, key);
                (weight[k], delay[k]) = (open_unit(a, b), open_unit(c, d));
            }
            of_weights.copy_from_slice(&weight[..targets.len()]);
            of_delays.copy_from_slice(&delay[..targets.len()]);
        }
    }
}
