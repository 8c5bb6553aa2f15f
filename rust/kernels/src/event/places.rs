//! The places of spikes as a list, made without a branch for each spike.

use super::spikes::{MANY, Spikes, not_zero};
use crate::lane::{Float, Job, Lane, dispatch};

/// Appends the places of all spikes to `found`, in order; returns how many there are.
#[inline(always)]
pub(super) fn find_places<L: Lane>(spikes: &Spikes<'_, L::Elem>, found: &mut Vec<u32>) -> usize {
    found.reserve(spikes.len() + L::WIDTH);
    let start = found.len();
    let to = found.spare_capacity_mut().as_mut_ptr().cast::<u32>();
    // SAFETY: there is room for a place for each element, and for a lane behind them.
    let count = unsafe {
        match spikes {
            Spikes::Float(s) | Spikes::Rounded(s) => places_of::<L>(s, to),
            Spikes::Bool(s) => places_of_bytes(s, to),
        }
    };
    // SAFETY: so many were written.
    unsafe { found.set_len(start + count) };
    count
}

/// # Safety
/// As many places as there are values, and those of a lane behind them, can be written.
#[inline(always)]
unsafe fn places_of<L: Lane>(values: &[L::Elem], to: *mut u32) -> usize {
    let (whole, mut count) = (values.len() - values.len() % L::WIDTH, 0);
    for first in (0..whole).step_by(L::WIDTH) {
        // SAFETY: a whole lane begins here; promised to this function.
        unsafe {
            let is_spike = L::load(values.as_ptr().add(first)).ne(L::splat(L::Elem::ZERO));
            count += L::places(is_spike, first as u32, to.add(count));
        }
    }
    for (k, &x) in values.iter().enumerate().skip(whole) {
        // SAFETY: promised to this function.
        unsafe { to.add(count).write(k as u32) };
        count += usize::from(x != L::Elem::ZERO);
    }
    count
}

/// As [`places_of`]. Within eight bytes a place is written in any case, as branches would be mispredicted.
///
/// # Safety
/// As for [`places_of`].
#[inline(always)]
unsafe fn places_of_bytes(values: &[u8], to: *mut u32) -> usize {
    let mut count = 0;
    for (block, bytes) in values.chunks(8).enumerate() {
        if bytes.iter().fold(0, |any, x| any | x) == 0 {
            continue;
        }
        for (k, &x) in bytes.iter().enumerate() {
            // SAFETY: promised to this function.
            unsafe { to.add(count).write((block * 8 + k) as u32) };
            count += usize::from(x != 0);
        }
    }
    count
}

/// The places of all elements that are 1, in order, if all others are 0.
#[must_use]
pub fn find_ones<T: Float>(spikes: &[T]) -> Option<Vec<u32>> {
    dispatch(FindOnes(spikes))
}

#[derive(Clone, Copy)]
struct FindOnes<'a, T>(&'a [T]);

impl<T: Float> Job<T> for FindOnes<'_, T> {
    type Out = Option<Vec<u32>>;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> Option<Vec<u32>> {
        let (mut found, mut bits) = (Vec::with_capacity(MANY), [0; WORDS]);
        let (whole, rest) = self.0.split_at(self.0.len() / WORD * WORD);
        for (block, spikes) in whole.chunks(WORDS * WORD).enumerate() {
            let words = &mut bits[..spikes.len() / WORD];
            for (word, spikes) in words.iter_mut().zip(spikes.chunks_exact(WORD)) {
                *word = 0;
                for at in (0..WORD).step_by(L::WIDTH) {
                    // SAFETY: lanes divide the elements of a word.
                    *word |= u64::from(not_zero(unsafe { L::load(spikes.as_ptr().add(at)) })) << at;
                }
            }
            push_ones(&mut found, block * WORDS, words);
        }
        let of_rest = rest.iter().enumerate().filter(|&(_, &x)| x != T::ZERO);
        found.extend(of_rest.map(|(k, _)| (whole.len() + k) as u32));
        found.iter().all(|&k| self.0[k as usize] == T::ONE).then_some(found)
    }
}

/// Bits of a word, and words that are searched at once.
const WORD: usize = u64::BITS as usize;
const WORDS: usize = 64;

/// The places of all bits that are 1, in order.
#[must_use]
pub fn ones_of_bits(words: &[u64]) -> Vec<u32> {
    let mut found = Vec::with_capacity(MANY);
    for (block, words) in words.chunks(WORDS).enumerate() {
        push_ones(&mut found, block * WORDS, words);
    }
    found
}

/// Appends the places of the bits of at most `WORDS` words, the first of which has this number.
///
/// Most words have no bit or one: which of the two is no branch, which would be foretold wrongly for every spike.
#[inline(always)]
fn push_ones(found: &mut Vec<u32>, first: usize, words: &[u64]) {
    let (mut singles, mut count) = ([0; WORDS], 0);
    for (k, &word) in words.iter().enumerate() {
        let place = ((first + k) * WORD) as u32;
        singles[count] = place + word.trailing_zeros();
        count += usize::from(word != 0);
        let mut left = word & word.wrapping_sub(1);
        if left != 0 {
            found.extend_from_slice(&singles[..count]);
            count = 0;
        }
        while left != 0 {
            found.push(place + left.trailing_zeros());
            left &= left - 1;
        }
    }
    found.extend_from_slice(&singles[..count]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::dispatch_all;

    /// Words without a bit, with one and with several, in several blocks, and elements behind the last word.
    fn spikes() -> Vec<f32> {
        let fires = |k: usize| k.is_multiple_of(97) || (300..310).contains(&k) || k == 4999;
        (0..WORDS * WORD + 1000).map(|k| if fires(k) { 1.0 } else { 0.0 }).collect()
    }

    fn places(spikes: &[f32]) -> Vec<u32> {
        (0..spikes.len()).filter(|&k| spikes[k] != 0.0).map(|k| k as u32).collect()
    }

    #[test]
    fn the_places_of_ones_are_found_in_order() {
        let all = spikes();
        for len in [0, 1, 63, 64, 65, 303, 4096, all.len()] {
            for found in dispatch_all(FindOnes(&all[..len])) {
                assert_eq!(found, Some(places(&all[..len])));
            }
        }
    }

    #[test]
    fn other_numbers_than_one_are_told_apart() {
        for (place, x) in [(0, 0.5), (70, f32::NAN), (5095, 2.0)] {
            let mut all = spikes();
            all[place] = x;
            assert!(dispatch_all(FindOnes(&all)).iter().all(Option::is_none));
        }
    }

    #[test]
    fn bits_are_found_in_order() {
        let all = spikes();
        let word = |spikes: &[f32]| places(spikes).iter().map(|k| 1 << k).sum();
        let words: Vec<u64> = all.chunks(WORD).map(word).collect();
        assert_eq!(ones_of_bits(&words), places(&all));
    }
}
