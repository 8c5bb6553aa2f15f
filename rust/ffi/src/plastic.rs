//! Handlers of plasticity.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::event::{columns_of, events_as, rows_of};
use crate::frame::Frame;
use crate::operand::{by_float, in_place, one, operand};
use spikeloop_kernels::Float;
use spikeloop_kernels::event::Rows;
use spikeloop_kernels::plasticity::{
    Columns, Delivery, Dependence, Law, Pending, Side, Sources, Synapses, Walked, learn as learn_with,
    update_columns, update_rows,
};

/// `events, coefficient, law, indices, indptr, weight` to `weight`, in place.
pub(crate) fn rows(frame: Frame) -> Result<()> {
    frame.expect_counts(6, 1)?;
    by_float!(frame.arg(5), "weight", rows_as(frame))
}

fn rows_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let events = frame.arg(0);
    let rows = rows_of(frame, 3, 4, events.len())?;
    let coefficient = operand(&frame.arg(1), "coefficient")?;
    let (events, law) = (events_as::<T>(&events, "events")?, law(&frame.arg(2), frame, "dependence")?);
    // SAFETY: the other operands borrow other buffers, and the weight's own is not borrowed.
    let weight = unsafe { in_place::<T>(&frame.arg(5), "weight", &frame.ret(0))? };
    Ok(update_rows(events, coefficient, &law, &rows, weight)?)
}

/// `events, coefficient, law, places, ends, sources, indptr, weight` to `weight`, in place.
///
/// `places` are those of the synapses of each target among the weights, and `ends` is their indptr. `sources` are those
/// of the synapses in the same order, in 16 bits; or, in 32 bits, the rows that each 2^`shift`-th place lies in, where
/// `indptr` is that of the rows.
pub(crate) fn columns(frame: Frame) -> Result<()> {
    frame.expect_counts(8, 1)?;
    by_float!(frame.arg(7), "weight", columns_as(frame))
}

fn columns_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let (events, coefficient) = (frame.arg(0), operand::<T>(&frame.arg(1), "coefficient")?);
    let law = law(&frame.arg(2), frame, "dependence")?;
    with_columns(frame, events.len(), coefficient.len(), |columns| {
        let events = events_as::<T>(&events, "events")?;
        // SAFETY: the other operands borrow other buffers, and the weight's own is not borrowed.
        let weight = unsafe { in_place::<T>(&frame.arg(7), "weight", &frame.ret(0))? };
        Ok(update_columns(events, coefficient, &law, columns, weight)?)
    })
}

/// Runs with the columns in `places, ends, sources, indptr`, the operands from 3 on.
pub(crate) fn with_columns(
    frame: Frame,
    n_post: usize,
    n_pre: usize,
    run: impl FnOnce(&Columns<'_>) -> Result<()>,
) -> Result<()> {
    let places = columns_of(frame, 3, 4, n_post)?;
    // The rows have no indices here: their places are asked for, not their targets.
    let rows = rows_of(frame, 3, 6, n_pre)?;
    let sources = sources(&frame.arg(5), frame, &rows)?;
    run(&Columns::new(&places, &sources, n_pre)?)
}

/// `post, slopes, law_post, pre, of_targets, law_pre, clock, walked, renew, spikes, indices, indptr, places, ends,
/// sources, listed, marks, target, weight` to `listed, marks, target, weight`, in place. `places`, `ends` and `sources`
/// are those of `columns`.
pub(crate) fn learn(frame: Frame) -> Result<()> {
    frame.expect_counts(19, 4)?;
    by_float!(frame.arg(18), "weight", learn_as(frame))
}

fn learn_as<T: Float + Element>(frame: Frame) -> Result<()> {
    let post = side(frame, 0, "post", "dependence_post")?;
    let pre = side(frame, 3, "pre", "dependence_pre")?;
    let (n_pre, n_post) = (pre.events.len(), post.events.len());
    let (clock, renew) = (one::<T>(&frame.arg(6), "clock")?, one::<i32>(&frame.arg(8), "renew")?);
    let walked = Walked { sources: events_as::<T>(&frame.arg(7), "walked")?, all: renew != 0 };
    let (rows, columns) = (rows_of(frame, 10, 11, n_pre)?, columns_of(frame, 12, 13, n_post)?);
    let sources = sources(&frame.arg(14), frame, &rows)?;
    let columns = Columns::new(&columns, &sources, n_pre)?;
    let spikes = operand(&frame.arg(9), "spikes")?;
    // SAFETY: the other operands borrow other buffers, and these four are not borrowed.
    let (listed, marks, target, weight) = unsafe {
        (
            in_place::<T>(&frame.arg(15), "listed", &frame.ret(0))?,
            in_place::<T>(&frame.arg(16), "marks", &frame.ret(1))?,
            in_place::<T>(&frame.arg(17), "target", &frame.ret(2))?,
            in_place::<T>(&frame.arg(18), "weight", &frame.ret(3))?,
        )
    };
    let synapses = Synapses { rows: &rows, columns: &columns };
    let mut pending = Pending::new(listed, marks, n_post, frame.flag("graded")?)?;
    let delivery = Delivery { spikes, target };
    Ok(learn_with(clock, walked, (&post, &pre), &synapses, &mut pending, delivery, weight)?)
}

/// Events, coefficients of the other side and their law, from the operand `first` on.
fn side<'a, T: Float + Element>(
    frame: Frame<'a>,
    first: usize,
    name: &'static str,
    dependence: &str,
) -> Result<Side<'a, T>> {
    Ok(Side {
        events: operand(&frame.arg(first), name)?,
        coefficient: operand(&frame.arg(first + 1), "coefficient")?,
        law: law(&frame.arg(first + 2), frame, dependence)?,
    })
}

pub(crate) fn law<T: Float + Element>(
    numbers: &Buffer,
    frame: Frame<'_>,
    dependence: &str,
) -> Result<Law<T>> {
    Ok(Law::new(operand(numbers, "law")?, Dependence::of(frame.int(dependence)?)?)?)
}

pub(crate) fn sources<'a>(given: &Buffer<'a>, frame: Frame<'_>, rows: &'a Rows<'a>) -> Result<Sources<'a>> {
    match given.dtype {
        Dtype::U16 => Ok(Sources::Stored(operand(given, "sources")?)),
        Dtype::U32 => Ok(Sources::Looked { first: operand(given, "sources")?, shift: shift(frame)?, rows }),
        other => Err(Error::invalid(format!("operand 'sources' is {other}, expected uint16 or uint32"))),
    }
}

fn shift(frame: Frame) -> Result<u32> {
    match u32::try_from(frame.int("shift")?) {
        Ok(shift) if shift < 32 => Ok(shift),
        _ => Err(Error::invalid("attribute 'shift' must lie in 0 to 31")),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Call, handler};

    /// Bounds 0 and 1; the change falls with the distance to `origin`, seen from below or above.
    fn law(call: Call, origin: f32) -> Call {
        call.vector(&[0.0_f32, 1.0, origin, 1.0 - 2.0 * origin, 1.0])
    }

    /// Three sources, four targets: 0 → 1, 3; 1 → nothing; 2 → 0.
    const INDICES: [u32; 3] = [1, 3, 0];
    const INDPTR: [i32; 4] = [0, 2, 2, 3];
    const WEIGHT: [f32; 3] = [0.5, 0.75, 0.25];

    fn rows(events: &[f32], dependence: i64) -> Call {
        let call = law(Call::default().vector(events).vector(&[9.0_f32, 1.0, 9.0, -2.0]), 0.0);
        call.vector(&INDICES).vector(&INDPTR).vector(&WEIGHT).alias(5).int("dependence", dependence)
    }

    /// The places of the synapses of each target; as `sources` their rows, or those of every second place.
    fn columns(stored: bool, events: &[f32]) -> Call {
        let call = law(Call::default().vector(events).vector(&[0.25_f32, 9.0, 4.0]), 1.0);
        let call = call.vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]);
        let call = if stored { call.vector(&[2_u16, 0, 0]) } else { call.vector(&[0_u32, 2]) };
        call.vector(&INDPTR).vector(&WEIGHT).alias(7).int("dependence", 1).int("shift", 1)
    }

    #[test]
    fn rows_change_and_are_clipped() {
        let run = |events, dependence| {
            let mut call = rows(events, dependence);
            assert_eq!(call.run(handler("spikeloop.plastic_rows")), Ok(()));
            call.result::<f32>(0)
        };
        assert_eq!(run(&[0.25, 1.0, 0.0], 0), [0.75, 0.25, 0.25]);
        assert_eq!(run(&[1.0, 1.0, 0.0], 0), [1.0, 0.0, 0.25]);
        assert_eq!(run(&[0.5, 0.0, 0.0], 1)[0], 0.75);
        assert_eq!(run(&[0.5, 0.0, 0.0], 2)[0], 0.75);
    }

    #[test]
    fn columns_find_their_sources() {
        for stored in [true, false] {
            let mut call = columns(stored, &[0.25, 1.0, 1.0, 0.0]);
            assert_eq!(call.run(handler("spikeloop.plastic_columns")), Ok(()));
            assert_eq!(call.result::<f32>(0), [0.625, 0.75, 1.0]);
        }
    }

    /// The target 1 has an event now, and the source 0 as many as `spikes` says.
    fn learn(listed: &[f32], spikes: f32) -> Call {
        let call = law(Call::default().vector(&[0.0_f32, 1.0, 0.0, 0.0]).vector(&[0.5_f32, 9.0, 9.0]), 1.0);
        let call = law(call.vector(&[spikes, 0.0, 0.0]).vector(&[9.0_f32, -0.125, 9.0, 0.0]), 0.0);
        let call =
            call.vector(&[0.5_f32]).vector(&[spikes, 0.0, 0.0]).vector(&[0_i32]).vector(&[2.0_f32, 2.0, 2.0]);
        let call = call.vector(&INDICES).vector(&INDPTR).vector(&[2_u32, 0, 1]).vector(&[0_i32, 1, 2, 2, 3]);
        let call = call.vector(&[2_u16, 0, 0]).vector(listed).vector(&[1.0_f32; 3]).vector(&[0.0_f32; 4]);
        let call = call.vector(&WEIGHT).alias(15).alias(16).alias(17).alias(18);
        let call = call.int("dependence_post", 0).int("dependence_pre", 0).int("shift", 0);
        call.flag("graded", false)
    }

    #[test]
    fn events_of_targets_wait_for_those_of_sources() {
        let run = |spikes| {
            let mut call = learn(&[f32::INFINITY; 64], spikes);
            assert_eq!(call.run(handler("spikeloop.plastic_learn")), Ok(()));
            (call.result::<f32>(1), call.result::<f32>(2), call.result::<f32>(3))
        };
        assert_eq!(run(0.0), (vec![1.0; 3], vec![0.0; 4], WEIGHT.to_vec()));
        let (marks, target, weight) = run(1.0);
        assert_eq!((marks, weight), (vec![0.5, 1.0, 1.0], vec![0.625, 0.75, 0.25]));
        assert_eq!(target, [0.0, 1.25, 0.0, 1.5]);
        let error = learn(&[f32::INFINITY; 8], 1.0).run(handler("spikeloop.plastic_learn")).unwrap_err();
        assert_eq!(error.1, "plastic_learn: 'listed' has 8 elements, expected 64");
    }

    #[test]
    fn errors_name_the_operand() {
        let error = rows(&[1.0, 0.0, 0.0], 3).run(handler("spikeloop.plastic_rows")).unwrap_err();
        assert_eq!(error.1, "plastic_rows: no dependence on the weight has the code 3");
        let error = rows(&[1.0, 0.0], 0).run(handler("spikeloop.plastic_rows")).unwrap_err();
        assert_eq!(error.1, "plastic_rows: 'indptr' has 4 elements, expected 3");
        let error = columns(true, &[1.0; 3]).run(handler("spikeloop.plastic_columns")).unwrap_err();
        assert_eq!(error.1, "plastic_columns: 'ends' has 5 elements, expected 4");
    }
}
