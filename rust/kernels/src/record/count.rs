//! Spikes of groups of neurons, counted.

use super::{found_in, number, part};
use crate::error::Result;
use crate::event::{Bounded, Spikes, length, not_zero};
use crate::lane::{Float, Job, Lane, dispatch};

/// Where groups begin.
const STARTS: Bounded = Bounded { name: "starts", of: "beginnings of groups" };

/// Where groups end.
const STOPS: Bounded = Bounded { name: "stops", of: "ends of groups" };

/// The number of spikes in each range of neurons `starts[g]..stops[g]`; spikes are (rows, neurons), counts
/// (rows, groups). A value of two or more is a count of spikes.
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
    let ranges = checked(n, starts, stops)?;
    length("counts", counts.len(), rows * starts.len())?;
    let mut counts = counts.iter_mut();
    for row in 0..rows {
        for ((start, stop), count) in ranges.clone().zip(&mut counts) {
            let found = match spikes.part(row * n + start, stop - start) {
                Spikes::Float(spikes) | Spikes::Rounded(spikes) => dispatch(Count(spikes)),
                Spikes::Bool(spikes) => spikes.iter().map(|&spike| u64::from(spike != 0)).sum(),
            };
            *count = i32::try_from(found).unwrap_or(i32::MAX);
        }
    }
    Ok(())
}

/// As [`count`] of one row of `n` neurons, of which these spike once, in ascending order.
///
/// # Errors
/// As [`count`].
pub fn count_found(
    n: usize,
    spikes: &[u32],
    starts: &[i32],
    stops: &[i32],
    counts: &mut [i32],
) -> Result<()> {
    let ranges = checked(n, starts, stops)?;
    length("counts", counts.len(), starts.len())?;
    for ((start, stop), count) in ranges.zip(counts) {
        *count = found_in(&(start..stop), spikes).len() as i32;
    }
    Ok(())
}

/// The ranges of so many neurons.
fn checked<'a>(
    n: usize,
    starts: &'a [i32],
    stops: &'a [i32],
) -> Result<impl Iterator<Item = (usize, usize)> + Clone + use<'a>> {
    length("stops", stops.len(), starts.len())?;
    for (group, (&start, &stop)) in starts.iter().zip(stops).enumerate() {
        let within = |x: i32, end: usize| usize::try_from(x).is_ok_and(|x| x <= end);
        if !within(stop, n) {
            return Err(STOPS.error(group, stop.into(), n + 1));
        }
        if !within(start, stop as usize) {
            return Err(STARTS.error(group, start.into(), stop as usize + 1));
        }
    }
    Ok(starts.iter().zip(stops).map(|(&start, &stop)| (start as usize, stop as usize)))
}

/// Without a branch, as `Pack`.
#[derive(Clone, Copy)]
struct Count<'a, T>(&'a [T]);

impl<T: Float> Job<T> for Count<'_, T> {
    type Out = u64;

    #[inline(always)]
    fn run<L: Lane<Elem = T>>(self) -> u64 {
        let each = |spikes: &[T]| spikes.iter().map(|&spike| u64::from(number(spike))).sum::<u64>();
        let lanes = self.0.chunks_exact(L::WIDTH);
        let rest = each(lanes.remainder());
        let of = |spikes: &[T]| {
            // SAFETY: each chunk is a whole lane.
            let lane = unsafe { L::load(spikes.as_ptr()) };
            if L::none(lane.ge(L::constant(2.0))) {
                u64::from(not_zero(lane).count_ones())
            } else {
                each(spikes)
            }
        };
        rest + lanes.map(of).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::lane::dispatch_all;

    #[test]
    fn groups_may_overlap_and_be_empty() {
        let spikes = [1.0_f32, 0.0, 1.5, -1.0, 0.0, 0.0, 0.0, f32::NAN];
        let mut counts = [9; 6];
        count(2, Spikes::Float(&spikes), &[0, 1, 2], &[4, 3, 2], &mut counts).unwrap();
        assert_eq!(counts, [3, 1, 0, 1, 0, 0]);
    }

    #[test]
    fn several_spikes_of_a_neuron_count() {
        let spikes: Vec<f32> = (0..41).map(|k| [0.0, 0.5, 1.0, 2.0, 5.9][k % 5]).collect();
        let mut counts = [0; 2];
        count(1, Spikes::Float(&spikes), &[0, 2], &[41, 4], &mut counts).unwrap();
        assert_eq!(counts, [8 * 9, 3]);
        count(1, Spikes::Float(&[f64::INFINITY; 3]), &[0, 1], &[3, 1], &mut counts).unwrap();
        assert_eq!(counts, [3 << 20, 0]);
    }

    #[test]
    fn counts_are_those_of_any_lane() {
        let spikes: Vec<f64> = (0..100).map(|k| f64::from(k % 5) - 3.0).collect();
        let bytes: Vec<u8> = spikes.iter().map(|&spike| u8::from(spike != 0.0)).collect();
        for (start, stop) in (0..40).zip(40..80) {
            let expected = bytes[start..stop].iter().map(|&byte| u32::from(byte)).sum::<u32>();
            for found in dispatch_all(Count(&spikes[start..stop])) {
                assert_eq!(found, u64::from(expected));
            }
            let mut counts = [0];
            count::<f64>(1, Spikes::Bool(&bytes), &[start as i32], &[stop as i32], &mut counts).unwrap();
            assert_eq!(counts, [expected as i32]);
            let found: Vec<u32> = (0..100).filter(|&k| bytes[k as usize] != 0).collect();
            counts = [9];
            count_found(100, &found, &[start as i32], &[stop as i32], &mut counts).unwrap();
            assert_eq!(counts, [expected as i32]);
        }
    }

    #[test]
    fn groups_that_do_not_fit_are_refused() {
        for (start, stop, wrong) in [(-1, 1, "starts"), (0, 5, "stops"), (3, 2, "starts"), (0, -1, "stops")] {
            let error = count::<f32>(1, Spikes::Bool(&[1; 4]), &[start], &[stop], &mut [0]).unwrap_err();
            assert!(matches!(error, Error::Range { name, .. } if name == wrong), "{start}..{stop}: {error}");
        }
        assert!(count::<f32>(1, Spikes::Bool(&[1; 4]), &[0], &[1, 2], &mut [0]).is_err());
        assert!(count::<f32>(1, Spikes::Bool(&[1; 4]), &[0], &[1], &mut [0; 2]).is_err());
    }
}
