"""Generalised leaky integrate-and-fire neurons (GLIF) of the Allen Institute."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp

from .._form import param, variable
from .._hard_reset import hard_reset
from .._math import exp, exprel, exprel_slope
from ..kernels import Drive
from ._lists import elements, param_list, variable_list
from ._nest_neuron import NestNeuron
from ._ports import Port
from ._synapses import alpha_jump, alphas

_MECHANISMS = ("spike_dependent_threshold", "after_spike_currents", "adapting_threshold")
_LEVELS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1))


class _Glif(NestNeuron):
    """Base of models of the five levels, which differ in their mechanisms."""

    C_m = param(58.72 * u.pF, positive=True)
    E_L = param(-78.85 * u.mV)
    V_th = param(-51.68 * u.mV)
    V_reset = param(-78.85 * u.mV)
    t_ref = param(3.75 * u.ms, positive=True)
    th_spike_add = param(0.37 * u.mV)
    th_spike_decay = param(0.009 / u.ms, positive=True)
    voltage_reset_fraction = param(0.2)
    voltage_reset_add = param(18.51 * u.mV)
    th_voltage_index = param(0.005 / u.ms)
    th_voltage_decay = param(0.09 / u.ms, positive=True)
    asc_decay = param_list([0.003 / u.ms, 0.1 / u.ms], "after-spike current", positive=True)
    asc_amps = param_list([-9.18 * u.pA, -198.94 * u.pA], "after-spike current")
    asc_r = param_list([1.0, 1.0], "after-spike current")
    V_m = variable("E_L", u.mV)
    threshold_spike = variable(0.0 * u.mV, u.mV)
    threshold_voltage = variable(0.0 * u.mV, u.mV)
    ASCurrents_sum = variable(0.0 * u.pA, u.pA)
    ASCurrents = variable_list(0.0 * u.pA, u.pA, "after-spike current")

    options: ClassVar[dict[str, Any]] = dict.fromkeys(_MECHANISMS, False)

    def _check(self) -> None:
        super()._check()
        on = tuple(getattr(self, name) for name in _MECHANISMS)
        if on not in _LEVELS:
            given = ", ".join(f"{name}={value}" for name, value in zip(_MECHANISMS, on, strict=True))
            raise ValueError(f"{self.path}: {given} is none of the five levels; after_spike_currents goes with or "
                             "without spike_dependent_threshold, and adapting_threshold with both.")  # fmt: skip

    def numbers(self) -> SimpleNamespace:
        """The numbers of the constants, those of a mechanism that is off such that it does nothing."""
        p = super().numbers()
        if not self.spike_dependent_threshold:
            p.th_spike_add, p.voltage_reset_fraction, p.voltage_reset_add = 0.0, 0.0, p.V_reset - p.E_L
        if not self.after_spike_currents:
            vars(p).update({f"asc_amps_{k}": 0.0 for k, _ in enumerate(elements(p, "asc_amps"), 1)})
        if not self.adapting_threshold:
            p.th_voltage_index = 0.0
        return p

    @staticmethod
    def membrane(p: SimpleNamespace, s: SimpleNamespace, drive: Drive, mean: Any) -> None:
        """Step V_m and the synapses, with the `mean` of the after-spike currents in the step."""
        raise NotImplementedError

    @staticmethod
    def leak(p: SimpleNamespace) -> Any:
        """The leak conductance."""
        raise NotImplementedError

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        mean = _adapt(p, s)
        cls.membrane(p, s, drive, mean)
        _follow(p, s, cls.leak(p), drive.current + mean)

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        return (s.V_m - p.V_th - s.threshold_spike - s.threshold_voltage) / (p.V_th - p.E_L)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del hard
        V = p.E_L + p.voltage_reset_fraction * (p.start.V_m - p.E_L) + p.voltage_reset_add
        s.V_m = hard_reset(s.V_m, V, spike)
        kept = s.threshold_spike * exp(-p.th_spike_decay * p.t_ref)
        s.threshold_spike = s.threshold_spike + spike * (kept + p.th_spike_add - s.threshold_spike)
        terms = zip(elements(s, "ASCurrents"), elements(p, "asc_amps"), elements(p, "asc_r"), strict=True)
        for k, ((x, jump, part), decay) in enumerate(zip(terms, elements(p, "asc_decay"), strict=True), 1):
            setattr(s, f"ASCurrents_{k}", x + spike * (jump + x * (part * exp(-decay * p.t_ref)) - x))


def _adapt(p: Any, s: Any) -> Any:
    """Step the after-spike currents and the threshold's spike component; returns the mean of the currents' sum."""
    decays = elements(p, "asc_decay")
    mean = sum(x * exprel(-k * p.dt) for x, k in zip(elements(s, "ASCurrents"), decays, strict=True)) + 0.0 * s.V_m
    s.ASCurrents_sum = jnp.where(p.refractory, s.ASCurrents_sum, mean)
    for k, decay in enumerate(decays, 1):
        x = getattr(s, f"ASCurrents_{k}")
        setattr(s, f"ASCurrents_{k}", jnp.where(p.refractory, x, x * exp(-decay * p.dt)))
    s.threshold_spike = jnp.where(p.refractory, s.threshold_spike, s.threshold_spike * exp(-p.th_spike_decay * p.dt))
    return mean


def _follow(p: Any, s: Any, g: Any, current: Any) -> None:
    """Step the threshold's voltage component, which follows V_m as it would be under the current alone."""
    index, decay, end = p.th_voltage_index, p.th_voltage_decay, current / g
    risen = p.dt * exp(-decay * p.dt) * exprel((decay - g / p.C_m) * p.dt)
    grown = index * (end * (p.dt * exprel(-decay * p.dt)) + (p.start.V_m - p.E_L - end) * risen)
    stepped = s.threshold_voltage * exp(-decay * p.dt) + grown
    s.threshold_voltage = jnp.where(p.refractory, s.threshold_voltage, stepped)


class _GlifPsc(_Glif):
    """Base of the models with synaptic currents."""

    g = param(9.43 * u.nS, positive=True)

    @staticmethod
    def leak(p: SimpleNamespace) -> Any:
        return p.g


class glif_psc(_GlifPsc):
    r"""Generalised leaky integrate-and-fire neuron with alpha-function currents, integrated exactly.

    $$C_m \dot V_m = -g (V_m - E_L) + I + \sum_j I_j + \sum_k I_{\mathrm{syn},k}, \qquad
    \dot I_j = -k_j I_j, \qquad \dot\theta_s = -b_s \theta_s, \qquad \dot\theta_v = a_v (V_m - E_L) - b_v \theta_v$$

    The neuron spikes where V_m exceeds V_th + θ_s + θ_v (`threshold_spike`, `threshold_voltage`). Then V_m becomes
    V_reset, or with `spike_dependent_threshold=True` E_L + f (V_m − E_L) + `voltage_reset_add` with the V_m at the
    start of the step, and θ_s jumps. With `after_spike_currents=True` each I_j becomes `asc_amps` + `asc_r` I_j
    exp(−k_j t_ref). `adapting_threshold=True` lets θ_v follow V_m, as in NEST without what synapses add in the step.
    All of it stands still for t_ref. There is one receptor port for each element of `tau_syn`; a weight is the peak of
    the current. NEST's `asc_init` is left out: `ASCurrents` starts at 0.

    >>> neurons = sl.nest.glif_psc(10, spike_dependent_threshold=True, after_spike_currents=True)
    >>> neurons.asc_amps_2
    Quantity(-198.94, "pA")

    Teeter C et al. (2018) Nat. Commun. 9:709.
    """

    tau_syn = param_list([2.0 * u.ms], "port", positive=True)
    dI_syn = variable_list(0.0 * u.pA / u.ms, u.pA / u.ms, "port")
    I_syn = variable_list(0.0 * u.pA, u.pA, "port")

    port_list = ("port", Port("dI_syn", u.pA, alpha_jump, ("tau_syn",)))

    @staticmethod
    def membrane(p: SimpleNamespace, s: SimpleNamespace, drive: Drive, mean: Any) -> None:
        _leaky(p, s, drive, mean)
        _alpha_currents(p, s, "I_syn", "tau_syn")


class glif_psc_double_alpha(_GlifPsc):
    r"""`glif_psc` with currents that are the sum of a fast and a slow alpha function.

    A weight is the peak of the fast one, and `amp_slow` the peak of the slow one in units of it.

    Teeter C et al. (2018) Nat. Commun. 9:709.
    """

    tau_syn_fast = param_list([2.0 * u.ms], "port", positive=True)
    tau_syn_slow = param_list([6.0 * u.ms], "port", positive=True)
    amp_slow = param_list([0.3], "port", positive=True)
    dI_syn_fast = variable_list(0.0 * u.pA / u.ms, u.pA / u.ms, "port")
    I_syn_fast = variable_list(0.0 * u.pA, u.pA, "port")
    dI_syn_slow = variable_list(0.0 * u.pA / u.ms, u.pA / u.ms, "port")
    I_syn_slow = variable_list(0.0 * u.pA, u.pA, "port")

    port_list = ("port", Port("dI_syn_fast", u.pA, alpha_jump, ("tau_syn_fast",)))

    @staticmethod
    def membrane(p: SimpleNamespace, s: SimpleNamespace, drive: Drive, mean: Any) -> None:
        _leaky(p, s, drive, mean)
        for speed in ("fast", "slow"):
            _alpha_currents(p, s, f"I_syn_{speed}", f"tau_syn_{speed}")

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        super().arrive(p, s)
        for k, arrived in p.arrived.items():
            jump = arrived * getattr(p, f"amp_slow_{k}") * alpha_jump(getattr(p, f"tau_syn_slow_{k}"))
            setattr(s, f"dI_syn_slow_{k}", getattr(s, f"dI_syn_slow_{k}") + jump)


def _leaky(p: Any, s: Any, drive: Drive, mean: Any) -> None:
    """Step V_m without synapses, exactly."""
    total = p.g * (p.E_L - s.V_m) + drive.current + drive.synaptic + mean
    s.V_m = s.V_m + total * (p.dt / p.C_m) * exprel(-p.g / p.C_m * p.dt)


def _alpha_currents(p: Any, s: Any, name: str, tau_name: str) -> None:
    """Add what alpha-function currents do to V_m in a step, and step them, exactly."""
    rate, taus = p.g / p.C_m, elements(p, tau_name)
    for k, tau in enumerate(taus, 1):
        current, slope = getattr(s, f"{name}_{k}"), getattr(s, f"d{name}_{k}")
        x, decay = p.dt * (rate - 1 / tau), exp(-p.dt / tau)
        of_slope = slope * (p.dt * exprel_slope(x))
        s.V_m = s.V_m + (current * exprel(x) + of_slope) * (p.dt / p.C_m) * exp(-rate * p.dt)
        setattr(s, f"{name}_{k}", current * decay + slope * (p.dt * decay))
        setattr(s, f"d{name}_{k}", slope * decay)


class glif_cond(_Glif):
    r"""`glif_psc` with alpha-function conductances, integrated by RK4 with four substeps.

    As in NEST, V_m follows the after-spike currents of the step before.

    Teeter C et al. (2018) Nat. Commun. 9:709.
    """

    g_m = param(9.43 * u.nS, positive=True)
    E_rev = param_list([0.0 * u.mV, -85.0 * u.mV], "port")
    tau_syn = param_list([0.2 * u.ms, 2.0 * u.ms], "port", positive=True)
    dg = variable_list(0.0 * u.nS / u.ms, u.nS / u.ms, "port")
    g = variable_list(0.0 * u.nS, u.nS, "port")

    integrator = "rk4(4)"
    solves = True
    port_list = ("port", Port("dg", u.nS, alpha_jump, ("tau_syn",)))

    @staticmethod
    def leak(p: SimpleNamespace) -> Any:
        return p.g_m

    @staticmethod
    def membrane(p: SimpleNamespace, s: SimpleNamespace, drive: Drive, mean: Any) -> None:
        del mean
        ports = tuple(range(1, len(elements(s, "g")) + 1))

        def rates(x: Any, part: float = 0.0) -> dict[str, Any]:
            del part
            y = SimpleNamespace(**x)
            synaptic = sum(g * (E - y.V_m) for g, E in zip(elements(y, "g"), elements(p, "E_rev"), strict=True))
            receptors = drive.synaptic + drive.slope * (y.V_m - p.start.V_m)
            total = p.g_m * (p.E_L - y.V_m) + synaptic + drive.current + receptors + p.start.ASCurrents_sum
            return {"V_m": total / p.C_m, **alphas(y, "g", p, ports)}

        names = ["V_m", *(f"{name}_{k}" for name in ("dg", "g") for k in ports)]
        vars(s).update(p.solve(rates, {name: getattr(s, name) for name in names}))
