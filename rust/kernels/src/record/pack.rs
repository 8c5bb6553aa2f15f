//! Spikes as bits.

use super::{part, positions};
use crate::error::{Error, Result};
use crate::event::Spikes;
use crate::lane::Float;

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
    bits.fill(0);
    for row in 0..rows {
        let bits = &mut bits[row * bytes..][..bytes];
        positions(spikes.part(row * n, n), |k| bits[k / 8] |= 1 << (k % 8));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_the_spikes(rows in 0_usize..4, n in 0_usize..70, seed in any::<u64>()) {
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
