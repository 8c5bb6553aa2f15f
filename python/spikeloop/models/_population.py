"""Population: what receptors, parts of a population and steps of a model's own need to know of a neuron model."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol


class Population(Protocol):
    """The side that a neuron model shows them; `Neuron` has it."""

    receptors: list[Any]
    input_ring: Any  # delta input of synapses that have a delay each, or None
    own_step: Any  # while an `update` of the model's own runs
    current_functions: dict[str, Any]
    current_unit: ClassVar[Any]
    draws: ClassVar[bool]
    spike: Any
    delta: Any
    received: Any
    _has_buffers: bool

    @property
    def path(self) -> str: ...

    @property
    def varshape(self) -> tuple[int, ...]: ...

    @property
    def has_own_update(self) -> bool: ...

    def dt(self) -> Any: ...

    def get_spike(self) -> Any: ...

    def note_spikes(self) -> None: ...

    def make_buffers(self, V: Any) -> None: ...
