"""Projections: spikes of one population become input of another."""

from __future__ import annotations

from typing import Any

from ..connect import Rule
from ..nn import Module
from ._neuron import Neuron
from ._receptor import receptor_of


class Projection(Module):
    """Base of projections."""

    call_level = 2


class AlignPostProj(Projection):
    """Spikes pass through `comm` into a synapse with one conductance per target neuron.

    Called with spikes, it adds their weights to the conductance at once; the next step of `post` uses it. Called
    before `post` in a step with the spikes of the step before, as is usual, input arrives one step after its spike;
    called after `post` with the new spikes, it arrives one step after its spike as well.

    | name | meaning |
    |---|---|
    | `comm` | weights between source and target: a connection, a layer, a rule of `connect`, any function |
    | `syn`, `out` | synapse and output; as descriptions (`Expon.desc(...)`) equal ones are shared by projections |
    | `post` | the target population |
    | `pre` | the source population or its size, needed if `comm` is a rule |
    | `label` | a name for messages |
    """

    def __init__(self, *, comm: Any, syn: Any, out: Any, post: Neuron, pre: Any = None, label: str | None = None):
        super().__init__(label)
        where = label or type(self).__name__
        _check_post(post, where)
        self.comm = _connected(comm, pre, post, where)
        receptor = receptor_of(post, syn, out, where)
        self.syn, self.out, self.post = receptor.syn, receptor.out, post

    def update(self, spikes: Any) -> None:
        """Deliver the spikes."""
        self.syn.receive(_arrivals(self.comm, spikes))


class DeltaProj(Projection):
    """Spikes let the membrane potential of their targets jump by the weight.

    The jump happens at the end of the next step of `post`; a refractory neuron ignores it.

    | name | meaning |
    |---|---|
    | `comm` | weights between source and target, as in `AlignPostProj`; a voltage |
    | `post` | the target population |
    | `pre` | the source population or its size, needed if `comm` is a rule |
    | `label` | a name for messages |
    """

    def __init__(self, *, comm: Any, post: Neuron, pre: Any = None, label: str | None = None):
        super().__init__(label)
        where = label or type(self).__name__
        _check_post(post, where)
        self.comm = _connected(comm, pre, post, where)
        self.post = post
        post.take_delta()

    def update(self, spikes: Any) -> None:
        """Deliver the spikes."""
        self.post.receive(_arrivals(self.comm, spikes))


def _arrivals(comm: Any, spikes: Any) -> Any:
    """The function that adds what `spikes` deliver; in place where the connection can."""
    if hasattr(comm, "accumulate"):
        return lambda present: comm.accumulate(spikes, present)
    return lambda present: present + comm(spikes)


def _connected(comm: Any, pre: Any, post: Neuron, where: str) -> Any:
    if not isinstance(comm, Rule):
        return comm
    if pre is None:
        raise TypeError(f"{where}: comm is the rule {comm!r}, which needs to know the source; pass pre=population.")
    return comm(getattr(pre, "varshape", pre), post.varshape)


def _check_post(post: Any, where: str) -> None:
    if not isinstance(post, Neuron):
        raise TypeError(f"{where}: post must be a neuron population; given {post!r}.")
