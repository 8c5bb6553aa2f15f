"""The errors of spikeloop, to be caught by name; `SpikeloopError` is the base of all."""

from ._errors import BatchAxisError as BatchAxisError
from ._errors import DamagedStoreError as DamagedStoreError
from ._errors import EquationError as EquationError
from ._errors import ForkedError as ForkedError
from ._errors import MissingSettingError as MissingSettingError
from ._errors import NotInitializedError as NotInitializedError
from ._errors import Overflow as Overflow
from ._errors import ShapeError as ShapeError
from ._errors import SpikeloopError as SpikeloopError
from ._errors import StartedError as StartedError
from ._errors import StateChangedError as StateChangedError
from ._errors import StoreInUseError as StoreInUseError
from ._errors import TraceContextError as TraceContextError
from ._errors import UnitError as UnitError
from .record import Interrupted as Interrupted
