//! Arrays of random words.

use super::philox;
use crate::error::Result;
use crate::event::length;
use crate::lane::{Job, Lane, dispatch};
use crate::shared::Shared;
use crate::threads;

/// Blocks that are computed together, in as many lanes as the machine has.
pub(super) const TOGETHER: usize = 32;

/// Words from which on several threads are faster than one.
const PARALLEL: usize = 32_768;

/// Fills the rows of `out` with the random words of their keys, two words each.
///
/// Word k of block i stands at k ⌈n/4⌉ + i of a row of n words, where block i is that of the counter
/// (i, `purpose`, 0, 0).
///
/// # Errors
/// If the lengths do not fit.
pub fn words(keys: &[u32], purpose: u32, out: &mut [u32]) -> Result<()> {
    fill(keys, purpose, out, &Itself)
}

/// As [`words`], but how many of the bounds lie at or below each word.
///
/// # Errors
/// If the lengths do not fit.
pub fn counts(keys: &[u32], purpose: u32, bounds: &[u32], out: &mut [i32]) -> Result<()> {
    fill(keys, purpose, out, &Count(bounds))
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

/// Makes of the words of each key, two words each, what a row of `out` holds.
pub(super) fn fill<U: Use>(keys: &[u32], purpose: u32, out: &mut [U::Out], made: &U) -> Result<()> {
    let rows = keys.len() / 2;
    let n = out.len() / rows.max(1);
    length("keys", keys.len(), 2 * rows)?;
    length("result", out.len(), rows * n)?;
    let blocks = n.div_ceil(4);
    for (r, (key, row)) in keys.chunks_exact(2).zip(out.chunks_exact_mut(n.max(1))).enumerate() {
        let (key, row) = ([key[0], key[1]], &Shared::new(row));
        threads::ranges(blocks, n >= PARALLEL, |range| {
            let column = |k: usize| {
                let end = (k * blocks + range.end).min(n);
                let start = (k * blocks + range.start).min(end);
                // SAFETY: threads have disjoint ranges of blocks, and the columns of words are disjoint.
                unsafe { row.part(start, end - start) }
            };
            let out = [column(0), column(1), column(2), column(3)];
            dispatch(Fill { key, purpose, row_start: r * n, blocks, first: range.start, out, made });
        });
    }
    Ok(())
}

struct Fill<'a, U: Use> {
    key: [u32; 2],
    purpose: u32,
    row_start: usize,
    blocks: usize,
    first: usize,
    out: [&'a mut [U::Out]; 4],
    made: &'a U,
}

impl<U: Use> Job<f32> for Fill<'_, U> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = f32>>(self) {
        let [a, b, c, d] = self.out;
        for start in (0..a.len()).step_by(TOGETHER) {
            let mut block = [[0; TOGETHER]; 4];
            #[allow(clippy::needless_range_loop)] // of four arrays at once
            for i in 0..TOGETHER {
                let counter = [(self.first + start + i) as u32, self.purpose, 0, 0];
                [block[0][i], block[1][i], block[2][i], block[3][i]] = philox(counter, self.key);
            }
            for (k, (out, words)) in [&mut *a, &mut *b, &mut *c, &mut *d].into_iter().zip(block).enumerate() {
                let end = out.len().min(start + TOGETHER);
                let at = self.row_start + k * self.blocks + self.first + start;
                self.made.put(at, words, &mut out[start.min(end)..end]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_in_columns_of_blocks() {
        for n in [0, 1, 3, 4, 5, 127, 1000, PARALLEL + 3] {
            let keys = [7, 8, 9, 10];
            let mut out = vec![0; 2 * n];
            words(&keys, 3, &mut out).expect("it fits");
            let blocks = n.div_ceil(4).max(1);
            for (j, &word) in out.iter().enumerate() {
                let (row, at) = (j / n, j % n);
                let block = philox([(at % blocks) as u32, 3, 0, 0], [keys[2 * row], keys[2 * row + 1]]);
                assert_eq!(word, block[at / blocks]);
            }
            let (bounds, mut found) = ([0, 1 << 30, 1 << 31, 3 << 30], vec![0; 2 * n]);
            counts(&keys, 3, &bounds, &mut found).expect("it fits");
            assert!(found.iter().zip(&out).all(|(&count, word)| count == 1 + (word >> 30) as i32));
        }
        assert!(words(&[1, 2, 3, 4], 0, &mut [0; 3]).is_err());
    }
}
