"""spikeloop: spiking neural networks as plain Python objects, run by native kernels inside one JAX program."""

from . import environ as environ
from . import nn as nn
from . import random as random
from . import surrogate as surrogate
from . import transform as transform
from ._state import BatchState as BatchState
from ._state import DelayState as DelayState
from ._state import HiddenState as HiddenState
from ._state import LongTermState as LongTermState
from ._state import ParamState as ParamState
from ._state import ShortTermState as ShortTermState
from ._state import State as State
