//! The order of a pass's operands.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::operand::Shape;
use crate::receptor::Receptor;
use crate::surrogate::Surrogate;

/// What a population is made of, beyond its model.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    /// Its layout.
    pub shape: Shape,
    /// Whether it has a refractory period.
    pub refractory: bool,
    /// Whether it takes voltage jumps.
    pub delta: bool,
    /// Whether a spike sets the potential to the reset value.
    pub hard: bool,
    /// The surrogate of its spikes.
    pub surrogate: Surrogate,
    /// Its receptors.
    pub receptors: &'a [Receptor],
}

/// Positions of the operands of one population's step:
/// parameters | `n_ref` | receptor parameters | 4 of the surrogate | states | `left` |
/// receptor states | `delta` | old spike | current.
///
/// A step returns states | `left` | receptor states | `delta` | spike; derivatives are those of
/// states | receptor states | spike.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    pub(super) config: Config<'a>,
    params: &'static [&'static str],
    states: &'static [&'static str],
    pub(super) n_ref: usize,
    pub(super) receptor_params: usize,
    pub(super) surrogate: usize,
    pub(super) state: usize,
    pub(super) left: usize,
    pub(super) receptor_state: usize,
    pub(super) delta: usize,
    pub(super) spike: usize,
    pub(super) current: usize,
}

/// A receptor of a population, and the positions of its operands.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReceptorPort {
    pub(super) kind: Receptor,
    pub(super) params: usize,
    pub(super) state: usize,
}

impl<'a> Layout<'a> {
    /// The layout of a population of a model with these parameters and states.
    #[must_use]
    pub(super) fn new(
        params: &'static [&'static str],
        states: &'static [&'static str],
        config: &Config<'a>,
    ) -> Self {
        let (refractory, delta) = (usize::from(config.refractory), usize::from(config.delta));
        let n_ref = params.len();
        let receptor_params = n_ref + refractory;
        let surrogate = receptor_params + config.receptors.iter().map(|r| r.params().len()).sum::<usize>();
        let state = surrogate + 4;
        let left = state + states.len();
        let receptor_state = left + refractory;
        let delta_at = receptor_state + config.receptors.iter().map(|r| r.state().len()).sum::<usize>();
        let spike = delta_at + delta;
        Self {
            config: *config,
            params,
            states,
            n_ref,
            receptor_params,
            surrogate,
            state,
            left,
            receptor_state,
            delta: delta_at,
            spike,
            current: spike + 1,
        }
    }

    /// Position of the first state, the membrane potential.
    #[must_use]
    pub fn state(&self) -> usize {
        self.state
    }

    /// Number of arguments.
    #[must_use]
    pub fn args(&self) -> usize {
        self.current + 1
    }

    /// The arguments that a step's results replace, in order.
    #[must_use]
    pub fn updated(&self) -> Range<usize> {
        self.state..self.current
    }

    /// Number of results of a step.
    #[must_use]
    pub fn rets(&self) -> usize {
        self.updated().len()
    }

    /// Number of differentiable results.
    #[must_use]
    pub fn smooth_rets(&self) -> usize {
        self.states.len() + (self.delta - self.receptor_state) + 1
    }

    /// The argument that the differentiable result `ret` replaces.
    #[must_use]
    pub fn smooth_arg(&self, ret: usize) -> usize {
        if ret < self.states.len() {
            self.state + ret
        } else if ret < self.smooth_rets() - 1 {
            self.receptor_state + ret - self.states.len()
        } else {
            self.spike
        }
    }

    /// Whether derivatives by argument `arg` exist.
    #[must_use]
    pub fn is_smooth(&self, arg: usize) -> bool {
        let refractory = self.config.refractory && (arg == self.n_ref || arg == self.left);
        let surrogate = (self.surrogate..self.state).contains(&arg);
        arg < self.args() && !refractory && !surrogate && arg != self.spike
    }

    /// The name of argument `arg`, for messages.
    #[must_use]
    pub fn arg_name(&self, arg: usize) -> String {
        if arg < self.n_ref {
            return self.params[arg].into();
        }
        if (self.receptor_params..self.surrogate).contains(&arg) {
            return self.receptor_name(arg - self.receptor_params, Receptor::params);
        }
        if (self.surrogate..self.state).contains(&arg) {
            return format!("surrogate.{}", arg - self.surrogate);
        }
        if (self.state..self.left).contains(&arg) {
            return self.states[arg - self.state].into();
        }
        if (self.receptor_state..self.delta).contains(&arg) {
            return self.receptor_name(arg - self.receptor_state, Receptor::state);
        }
        let single = match arg {
            _ if arg == self.current => "current",
            _ if arg == self.spike => "spike",
            _ if arg == self.n_ref => "n_ref",
            _ if arg == self.left && self.config.refractory => "left",
            _ => "delta",
        };
        single.into()
    }

    fn receptor_name(&self, mut at: usize, names: fn(Receptor) -> &'static [&'static str]) -> String {
        for (k, &receptor) in self.config.receptors.iter().enumerate() {
            match names(receptor).get(at) {
                Some(name) => return format!("receptor{k}.{name}"),
                None => at -= names(receptor).len(),
            }
        }
        unreachable!("the position is one of the receptors'")
    }

    /// The receptors, in order.
    #[inline(always)]
    pub(super) fn receptors(&self) -> impl Iterator<Item = ReceptorPort> {
        let mut next = (self.receptor_params, self.receptor_state);
        self.config.receptors.iter().map(move |&kind| {
            let port = ReceptorPort { kind, params: next.0, state: next.1 };
            next = (next.0 + kind.params().len(), next.1 + kind.state().len());
            port
        })
    }

    pub(super) fn check_active(&self, active: &[usize]) -> Result<()> {
        match active.iter().find(|&&arg| !self.is_smooth(arg)) {
            Some(&position) => Err(Error::Active { position }),
            None => Ok(()),
        }
    }
}
