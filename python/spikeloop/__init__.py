"""spikeloop: spiking neural networks as plain Python objects, run by native kernels inside one JAX program."""

from . import nn as nn  # first: the other packages build on its Module

# isort: split
from . import connect as connect
from . import environ as environ
from . import init as init
from . import inputs as inputs
from . import kernels as kernels
from . import networks as networks
from . import plot as plot
from . import random as random
from . import surrogate as surrogate
from . import transform as transform
from ._info import get_num_threads as get_num_threads
from ._info import info as info
from ._info import set_num_threads as set_num_threads
from ._state import BatchState as BatchState
from ._state import DelayState as DelayState
from ._state import HiddenState as HiddenState
from ._state import LongTermState as LongTermState
from ._state import ParamState as ParamState
from ._state import ShortTermState as ShortTermState
from ._state import State as State
from .models import COBA as COBA
from .models import CUBA as CUBA
from .models import IF as IF
from .models import LIF as LIF
from .models import AlignPostProj as AlignPostProj
from .models import DeltaProj as DeltaProj
from .models import Expon as Expon
from .models import LIFRef as LIFRef
from .models import Neuron as Neuron
from .models import Projection as Projection
from .models import Synapse as Synapse
from .models import SynOut as SynOut
