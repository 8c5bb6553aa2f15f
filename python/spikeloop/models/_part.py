"""Part: neighbouring neurons of a population, as the source or target of projections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import ShapeError
from ..connect import Connection

if TYPE_CHECKING:
    from ._neuron import Neuron


class Part:
    """The neurons `population[start:stop]`, which projections take as `pre` and `post`."""

    def __init__(self, population: Neuron, index: Any):
        name = f"{type(population).__name__}[...]"
        if len(population.varshape) != 1:
            raise ShapeError(f"{name}: only a population with one axis has slices; this one is {population.varshape}.")
        if not isinstance(index, slice) or index.step not in (None, 1):
            raise TypeError(f"{name}: a part is a slice without a step, such as neurons[:100]; given {index!r}.")
        self.population = population
        self.start, stop, _ = index.indices(population.varshape[0])
        self.stop = max(self.start, stop)

    @property
    def varshape(self) -> tuple[int, ...]:
        """The number of neurons, in a tuple."""
        return (self.stop - self.start,)

    @property
    def indices(self) -> np.ndarray:
        """The neurons, as indices of the population."""
        return np.arange(self.start, self.stop)

    def get_spike(self) -> Any:
        """The spikes of these neurons."""
        return self.population.get_spike()[..., self.start : self.stop]

    def embed(self, comm: Any, where: str) -> Connection:
        """`comm`, whose targets are this part, as a connection to the whole population."""
        if not isinstance(comm, Connection):
            raise TypeError(
                f"{where}: a slice of a population as target takes a rule or a connection that stores its synapses; "
                f"given {comm!r}."
            )
        if comm.n_post != self.varshape[0]:
            raise ShapeError(f"{where}: comm has {comm.n_post} targets, the slice {self.varshape[0]} neurons.")
        return comm.among(self.population.varshape, self.start)

    def __repr__(self) -> str:
        return f"{type(self.population).__name__}[{self.start}:{self.stop}]"


def whole(post: Neuron | Part) -> Neuron:
    """The population that the target is, or is a part of."""
    return post.population if isinstance(post, Part) else post
