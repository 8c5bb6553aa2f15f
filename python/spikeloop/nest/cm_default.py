"""The neuron whose compartments the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple

import brainunit as u
import jax.numpy as jnp

from .._form import param
from .._keywords import check_choice, check_names, guess
from .._units import check_positive, number_in
from ..kernels import Drive
from . import _compartments as parts
from ._nest_neuron import NestNeuron, arguments
from ._ports import Port

Parts = Sequence[dict[str, Any]]
_CONSTANTS = ("C_m", "g_C", "g_L", "e_L", *parts.CHANNEL_CONSTANTS)


class _Tree(NamedTuple):
    """What makes a class: parents and channels of the compartments, compartments and types of the receptors."""

    parents: tuple[int, ...] = ()
    channels: tuple[tuple[str, ...], ...] = ()
    receptors: tuple[tuple[int, str], ...] = ()


class cm_default(NestNeuron):
    r"""Neuron of compartments in a tree, with channels and receptors, solved by the Crank–Nicolson method.

    $$C_m \dot v = -g_L (v - e_L) - \sum_\mathrm{channels} I_c - \sum_\mathrm{receptors} I_r
    - g_C (v - v_\mathrm{parent}) - \sum_\mathrm{children} g_{C,j} (v - v_j) + I$$

    `compartments` and `receptors` are as in NEST. A compartment is `{"parent_idx": 0, "params": {…}}` with some of C_m
    (1 nF), g_C to its parent (0.01 µS), g_L (0.1 µS), e_L (−70 mV), gbar_Na and gbar_K (0 µS), e_Na (50 mV),
    e_K (−85 mV); the first one is the root, with the parent −1. A receptor is `{"comp_idx": 1, "receptor_type": "AMPA",
    "params": {…}}` of the type AMPA, GABA, NMDA or AMPA_NMDA, with some of tau_r_… , tau_d_… (ms), e_… (mV) and
    NMDA_ratio. Its number is its port, with weights in µS. `neurons.C_m_1` is a constant of compartment 1,
    `neurons.tau_d_AMPA_0` one of receptor 0; States have NEST's names, `v_comp0`, `m_Na_0`, `h_Na_0`, `n_K_0`,
    `g_r_AMPA_0`, `g_d_AMPA_0`, …. Potentials start at e_L, and gates at their values there.

    The neuron spikes where v_comp0 rises above V_th, and is not reset. The current of a call, in nA, reaches the root.
    As in NEST, what arrives acts at once, a step earlier than in other models. Populations with equal trees share one
    program.

    >>> neurons = sl.nest.cm_default(
    ...     10,
    ...     compartments=[{"parent_idx": -1, "params": {"gbar_Na": 4.6 * u.uS, "gbar_K": 0.96 * u.uS}},
    ...                   {"parent_idx": 0, "params": {"C_m": 0.1 * u.nF}}],
    ...     receptors=[{"comp_idx": 1, "receptor_type": "AMPA_NMDA"}],
    ... )
    >>> loop = sl.project(neurons, neurons, sl.connect.FixedInDegree(3, 1 * u.nS), **neurons.port(0))
    >>> neurons.C_m_1
    Quantity(0.1, "nF")

    Wybo WAM et al. (2021) eLife 10:e60936.
    """

    V_th = param(-55.0 * u.mV)

    holds = ()
    current_unit: ClassVar[Any] = u.nA
    tree: ClassVar[_Tree] = _Tree()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """A population of the class with these compartments and receptors."""
        if cls.tree.parents:
            return object.__new__(cls)
        given = arguments(cls, args, kwargs)
        return object.__new__(_of_tree(cls, _tree(given.get("compartments", ()), given.get("receptors", ()))))

    def __init__(self, in_size: Any, compartments: Parts, receptors: Parts = (), **kwargs: Any):
        given = {}
        for found in (compartments, receptors):
            for k, x in enumerate(found):
                given |= {f"{name}_{k}": value for name, value in x.get("params", {}).items()}
        for i, channels in enumerate(self.tree.channels):
            rest = number_in(given.get(f"e_L_{i}", self.params[f"e_L_{i}"].default), u.mV, f"cm_default: e_L_{i}")
            given |= {f"{name}_{i}_initializer": x for name, x in parts.at_rest(channels, rest).items()}
        super().__init__(in_size, **{**given, **kwargs})

    def _check(self) -> None:
        super()._check()
        p = self.quantities()
        for k, (_, kind) in enumerate(self.tree.receptors):
            for name in parts.time_constants(kind):
                rise, decay = (f"tau_{end}_{name}_{k}" for end in ("r", "d"))
                check_positive(getattr(p, decay) - getattr(p, rise), f"{self.path}: {decay} − {rise}")

    @classmethod
    def integrate(cls, p: SimpleNamespace, s: SimpleNamespace, drive: Drive) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        parents, channels, receptors = cls.tree
        V = [getattr(s, f"v_comp{i}") for i in range(len(parents))]
        rows = []
        for i, v in enumerate(V):
            C, g_L, e_L = getattr(p, f"C_m_{i}") / p.dt, getattr(p, f"g_L_{i}"), getattr(p, f"e_L_{i}")
            added = [parts.channel_step(p, s, i, name, v) for name in channels[i]]
            added += [parts.receptor_step(p, s, k, kind, v) for k, (at, kind) in enumerate(receptors) if at == i]
            g, current = (sum(x) for x in zip((C + g_L / 2, (C - g_L / 2) * v + g_L * e_L), *added, strict=True))
            rows.append([g, current])
        rows[0][1] = rows[0][1] + drive.current + drive.synaptic
        coupling = [getattr(p, f"g_C_{i}") / 2 for i in range(len(parents))]
        for i, v in enumerate(_solved(parents, coupling, V, rows)):
            setattr(s, f"v_comp{i}", v)

    @classmethod
    def arrive(cls, p: SimpleNamespace, s: SimpleNamespace) -> None:
        del p, s  # `integrate` has done it

    @staticmethod
    def threshold(p: SimpleNamespace, s: SimpleNamespace) -> Any:
        above = (s.v_comp0 - p.V_th) / abs(p.V_th)
        return jnp.where(p.start.v_comp0 < p.V_th, above, -jnp.abs(above) - 1.0)

    @staticmethod
    def reset(p: SimpleNamespace, s: SimpleNamespace, spike: Any, hard: bool) -> None:
        del p, s, spike, hard


def _solved(parents: tuple[int, ...], coupling: list[Any], V: list[Any], rows: list[list[Any]]) -> list[Any]:
    """The potentials after the step: each row says g v = current, without the coupling to parents.

    Elimination from the leaves to the root, and back; a parent comes before its children.
    """
    for i, parent in enumerate(parents):
        if parent >= 0:
            flow = coupling[i] * (V[i] - V[parent])
            for k, sign in ((i, -1.0), (parent, 1.0)):
                rows[k] = [rows[k][0] + coupling[i], rows[k][1] + sign * flow]
    for i in range(len(parents) - 1, 0, -1):
        part = coupling[i] / rows[i][0]
        row = rows[parents[i]]
        rows[parents[i]] = [row[0] - coupling[i] * part, row[1] + part * rows[i][1]]
    found = [rows[0][1] / rows[0][0]]
    for i in range(1, len(parents)):
        found.append((rows[i][1] + coupling[i] * found[parents[i]]) / rows[i][0])
    return found


def _tree(compartments: Parts, receptors: Parts) -> _Tree:
    """The structure of a neuron; refuses what is none."""
    if not compartments:
        raise ValueError("cm_default: give its compartments, at least the root: compartments=[{'parent_idx': -1}].")
    for i, x in enumerate(compartments):
        parent = _checked(x, ("parent_idx",), f"cm_default: compartment {i}")["parent_idx"]
        if not (parent == -1 if i == 0 else 0 <= parent < i):
            raise ValueError(f"cm_default: compartment {i} has the parent {parent}; the first one is the root, with "
                             "the parent -1, and the parent of another one stands before it.")  # fmt: skip
        for name in x.get("params", {}):
            if name not in _CONSTANTS:
                raise TypeError(f"cm_default: compartment {i} has no constant {name!r}; it has {', '.join(_CONSTANTS)}"
                                f"{guess(name, _CONSTANTS)}")  # fmt: skip
    for k, x in enumerate(receptors):
        at = _checked(x, ("comp_idx", "receptor_type"), f"cm_default: receptor {k}")["comp_idx"]
        if not 0 <= at < len(compartments):
            raise ValueError(f"cm_default: receptor {k} is at compartment {at}; there are {len(compartments)}, from 0 "
                             "on.")  # fmt: skip
        check_choice(x["receptor_type"], parts.RECEPTOR_TYPES, f"cm_default: the type of receptor {k}")
    return _Tree(
        tuple(x["parent_idx"] for x in compartments),
        tuple(parts.channels_of(x.get("params", {})) for x in compartments),
        tuple((x["comp_idx"], x["receptor_type"]) for x in receptors),
    )


def _checked(x: dict[str, Any], names: tuple[str, ...], where: str) -> dict[str, Any]:
    """A compartment or receptor as it was given, with all these entries and no other one but `params`."""
    check_names(x, (*names, "params"), where)
    for name in names:
        if name not in x:
            raise TypeError(f"{where} has no {name!r}; it is {x}.")
    return x


@lru_cache(256)
def _of_tree(cls: Any, tree: _Tree) -> Any:
    """The model with these compartments and receptors."""
    members: dict[str, Any] = {"__doc__": cls.__doc__, "__module__": cls.__module__, "lengths": {}, "tree": tree}
    for i, channels in enumerate(tree.channels):
        members |= parts.compartment(i, channels)
    for k, (_, kind) in enumerate(tree.receptors):
        members |= parts.receptor(k, kind)
    members["ports"] = {str(k): Port(parts.port_state(k, kind), u.uS) for k, (_, kind) in enumerate(tree.receptors)}
    return type(cls.__name__, (cls,), members)
