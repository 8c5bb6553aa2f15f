"""Neuron: what all neuron models share."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .. import _mesh, surrogate
from .._form import Form, declare_constructor
from .._hard_reset import hard_reset
from .._shapes import repeat_to
from .._state import HiddenState, ShortTermState, State
from .._units import check_not_negative, check_unit, number_in, unit_of, with_unit
from ..delays._input_ring import InputRing
from ..equations import from_equations
from ..kernels import Drive, Pass
from ..kernels._neuron import CURRENT, DELTA, REF_LEFT, REF_STEPS, SPIKE, last_spike, step
from ..nn._run_steps import RunsSteps
from ..surrogate._function import spike_function
from ._inputs import CurrentOfV, OneStep, current_of, key_of
from ._integration import integration
from ._own_step import OwnStep, begin, currents, jumps
from ._own_update import numbers_like, potential_of, stepping, with_buffers
from ._part import Part
from ._receptor import Receptor, receptor_of
from ._refractory import refractory_steps
from ._threshold import check_threshold
from .output import CUBA


class Neuron(RunsSteps, Form):
    """Base of neuron models.

    A model declares its constants with `param` and its states with `variable`, the first of which is the membrane
    potential V, and defines

    - `derivative`: the rates of the states, by name, per ms; an `integrator` makes a step of it; or `integrate`: one
      step of the equations; and, where they differ from those here,
    - `threshold`: the scaled distance of V from threshold; a neuron spikes where it is ≥ 0,
    - `reset`: what a spike does to the states,
    - `operands` and `derive`: the numbers that the three use, from the constants and dt; by default all of these.

    They work on plain numbers in the units of the declarations; native code is made of them. If the class says
    `draws = True`, `p.uniform(k)` is the random number k (0 to 3) of each neuron in this step, from 0 to 1. A step
    resets what spiked in the step before, integrates, and compares with the threshold, so a recorded V may exceed the
    threshold for one step. A V that is set above threshold, at the start or between two steps, is not reset: the neuron
    spikes at the end of the next step. A model with a constant `tau_ref` is refractory: after a spike V is held, and
    the neuron cannot spike, until the period is over.

    `edge`: the model is not reset; it spikes where V rises above the threshold. `holds_all`: a refractory neuron keeps
    all its states, not only V. `delta_into` is the state that delta input adds to.

    | parameter | meaning | default |
    |---|---|---|
    | `spk_fun` | surrogate gradient of the spike | `ReluGrad()` |
    | `spk_reset` | 'soft' subtracts V_th − V_reset, 'hard' sets V_reset | 'soft' |
    | `integrator` | of models with `derivative`: 'exact', 'exp_euler', 'euler', 'rk2', 'rk4', 'rk4(5)' for 5 \
    substeps, or 'rkf45(1e-6)' for adaptive steps of this error; the class may set another default | 'exp_euler' |
    | `ref_var` | of models with `tau_ref`: keep `refractory`, whose `value` is True for refractory neurons | False |
    """

    options: ClassVar[dict[str, Any]] = {"spk_fun": surrogate.ReluGrad(), "spk_reset": "soft"}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"spk_reset": ("soft", "hard")}
    state_names: ClassVar[tuple[str, ...]] = ("spike", "ref_left", "delta")
    operands: ClassVar[tuple[str, ...]] = ()
    current_unit: ClassVar[Any] = u.mA
    edge: ClassVar[bool] = False
    holds_all: ClassVar[bool] = False
    holds: ClassVar[tuple[str, ...]] = ("V",)  # the states that a refractory neuron keeps, if not all
    order: ClassVar[str] = "reset first"  # of a step; "nest" for that of NEST
    releases: ClassVar[bool] = False
    draws: ClassVar[bool] = False  # the functions may call p.uniform(k)
    delta_into: ClassVar[str] = "V"
    shares_delta: ClassVar[bool] = False  # delta input is shared out between several states
    integrator: str = "exp_euler"  # of a model that declares its derivative,
    solves: ClassVar[bool] = False  # or whose `integrate` calls p.solve(rates, states)
    period: ClassVar[str] = "tau_ref"  # the constant that makes a model refractory

    V: HiddenState
    spike: ShortTermState
    ref_left: ShortTermState
    delta: ShortTermState
    input_ring: InputRing | None = None  # delta input of synapses that have a delay each
    own_step: OwnStep | None = None  # while an `update` of a model's own runs
    _has_buffers: bool = False

    def __init_subclass__(cls, **kwargs: Any):
        for name, wrap in (("update", stepping), ("init_state", with_buffers), ("reset_state", with_buffers)):
            if name in vars(cls):
                setattr(cls, name, wrap(vars(cls)[name]))
        super().__init_subclass__(**kwargs)
        if cls.derive is Neuron.derive:
            cls.operands = (*cls.params, "dt")
        more: dict[str, Any] = {"ref_var": False} if "tau_ref" in cls.params else {}
        if cls.solves or cls.derivative is not Neuron.derivative:
            more["integrator"] = cls.integrator
        if more:
            cls.options = {**cls.options, **more}
            declare_constructor(cls)

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        """The operands, from the constants and the time step in ms."""
        return *vars(p).values(), dt

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        """The scaled distance of V from threshold."""
        return (s.V - p.V_th) / (p.V_th - p.V_reset)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        """Soft: V falls by V_th − V_reset. Hard: V becomes V_reset."""
        s.V = hard_reset(s.V, p.V_reset, spike) if hard else s.V - (p.V_th - p.V_reset) * spike

    @staticmethod
    def integrate(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:
        """One step of the equations."""
        raise NotImplementedError

    @staticmethod
    def derivative(p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> dict[str, Any]:
        """The rates of the states, by name, per ms."""
        raise NotImplementedError

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        """What a synaptic current is multiplied by to become the drive of `integrate`."""
        return 1.0

    def gain_of(self, receptor: Receptor, p: SimpleNamespace, dt: Any) -> Any:
        """The gain for the current of this receptor."""
        del receptor, dt
        return self.gain(p)

    from_equations = classmethod(from_equations)

    def _configure(self, **options: Any) -> None:
        self.receptors: list[Receptor] = []
        self._takes_delta = False
        self._next_current: OneStep | None = None  # currents given for the next step
        self.current_functions: dict[str, Callable[[Any], Any]] = {}
        super()._configure(**options)

    def _checked_option(self, name: str, value: Any) -> Any:
        if name == "integrator":
            integration(type(self), value, self.path)  # refuses what cannot be
        return spike_function(value, self.path) if name == "spk_fun" else super()._checked_option(name, value)

    def _check(self) -> None:
        super()._check()
        if self.is_refractory:
            check_not_negative(getattr(self, self.period), f"{self.path}: {self.period}")
        check_threshold(self, type(self).threshold is Neuron.threshold)

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given."""
        super().init_state(batch_size)
        if self.state_vars:
            with _mesh.makes_parts(self.varshape):
                self.make_buffers(with_unit(self.state_numbers()[0], self.state_unit("V")))

    def make_buffers(self, V: Any) -> None:
        """Make the States that every model has: spikes, remaining refractory steps, and pending jumps of V."""
        numbers = u.get_mantissa(V)
        zeros = lambda: repeat_to(numbers.shape, 0, numbers.dtype)  # noqa: E731
        self.spike = ShortTermState(zeros())
        if self._counts_steps:
            self.ref_left = ShortTermState(zeros())
        if self._takes_delta:
            self.delta = ShortTermState(with_unit(zeros(), unit_of(V)))
        object.__setattr__(self, "_has_buffers", True)

    def note_spikes(self) -> None:
        """Store the spikes of a step that a model with a `get_spike` of its own has made."""
        if type(self).get_spike is not Neuron.get_spike and self._has_buffers:
            self.spike.value = numbers_like(self.get_spike(), self.spike.value)

    def __getitem__(self, index: Any) -> Part:
        """A part of the population, `neurons[:3200]`, `neurons[::2]`, `neurons[[1, 5, 7]]` or a mask; see `Part`."""
        return Part(self, index)

    @property
    def has_own_update(self) -> bool:
        """Whether the class writes `update` itself."""
        return type(self).update is not Neuron.update

    @property
    def is_refractory(self) -> bool:
        """Whether the model has a refractory period."""
        return self.period in self.params

    @property
    def refractory(self) -> SimpleNamespace:
        """With `ref_var=True`: its `value` is True for refractory neurons, those that just spiked included."""
        if not getattr(self, "ref_var", False):
            raise AttributeError(
                f"{self.path}.refractory exists only with ref_var=True; `ref_left` counts the refractory steps."
            )
        return SimpleNamespace(value=self.ref_left.value > 0)

    @property
    def _counts_steps(self) -> bool:
        """Whether `ref_left` is there; of an `edge` model it is at least 1 as long as V is above threshold."""
        return self.is_refractory or self.edge

    @property
    def takes_delta(self) -> bool:
        """Whether jumps in V have a buffer."""
        return self._takes_delta

    @property
    def delta_unit(self) -> Any:
        """The unit of delta input; None if `init_state` has still to make the State that it adds to."""
        return self.state_unit(self.delta_into)

    def state_unit(self, name: str) -> Any:
        """The unit of a state; None if the model does not declare it and `init_state` has still to make it."""
        if name in self.state_vars:
            return super().state_unit(name)
        state = potential_of(self) if name == "V" else vars(self).get(name)
        return unit_of(state.value) if isinstance(state, State) else None

    def take_delta(self) -> None:
        """Keep a buffer of jumps in V, to be filled between steps."""
        self._takes_delta = self.delta_into == "V"

    @property
    def received(self) -> Any:
        """The delta input for the next step; assign to it what it is with new input."""
        return self._delta_state.value

    @received.setter
    def received(self, value: Any) -> None:
        self._delta_state.value = value

    @property
    def _delta_state(self) -> State:
        return getattr(self, "delta" if self.delta_into == "V" else self.delta_into)

    def take_current(self) -> None:
        """Keep a buffer of currents for the next step, to be filled between steps."""
        if self._next_current is None:
            self._next_current = OneStep(self.varshape, g_initializer=with_unit(0.0, self.current_unit))
            receptor_of(self, self._next_current, CUBA(scale=1.0), self.path)

    def add_current_input(self, key: str, inp: Any, label: str | None = None) -> None:
        """Add a current that acts in the next step only or, if it is a function of V, in all later steps.

        A function is called in every step with V after the reset, and enters to first order in the change of V.
        `label` is what an `update` of a model's own can ask `sum_current_inputs` for.
        """
        key = key if label is None else f"{label} // {key}"
        if callable(inp):
            if self.current_functions.get(key, inp) is not inp:
                raise ValueError(f"{self.path} has another current input {key!r} already; choose another key.")
            self.current_functions[key] = inp
        elif self._next_current is None:
            raise ValueError(f"{self.path}: call take_current() before init_all_states to use add_current_input.")
        elif label is not None:
            raise ValueError(f"{self.path}: only functions of V and projections take a label, not {key!r}.")
        else:
            check_unit(inp, self.current_unit, f"{self.path}: current input {key!r}")
            self._next_current.receive(inp)

    def get_input(self, key: str) -> Callable[[Any], Any]:
        """The function that was given to `add_current_input` under `key`."""
        if key not in self.current_functions:
            known = ", ".join(map(repr, self.current_functions)) or "none"
            raise ValueError(f"{self.path} has no current input {key!r}; it has {known}.")
        return self.current_functions[key]

    def add_delta_input(self, key: str, inp: Any, label: str | None = None) -> None:
        """Make V jump by `inp` at the end of the next step."""
        del label
        if not self._takes_delta and self.delta_into == "V":
            raise ValueError(f"{self.path}: call take_delta() before init_all_states to use add_delta_input.")
        if self.delta_unit is not None:
            check_unit(inp, self.delta_unit, f"{self.path}: delta input {key!r}")
        self.received = self.received + inp

    def sum_current_inputs(self, init: Any = None, V: Any = None, *, label: str | None = None) -> Any:
        """`init` and the currents at `V`, for an `update` of a model's own: all of them, or those with a `label`.

        It may be called several times in a step, also inside of `nn.exp_euler_step`.
        """
        V = self._potential().value if V is None else V
        current = currents(self, V, label)
        if init is None:
            return with_unit(jnp.zeros_like(u.get_mantissa(V)), self.current_unit) if current is None else current
        if current is None or (isinstance(init, (int, float)) and init == 0):
            return init if current is None else current
        check_unit(init, self.current_unit, f"{self.path}, whose class sets current_unit: the input")
        return init + current

    def sum_delta_inputs(self, init: Any, *, label: str | None = None, pop: bool = True) -> Any:
        """`init` plus the pending jumps of this step, which are cleared unless `pop=False`."""
        if label is not None:
            raise ValueError(f"{self.path}: delta input of all labels is summed; leave out label={label!r}.")
        if not self._takes_delta:
            return init
        check_unit(init, self.delta_unit, f"{self.path}: what delta input adds to")
        return init + jumps(self, keep=not pop)

    def _potential(self) -> State:
        """The State V, or what takes its place."""
        state = potential_of(self)
        return self.V if state is None else state  # which tells to call init_all_states

    def get_spike(self, V: Any = None) -> Any:
        """1 where the last step spiked, else 0; or the same for a potential `V`."""
        if V is None:
            return self.spike.value
        if not self.state_vars:
            raise TypeError(f"{type(self).__name__}: a model that does not declare its variables defines get_spike(V).")
        p = self.operand_space(self.derive(self.numbers(), 1.0))
        numbers = [number_in(V, self.state_unit("V"), f"{self.path}: V"), *self.state_numbers()[1:]]
        return self.spk_fun(self.threshold(p, SimpleNamespace(**dict(zip(self.state_vars, numbers, strict=True)))))

    def update(self, x: Any = None) -> Any:
        """One step with the external current `x`, one number or one per neuron; returns the spikes (0 or 1)."""
        if self.own_step is None:
            begin(self)
        else:
            self.own_step.by_kernel = True
        if not self.state_vars:
            raise TypeError(f"{type(self).__name__}: a model without an `update` of its own declares its variables.")
        current, p, dt = current_of(self, x), self.numbers(), self.dt()
        receptors: list[Any] = [*self.receptors]
        if self.current_functions:
            receptors.append(CurrentOfV(self.current_functions, self._reset_potential(p, dt), self))
            current = current + receptors[-1].current
        config = self._pass(receptors)
        operands = {
            **self._model_operands(config, p, dt),
            **dict(zip(config.surrogate_params, self.spk_fun.parameters(), strict=True)),
            SPIKE: self.spike.value,
            CURRENT: current,
            **key_of(self),
        }
        operands |= dict(zip(self.state_vars, self.state_numbers(), strict=True))
        if config.refractory:
            operands |= {REF_STEPS: self._refractory_steps(dt), REF_LEFT: self.ref_left.value}
        for r, params, states in zip(receptors, config.receptor_params, config.receptor_states, strict=True):
            operands |= dict(zip(params, r.operands(self, self.gain_of(r, p, dt), dt), strict=True))
            operands |= dict(zip(states, r.state_numbers(), strict=True))
        if config.delta:
            operands[DELTA] = number_in(self.delta.value, self.state_unit("V"), "delta")
        return self._take(config, receptors, step(config, operands))

    def _model_operands(self, config: Pass, p: SimpleNamespace, dt: Any) -> dict[str, Any]:
        own = dict(zip(self.operands, self.derive(p, dt), strict=True))
        if config.integration is None:
            return own
        return own | dict(zip(config.integration.operands, config.integration.derive(own, dt), strict=True))

    def _take(self, config: Pass, receptors: list[Any], results: dict[str, Any]) -> Any:
        """Put the results of a pass into the states."""
        self.take(iter([results[name] for name in self.state_vars]))
        if config.refractory:
            self.ref_left.value = results[REF_LEFT]
        for receptor, states in zip(receptors, config.receptor_states, strict=True):
            receptor.take(iter([results[name] for name in states]))
        if config.delta:
            self.delta.value = with_unit(results[DELTA], self.state_unit("V"))
        self.spike.value = results[SPIKE]
        return self.spike.value

    def _reset_potential(self, p: SimpleNamespace, dt: Any) -> Any:
        """V after the reset of what spiked in the last step."""
        operands = self.operand_space(self.derive(p, dt))
        s = SimpleNamespace(**dict(zip(self.state_vars, self.state_numbers(), strict=True)))
        if not self.edge:
            left, last = self.ref_left.value if self._counts_steps else None, self.spike.value
            if not self.draws:
                last = last_spike(type(self), self.spk_fun, operands, s, last, left)
            self.reset(operands, s, last, self.spk_reset == "hard")
        return s.V

    def _pass(self, receptors: list[Any]) -> Pass:
        kinds = tuple(receptor.kind for receptor in receptors)
        hard, spk_fun = self.spk_reset == "hard", self.spk_fun.structure()
        by = integration(type(self), self.integrator, self.path) if "integrator" in self.options else None
        return Pass(type(self), self._counts_steps, self._takes_delta, hard, spk_fun, kinds, by)

    def operand_space(self, operands: tuple[Any, ...]) -> SimpleNamespace:
        """The operands of `derive` by name."""
        p = SimpleNamespace(**dict(zip(self.operands, operands, strict=True)))
        if self.draws:
            p.uniform = lambda k=0: 0.5  # outside of a step
        return p

    def _refractory_steps(self, dt: Any) -> Any:
        """The refractory period in steps, rounded to the nearest; 0 without one."""
        where = f"{self.path}.{self.period}"
        return refractory_steps(self.number(self.period), dt, where) if self.is_refractory else 0.0
