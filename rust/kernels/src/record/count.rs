//! Spikes of groups of neurons, counted.

use super::{part, positions};
use crate::error::{Error, Result};
use crate::event::Spikes;
use crate::lane::Float;

/// The number of spikes in each range of neurons `starts[g]..stops[g]`; spikes are (rows, neurons), counts
/// (rows, groups).
///
/// # Errors
/// If a length does not fit, or a range leaves the neurons.
pub fn count<T: Float>(
    rows: usize,
    spikes: Spikes<'_, T>,
    starts: &[i32],
    stops: &[i32],
    counts: &mut [i32],
) -> Result<()> {
    let n = part("spikes", spikes.len(), rows)?;
    for (name, given, expected) in
        [("stops", stops.len(), starts.len()), ("counts", counts.len(), rows * starts.len())]
    {
        if given != expected {
            return Err(Error::Length { name, given, expected });
        }
    }
    let ranges = || starts.iter().zip(stops).map(|(&start, &stop)| (start as usize, stop as usize));
    if starts.iter().any(|&s| s < 0) || ranges().any(|(start, stop)| start > stop || stop > n) {
        return Err(Error::Rule("a group leaves the population"));
    }
    let mut counts = counts.iter_mut();
    for row in 0..rows {
        for ((start, stop), count) in ranges().zip(&mut counts) {
            *count = 0;
            positions(spikes.part(row * n + start, stop - start), |_| *count += 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_may_overlap_and_be_empty() {
        let spikes = [1.0_f32, 0.0, 2.0, -1.0, 0.0, 0.0, 0.0, f32::NAN];
        let mut counts = [9; 6];
        count(2, Spikes::Float(&spikes), &[0, 1, 2], &[4, 3, 2], &mut counts).unwrap();
        assert_eq!(counts, [3, 1, 0, 1, 0, 0]);
    }

    #[test]
    fn groups_that_do_not_fit_are_refused() {
        for (start, stop) in [(-1, 1), (0, 5), (3, 2), (0, -1)] {
            let error = count::<f32>(1, Spikes::Bool(&[1; 4]), &[start], &[stop], &mut [0]).unwrap_err();
            assert_eq!(error, Error::Rule("a group leaves the population"), "{start}..{stop}");
        }
        assert!(count::<f32>(1, Spikes::Bool(&[1; 4]), &[0], &[1, 2], &mut [0]).is_err());
        assert!(count::<f32>(1, Spikes::Bool(&[1; 4]), &[0], &[1], &mut [0; 2]).is_err());
    }
}
