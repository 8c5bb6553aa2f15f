//! A population through one step: forwards, its tangents, its cotangents.

use std::marker::PhantomData;

use super::lanes::{ForwardSpan, TangentSpan, UniformSpan};
use super::mode::Direction;
use super::plan::{Plan, Slot};
use super::{Config, Layout, Model, Step};
use crate::error::{Error, Result};
use crate::lane::{Float, dispatch};
use crate::operand::{Arg, Ret};

/// Tangents that are taken at once, as they share the primal computation. The only number that
/// passes are compiled for: more would save little time of a step and cost much of a build.
const TANGENTS: usize = 2;

/// Steps a population. The order of `args` and `rets` is that of [`Layout`]; a result may have
/// the buffer of the argument that it replaces.
///
/// # Errors
/// If the number of buffers or a buffer's length does not fit.
///
/// # Safety
/// The buffers are valid for their lengths, and overlap only as said above.
pub unsafe fn step<M: Step, T: Float>(config: &Config<'_>, args: &[Arg<T>], rets: &[Ret<T>]) -> Result<()> {
    let layout = Model::of::<M>().layout(config);
    count("arguments", args.len(), layout.args())?;
    count("results", rets.len(), layout.rets())?;
    let mut plan = Plan::new(config.shape);
    for (k, arg) in args.iter().enumerate() {
        plan.read(arg, || layout.arg_name(k))?;
    }
    for (k, ret) in rets.iter().enumerate() {
        plan.write(ret, || layout.arg_name(layout.state + k))?;
    }
    let (layout, model) = (&layout, PhantomData::<fn() -> M>);
    // SAFETY: the plan holds the layout's ports, and the caller vouches for the buffers.
    unsafe {
        if let Some(params) = plan.uniform(layout.state, layout.current) {
            let params = &params[..];
            plan.run(|span| dispatch(UniformSpan { layout, span, params, model }));
        } else {
            plan.run(|span| dispatch(ForwardSpan { layout, span, model }));
        }
    }
    Ok(())
}

/// Tangents of a step's differentiable results. `args` are those of [`step`] and after them the
/// tangents of the arguments at the positions `active`.
///
/// # Errors
/// If the number of buffers or a buffer's length does not fit, or an active argument has no
/// derivative.
///
/// # Safety
/// The buffers are valid for their lengths; no result overlaps an argument.
pub unsafe fn jvp<M: Step, T: Float>(
    config: &Config<'_>,
    active: &[usize],
    args: &[Arg<T>],
    rets: &[Ret<T>],
) -> Result<()> {
    let layout = &Model::of::<M>().layout(config);
    layout.check_active(active)?;
    let primals = layout.args();
    count("arguments", args.len(), primals + active.len())?;
    count("results", rets.len(), layout.smooth_rets())?;
    let mut plan = Plan::new(config.shape);
    for (k, arg) in args[..primals].iter().enumerate() {
        plan.read(arg, || layout.arg_name(k))?;
    }
    plan.sources.refill(primals, (TANGENTS + 1) * primals, Slot::ZERO);
    for (&port, arg) in active.iter().zip(&args[primals..]) {
        plan.sources[primals + port] = plan.slot(arg, || format!("tangent of {}", layout.arg_name(port)))?;
    }
    plan.sinks.refill(0, layout.rets(), std::ptr::null_mut());
    for (k, ret) in rets.iter().enumerate() {
        let port = layout.smooth_arg(k);
        plan.sinks[port - layout.state] =
            plan.sink(ret, || format!("tangent of {}", layout.arg_name(port)))?;
    }
    let direction = Direction::Push;
    // SAFETY: the plan holds the ports of a tangent, and the caller vouches for the buffers.
    unsafe {
        plan.run(|span| {
            dispatch(TangentSpan::<M, T, TANGENTS> { layout, span, direction, model: PhantomData });
        });
    }
    Ok(())
}

/// Cotangents of the arguments at the positions `active`. `args` are those of [`step`] and after
/// them the cotangents of its differentiable results; the results have one value per neuron and
/// batch row, whatever the argument has.
///
/// # Errors
/// If the number of buffers or a buffer's length does not fit, or an active argument has no
/// derivative.
///
/// # Safety
/// The buffers are valid for their lengths; no result overlaps an argument.
pub unsafe fn vjp<M: Step, T: Float>(
    config: &Config<'_>,
    active: &[usize],
    args: &[Arg<T>],
    rets: &[Ret<T>],
) -> Result<()> {
    let layout = &Model::of::<M>().layout(config);
    layout.check_active(active)?;
    count("arguments", args.len(), layout.args() + layout.smooth_rets())?;
    count("results", rets.len(), active.len())?;
    let mut plan = Plan::new(config.shape);
    for (k, arg) in args[..layout.args()].iter().enumerate() {
        plan.read(arg, || layout.arg_name(k))?;
    }
    let mut weights = vec![Slot::ZERO; layout.rets()];
    for (k, arg) in args[layout.args()..].iter().enumerate() {
        let port = layout.smooth_arg(k);
        weights[port - layout.state] =
            plan.slot(arg, || format!("cotangent of {}", layout.arg_name(port)))?;
    }
    for (&port, ret) in active.iter().zip(rets) {
        let sink = plan.sink(ret, || format!("cotangent of {}", layout.arg_name(port)))?;
        plan.sinks.push(sink);
    }
    // SAFETY: the caller vouches for the buffers.
    unsafe { pull::<M, T>(layout, active, plan, &weights) };
    Ok(())
}

/// Takes the tangents along the active arguments, a few at a time.
///
/// # Safety
/// The plan holds the layout's arguments, and as sinks the results for `active`.
unsafe fn pull<M: Step, T: Float>(
    layout: &Layout<'_>,
    active: &[usize],
    mut plan: Plan<T>,
    weights: &[Slot<T>],
) {
    let args = layout.args();
    let sinks = plan.sinks.to_vec();
    for (ports, sinks) in active.chunks(TANGENTS).zip(sinks.chunks(TANGENTS)) {
        plan.sources.refill(args, args * (TANGENTS + 1), Slot::ZERO);
        for (k, port) in ports.iter().enumerate() {
            plan.sources[args * (k + 1) + port] = Slot::ONE;
        }
        plan.sources.extend(weights.iter().copied());
        plan.sinks.refill(0, 0, std::ptr::null_mut());
        plan.sinks.extend(sinks.iter().copied());
        let direction = Direction::Pull(ports.len());
        // SAFETY: the plan now holds the ports of a tangent with cotangents.
        unsafe {
            plan.run(|span| {
                dispatch(TangentSpan::<M, T, TANGENTS> { layout, span, direction, model: PhantomData });
            });
        }
    }
}

fn count(list: &'static str, given: usize, expected: usize) -> Result<()> {
    if given == expected { Ok(()) } else { Err(Error::Count { list, given, expected }) }
}
