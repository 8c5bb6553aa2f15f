//! Spikes as bits.

use super::{found_in, part};
use crate::error::{Error, Result};
use crate::event::{Spikes, length, not_zero};
use crate::lane::{Float, Job, Lane, dispatch};
use std::ops::Range;

/// Bit k % 8 of byte k / 8 of `bits` becomes 1 where neuron k spikes, else 0; both are (rows, …).
///
/// # Errors
/// If a length does not fit.
pub fn pack<T: Float>(rows: usize, spikes: Spikes<'_, T>, bits: &mut [u8]) -> Result<()> {
    let n = part("spikes", spikes.len(), rows)?;
    let bytes = n.div_ceil(8);
    if bits.len() != rows * bytes {
        return Err(Error::Length { name: "bits", given: bits.len(), expected: rows * bytes });
    }
    for row in 0..rows {
        let bits = &mut bits[row * bytes..][..bytes];
        match spikes.part(row * n, n) {
            Spikes::Float(spikes) | Spikes::Rounded(spikes) => dispatch(Pack { spikes, bits }),
            Spikes::Bool(spikes) => one_by_one(spikes, bits, |&spike| spike != 0),
        }
    }
    Ok(())
}

/// As [`pack`] of one row of the neurons `part`, where these spike, in ascending order.
///
/// # Errors
/// If a length does not fit.
pub fn pack_found(part: Range<usize>, spikes: &[u32], bits: &mut [u8]) -> Result<()> {
    length("bits", bits.len(), part.len().div_ceil(8))?;
    bits.fill(0);
    for &k in found_in(&part, spikes) {
        let k = k as usize - part.start;
        bits[k / 8] |= 1 << (k % 8);
    }
    Ok(())
}

/// Without a branch: at some spikes a row, a search that skips silent parts spends more on mispredictions.
struct Pack<'a, T> {
    spikes: &'a [T],
    bits: &'a mut [u8],
}

impl<T: Float> Job<T> for Pack<'_, T> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) {
        let group = L::WIDTH.max(8);
        let groups = self.spikes.len() / group;
        let (whole, last) = self.bits.split_at_mut(groups * group / 8);
        for (g, bytes) in whole.chunks_exact_mut(group / 8).enumerate() {
            let mut bits = 0;
            for k in (0..group).step_by(L::WIDTH) {
                // SAFETY: a whole group begins here, and the width of a lane divides its length.
                let lane = unsafe { L::load(self.spikes.as_ptr().add(g * group + k)) };
                bits |= not_zero(lane) << k;
            }
            // Written at once: put together to words, they would wait for each other.
            bytes.copy_from_slice(&bits.to_le_bytes()[..group / 8]);
        }
        one_by_one(&self.spikes[groups * group..], last, |&spike| spike != T::ZERO);
    }
}

#[inline(always)]
fn one_by_one<T>(spikes: &[T], bits: &mut [u8], is_spike: impl Fn(&T) -> bool) {
    for (spikes, byte) in spikes.chunks(8).zip(bits) {
        *byte = spikes.iter().enumerate().fold(0, |byte, (k, spike)| byte | u8::from(is_spike(spike)) << k);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_the_spikes(rows in 0_usize..4, n in 0_usize..200, seed in any::<u64>()) {
            let spikes: Vec<u8> = (0..rows * n).map(|k| (seed >> (k % 64)) as u8 & 1).collect();
            let mut bits = vec![0xff; rows * n.div_ceil(8)];
            pack::<f32>(rows, Spikes::Bool(&spikes), &mut bits).unwrap();
            let as_floats: Vec<f64> = spikes.iter().map(|&s| f64::from(s)).collect();
            let mut again = bits.clone();
            pack(rows, Spikes::Float(&as_floats), &mut again).unwrap();
            prop_assert_eq!(&again, &bits);
            for (k, &spike) in spikes.iter().enumerate() {
                let (row, k) = (k / n, k % n);
                prop_assert_eq!(bits[row * n.div_ceil(8) + k / 8] >> (k % 8) & 1, spike);
            }
            if rows == 1 {
                let found: Vec<u32> = (0..n as u32).filter(|&k| spikes[k as usize] != 0).collect();
                let part = n / 3..n - n / 5;
                let mut some = vec![0xff; part.len().div_ceil(8)];
                pack_found(part.clone(), &found, &mut some).unwrap();
                let mut expected = vec![0; some.len()];
                pack::<f32>(1, Spikes::Bool(&spikes[part]), &mut expected).unwrap();
                prop_assert_eq!(some, expected);
            }
            let ones: u32 = bits.iter().map(|b| b.count_ones()).sum();
            prop_assert_eq!(ones, spikes.iter().map(|&s| u32::from(s)).sum::<u32>());
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let error = pack::<f32>(1, Spikes::Bool(&[1; 9]), &mut [0]).unwrap_err();
        assert_eq!(error, Error::Length { name: "bits", given: 1, expected: 2 });
        let error = pack::<f32>(2, Spikes::Bool(&[1; 9]), &mut [0; 2]).unwrap_err();
        assert_eq!(error, Error::Length { name: "spikes", given: 9, expected: 8 });
    }
}
