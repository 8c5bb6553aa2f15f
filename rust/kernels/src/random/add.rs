//! Random whole numbers, times a weight, added to an array: the input of Poisson sources.
//!
//! A number of 32 bits says which one an element gets. Its upper half mostly decides, so one word serves two elements;
//! the lower half is drawn for the few whose upper half is that of a bound.

use super::tile::word;
use super::words::{Place, Row, TOGETHER, Use, fill};
use crate::error::{Error, Result};
use crate::event::length;
use crate::lane::{Float, Lane};

/// Bounds of one part, which are counted in 15 bits.
pub const MOST_BOUNDS: usize = i16::MAX as usize;

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

/// Adds `weight · (least + bounds at or below the number of the element)` to each element of `target`.
///
/// The upper half of the number is that half of word ⌊e / 2⌋ that belongs to element e (the lower one if e is even), and
/// its lower half the same of draw 1. The rows of `target` belong to the keys, two words each, and hold samples of those
/// neurons. The parts cut all neurons, and so do the numbers. There is one weight, or one for each element of one or
/// more samples.
///
/// # Errors
/// If the lengths do not fit, the parts do not follow each other, or one has more than [`MOST_BOUNDS`].
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
    let begins = [0].into_iter().chain(parts.iter().map(|part| part.bounds));
    if parts.iter().zip(begins).any(|(part, begin)| part.bounds - begin > MOST_BOUNDS) {
        return Err(Error::TooManyBounds);
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
    let uppers: Vec<u16> = bounds.iter().map(|bound| (bound >> 16) as u16).collect();
    fill(rows * apart, row, purpose, target, &Add { parts, neurons, bounds, uppers: &uppers, weight })
}

struct Add<'a, T> {
    parts: &'a [Part],
    neurons: Neurons,
    bounds: &'a [u32],
    /// The upper halves of the bounds.
    uppers: &'a [u16],
    weight: &'a [T],
}

/// Neighbours that draw from one distribution.
struct Group<'a, T> {
    least: i32,
    bounds: &'a [u32],
    uppers: &'a [u16],
    /// The weight of all, if they have none of their own.
    weight: T,
    weights: Option<&'a [T]>,
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

impl<T: Float> Group<'_, T> {
    /// Adds their numbers to `TOGETHER` neighbours or fewer, from number `first` of the group on.
    #[inline(always)]
    fn add<L: Lane<Elem = f32>>(&self, first: usize, place: Place, halves: [u16; TOGETHER], out: &mut [T]) {
        let (mut counts, mut ties) = L::at_or_above(halves, self.uppers);
        while ties != 0 {
            let k = ties.trailing_zeros() as usize;
            counts[k] = self.count((first + k) as u64 + place.element, place);
            ties &= ties - 1;
        }
        match self.weights {
            None => {
                // On their own: otherwise the compiler adds one by one.
                let mut numbers = [0; TOGETHER];
                for (number, count) in numbers.iter_mut().zip(counts) {
                    *number = self.least + i32::from(count);
                }
                add_same(self.weight, &numbers, out);
            }
            Some(weights) => add_each(&weights[first..], self.least, &counts, out),
        }
    }

    /// Counts the bounds at or below all 32 bits of an element, whose upper half is that of a bound.
    // Counts that a function could change would be loaded one by one.
    #[cold]
    #[inline(never)]
    fn count(&self, element: u64, place: Place) -> u16 {
        let number = number_of(element, place.purpose, place.key);
        self.bounds.iter().filter(|&&bound| number >= bound).count() as u16
    }
}

/// Adds the weight times the numbers.
#[inline(always)]
fn add_same<T: Float>(weight: T, numbers: &[i32; TOGETHER], out: &mut [T]) {
    let of = |number: i32| weight * T::from_f64(f64::from(number));
    if let Ok(out) = <&mut [T; TOGETHER]>::try_from(&mut *out) {
        // As many at a time as the compiler knows of.
        for (x, &number) in out.iter_mut().zip(numbers) {
            *x += of(number);
        }
    } else {
        for (x, &number) in out.iter_mut().zip(numbers) {
            *x += of(number);
        }
    }
}

/// Adds the weights times `least + counts`.
#[inline(always)]
fn add_each<T: Float>(weights: &[T], least: i32, counts: &[u16; TOGETHER], out: &mut [T]) {
    let of = |weight: T, count: u16| weight * T::from_f64(f64::from(least + i32::from(count)));
    if let Ok(out) = <&mut [T; TOGETHER]>::try_from(&mut *out) {
        for ((x, &weight), &count) in out.iter_mut().zip(&weights[..TOGETHER]).zip(counts) {
            *x += of(weight, count);
        }
    } else {
        for ((x, &weight), &count) in out.iter_mut().zip(weights).zip(counts) {
            *x += of(weight, count);
        }
    }
}

/// The 32 bits of an element.
fn number_of(element: u64, purpose: u32, key: [u32; 2]) -> u32 {
    let half = |draw| word(element / 2, purpose, draw, key) >> (16 * (element % 2)) & 0xFFFF;
    half(0) << 16 | half(1)
}

impl<T: Float> Use for Add<'_, T> {
    type Number = u16;
    type Out = T;

    #[inline(always)]
    fn put<L: Lane<Elem = f32>>(&self, place: Place, mut halves: &[u16], mut out: &mut [T]) {
        let mut place = place;
        while !out.is_empty() {
            let (part, first, left) = self.part(place.at);
            let n = left.min(out.len());
            let (now, later) = std::mem::take(&mut out).split_at_mut(n);
            let bounds = first..part.bounds;
            let (uppers, bounds) = (&self.uppers[bounds.clone()], &self.bounds[bounds]);
            let weights = self.weights(place.at, n);
            let group = Group { least: part.least, bounds, uppers, weight: self.weight[0], weights };
            let (whole, last) = halves[..n].as_chunks::<TOGETHER>();
            let (whole_out, last_out) = now.as_chunks_mut::<TOGETHER>();
            for (k, (halves, out)) in whole.iter().zip(whole_out).enumerate() {
                group.add::<L>(k * TOGETHER, place, *halves, out); // as many as the compiler knows of
            }
            if !last.is_empty() {
                let mut padded = [0; TOGETHER];
                padded[..last.len()].copy_from_slice(last);
                group.add::<L>(n - last.len(), place, padded, last_out);
            }
            (halves, out) = (&halves[n..], later);
            (place.element, place.at) = (place.element + n as u64, place.at + n);
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

    /// The numbers of elements under two keys, one after the other.
    fn numbers(n: usize) -> Vec<u32> {
        let of_key = |key| (0..n).map(move |e| number_of(e as u64, 1, key));
        of_key([7, 8]).chain(of_key([9, 10])).collect()
    }

    #[test]
    fn elements_share_words() {
        let mut drawn = [0; 300];
        words(&[7, 8], &[0], 1, &mut drawn).expect("it fits");
        for (e, number) in numbers(600).into_iter().take(600).enumerate() {
            let [low, high] = [drawn[e / 2] & 0xFFFF, drawn[e / 2] >> 16];
            assert_eq!(number >> 16, if e % 2 == 0 { low } else { high });
        }
    }

    #[test]
    fn adds_what_the_numbers_of_each_part_stand_for() {
        for samples in [0, 1, 3, 600] {
            let (keys, n) = ([7, 8, 9, 10], 70 * samples);
            let drawn = numbers(n);
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

    /// Bounds that are numbers of elements, or the next ones: the lower half has to decide.
    #[test]
    fn all_32_bits_decide() {
        let drawn = numbers(700);
        let mut bounds: Vec<u32> = drawn.iter().step_by(50).flat_map(|&x| [x, x + 1]).chain([0]).collect();
        bounds.sort_unstable();
        let part = Part { end: 700, bounds: bounds.len(), least: -2 };
        let (neurons, mut target) = (Neurons { first: 0, own: 700, all: 700 }, [0.0f64; 1400]);
        add(&[7, 8, 9, 10], 1, (&[part], neurons), &bounds, &[1.0], &mut target).expect("it fits");
        for (x, number) in target.into_iter().zip(drawn) {
            assert_eq!(x, bounds.iter().filter(|&&bound| number >= bound).count() as f64 - 2.0);
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
        let many = Part { end: 5, bounds: MOST_BOUNDS + 1, least: 0 };
        assert_eq!(refused(&[many], &vec![0; MOST_BOUNDS + 1], 1, 5), Error::TooManyBounds);
    }
}
