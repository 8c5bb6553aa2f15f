"""Receptor: a synapse with its output, owned by the neurons that it drives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._errors import ShapeError
from ..kernels import ReceptorKind
from ..nn import Desc, Module
from ._claims import claim

if TYPE_CHECKING:
    from ._arrival_ring import ArrivalRing
    from ._neuron import Neuron


class Receptor(Module):
    """A synapse model and how it drives the membrane. Its states advance in the kernel of the neuron.

    Projections with equal descriptions of synapse and output share one receptor.
    """

    arrivals: ArrivalRing | None = None  # input of synapses that have a delay each

    def __init__(self, syn: Any, out: Any, described_by: tuple[Desc, Desc] | None = None):
        super().__init__()
        self.syn, self.out = syn, out
        self._described_by = described_by

    @property
    def kind(self) -> ReceptorKind:
        """What the kernel needs to know of its structure."""
        return ReceptorKind(self.syn.dynamics, self.out.output)

    def operands(self, neuron: Neuron, gain: Any, dt: Any) -> tuple[Any, ...]:
        """The kernel's operands that do not change: of the dynamics, then of the output."""
        return (*self.syn.derive(self.syn.numbers(), dt), *self.out.derive(neuron, gain, self.syn.unit))

    def state_numbers(self) -> list[Any]:
        """The states as plain numbers."""
        return self.syn.state_numbers()

    def take(self, values: Iterator[Any]) -> None:
        """Put the results of a pass into the states."""
        self.syn.take(values)


def receptor_of(post: Neuron, syn: Any, out: Any, where: str) -> Receptor:
    """The receptor of `post` for this synapse and output; an equal description finds the one that is there."""
    if isinstance(syn, Desc) != isinstance(out, Desc):
        raise TypeError(f"{where}: give syn and out both as descriptions (Expon.desc(...)) or both as objects.")
    descriptions = (syn, out) if isinstance(syn, Desc) else None
    for receptor in post.receptors:
        is_described = descriptions is not None and receptor._described_by == descriptions
        if is_described or (receptor.syn is syn and receptor.out is out):
            return receptor
        if receptor.syn is syn:
            raise ValueError(f"{where}: this synapse already drives {post.path} through another output.")
    if isinstance(syn, Desc):
        syn, out = syn(), out()
    _check(syn, out, post, where)
    claim(syn, post, where)
    receptor = Receptor(syn, out, descriptions)
    post.receptors.append(receptor)
    return receptor


def _check(syn: Any, out: Any, post: Neuron, where: str) -> None:
    if not getattr(syn, "dynamics", ""):
        raise TypeError(
            f"{where}: {type(syn).__name__} cannot be aligned to the target population; use Expon, DualExpon or Alpha, "
            "or align_pre_projection."
        )
    if not getattr(out, "output", ""):
        raise TypeError(f"{where}: out must be a synaptic output such as COBA or CUBA; given {out!r}.")
    if syn.varshape != post.varshape:
        raise ShapeError(
            f"{where}: the synapse has the shape {syn.varshape}, but the target population has {post.varshape}. "
            "Synapses of AlignPostProj have one conductance per target neuron."
        )
    out.derive(post, 1.0, syn.unit)  # refuses units that do not make a current
