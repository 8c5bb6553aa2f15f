"""What Modules show of themselves to projections: a State or their output, now or some time ago."""

from __future__ import annotations

from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .. import environ
from .._module import Module, as_size
from .._state import HiddenState, State
from ._delay import Delay, DelayAccess, Entry, on_numbers, same


class Prefetch(Module):
    """A function that returns the present value of the State `item` of `module`, whatever it is called with."""

    def __init__(self, module: Module, item: str):
        super().__init__()
        self._module, self.item = module, item  # not its owner: no name of it for messages

    @property
    def module(self) -> Module:
        """The Module whose State it is."""
        return self._module

    def update(self, *_: Any) -> Any:
        """The value."""
        return _state(self._module, self.item).value

    @property
    def delay(self) -> PrefetchDelay:
        """The past of the State, as in `module.prefetch('V').delay.at(1. * u.ms)`."""
        return PrefetchDelay(self._module, self.item)


class PrefetchDelay(NamedTuple):
    """The past of the State `item` of `module`."""

    module: Module
    item: str

    def at(self, time: Any, index: Any = None) -> PrefetchDelayAt:
        """A function that returns the State `time` ago."""
        return PrefetchDelayAt(self.module, self.item, time, index)


class PrefetchDelayAt(DelayAccess):
    """A function that returns the State `item` of `module` as it was some time before the last call of the Module.

    | name | meaning | default |
    |---|---|---|
    | `time_and_index` | one delay or one for each neuron; then, if not all, the neurons; or a tuple of both | |
    | `delay_init` | past before the first call, as `init` of `Delay` | the initial value, 0 for spikes |
    | `interpolation` | as in `Delay` | 'nearest' |

    `delay_init` and `interpolation` count in the first request for an item; later ones share its ring.
    """

    def __init__(
        self, module: Module, item: str, *time_and_index: Any, delay_init: Any = None, interpolation: str | None = None
    ):
        def make() -> Delay:
            return StateWithDelay(module, item, delay_init, interpolation)

        super().__init__(*_entry(module, item, make, *_time_and_index(time_and_index)))


class OutputDelayAt(DelayAccess):
    """A function that returns what a call of `module` returned some time before its last call.

    Parameters as in `PrefetchDelayAt`; the past before the first call is 0 by default.
    """

    def __init__(self, module: Module, *time_and_index: Any, delay_init: Any = None, interpolation: str | None = None):
        def make() -> Delay:
            return _OutputDelay(None, init=delay_init, interpolation=interpolation)

        super().__init__(*_entry(module, "()", make, *_time_and_index(time_and_index)))


class StateWithDelay(Delay):
    """The past of the State `item` of the Module `target`; `update()` stores its present value.

    Other parameters as in `Delay`; the past before the first update is the initial value, and 0 for spikes.
    `target.prefetch_delay` makes one that is updated after each call of `target`.
    """

    def __init__(self, target: Module, item: str, init: Any = None, interpolation: str | None = None, **options: Any):
        super().__init__(None, init=init, interpolation=interpolation, **options)
        self._target, self.item = target, item

    @property
    def state(self) -> State:
        """The State."""
        return _state(self._target, self.item)

    def update(self, value: Any = None) -> None:
        """Store the value of this step: by default the present one of the State."""
        super().update(self.state.value if value is None else value)

    def store(self, owner: Module, output: Any) -> None:
        """Store the State as a call of its Module has left it."""
        del owner, output
        self.update()

    def _initial(self, batch_size: int | None) -> Any:
        state = self.state
        shape = state.value.shape
        size = shape if batch_size is None else shape[1:]
        self.target_info = jax.ShapeDtypeStruct(size, u.get_mantissa(state.value).dtype)
        if self.init is None:
            return state.value if isinstance(state, HiddenState) else on_numbers(jnp.zeros_like, state.value)
        return super()._initial(batch_size)


class _OutputDelay(Delay):
    """The past of what the Module that owns this delay returns."""

    def store(self, owner: Module, output: Any) -> None:
        """Store what a call has returned."""
        del owner
        self.update(output)

    def _initial(self, batch_size: int | None) -> Any:
        owner = self._owner[0]() if self._owner else None
        if owner is None or owner.out_size is None:
            raise ValueError(f"{self.path}: the module needs an out_size, the shape of its output without batch.")
        self.target_info = jax.ShapeDtypeStruct(as_size(owner.out_size, "out_size"), environ.dftype())
        return super()._initial(batch_size)


Module._views.update(prefetch=Prefetch, prefetch_delay=PrefetchDelayAt, output_delay=OutputDelayAt)


def _entry(owner: Module, key: str, make: Any, time: Any, index: Any) -> tuple[Delay, str]:
    """(the delay of `owner` under this key, made if there is none yet; the name of an entry for time and index)."""
    if key not in owner.delays:
        owner.delays = {**owner.delays, key: make()}
    delay = owner.delays[key]
    new = Entry(time, index if index is None else np.asarray(index))
    found = [name for name, entry in delay.entries.items() if same(entry, new)]
    if found:
        return delay, found[0]
    name = str(len(delay.entries))
    return delay.register_entry(name, time, index), name


def _time_and_index(given: tuple[Any, ...]) -> tuple[Any, Any]:
    parts = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    if len(parts) > 2:
        raise TypeError(f"A delay is given as (time) or (time, index); given {parts!r}.")
    time, index = (*parts, None, None)[:2]
    return time, index


def _state(owner: Module, item: str) -> State:
    state = getattr(owner, item)
    if not isinstance(state, State):
        raise TypeError(f"{owner.path}.{item} is no State, but {type(state).__name__}; only States are prefetched.")
    return state
