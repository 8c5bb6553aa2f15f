//! Spikes as a list of events.

use super::{number, part, positions};
use crate::error::{Error, Result};
use crate::event::{Spikes, length};
use crate::lane::Float;

/// Appends (step, index) of every spike to the list of its lane, and moves the lane's clock on by a step. A count of
/// spikes is appended so many times.
///
/// Spikes are (lanes, …), `clock` is (lanes, 2): events so far and the step; `events` is (lanes, capacity, 2).
/// Events that find no place are counted all the same, so that the count says how much place they need.
///
/// # Errors
/// If a length does not fit, or a count is negative.
pub fn append<T: Float>(spikes: Spikes<'_, T>, clock: &mut [i32], events: &mut [i32]) -> Result<()> {
    let width = check(clock, events)?;
    let lanes = clock.len() / 2;
    let n = part("spikes", spikes.len(), lanes)?;
    for lane in 0..lanes {
        let (clock, events) = (&mut clock[2 * lane..][..2], &mut events[lane * width..][..width]);
        positions(spikes.part(lane * n, n), |k, spike| put(k, number(spike), clock, events));
        clock[1] = clock[1].saturating_add(1);
    }
    Ok(())
}

/// As [`append`] to one lane, of neurons that spike once.
///
/// # Errors
/// As [`append`].
pub fn append_found(spikes: &[u32], clock: &mut [i32], events: &mut [i32]) -> Result<()> {
    check(clock, events)?;
    length("clock", clock.len(), 2)?;
    for &k in spikes {
        put(k as usize, 1, clock, events);
    }
    clock[1] = clock[1].saturating_add(1);
    Ok(())
}

/// The room of each lane in the list.
fn check(clock: &[i32], events: &[i32]) -> Result<usize> {
    part("clock", clock.len(), 2)?;
    let width = part("events", events.len(), clock.len() / 2)?;
    part("events", width, 2)?;
    if clock.iter().any(|&c| c < 0) {
        return Err(Error::Rule("a count of events or steps is negative"));
    }
    Ok(width)
}

/// Appends spikes of one neuron.
#[inline(always)]
fn put(k: usize, times: u32, clock: &mut [i32], events: &mut [i32]) {
    let (count, now) = (clock[0], clock[1]);
    let places = events.get_mut(2 * count as usize..).unwrap_or_default();
    for place in places.chunks_exact_mut(2).take(times as usize) {
        place.copy_from_slice(&[now, k as i32]);
    }
    clock[0] = count.saturating_add_unsigned(times);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_follow_one_another_and_those_without_a_place_are_counted() {
        let mut clock = [0, 5, 1, 7];
        let mut events = [-1; 12];
        let spikes = [0.0_f64, 1.0, 1.0, 1.0, 0.0, 0.0];
        append(Spikes::Float(&spikes), &mut clock, &mut events).unwrap();
        assert_eq!(events, [5, 1, 5, 2, -1, -1, -1, -1, 7, 0, -1, -1]);
        assert_eq!(clock, [2, 6, 2, 8]);
        append::<f64>(Spikes::Bool(&[1, 1, 0, 1, 1, 1]), &mut clock, &mut events).unwrap();
        assert_eq!(events, [5, 1, 5, 2, 6, 0, -1, -1, 7, 0, 8, 0]);
        assert_eq!(clock, [4, 7, 5, 9]);
    }

    #[test]
    fn counts_are_appended_so_many_times() {
        let (mut clock, mut events) = ([0, 3], [-1; 12]);
        append(Spikes::Float(&[2.0_f32, 0.5, 0.0, 1.9, f32::NAN]), &mut clock, &mut events).unwrap();
        assert_eq!(events, [3, 0, 3, 0, 3, 1, 3, 3, 3, 4, -1, -1]);
        assert_eq!(clock, [5, 4]);
        append(Spikes::Float(&[0.0_f32, f32::INFINITY]), &mut clock, &mut events).unwrap();
        assert_eq!(events[10..], [4, 1]);
        assert_eq!(clock, [5 + (1 << 20), 5]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let run = |spikes: usize, clock: &mut [i32], events: &mut [i32]| {
            append::<f32>(Spikes::Bool(&vec![1; spikes]), clock, events)
        };
        assert!(run(2, &mut [0, 0], &mut [0; 2]).is_ok());
        assert!(run(2, &mut [0, 0, 0], &mut [0; 2]).is_err());
        assert!(run(2, &mut [0, 0], &mut [0; 3]).is_err());
        assert!(run(3, &mut [0; 4], &mut [0; 4]).is_err());
        let error = run(2, &mut [-1, 0], &mut [0; 2]).unwrap_err();
        assert_eq!(error, Error::Rule("a count of events or steps is negative"));
        assert!(run(2, &mut [i32::MAX, i32::MAX], &mut [0; 2]).is_ok());
    }
}
