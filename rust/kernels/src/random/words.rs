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

/// What becomes of words.
// Closures would be compiled without the lanes of their caller.
pub(super) trait Use: Sync {
    type Out: Copy + Send;
    /// Writes what becomes of the words from place `at` of all rows on; there may be more words than room in `out`.
    fn put(&self, at: usize, words: [u32; TOGETHER], out: &mut [Self::Out]);
}

struct Itself;

impl Use for Itself {
    type Out = u32;

    #[inline(always)]
    fn put(&self, _: usize, words: [u32; TOGETHER], out: &mut [u32]) {
        out.copy_from_slice(&words[..out.len()]);
    }
}

struct Count<'a>(&'a [u32]);

impl Use for Count<'_> {
    type Out = i32;

    #[inline(always)]
    fn put(&self, _: usize, words: [u32; TOGETHER], out: &mut [i32]) {
        out.copy_from_slice(&count(self.0, words)[..out.len()]);
    }
}

/// How many of the bounds lie at or below each word.
#[inline(always)]
pub(super) fn count(bounds: &[u32], words: [u32; TOGETHER]) -> [i32; TOGETHER] {
    let mut counts = [0; TOGETHER];
    for &bound in bounds {
        for (count, word) in counts.iter_mut().zip(words) {
            *count += i32::from(word >= bound);
        }
    }
    counts
}

/// Makes of the words of so many rows what `out` holds.
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
        let (first_tile, skipped) = (row.first / TILE as u64, (row.first % TILE as u64) as usize);
        let out = &Shared::new(out);
        threads::ranges((skipped + n).div_ceil(TILE), n >= PARALLEL, |range| {
            let start = (range.start * TILE).saturating_sub(skipped);
            let end = (range.end * TILE).saturating_sub(skipped).min(n);
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
        let (out, mut done) = (std::mem::take(&mut self.out), 0);
        for number in self.tile.. {
            if done == out.len() {
                break;
            }
            let skipped = std::mem::take(&mut self.skipped);
            let words = tile(number as u32, self.purpose, 0, self.key);
            for (k, &words) in words.as_chunks::<TOGETHER>().0.iter().enumerate() {
                let skipped = skipped.saturating_sub(k * TOGETHER).min(TOGETHER);
                let n = (TOGETHER - skipped).min(out.len() - done);
                self.made.put(self.at + done, shifted(words, skipped), &mut out[done..done + n]);
                done += n;
            }
        }
    }
}

/// The words without the first ones.
#[inline(always)]
fn shifted(words: [u32; TOGETHER], skipped: usize) -> [u32; TOGETHER] {
    if skipped == 0 {
        return words;
    }
    let mut rest = [0; TOGETHER];
    rest[..TOGETHER - skipped].copy_from_slice(&words[skipped..]);
    rest
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
