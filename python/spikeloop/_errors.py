"""The errors a user meets, one class for each kind of mistake."""

from __future__ import annotations


class SpikeloopError(Exception):
    """Base of the errors below."""


class TraceContextError(SpikeloopError, RuntimeError):
    """A State was used where JAX's own transformations cannot follow it."""


class StateChangedError(SpikeloopError, TypeError):
    """A State changed its structure, unit, shape or dtype where it has to keep them."""


class BatchAxisError(SpikeloopError, ValueError):
    """A State received batched values inside `vmap` without being declared as batched."""


class MissingSettingError(SpikeloopError, KeyError):
    """A setting of `environ`, such as dt, was read but never given."""

    def __str__(self) -> str:  # KeyError would print the message with escaped line ends
        return str(self.args[0])


class NotInitializedError(SpikeloopError, AttributeError):
    """A model was used before `init_all_states`."""


class UnitError(SpikeloopError, TypeError):
    """A value has another physical dimension than the parameter it was given for."""


class Overflow(SpikeloopError, OverflowError):
    """A bounded recorder has counted more events than it has places."""


class ShapeError(SpikeloopError, ValueError):
    """A value has another shape than its place in the model asks for."""


class StartedError(SpikeloopError, RuntimeError):
    """A setting of the whole process was given after JAX had started."""


class ForkedError(SpikeloopError, RuntimeError):
    """A computation in a process that was forked after JAX had started."""


class DamagedStoreError(SpikeloopError, ValueError):
    """A file of a stored run or model is damaged, incomplete, or belongs to another one."""


class EquationError(SpikeloopError, ValueError):
    """An equation in text is not understood; the message shows the line and marks the place."""


class StoreInUseError(SpikeloopError, RuntimeError):
    """Another run is writing to the same folder."""
