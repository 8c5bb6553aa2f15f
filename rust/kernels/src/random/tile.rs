//! Random words of many elements: all four words of a block are used, and the word of an element depends on its number
//! alone.

use super::philox;

/// Keeps the words of elements apart from others of the same key, as `PURPOSE` of `kernels/_philox.py` does.
pub const PURPOSE: u32 = 0x5EED;

/// Blocks of a tile: as many as fill the lanes of a machine a few times.
pub(super) const BLOCKS: u32 = 32;

/// Words of a tile.
pub(crate) const TILE: usize = 4 * BLOCKS as usize;

/// The words of the elements 128·`number` … 128·`number` + 127 under a key.
///
/// That of element e is word ⌊e mod 128 / 32⌋ of the block with the counter (32⌊e / 128⌋ + e mod 32, `purpose`, `draw`, 0).
#[inline(always)] // so that it is compiled for the lanes of its caller
pub(crate) fn tile(number: u32, purpose: u32, draw: u32, key: [u32; 2]) -> [u32; TILE] {
    let mut words = [0; TILE];
    for i in 0..BLOCKS {
        let block = BLOCKS.wrapping_mul(number).wrapping_add(i);
        for (k, word) in philox([block, purpose, draw, 0], key).into_iter().enumerate() {
            words[k * BLOCKS as usize + i as usize] = word;
        }
    }
    words
}

/// The word of an element under a key, apart from the others of its tile.
pub(super) fn word(element: u64, purpose: u32, draw: u32, key: [u32; 2]) -> u32 {
    let (number, in_tile) = (element / TILE as u64, (element % TILE as u64) as u32);
    let block = BLOCKS.wrapping_mul(number as u32).wrapping_add(in_tile % BLOCKS);
    philox([block, purpose, draw, 0], key)[(in_tile / BLOCKS) as usize]
}
