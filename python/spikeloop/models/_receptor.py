"""Receptor: a synapse with its output, owned by the neurons that it drives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._desc import Desc
from .._errors import ShapeError
from .._module import Module
from .._tree import brief
from ..kernels import ReceptorKind
from ..kernels._receptors import DYNAMICS, OUTPUTS
from ._claims import claim
from ._population import Population
from ._synapse import Synapse

if TYPE_CHECKING:
    from ..delays._input_ring import InputRing


class Receptor(Module):
    """A synapse model and how it drives the membrane. Its states advance in the kernel of the neuron.

    Projections with equal descriptions of synapse and output share one receptor.
    """

    input_ring: InputRing | None = None  # of synapses that have a delay each

    def __init__(self, syn: Any, out: Any, described_by: tuple[Desc, Desc] | None = None, label: str | None = None):
        super().__init__()
        self.syn, self.out, self.label = syn, out, label
        self._described_by = described_by

    @property
    def kind(self) -> ReceptorKind:
        """What the kernel needs to know of its structure."""
        return ReceptorKind(self.syn.dynamics, self.out.output, self.out.port)

    def operands(self, neuron: Population, gain: Any, dt: Any) -> tuple[Any, ...]:
        """The kernel's operands that do not change: of the dynamics, then of the output."""
        return (*self.syn.derive(self.syn.numbers(), dt), *self.out.derive(neuron, gain, self.syn.unit))

    def state_numbers(self) -> list[Any]:
        """The states as plain numbers."""
        return self.syn.state_numbers()

    def take(self, values: Iterator[Any]) -> None:
        """Put the results of a pass into the states."""
        self.syn.take(values)


def receptor_of(post: Population, syn: Any, out: Any, where: str, label: str | None = None) -> Receptor:
    """The receptor of `post` for this synapse and output; an equal description finds the one that is there.

    Receptors with different labels are told apart where an `update` of the model's own may ask for one of them.
    """
    label = label if post.has_own_update else None
    if isinstance(syn, Desc) != isinstance(out, Desc):
        raise TypeError(f"{where}: give syn and out both as descriptions (Expon.desc(...)) or both as objects.")
    descriptions = (syn, out) if isinstance(syn, Desc) else None
    for receptor in post.receptors:
        is_described = descriptions is not None and (receptor._described_by, receptor.label) == (descriptions, label)
        if is_described or (receptor.syn is syn and receptor.out is out):
            return receptor
        if receptor.syn is syn:
            raise ValueError(f"{where}: this synapse already drives {post.path} through another output.")
    if isinstance(syn, Desc):
        syn, out = syn(), out()
    _check(syn, out, post, where)
    claim(syn, post, where)
    receptor = Receptor(syn, out, descriptions, label)
    post.receptors.append(receptor)
    return receptor


def _check(syn: Any, out: Any, post: Population, where: str) -> None:
    check_dynamics(syn, where)
    check_output(out, where)
    if syn.varshape != post.varshape:
        raise ShapeError(
            f"{where}: the synapse has the shape {syn.varshape}, but the target population has {post.varshape}. "
            "Synapses of AlignPostProj have one conductance per target neuron."
        )
    operands = out.derive(post, 1.0, syn.unit)  # refuses units that do not make a current
    if len(operands) != len(OUTPUTS[out.output].params):
        raise TypeError(
            f"{where}: {type(out).__name__} has output = {out.output!r}, so it defines constants(), which returns a "
            f"tuple of {', '.join(OUTPUTS[out.output].params[1:]) or 'nothing'}."
        )


def check_dynamics(syn: Any, where: str) -> None:
    """Refuse a synapse that a neuron cannot step."""
    name = type(syn).__name__
    named, known = getattr(syn, "dynamics", ""), None
    if isinstance(syn, Synapse):
        known = DYNAMICS.get(named)
    if known is None:
        given = f", not {named!r}" if named else ""
        raise TypeError(
            f"{where}: {name} cannot be aligned to the target population; use Expon, DualExpon or Alpha, or "
            f"align_pre_projection. A class of your own sets `dynamics` to one of {', '.join(DYNAMICS)}{given}."
        )
    operands = () if type(syn).derive is Synapse.derive else syn.derive(syn.numbers(), 1.0)
    complete = isinstance(operands, tuple) and len(operands) == len(known.params)
    if len(syn.state_vars) != len(known.states) or not complete:
        raise TypeError(
            f"{where}: {name} has dynamics = {named!r}, so it declares the variables {', '.join(known.states)} "
            f"and defines derive(p, dt), which returns a tuple of {', '.join(known.params)}."
        )


def check_output(out: Any, where: str) -> None:
    """Refuse an output whose formula is not known."""
    if not hasattr(out, "output"):
        raise TypeError(f"{where}: out must be a synaptic output such as COBA or CUBA; given {brief(out)}.")
    if out.output not in OUTPUTS:
        raise TypeError(
            f"{where}: {type(out).__name__} sets `output` to the name of a formula, one of {', '.join(OUTPUTS)}; given "
            f"{out.output!r}. For another one, give post.add_current_input a function of V."
        )
