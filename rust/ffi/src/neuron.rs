//! Handlers of the neuron models: a step, its tangents, its cotangents.
//!
//! Operands come in the order of the kernels' `Layout`. Attributes: `refractory`, `delta`, `hard`
//! (bool), `surrogate` (int), `receptors` (int32 array), and for derivatives `active` (int32
//! array). XLA has no empty array attributes, so a code of -1 in an array stands for nothing.

use crate::buffer::{Buffer, Dtype, Element};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::list::List;
use spikeloop_kernels::neuron::{Config, Layout, Model, Passes};
use spikeloop_kernels::{Arg, Float, Receptor, Ret, Shape, Surrogate};
use std::ptr;

/// Operands, results and codes without the heap; LIF with three receptors takes 29 operands.
const ARGS: usize = 48;
const RETS: usize = 16;
const CODES: usize = 16;

type Codes<T> = List<T, CODES>;

/// What a handler computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One step, in place where XLA aliases state with results.
    Step,
    /// Tangents of a step: its operands, then the tangents of those in `active`.
    Jvp,
    /// Cotangents of the operands in `active`: a step's operands, then its results' cotangents.
    Vjp,
}

/// The body of a neuron model's handler.
pub(crate) fn call(model: &Model, mode: Mode, frame: Frame) -> Result<()> {
    let receptors = receptors(frame)?;
    let active = if mode == Mode::Step { List::new(0) } else { active(frame)? };
    let (config, layout) = population(model, frame, &receptors)?;
    let (args, rets) = match mode {
        Mode::Step => (layout.args(), layout.rets()),
        Mode::Jvp => (layout.args() + active.len(), layout.smooth_rets()),
        Mode::Vjp => (layout.args() + layout.smooth_rets(), active.len()),
    };
    frame.expect_counts(args, rets)?;
    let call = Call { model, mode, frame, config, layout, active: &active };
    match frame.arg(layout.state()).dtype {
        Dtype::F32 => call.run::<f32>(),
        Dtype::F64 => call.run::<f64>(),
        other => {
            let name = layout.arg_name(layout.state());
            Err(Error::invalid(format!("operand '{name}' is {other}, expected float32 or float64")))
        }
    }
}

/// The codes of an int32 array attribute, without those that stand for nothing.
fn codes<'a>(frame: Frame<'a>, name: &str) -> Result<&'a [i32]> {
    let all = frame.ints(name)?;
    Ok(if all == [-1] { &[] } else { all })
}

fn receptors(frame: Frame) -> Result<Codes<Receptor>> {
    let codes = codes(frame, "receptors")?;
    let mut receptors = List::new(Receptor::ALL[0]);
    receptors.fill(codes.len(), |k, receptor| {
        *receptor = Receptor::from_code(codes[k])?;
        Ok(())
    })?;
    Ok(receptors)
}

fn active(frame: Frame) -> Result<Codes<usize>> {
    let codes = codes(frame, "active")?;
    let mut active = List::new(0);
    active.fill(codes.len(), |k, arg| {
        let invalid = |_| Error::invalid(format!("'active' holds {}", codes[k]));
        *arg = usize::try_from(codes[k]).map_err(invalid)?;
        Ok(())
    })?;
    Ok(active)
}

/// The configuration that the attributes give, with the shape of the membrane potential.
fn population<'a>(
    model: &Model,
    frame: Frame,
    receptors: &'a [Receptor],
) -> Result<(Config<'a>, Layout<'a>)> {
    let surrogate = i32::try_from(frame.int("surrogate")?).unwrap_or(-1);
    let mut config = Config {
        shape: Shape { batch: 0, n: 0 },
        refractory: frame.flag("refractory")?,
        delta: frame.flag("delta")?,
        hard: frame.flag("hard")?,
        surrogate: Surrogate::from_code(surrogate)?,
        receptors,
    };
    let layout = model.layout(&config);
    // With too few operands the shape does not matter: the call is refused.
    if frame.arg_count() > layout.state() {
        config.shape = frame.arg(layout.state()).population();
    }
    Ok((config, layout))
}

/// One call with everything needed to run it.
struct Call<'a> {
    model: &'a Model,
    mode: Mode,
    frame: Frame<'a>,
    config: Config<'a>,
    layout: Layout<'a>,
    active: &'a [usize],
}

impl Call<'_> {
    /// Collects the buffers and runs the model's pass over them.
    fn run<T: Pass>(&self) -> Result<()> {
        let mut args = List::<_, ARGS>::new(Arg { ptr: ptr::null(), len: 0 });
        args.fill(self.frame.arg_count(), |k, arg| {
            let buffer = self.frame.arg(k);
            (arg.ptr, arg.len) = (buffer.ptr::<T>(), buffer.len());
            expect_dtype::<T>(&buffer, || self.name(k))
        })?;
        let mut rets = List::<_, RETS>::new(Ret { ptr: ptr::null_mut(), len: 0 });
        rets.fill(self.frame.ret_count(), |k, ret| {
            let buffer = self.frame.ret(k);
            (ret.ptr, ret.len) = (buffer.ptr::<T>(), buffer.len());
            expect_dtype::<T>(&buffer, || format!("result {k}"))
        })?;
        let (passes, config) = (T::passes(self.model), &self.config);
        // SAFETY: XLA's buffers are valid for their lengths; a result of a step overlaps at most the
        // operand that it replaces, and derivatives are registered without aliases.
        unsafe {
            match self.mode {
                Mode::Step => (passes.step)(config, &args, &rets)?,
                Mode::Jvp => (passes.jvp)(config, self.active, &args, &rets)?,
                Mode::Vjp => (passes.vjp)(config, self.active, &args, &rets)?,
            }
        }
        Ok(())
    }

    /// An operand, for messages.
    fn name(&self, k: usize) -> String {
        let own = self.layout.args();
        match self.mode {
            _ if k < own => format!("operand '{}'", self.layout.arg_name(k)),
            Mode::Vjp => {
                let arg = self.layout.smooth_arg(k - own);
                format!("the cotangent of '{}'", self.layout.arg_name(arg))
            }
            _ => format!("the tangent of '{}'", self.layout.arg_name(self.active[k - own])),
        }
    }
}

#[inline]
fn expect_dtype<T: Element>(buffer: &Buffer, name: impl FnOnce() -> String) -> Result<()> {
    if buffer.dtype == T::DTYPE {
        return Ok(());
    }
    let (name, given, expected) = (name(), buffer.dtype, T::DTYPE);
    Err(Error::invalid(format!("{name} is {given}, expected {expected}")))
}

/// A float type that models have passes for.
trait Pass: Float + Element {
    fn passes(model: &Model) -> Passes<Self>;
}

impl Pass for f32 {
    fn passes(model: &Model) -> Passes<f32> {
        model.f32()
    }
}

impl Pass for f64 {
    fn passes(model: &Model) -> Passes<f64> {
        model.f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{Handler, INVALID_ARGUMENT};
    use crate::register::registrations;
    use crate::testing::Call;

    fn lif(suffix: &str) -> Handler {
        let name = format!("spikeloop.lif{suffix}");
        registrations().iter().find(|(given, _)| *given == name).expect("registered").1
    }

    fn attributes(call: Call) -> Call {
        let call = call.flag("refractory", false).flag("delta", true).flag("hard", false);
        call.int("surrogate", 0).ints("receptors", &[1])
    }

    /// Two rows of two neurons with one current receptor; `V_th` as given.
    fn operands<T: Element + From<f32>>(v_th: &[f32]) -> Call {
        let x = |xs: &[f32]| xs.iter().map(|&x| T::from(x)).collect::<Vec<T>>();
        let mut call = Call::default().vector(&x(&[-60.0])).vector(&x(v_th));
        for p in [-60.0, 1.0, 0.007_812_5, 0.875, 2.0, 4.0, 0.0, 0.0, 0.0] {
            call = call.arg(&x(&[p]), &[]); // V_reset R dt_tau | decay scale | surrogate
        }
        let full = |call: Call, xs: &[f32]| call.arg(&x(xs), &[2, 2]);
        call = full(call, &[-60.0, -55.0, -60.0, -51.0]); // V
        call = full(call, &[0.0, 1.0, 0.0, 1.0]); // g
        call = full(call, &[0.0, 0.0, 0.0, 20.0]); // delta
        call = full(call, &[7.0; 4]); // spike
        attributes(call).vector(&x(&[20.0]))
    }

    fn step<T: Element + From<f32>>() -> Call {
        let mut call = operands::<T>(&[-50.0, -50.0]);
        for arg in 11..15 {
            call = call.alias(arg);
        }
        call
    }

    #[test]
    fn steps_in_place() {
        let mut call = step::<f64>();
        assert_eq!(call.run(lif("")), Ok(()));
        let v = |v: f64, volt: f64, delta: f64| {
            v + (-0.007_812_5_f64).exp_m1() * (v + 60.0 - 20.0 - volt) + delta
        };
        let expected = [v(-60.0, 0.0, 0.0), v(-55.0, 2.0, 0.0), v(-60.0, 0.0, 0.0), v(-51.0, 2.0, 20.0)];
        for (given, expected) in call.result::<f64>(0).iter().zip(expected) {
            assert!((given - expected).abs() < 1e-12, "{given} {expected}");
        }
        assert_eq!(call.result::<f64>(1), [0.0, 0.875, 0.0, 0.875]);
        assert_eq!(call.result::<f64>(2), [0.0; 4]);
        assert_eq!(call.result::<f64>(3), [0.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn tangents_and_cotangents_agree() {
        let zero = [0.0_f64; 4];
        let full = |call: Call, xs: [f64; 4]| call.arg(&xs, &[2, 2]);
        let (tangent, cotangent) = ([0.3, -1.0, 0.7, 2.0], [1.5, 0.1, -0.4, 0.6]);
        // V (11) and the current (15), which is one number for all.
        let mut jvp = full(operands::<f64>(&[-50.0]).ints("active", &[11, 15]), tangent).vector(&[0.5]);
        for _ in 0..3 {
            jvp = jvp.ret(&zero, &[2, 2]);
        }
        assert_eq!(jvp.run(lif(".jvp")), Ok(()));
        let mut vjp = operands::<f64>(&[-50.0]).ints("active", &[11, 15]);
        for _ in 0..3 {
            vjp = full(vjp, cotangent);
        }
        let mut vjp = vjp.ret(&zero, &[2, 2]).ret(&zero, &[2, 2]);
        assert_eq!(vjp.run(lif(".vjp")), Ok(()));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let pushed: f64 = (0..3).map(|k| dot(&jvp.result::<f64>(k), &cotangent)).sum();
        let pulled = dot(&vjp.result::<f64>(0), &tangent) + dot(&vjp.result::<f64>(1), &[0.5; 4]);
        assert!((pushed - pulled).abs() < 1e-12 && pushed.abs() > 0.1, "{pushed} {pulled}");
    }

    #[test]
    fn errors_name_the_operand() {
        let message = |mut call: Call, suffix: &str| {
            let (code, message) = call.run(lif(suffix)).unwrap_err();
            assert_eq!(code, INVALID_ARGUMENT);
            message
        };
        let ret = |mut call: Call| {
            for _ in 0..4 {
                call = call.ret(&[0.0_f32; 4], &[2, 2]);
            }
            call
        };
        assert_eq!(
            message(ret(operands::<f32>(&[-50.0; 7])), ""),
            "lif: operand 'V_th' has 7 elements, expected 1, 2 or 4"
        );
        assert_eq!(message(ret(operands::<f64>(&[-50.0])), ""), "lif: result 0 is float32, expected float64");
        assert_eq!(
            message(operands::<f32>(&[-50.0]), ""),
            "lif: got 16 operands and 0 results, expected 16 and 4"
        );
        let wide = operands::<f32>(&[-50.0]).ints("active", &[11]).arg(&[0.0_f64; 4], &[2, 2]);
        let wide = wide.ret(&[0.0_f32; 4], &[2, 2]).ret(&[0.0_f32; 4], &[2, 2]).ret(&[0.0_f32; 4], &[2, 2]);
        assert_eq!(message(wide, ".jvp"), "lif: the tangent of 'V' is float64, expected float32");
    }
}
