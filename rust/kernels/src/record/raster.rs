//! Spikes as a value for each neuron.

use crate::error::Result;
use crate::event::length;
use crate::lane::Float;

/// Whether the value of each neuron is not 0.
///
/// # Errors
/// If a length does not fit.
pub fn raster<T: Float>(spikes: &[T], row: &mut [u8]) -> Result<()> {
    length("row", row.len(), spikes.len())?;
    for (fired, &spike) in row.iter_mut().zip(spikes) {
        *fired = u8::from(spike != T::ZERO);
    }
    Ok(())
}

/// `one` for each of these neurons and 0 for the others, of `n` in all.
///
/// # Errors
/// If a length does not fit.
pub fn raster_found<T: Copy + Default>(n: usize, spikes: &[u32], one: T, row: &mut [T]) -> Result<()> {
    length("row", row.len(), n)?;
    row.fill(T::default());
    for &k in spikes {
        row[k as usize] = one;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rasters_show_who_spikes() {
        let mut row = [9; 5];
        raster(&[0.0_f32, 1.0, -0.0, f32::NAN, 0.5], &mut row).unwrap();
        assert_eq!(row, [0, 1, 0, 1, 1]);
        raster_found(5, &[0, 3], 1, &mut row).unwrap();
        assert_eq!(row, [1, 0, 0, 1, 0]);
        let mut values = [9.0_f32; 3];
        raster_found(3, &[], 1.0, &mut values).unwrap();
        assert_eq!(values, [0.0; 3]);
        assert!(raster(&[0.0_f64], &mut row).is_err());
        assert!(raster_found(4, &[], 1, &mut row).is_err());
    }
}
