//! Random whole numbers, times a weight, added to an array: the input of Poisson sources.

use super::words::{TOGETHER, Use, count, fill};
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

/// Adds `weight · (least + bounds at or below the word of the element)` to each element of `target`.
///
/// The rows of `target` belong to the keys, two words each, and hold samples of all `neurons`, which the parts cut. There
/// is one weight, or one for each element of one or more samples.
///
/// # Errors
/// If the lengths do not fit, or the parts do not follow each other.
pub fn add<T: Float>(
    keys: &[u32],
    purpose: u32,
    (parts, neurons): (&[Part], usize),
    bounds: &[u32],
    weight: &[T],
    target: &mut [T],
) -> Result<()> {
    let (end, last) = parts.last().map_or((0, 0), |part| (part.end, part.bounds));
    length("bounds", bounds.len(), last)?;
    length("target", neurons, end)?;
    if !parts.is_sorted_by(|a, b| a.end <= b.end && a.bounds <= b.bounds) {
        return Err(Error::Parts);
    }
    length("target", target.len(), target.len() / neurons.max(1) * neurons)?;
    let whole = if weight.len() == 1 { 1 } else { neurons };
    if !weight.len().is_multiple_of(whole) || !target.len().is_multiple_of(weight.len()) {
        length("weight", weight.len(), target.len())?;
    }
    let rows = (keys.len() / 2).max(1);
    length("keys", keys.len(), 2 * rows)?;
    length("target", target.len(), target.len() / rows * rows)?;
    fill(keys, purpose, target, &Add { parts, neurons, bounds, weight })
}

struct Add<'a, T> {
    parts: &'a [Part],
    neurons: usize,
    bounds: &'a [u32],
    weight: &'a [T],
}

impl<T: Float> Add<'_, T> {
    /// The part of the neuron at a place, where its bounds begin, and the neurons from there on.
    #[inline(always)]
    fn part(&self, at: usize) -> (Part, usize, usize) {
        let neuron = wrapped(at, self.neurons);
        let k = self.parts.partition_point(|part| part.end <= neuron);
        let first = if k == 0 { 0 } else { self.parts[k - 1].bounds };
        (self.parts[k], first, self.parts[k].end - neuron)
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

    #[test]
    fn adds_what_the_words_of_each_part_stand_for() {
        for samples in [0, 1, 3, 600] {
            let (keys, n) = ([7, 8, 9, 10], 70 * samples);
            let mut drawn = vec![0; 2 * n];
            words(&keys, 1, &mut drawn).expect("it fits");
            let wanted = |k: usize| match k % 70 {
                0..5 => 3 + (drawn[k] >> 30).min(2),
                _ => 1 + (drawn[k] >> 30).min(1) + (drawn[k] >> 30) / 3,
            };
            let weights: Vec<f32> = (0..2 * n).map(|k| k as f32).collect();
            for weight in [&[0.5][..], &weights[..70.min(2 * n)], &weights] {
                let mut target = vec![1.0; 2 * n];
                add(&keys, 1, (&PARTS, 70), &BOUNDS, weight, &mut target).expect("it fits");
                for (k, &x) in target.iter().enumerate() {
                    let weight = weight[k % weight.len()];
                    assert_eq!(x, 1.0 + weight * wanted(k) as f32);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |parts: &[Part], bounds: &[u32], weights: usize, n: usize| {
            add(&[1, 2], 0, (parts, n), bounds, &vec![1.0; weights], &mut vec![0.0; n]).unwrap_err()
        };
        assert_eq!(refused(&PARTS[1..], &BOUNDS, 1, 71).to_string(), "'target' has 71 elements, expected 70");
        assert_eq!(refused(&PARTS, &BOUNDS[1..], 1, 70).to_string(), "'bounds' has 4 elements, expected 5");
        assert_eq!(refused(&PARTS, &BOUNDS, 2, 70).to_string(), "'weight' has 2 elements, expected 70");
        assert_eq!(refused(&[PARTS[2], PARTS[0]], &BOUNDS[..2], 1, 5), Error::Parts);
    }
}
