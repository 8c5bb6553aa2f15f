//! Arrays of random words.

use super::tile::{BLOCKS, TILE, tile};
use crate::error::Result;
use crate::event::length;
use crate::lane::{Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Words that are used together, in as many lanes as the machine has.
pub(super) const TOGETHER: usize = BLOCKS as usize;

/// Words from which on several threads are faster than one.
const PARALLEL: usize = 32_768;

/// A part of a row of random words: those of its elements from `first` on.
pub(super) struct Row {
    pub key: [u32; 2],
    pub first: u64,
}

/// Fills the rows of `out` with the random words of their keys, two words each, from element `first` on, which may be
/// another one for each row.
///
/// # Errors
/// If the lengths do not fit.
pub fn words(keys: &[u32], first: &[u32], purpose: u32, out: &mut [u32]) -> Result<()> {
    of_keys(keys, first, purpose, out, &Itself)
}

/// As [`words`], but how many of the bounds lie at or below each word.
///
/// # Errors
/// If the lengths do not fit.
pub fn counts(keys: &[u32], first: &[u32], purpose: u32, bounds: &[u32], out: &mut [i32]) -> Result<()> {
    of_keys(keys, first, purpose, out, &Count(bounds))
}

fn of_keys<U: Use>(keys: &[u32], first: &[u32], purpose: u32, out: &mut [U::Out], made: &U) -> Result<()> {
    let rows = keys.len() / 2;
    length("keys", keys.len(), 2 * rows)?;
    if first.len() != 1 {
        length("first", first.len(), rows)?;
    }
    let row = |k: usize| Row {
        key: [keys[2 * k], keys[2 * k + 1]],
        first: u64::from(first[if first.len() == 1 { 0 } else { k }]),
    };
    fill(rows, row, purpose, out, made)
}

/// The numbers that a tile of words holds: the words, or their halves.
pub(super) trait Number: Copy {
    /// How many there are.
    const OF_TILE: usize;
    /// All, in the order of their elements.
    fn all(tile: &mut [u32; TILE]) -> &[Self];
}

impl Number for u32 {
    const OF_TILE: usize = TILE;

    #[inline(always)]
    fn all(tile: &mut [u32; TILE]) -> &[u32] {
        tile
    }
}

/// Elements 2e and 2e + 1 have the lower and the upper half of word e.
impl Number for u16 {
    const OF_TILE: usize = 2 * TILE;

    #[inline(always)]
    fn all(tile: &mut [u32; TILE]) -> &[u16] {
        // Nothing happens here where the lower half comes first in memory.
        for word in tile.iter_mut() {
            *word = word.to_le();
        }
        // SAFETY: there are two halves for each word, and any bits are a half.
        let halves = unsafe { std::slice::from_raw_parts_mut(tile.as_mut_ptr().cast::<u16>(), 2 * TILE) };
        for half in halves.iter_mut() {
            *half = u16::from_le(*half);
        }
        halves
    }
}

/// Which numbers they are: those of the elements from `element` on under a key, for place `at` of all rows and on.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub key: [u32; 2],
    pub purpose: u32,
    pub element: u64,
    pub at: usize,
}

/// What becomes of random numbers.
// Closures would be compiled without the lanes of their caller.
pub(super) trait Use: Sync {
    type Number: Number;
    type Out: Copy + Send;
    /// Writes what becomes of as many numbers.
    fn put<L: Lane<Elem = f32>>(&self, place: Place, numbers: &[Self::Number], out: &mut [Self::Out]);
}

struct Itself;

impl Use for Itself {
    type Number = u32;
    type Out = u32;

    #[inline(always)]
    fn put<L: Lane<Elem = f32>>(&self, _: Place, words: &[u32], out: &mut [u32]) {
        out.copy_from_slice(words);
    }
}

struct Count<'a>(&'a [u32]);

impl Use for Count<'_> {
    type Number = u32;
    type Out = i32;

    #[inline(always)]
    fn put<L: Lane<Elem = f32>>(&self, _: Place, words: &[u32], out: &mut [i32]) {
        let (words, last_words) = words.as_chunks::<TOGETHER>();
        let (out, last_out) = out.as_chunks_mut::<TOGETHER>();
        for (words, out) in words.iter().zip(out) {
            *out = count(self.0, *words);
        }
        let mut last = [0; TOGETHER];
        last[..last_words.len()].copy_from_slice(last_words);
        last_out.copy_from_slice(&count(self.0, last)[..last_words.len()]);
    }
}

/// How many of the bounds lie at or below each word.
#[inline(always)]
fn count(bounds: &[u32], words: [u32; TOGETHER]) -> [i32; TOGETHER] {
    let mut counts = [0; TOGETHER];
    for &bound in bounds {
        for (count, word) in counts.iter_mut().zip(words) {
            *count += i32::from(word >= bound);
        }
    }
    counts
}

/// Makes of the numbers of so many rows what `out` holds.
pub(super) fn fill<U: Use>(
    rows: usize,
    row: impl Fn(usize) -> Row,
    purpose: u32,
    out: &mut [U::Out],
    made: &U,
) -> Result<()> {
    let n = out.len() / rows.max(1);
    length("result", out.len(), rows * n)?;
    for (r, out) in out.chunks_exact_mut(n.max(1)).enumerate() {
        let row = row(r);
        let tile = U::Number::OF_TILE;
        let (first_tile, skipped) = (row.first / tile as u64, (row.first % tile as u64) as usize);
        let out = &Shared::new(out);
        threads::ranges((skipped + n).div_ceil(tile), n >= PARALLEL, |range| {
            let start = (range.start * tile).saturating_sub(skipped);
            let end = (range.end * tile).saturating_sub(skipped).min(n);
            // SAFETY: threads have disjoint ranges of tiles.
            let out = unsafe { out.part(start, end.max(start) - start) };
            let tile = first_tile + range.start as u64;
            let skipped = if range.start == 0 { skipped } else { 0 };
            dispatch(Fill { key: row.key, purpose, tile, skipped, at: r * n + start, out, made });
        });
    }
    Ok(())
}

/// Some tiles, without the first elements of the first one and what there is no room for of the last one.
struct Fill<'a, U: Use> {
    key: [u32; 2],
    purpose: u32,
    tile: u64,
    skipped: usize,
    at: usize,
    out: &'a mut [U::Out],
    made: &'a U,
}

impl<U: Use> Job<f32> for Fill<'_, U> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = f32>>(mut self) {
        let (mut out, mut at, of_tile) = (std::mem::take(&mut self.out), self.at, U::Number::OF_TILE);
        for number in self.tile.. {
            if out.is_empty() {
                break;
            }
            let skipped = std::mem::take(&mut self.skipped);
            let mut words = tile(number as u32, self.purpose, 0, self.key);
            let (numbers, n) = (U::Number::all(&mut words), (of_tile - skipped).min(out.len()));
            let (now, later) = std::mem::take(&mut out).split_at_mut(n);
            let element = number * of_tile as u64 + skipped as u64;
            let place = Place { key: self.key, purpose: self.purpose, element, at };
            self.made.put::<L>(place, &numbers[skipped..skipped + n], now);
            (out, at) = (later, at + n);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::philox;
    use super::*;

    /// Element `e` of a row.
    fn word(e: u32, purpose: u32, key: [u32; 2]) -> u32 {
        philox([e / 128 * 32 + e % 32, purpose, 0, 0], key)[(e % 128 / 32) as usize]
    }

    #[test]
    fn words_follow_from_the_numbers_of_their_elements() {
        for n in [0, 1, 3, 31, 33, 127, 129, 1000, PARALLEL + 3] {
            for first in [0, 1, 32, 100, 127, 128, 129, 70_000] {
                let keys = [7, 8, 9, 10];
                let mut out = vec![0; 2 * n];
                words(&keys, &[first, first + 5], 3, &mut out).expect("it fits");
                for (j, &found) in out.iter().enumerate() {
                    let (row, at) = (j / n, (j % n) as u32);
                    let key = [keys[2 * row], keys[2 * row + 1]];
                    assert_eq!(found, word(first + 5 * row as u32 + at, 3, key));
                }
                let (bounds, mut found) = ([0, 1 << 30, 1 << 31, 3 << 30], vec![0; 2 * n]);
                counts(&keys, &[first], 3, &bounds, &mut found).expect("it fits");
                let same = |(&count, word): (&i32, &u32)| count == 1 + (word >> 30) as i32;
                assert!(found.iter().zip(&out).take(n).all(same));
            }
        }
        assert!(words(&[1, 2, 3, 4], &[0], 0, &mut [0; 3]).is_err());
        assert!(words(&[1, 2, 3, 4], &[0, 0, 0], 0, &mut [0; 4]).is_err());
    }
}
