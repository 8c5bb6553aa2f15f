//! Keys from keys, as JAX makes them: Threefry 2×32 in 20 rounds (Salmon et al. 2011).

use crate::error::Result;
use crate::event::length;

/// How far each round of two groups turns the second word.
const TURNS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];

/// Two random words of a counter under a key.
fn threefry([mut a, mut b]: [u32; 2], [k, l]: [u32; 2]) -> [u32; 2] {
    let keys = [k, l, k ^ l ^ 0x1BD1_1BDA];
    a = a.wrapping_add(k);
    b = b.wrapping_add(l);
    for group in 0..5 {
        for turn in TURNS[group % 2] {
            a = a.wrapping_add(b);
            b = b.rotate_left(turn) ^ a;
        }
        a = a.wrapping_add(keys[(group + 1) % 3]);
        b = b.wrapping_add(keys[(group + 2) % 3]).wrapping_add(group as u32 + 1);
    }
    [a, b]
}

/// Two new keys of each key of two words: those of `jax.random.split`.
///
/// # Errors
/// If the lengths do not fit.
pub fn split(keys: &[u32], first: &mut [u32], second: &mut [u32]) -> Result<()> {
    length("keys", keys.len(), keys.len() / 2 * 2)?;
    for (number, result) in [first, second].into_iter().enumerate() {
        length("result", result.len(), keys.len())?;
        for (key, new) in keys.chunks_exact(2).zip(result.chunks_exact_mut(2)) {
            new.copy_from_slice(&threefry([0, number as u32], [key[0], key[1]]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_gives_the_known_answers() {
        // Of Random123, file kat_vectors.
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(
            threefry([0x243f_6a88, 0x85a3_08d3], [0x1319_8a2e, 0x0370_7344]),
            [0xc492_3a9c, 0x483d_f7a0]
        );
    }
}
