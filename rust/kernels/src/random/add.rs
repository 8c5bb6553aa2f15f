//! Random whole numbers, times a weight, added to an array: the input of Poisson sources.

use super::words::{Row, TOGETHER, Use, count, fill};
use crate::error::{Error, Result};
use crate::event::length;
use crate::lane::Float;

/// Neurons that draw from one distribution of whole numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where its neurons end; they begin where those of the part before end.
    pub end: usize,
    /// Where its bounds end among those of all parts.
    pub bounds: usize,
    /// The number that a word below all bounds stands for.
    pub least: i32,
}

/// The neurons of a target among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neurons {
    /// The number of the first one.
    pub first: usize,
    /// How many the target has.
    pub own: usize,
    /// How many there are.
    pub all: usize,
}

/// Adds `weight · (least + bounds at or below the word of the element)` to each element of `target`.
///
/// The rows of `target` belong to the keys, two words each, and hold samples of those neurons. The parts cut all
/// neurons, and so do the words. There is one weight, or one for each element of one or more samples.
///
/// # Errors
/// If the lengths do not fit, or the parts do not follow each other.
pub fn add<T: Float>(
    keys: &[u32],
    purpose: u32,
    (parts, neurons): (&[Part], Neurons),
    bounds: &[u32],
    weight: &[T],
    target: &mut [T],
) -> Result<()> {
    let (end, last) = parts.last().map_or((0, 0), |part| (part.end, part.bounds));
    let Neurons { first, own: n, all } = neurons;
    length("bounds", bounds.len(), last)?;
    length("neurons", all, end)?;
    if (n > 0 && parts.is_empty()) || !parts.is_sorted_by(|a, b| a.end <= b.end && a.bounds <= b.bounds) {
        return Err(Error::Parts);
    }
    length("target", target.len(), target.len() / n.max(1) * n)?;
    let whole = if weight.len() == 1 { 1 } else { n };
    if !weight.len().is_multiple_of(whole) || !target.len().is_multiple_of(weight.len()) {
        length("weight", weight.len(), target.len())?;
    }
    let rows = (keys.len() / 2).max(1);
    length("keys", keys.len(), 2 * rows)?;
    length("target", target.len(), target.len() / rows * rows)?;
    let samples = target.len() / rows / n.max(1);
    // Samples of all neurons follow each other in one row of words.
    let apart = if (first, n) == (0, all) { 1 } else { samples };
    let row = |r: usize| {
        let (k, sample) = (r / apart, r % apart);
        Row { key: [keys[2 * k], keys[2 * k + 1]], first: (sample * all + first) as u64 }
    };
    fill(rows * apart, row, purpose, target, &Add { parts, neurons, bounds, weight })
}

struct Add<'a, T> {
    parts: &'a [Part],
    neurons: Neurons,
    bounds: &'a [u32],
    weight: &'a [T],
}

impl<T: Float> Add<'_, T> {
    /// The part of the neuron at a place, where its bounds begin, and the neurons from there on.
    #[inline(always)]
    fn part(&self, at: usize) -> (Part, usize, usize) {
        let own = wrapped(at, self.neurons.own);
        let neuron = (self.neurons.first + own).min(self.neurons.all - 1); // what pads a part repeats the last
        let k = self.parts.partition_point(|part| part.end <= neuron);
        let first = if k == 0 { 0 } else { self.parts[k - 1].bounds };
        let (left, rest) = (self.parts[k].end - neuron, self.neurons.own - own);
        (self.parts[k], first, if self.parts[k].end == self.neurons.all { rest } else { left.min(rest) })
    }

    /// The weights of `n` neurons of one sample from a place on, if each has its own.
    #[inline(always)]
    fn weights(&self, at: usize, n: usize) -> Option<&[T]> {
        let each = self.weight.len();
        (each != 1).then(|| &self.weight[wrapped(at, each)..][..n])
    }
}

/// `place % n`, where it rarely is another number than `place`.
#[inline(always)]
fn wrapped(place: usize, n: usize) -> usize {
    if place < n { place } else { place % n }
}

/// Adds the weight times `least + counts`.
#[inline(always)]
fn add_numbers<T: Float>(weight: T, weights: Option<&[T]>, least: i32, counts: &[i32], out: &mut [T]) {
    let number = |count: i32| T::from_f64(f64::from(least + count));
    match weights {
        None => {
            for (x, &count) in out.iter_mut().zip(counts) {
                *x += weight * number(count);
            }
        }
        Some(weights) => {
            for ((x, &weight), &count) in out.iter_mut().zip(weights).zip(counts) {
                *x += weight * number(count);
            }
        }
    }
}

impl<T: Float> Use for Add<'_, T> {
    type Out = T;

    #[inline(always)]
    fn put(&self, at: usize, words: [u32; TOGETHER], out: &mut [T]) {
        let mut done = 0;
        while done < out.len() {
            let (part, first, left) = self.part(at + done);
            let counts = count(&self.bounds[first..part.bounds], words);
            let n = left.min(out.len() - done);
            let weights = self.weights(at + done, n);
            if n == TOGETHER {
                // As many at a time as the compiler knows of.
                let (counts, out) = (&counts[..TOGETHER], &mut out[..TOGETHER]);
                add_numbers(self.weight[0], weights.map(|w| &w[..TOGETHER]), part.least, counts, out);
            } else {
                let out = &mut out[done..done + n];
                add_numbers(self.weight[0], weights, part.least, &counts[done..done + n], out);
            }
            done += n;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::words;

    const PARTS: [Part; 3] = [
        Part { end: 5, bounds: 2, least: 3 },
        Part { end: 5, bounds: 2, least: 100 },
        Part { end: 70, bounds: 5, least: 0 },
    ];
    const BOUNDS: [u32; 5] = [1 << 30, 1 << 31, 0, 1 << 30, 3 << 30];

    const ALL: Neurons = Neurons { first: 0, own: 70, all: 70 };

    #[test]
    fn adds_what_the_words_of_each_part_stand_for() {
        for samples in [0, 1, 3, 600] {
            let (keys, n) = ([7, 8, 9, 10], 70 * samples);
            let mut drawn = vec![0; 2 * n];
            words(&keys, &[0], 1, &mut drawn).expect("it fits");
            let wanted = |k: usize| match k % 70 {
                0..5 => 3 + (drawn[k] >> 30).min(2),
                _ => 1 + (drawn[k] >> 30).min(1) + (drawn[k] >> 30) / 3,
            };
            let weights: Vec<f32> = (0..2 * n).map(|k| k as f32).collect();
            for weight in [&[0.5][..], &weights[..70.min(2 * n)], &weights] {
                let mut target = vec![1.0; 2 * n];
                add(&keys, 1, (&PARTS, ALL), &BOUNDS, weight, &mut target).expect("it fits");
                for (k, &x) in target.iter().enumerate() {
                    let weight = weight[k % weight.len()];
                    assert_eq!(x, 1.0 + weight * wanted(k) as f32);
                }
            }
        }
    }

    #[test]
    fn a_part_of_the_neurons_gets_what_it_gets_among_all() {
        let keys = [7, 8, 9, 10];
        let mut whole = vec![0.0_f32; 2 * 3 * 70];
        add(&keys, 1, (&PARTS, ALL), &BOUNDS, &[0.5], &mut whole).expect("it fits");
        for (first, own) in [(0, 3), (3, 40), (43, 27), (60, 15)] {
            let mut part = vec![0.0_f32; 2 * 3 * own];
            let neurons = Neurons { first, own, all: 70 };
            add(&keys, 1, (&PARTS, neurons), &BOUNDS, &[0.5], &mut part).expect("it fits");
            for (part, whole) in part.chunks(own).zip(whole.chunks(70)) {
                let real = own.min(70 - first);
                assert_eq!(part[..real], whole[first..first + real]);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |parts: &[Part], bounds: &[u32], weights: usize, n: usize| {
            let neurons = Neurons { first: 0, own: n, all: n };
            add(&[1, 2], 0, (parts, neurons), bounds, &vec![1.0; weights], &mut vec![0.0; n]).unwrap_err()
        };
        assert_eq!(
            refused(&PARTS[1..], &BOUNDS, 1, 71).to_string(),
            "'neurons' has 71 elements, expected 70"
        );
        assert_eq!(refused(&PARTS, &BOUNDS[1..], 1, 70).to_string(), "'bounds' has 4 elements, expected 5");
        assert_eq!(refused(&PARTS, &BOUNDS, 2, 70).to_string(), "'weight' has 2 elements, expected 70");
        assert_eq!(refused(&[PARTS[2], PARTS[0]], &BOUNDS[..2], 1, 5), Error::Parts);
    }
}
