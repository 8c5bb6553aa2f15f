"""The integrate-and-fire neuron of the cortical microcircuit, as NEST has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u

from .._form import param, variable
from ._math import exp, exprel
from ._neuron import Neuron
from ._receptor import Receptor, receptor_of
from .expon import Expon
from .lif import LIF
from .output import CUBA


class IafPscExp(Neuron):
    r"""Leaky integrate-and-fire neuron with exponential synaptic currents: NEST's `iaf_psc_exp`.

    $$C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + I_e + I + I_\mathrm{ex} + I_\mathrm{in}, \qquad
    \tau_{\mathrm{syn},k} \dot I_k = -I_k$$

    V and the currents are integrated exactly, at equal time constants too, and the refractory period counts as NEST
    counts it: after a spike in step n, V is integrated again in step n + t_ref/dt + 1. The currents decay meanwhile.
    NEST records V_reset in the step of a spike, here the reset is the first thing in the step after it.

    Delta input (`DeltaProj`) is a current, whose positive part adds to I_ex and negative part to I_in. The input of one
    projection is summed first, so use separate projections for excitation and inhibition. Faster is
    `AlignPostProj(comm=..., post=N, **N.excitatory)`, or any other `Expon` with `CUBA`, all of them exact.

    | parameter | meaning | unit | default |
    |---|---|---|---|
    | `in_size` | shape of the population | | |
    | `C_m` | capacitance | pF | 250 |
    | `tau_m` | membrane time constant | ms | 10 |
    | `tau_syn_ex`, `tau_syn_in` | time constants of the currents | ms | 2, 2 |
    | `t_ref` | refractory period | ms | 2 |
    | `E_L` | resting potential | mV | −70 |
    | `V_th` | threshold | mV | −55 |
    | `V_reset` | reset potential | mV | −70 |
    | `I_e` | constant input current | pA | 0 |
    | `V_initializer` | initial V | mV | `E_L` |
    | `spk_fun` | surrogate gradient of the spike | | `ReluGrad()` |
    | `spk_reset` | 'hard' sets V_reset, 'soft' subtracts V_th − V_reset | | 'hard' |

    >>> neurons = sl.IafPscExp(10, I_e=500 * u.pA)
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(5, 20 * u.pA), **neurons.excitatory)
    >>> loop.comm.weight.value
    Quantity(20., "pA")

    Rotter S, Diesmann M (1999) Biol. Cybern. 81:381.
    """

    C_m = param(250.0 * u.pF, positive=True)
    tau_m = param(10.0 * u.ms, positive=True)
    tau_syn_ex = param(2.0 * u.ms, positive=True)
    tau_syn_in = param(2.0 * u.ms, positive=True)
    t_ref = param(2.0 * u.ms)
    E_L = param(-70.0 * u.mV)
    V_th = param(-55.0 * u.mV)
    V_reset = param(-70.0 * u.mV)
    I_e = param(0.0 * u.pA)
    V = variable("E_L", u.mV)

    options: ClassVar[dict[str, Any]] = {"spk_reset": "hard"}
    current_unit: ClassVar[Any] = u.pA
    period = "t_ref"
    delta_into = "I_syn_ex"
    shares_delta = True
    operands = LIF.operands
    integrate = LIF.integrate

    @staticmethod
    def derive(p: SimpleNamespace, dt: Any) -> tuple[Any, ...]:
        R = p.tau_m / p.C_m
        return p.E_L + R * p.I_e, p.V_th, p.V_reset, R, dt / p.tau_m

    @staticmethod
    def gain(p: SimpleNamespace) -> Any:
        return p.tau_m / p.C_m

    def gain_of(self, receptor: Receptor, p: SimpleNamespace, dt: Any) -> Any:
        """What a current that is 1 now and decays by itself contributes, over what a constant one does."""
        if not isinstance(receptor.syn, Expon):
            return self.gain(p)  # constant over the step
        tau = receptor.syn.number("tau")
        decay = exp(-dt / p.tau_m)
        return dt / p.C_m * decay * exprel(dt / p.tau_m - dt / tau) / (1 - decay)

    def _configure(self, **options: Any) -> None:
        super()._configure(**options)
        ports = self.excitatory, self.inhibitory
        self._ex, self._in = [receptor_of(self, p["syn"], p["out"], type(self).__name__) for p in ports]

    @property
    def excitatory(self) -> dict[str, Any]:
        """The descriptions of synapse and output that make an `AlignPostProj` drive I_ex."""
        return self._port(self.tau_syn_ex)

    @property
    def inhibitory(self) -> dict[str, Any]:
        """The descriptions of synapse and output that make an `AlignPostProj` drive I_in."""
        return self._port(self.tau_syn_in)

    def _port(self, tau: Any) -> dict[str, Any]:
        return {"syn": Expon.desc(self.varshape, tau=tau, g_initializer=0.0 * u.pA), "out": CUBA.desc(scale=1.0)}

    @property
    def I_syn_ex(self) -> Any:
        """The excitatory current at the start of the next step; with equal time constants that of all synapses."""
        return self._ex.syn.g

    @property
    def I_syn_in(self) -> Any:
        """The inhibitory current at the start of the next step; with equal time constants that of all synapses."""
        return self._in.syn.g

    @property
    def delta_unit(self) -> Any:
        """The unit of delta input."""
        return u.pA

    def init_state(self, batch_size: int | None = None, **_: Any) -> None:
        """Make the states, with a first axis of `batch_size` samples if given."""
        super().init_state(batch_size)
        for receptor in {self._ex, self._in}:
            receptor.syn.init_state(batch_size)

    @property
    def received(self) -> Any:
        """Delta input starts from 0 in each assignment, which adds it to the currents by its sign."""
        return u.math.zeros_like(self.I_syn_ex.value)

    @received.setter
    def received(self, value: Any) -> None:
        self.I_syn_ex.value = self.I_syn_ex.value + u.math.maximum(value, 0.0 * u.pA)
        self.I_syn_in.value = self.I_syn_in.value + u.math.minimum(value, 0.0 * u.pA)

    def _refractory_steps(self, dt: Any) -> Any:
        return super()._refractory_steps(dt) + 1
